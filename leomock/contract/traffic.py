"""Judge recorded traffic against the documents: which exchange breaks which rule of which document."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from leomock.contract.conformance import RULES, Referee, Violation
from leomock.contract.reports.model import LEVELS, Finding, Level, Report
from leomock.contract.strict import strict_document
from leomock.files.recordings.api_urls import api_path, is_elsewhere
from leomock.files.recordings.model import RecordedExchange, Recording
from leomock.files.recordings.read import from_journal, read
from leomock.leonardo.hosts import API_HOST
from leomock.openapi.documents import SpecError
from leomock.openapi.spec import shipped_versions
from leomock.state.journal import Exchange

TITLE = "leomock referee"
# Nobody reads more lines than this in a failed test.
_MOST_LINES = 10
_SERVER = f"https://{API_HOST}/api/rest"
_KEY_LEFT_OUT = "Bearer left-out-by-the-recorder"


def judge(
    source: str | Path | Iterable[Exchange], *, base_urls: Sequence[str] = (), published: bool = False
) -> Findings:
    """Judge recorded traffic against the documents; the list is empty if the traffic conforms to them.

    `source` is the path of a HAR file, a VCR cassette (YAML or JSON) or a journal in JSON, or the exchanges
    of a journal (`judge(fake.requests)`). By default, the API is at `/api/rest/v1` of any host and at `/v1`
    of a host of this machine or network, and likewise for version 2; `base_urls` adds further addresses.
    `published` judges by the documents as published, without leomock's corrections; they do not cover version
    2. Raises RecordingError for a file that is not a recording, and ValueError if it contains nothing from
    this API, because an empty list would prove nothing. Requires `leomock[contract]`.
    """
    if isinstance(source, str | Path):
        recording = read(source)
    else:
        recording = from_journal([exchange.as_json() for exchange in source])
    bench = TrafficValidator(base_urls, published=published)
    report = bench.report([recording])
    if not report.checked and not report.findings:
        raise ValueError(f"{recording.file}: nothing in it belongs to this API, so nothing was judged")
    return Findings(report.findings)


class Findings(list[Finding]):
    """A list of findings that a test can assert on."""

    def assert_clean(self, *, fail_on: Level = "error") -> None:
        """Raise AssertionError if any finding is at least as serious as `fail_on`; the text lists them."""
        serious = [each for each in self if LEVELS.index(each.level) <= LEVELS.index(fail_on)]
        if not serious:
            return
        lines = [f"{each.where}: {each.message} [{each.rule}]" for each in serious[:_MOST_LINES]]
        if more := len(serious) - len(lines):
            lines.append(f"and {more} more")
        raise AssertionError("\n".join([f"{len(serious)} findings in the recorded traffic:", *lines]))


def _is_json(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


class TrafficValidator:
    """Select the exchanges that belong to the API, by version and address, and judge them."""

    def __init__(self, base_urls: Sequence[str] = (), *, published: bool = False) -> None:
        self._referees: dict[str, Referee] = {}
        self._files: dict[str, str] = {}
        for version, spec in shipped_versions().items():
            with suppress(SpecError):  # none of its documents was published
                server = f"{_SERVER}/{version}"
                document = (
                    spec.document(server, published=True) if published else strict_document(spec, server)
                )
                self._referees[version] = Referee(document)
                self._files |= {id: operation.file for id, operation in spec.operations.items()}
        self._published = published
        self._base_urls = base_urls

    def _of_api(self, recorded: RecordedExchange) -> tuple[Referee, RecordedExchange] | None:
        """Return an exchange's referee, and the exchange as if sent to the real service; None to skip it."""
        found = None if recorded.method == "OPTIONS" else api_path(recorded.url, self._base_urls)
        if found is None:  # browsers send OPTIONS by themselves, as a preflight
            return None
        version, path = found
        referee = self._referees.get(version)
        return (referee, replace(recorded, url=f"{_SERVER}/{version}{path}")) if referee else None

    def _origin(self, url: str) -> str:
        """Return the origin of an exchange that is not judged."""
        parts = urlsplit(url)
        found = api_path(url, self._base_urls)
        origin = f"{parts.scheme}://{parts.netloc}"
        if found is None or found[0] in self._referees:
            return origin
        return f"{origin}, {found[0]} of which is not among the published documents"

    def violations(self, recorded: RecordedExchange) -> list[Violation] | None:
        """Return the rules that an exchange breaks in either direction; None if it is not of this API."""
        of_api = self._of_api(recorded)
        if of_api is None:
            return None
        referee, recorded = of_api
        headers = dict(recorded.request_headers)
        if recorded.status != 401 and not any(name.lower() == "authorization" for name in headers):
            # The request was accepted, so it had a key; recorders leave keys out, as they should.
            headers["authorization"] = _KEY_LEFT_OUT
        if 200 <= recorded.status < 300 and _is_json(recorded.request_body):
            # curl labels JSON as a form; the service read it anyway, as the recording shows.
            headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
            headers["content-type"] = "application/json"
        recorded = replace(recorded, request_headers=headers)
        found = referee.request_breaches(recorded)
        if recorded.request_cut:
            found = [violation for violation in found if violation.rule != "request-body"]
        if recorded.status and not (found and found[0].rule == "no-operation"):
            of_answer = referee.response_breaches(recorded)
            if recorded.response_cut:
                of_answer = [violation for violation in of_answer if violation.rule != "response-body"]
            found += of_answer
        return found

    def report(self, recordings: Iterable[Recording]) -> Report:
        """Return a report on the recordings; `checked` names the exchanges that were judged."""
        findings, checked = [], []
        others: Counter[str] = Counter()
        cut = unanswered = entries = 0
        for recording in recordings:
            entries += len(recording.exchanges) + len(recording.unreadable)
            for unreadable in recording.unreadable:
                if is_elsewhere(unreadable.url, self._base_urls):
                    others[self._origin(unreadable.url)] += 1
                    continue
                where = f"{unreadable.file} #{unreadable.number}"
                text = "An entry of a recording cannot be read."
                findings.append(
                    Finding("unreadable", text, "error", unreadable.why, where, file=unreadable.file)
                )
            for recorded in recording.exchanges:
                violations = self.violations(recorded)
                if violations is None:
                    others[self._origin(recorded.url)] += 1
                    continue
                where = self._where(recorded)
                checked.append(where)
                cut += recorded.request_cut or recorded.response_cut
                unanswered += not recorded.status
                findings += [self._finding(violation, recorded, where) for violation in violations]
        facts = {
            "Documents": "as published" if self._published else "published, with leomock's corrections",
            "Judged": f"{len(checked)} of {entries} exchanges",
        }
        if others:
            named = ", ".join(f"{number} at {origin}" for origin, number in others.most_common())
            facts["Not of this API"] = f"{others.total()} ({named})"
        if cut:
            facts["Judged without a body that was not kept whole"] = str(cut)
        if unanswered:
            facts["Without an answer"] = str(unanswered)
        return Report(TITLE, findings, facts, checked)

    def _where(self, recorded: RecordedExchange) -> str:
        path = urlsplit(recorded.url).path
        found = self._of_api(recorded)
        operation = found[0].operation_of(found[1]) if found else ""
        named = f" ({operation})" if operation else ""
        status = f" {recorded.status}" if recorded.status else ""
        return f"{recorded.file} #{recorded.number} {recorded.method} {path}{named}{status}"

    def _finding(self, violation: Violation, recorded: RecordedExchange, where: str) -> Finding:
        asks = violation.rule in ("authentication", "parameter", "request-body", "no-operation")
        # If the service rejected what the document forbids, both agree: only the client is wrong.
        level: Level = "warning" if asks and 400 <= recorded.status < 500 else "error"
        document = self._files.get(violation.operation, "the documents")
        rule = f"{document}#{violation.pointer}"
        properties = {"entry": recorded.number, "operation": violation.operation, "pointer": rule}
        return Finding(
            violation.rule,
            RULES[violation.rule],
            level,
            violation.text,
            where,
            file=recorded.file,
            details=(rule,),
            properties=properties,
        )

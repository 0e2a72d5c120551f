"""Judges recorded traffic against the documents: which exchange breaks which rule of which document."""

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
from leomock.files.recordings.api_urls import api_path
from leomock.files.recordings.model import RecordedExchange, Recording
from leomock.files.recordings.read import from_journal, read
from leomock.leonardo.hosts import API_HOST
from leomock.openapi.documents import SpecError
from leomock.openapi.spec import shipped_versions
from leomock.state.journal import Exchange

TITLE = "leomock referee"
# More lines than these nobody reads in a failed test.
_MOST_LINES = 10
_SERVER = f"https://{API_HOST}/api/rest"
_KEY_LEFT_OUT = "Bearer left-out-by-the-recorder"


def judge(
    source: str | Path | Iterable[Exchange], *, base_urls: Sequence[str] = (), published: bool = False
) -> Findings:
    """Judge recorded traffic by the documents; the list is empty if the traffic conforms to them.

    `source` is the path of a HAR, a VCR cassette (YAML or JSON) or a journal in JSON, or the exchanges of a
    journal (`judge(fake.requests)`). `base_urls` are further addresses of the API than `/api/rest/v1` of any
    host and `/v1` of a host of this machine or network, or those of version 2. `published` judges by the
    documents as published, without leomock's corrections; they have nothing of version 2. Raises
    RecordingError for a file that is no recording, and ValueError where nothing in it is of this API: an
    empty list would prove nothing. Wants `leomock[contract]`.
    """
    if isinstance(source, str | Path):
        recording = read(source)
    else:
        recording = from_journal([exchange.as_json() for exchange in source])
    bench = TrafficValidator(base_urls, published=published)
    report = bench.report([recording])
    if not report.checked and not recording.unreadable:
        raise ValueError(f"{recording.file}: nothing in it is of this API, so nothing was judged")
    return Findings(report.findings)


class Findings(list[Finding]):
    """Findings that a test can assert on."""

    def assert_clean(self, *, fail_on: Level = "error") -> None:
        """Raise AssertionError if a finding is as serious as `fail_on`; the text has a line for each."""
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
    """A referee for each version and the addresses of the API: tells what is to be judged, and judges it."""

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
        """Who judges an exchange, and the exchange as if at the real service; None for what nobody judges."""
        found = None if recorded.method == "OPTIONS" else api_path(recorded.url, self._base_urls)
        if found is None:  # browsers ask OPTIONS by themselves, whether they may call
            return None
        version, path = found
        referee = self._referees.get(version)
        return (referee, replace(recorded, url=f"{_SERVER}/{version}{path}")) if referee else None

    def _origin(self, recorded: RecordedExchange) -> str:
        """Where an exchange comes from that nobody judges."""
        parts = urlsplit(recorded.url)
        found = api_path(recorded.url, self._base_urls)
        origin = f"{parts.scheme}://{parts.netloc}"
        if found is None or found[0] in self._referees:
            return origin
        return f"{origin}, {found[0]} of which is not among the published documents"

    def violations(self, recorded: RecordedExchange) -> list[Violation] | None:
        """The rules that an exchange breaks in either direction; None for what is not of this API."""
        of_api = self._of_api(recorded)
        if of_api is None:
            return None
        referee, recorded = of_api
        headers = dict(recorded.request_headers)
        if recorded.status != 401 and not any(name.lower() == "authorization" for name in headers):
            # It was let in, so there was a key: recorders leave it out, as they should.
            headers["authorization"] = _KEY_LEFT_OUT
        if 200 <= recorded.status < 300 and _is_json(recorded.request_body):
            # curl sends JSON as a form; the service read it all the same, as the recording shows.
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
        """All that there is to say about recordings; `checked` names what was judged."""
        findings, checked = [], []
        others: Counter[str] = Counter()
        cut = unanswered = entries = 0
        for recording in recordings:
            entries += len(recording.exchanges) + len(recording.unreadable)
            for unreadable in recording.unreadable:
                where = f"{unreadable.file} #{unreadable.number}"
                text = "An entry of a recording cannot be read."
                findings.append(
                    Finding("unreadable", text, "error", unreadable.why, where, file=unreadable.file)
                )
            for recorded in recording.exchanges:
                violations = self.violations(recorded)
                if violations is None:
                    others[self._origin(recorded)] += 1
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
        # Where the service refused what the document forbids, both agree: the client alone is wrong.
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

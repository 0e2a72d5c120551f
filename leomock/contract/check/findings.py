"""Describe findings in terms of API calls, and show how to reproduce them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import responses
from typing import Any
from urllib.parse import urlsplit

from schemathesis.core.failures import Failure
from schemathesis.engine.recorder import Interaction
from schemathesis.openapi.checks import JsonSchemaError

from leomock.contract.check.allowances import JSON, Allowance, Case, id_of
from leomock.contract.reports.model import Finding, Level
from leomock.contract.strict import Addition, answer_validators
from leomock.leonardo.errors import ApiError
from leomock.leonardo.hosts import Addresses
from leomock.openapi.request_parser import Request, parse
from leomock.openapi.spec import Versions

# The number of characters shown of a request or response body.
LONGEST = 600
_BLANK_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Check:
    """A requirement on the server, and the part of the operation's document that states it."""

    description: str
    part: str


_ANSWER = f"/responses/{{status}}/content/{JSON.replace('/', '~1')}"
_BODY = f"/requestBody/content/{JSON.replace('/', '~1')}/schema"
CHECKS = {
    "not_a_server_error": Check("The server does not fail, whatever it is sent.", "/responses"),
    "status_code_conformance": Check("Every response has a status that the document names.", "/responses"),
    "content_type_conformance": Check(
        "Every response has a content type that the document names.", "/responses/{status}/content"
    ),
    "response_headers_conformance": Check(
        "Response headers are as the document says.", "/responses/{status}/headers"
    ),
    "response_schema_conformance": Check(
        "Every response has the shape that the document defines.", f"{_ANSWER}/schema"
    ),
    "negative_data_rejection": Check("A call that the document does not allow is refused.", _BODY),
    "positive_data_acceptance": Check("A call that the document allows is not refused.", _BODY),
    "errors_on_200": Check(
        "A call that the document allows is not answered with errors and status 200.", _BODY
    ),
    "use_after_free": Check("Deleted resources no longer exist.", ""),
    "ensure_resource_availability": Check("Created resources exist.", ""),
    "missing_required_header": Check("A call without a required header is refused.", "/parameters"),
    "ignored_auth": Check("A call without a valid key is refused.", "/security"),
    "object_level_authorization": Check("A key cannot see what another key created.", "/security"),
    "unsupported_method": Check("A method that the document does not name is refused with 405.", ""),
    "allow_header_conformance": Check("The Allow header names the methods of the document.", ""),
}
_OTHER = Check("The server responds as the document says.", "")


@dataclass(slots=True)
class Group:
    """One finding that occurred in any number of calls; the shortest call represents them all."""

    check: str
    failure: Failure
    case: Case
    interaction: Interaction
    phase: str
    count: int = 1

    @property
    def length(self) -> int:
        """Return the length of the call that represents the group."""
        return len(self.interaction.request.body or b"") + len(self.interaction.request.uri)

    @property
    def only_adds(self) -> bool:
        """True if all that is wrong with the response are properties that the document does not name."""
        if self.check != "response_schema_conformance":
            return False
        problems = answer_problems(self)
        return bool(problems) and all(isinstance(problem, Addition) for problem in problems)


class Groups:
    """Findings collected during a run, with identical ones grouped."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Any, ...], Group] = {}

    def add(self, check: str, failure: Failure, case: Case, interaction: Interaction, phase: str) -> None:
        """Add one finding of a check in one call."""
        status = interaction.response.status_code if interaction.response else 0
        new = Group(check, failure, case, interaction, phase)
        name = (id_of(case.operation), check, status, failure._unique_key, new.only_adds)
        old = self._groups.get(name)
        if old is not None:
            new.count = old.count + 1
            if old.length <= new.length:
                old.count = new.count
                return
        self._groups[name] = new

    def __iter__(self) -> Any:
        return iter(self._groups.values())

    def __len__(self) -> int:
        return len(self._groups)


def finding_of(group: Group, versions: Versions, api_key: str, *, published: bool) -> Finding:
    """Turn a group of findings into a finding for the report."""
    operation = id_of(group.case.operation)
    check = CHECKS.get(group.check, _OTHER)
    response = group.interaction.response
    status = response.status_code if response else None
    document = versions.operations[operation].file
    pointer = _pointer(group, check, document)
    folder = document.rpartition("/")[0]
    unlisted = published and group.check == "status_code_conformance" and status is not None and status >= 400
    level: Level = "warning" if unlisted or (group.only_adds and not published) else "error"
    details = [
        f"sent: {_sent(group)}",
        f"came: {_came(group)}",
        f"rule: {pointer} ({'published' if published else f'with {folder}/overlay.json'})",
        f"repeat: {curl(group, api_key)}",
    ]
    if group.count > 1:
        details.append(f"found on {group.count} calls; this is the shortest")
    return Finding(
        rule=group.check.replace("_", "-"),
        description=check.description,
        level=level,
        message=_message(group, status, versions, published=published),
        where=operation,
        details=tuple(_without(api_key, detail) for detail in details),
        suggestion=(
            "the published document names no errors at all; specs/overlay.json adds those that are known"
            if unlisted
            else ""
        ),
        properties={"operation": operation, "check": group.check, "status": status, "calls": group.count},
    )


def _message(group: Group, status: int | None, versions: Versions, *, published: bool) -> str:
    operation = group.case.operation
    label = f"{operation.method.upper()} {operation.path}"
    what = f"{status} {responses.get(status, '')}".strip() if status else "nothing"
    failure = group.failure
    told = failure.message.strip()
    match group.check:
        case "not_a_server_error":
            return f"{label} answered {what}"
        case "status_code_conformance":
            return f"{label} answered {what}, a status that the document does not name"
        case "positive_data_acceptance":
            return f"{label} refused a call that the document admits, with {what}"
        case "errors_on_200":
            return f"{label} refused a call that the document allows, with {what} and a list of errors"
        case "negative_data_rejection":
            wrong = _why_refused(group, versions) or _line(told.partition("Invalid component: ")[2])
            return f"{label} accepted a call that the document does not allow, with {what}: {wrong}"
        case "unsupported_method":
            method = group.interaction.request.method
            return (
                f"{method} {operation.path} answered {what}; the document does not name this method, so the "
                "answer has to be 405 with an Allow header"
            )
        case "missing_required_header":
            return f"{label} answered {what} to a call without a header that the document requires"
        case "ignored_auth":
            return f"{label} answered {what} without a valid key"
        case "content_type_conformance" if group.interaction.response:
            kind = ", ".join(group.interaction.response.headers.get("content-type", ["no content type"]))
            return f"{label} answered {what} as {kind}, a content type that the document does not name"
        case "response_schema_conformance" if not published and (problems := answer_problems(group)):
            problems.sort(key=lambda problem: isinstance(problem, Addition))
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            return f"{label} answered {what}: {problems[0]}{more}"
        case "response_schema_conformance" if isinstance(failure, JsonSchemaError):
            place = "/".join(map(str, failure.instance_path)) or "the answer"
            return f"{label} answered {what} of another shape: {place}: {_line(failure.validation_message)}"
    return f"{label}: {_line(failure.title)}: {_line(told)}"


def _why_refused(group: Group, versions: Versions) -> str:
    """Say why leomock itself refuses the call of a finding; '' if it would accept it."""
    request = group.interaction.request
    captured = {name: str(value) for name, value in (group.case.path_parameters or {}).items()}
    sent = Request(
        request.method, [], Addresses.under(""), query=urlsplit(request.uri).query, body=request.body or b""
    )
    try:
        parse(versions.operations[id_of(group.case.operation)], captured, sent)
    except ApiError as error:
        return error.explain or error.text
    return ""


def answer_problems(group: Group) -> list[str]:
    """Say in plain English how a response breaks the strict contract."""
    response = group.interaction.response
    if response is None:
        return []
    operation = id_of(group.case.operation)
    version = "v2" if operation in Versions()["v2"].operations else "v1"
    try:
        answer = json.loads(response.content)
    except ValueError:
        return ["the body is not JSON"]
    return answer_validators()[version].problems(operation, response.status_code, answer)


def _pointer(group: Group, check: Check, document: str) -> str:
    """Return where the rule is: the document and a JSON pointer."""
    case = group.case
    place = (
        f"#/paths/{case.operation.path.replace('~', '~0').replace('/', '~1')}/{case.operation.method.lower()}"
    )
    response = group.interaction.response
    part = check.part.format(status=response.status_code if response else "200")
    if check.part == _BODY and not case.operation.body:
        part = "/parameters"
    if isinstance(group.failure, JsonSchemaError):
        part += "".join(
            f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in group.failure.schema_path
        )
    return f"{document}{place}{part}"


def _sent(group: Group) -> str:
    request = group.interaction.request
    body = _text(request.body)
    return f"{request.method} {request.uri}{f' {body}' if body else ''}"


def _came(group: Group) -> str:
    response = group.interaction.response
    if response is None:
        return "no answer"
    explain = response.headers.get("x-leomock-explain")
    said = f" ({explain[0]})" if explain else ""
    return f"{response.status_code} {_text(response.content)}{said}"


def curl(group: Group, api_key: str) -> str:
    """Return a shell command that repeats the call; the key stays in an environment variable."""
    request = group.interaction.request
    line = f"curl -i -X {request.method}"
    for name, (value, *_) in request.headers.items():
        if (safe := _without(api_key, value)) != value:
            # Use double quotes, so that the shell expands the variable.
            line += f' -H "{name.lower()}: {safe}"'
        elif name.lower() in ("authorization", "content-type"):
            line += f" -H {shlex.quote(f'{name.lower()}: {value}')}"
    if request.body:
        line += f" --data-binary {shlex.quote(request.body.decode('utf-8', 'replace'))}"
    return f"{line} {shlex.quote(request.uri)}"


def _text(content: bytes | None) -> str:
    text = (content or b"").decode("utf-8", "replace")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def _line(text: str) -> str:
    """Join a text into one line, turning its paragraphs into parts of one sentence."""
    return "; ".join(" ".join(paragraph.split()) for paragraph in _BLANK_LINES.split(text))


def _without(api_key: str, text: str) -> str:
    """Replace the key with the variable's name; a short key may also be part of other words."""
    return re.sub(rf"(?<!\w){re.escape(api_key)}(?!\w)", "$LEONARDO_API_KEY", text)


def exceeded(
    allowances: Sequence[Allowance], used: Mapping[tuple[str, str], int], examples: int
) -> list[Finding]:
    """Return an error for each allowance that covered more findings of an operation than it may.

    With more than 100 examples, the limit grows in proportion.
    """
    found = []
    scale = max(1.0, examples / 100)
    for allowance in allowances:
        for (name, operation), count in used.items():
            if name == allowance.name and count > allowance.most * scale:
                found.append(
                    Finding(
                        rule=f"allowance-{name}-exceeded",
                        description="No allowance hides more than intended.",
                        level="error",
                        message=f"{count} findings of {allowance.check} were excused by {name}, "
                        f"which may excuse {allowance.most}: something else is wrong",
                        where=operation,
                        details=(allowance.reason, f"{allowance.basis}: {allowance.source}"),
                        properties={"check": allowance.check, "calls": count},
                    )
                )
    return found


def allowed(allowance: Allowance, used: Sequence[tuple[str, int]]) -> Finding:
    """Return a note about an allowance that covered findings."""
    calls = sum(count for _, count in used)
    return Finding(
        rule=f"allowance-{allowance.name}",
        description="A finding that known facts about the API explain.",
        level="note",
        message=f"{allowance.reason} It explained {calls} findings of {allowance.check}.",
        where="allowances.yaml",
        details=(
            f"{allowance.basis}: {allowance.source}",
            ", ".join(f"{operation} ({count})" for operation, count in used),
        ),
        properties={"check": allowance.check, "basis": allowance.basis, "calls": calls},
    )

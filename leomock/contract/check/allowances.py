"""Match the findings of a check with the allowances in allowances.yaml, and count how often each is used."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

import schemathesis
import yaml
from schemathesis import BaseSchema, Response
from schemathesis.core import NOT_SET
from schemathesis.core.failures import Failure
from schemathesis.core.jsonschema import make_validator, make_validator_for
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import AuthScenario, IgnoredAuth

from leomock.contract.check.models import BEYOND
from leomock.contract.check.target import WrongKey
from leomock.leonardo.basis import BasisKind
from leomock.openapi.engine_types import with_lists
from leomock.openapi.spec import shipped_versions

Case: TypeAlias = schemathesis.Case[Any]
Operation: TypeAlias = schemathesis.APIOperation[Any, Any, Any, Any]
Met = Literal["fake", "published", "open", "real", "elsewhere"]
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Allowance:
    """A known behaviour of the API, and the findings that it explains.

    It covers at most `most` findings per operation; exceeding that is a finding in itself.
    """

    name: str
    operations: str | tuple[str, ...]
    check: str
    condition: str
    reason: str
    basis: BasisKind
    source: str
    met: Met
    most: int = 500

    def concerns(self, check: str, operation: str) -> bool:
        """Return True if the allowance applies to this check of this operation."""
        return check == self.check and (self.operations == "*" or operation in self.operations)


def allowances() -> list[Allowance]:
    """Return the allowances in allowances.yaml."""
    rows = yaml.safe_load(files(__package__).joinpath("allowances.yaml").read_text("utf-8"))
    found = []
    for row in rows:
        operations = row["operations"]
        found.append(
            Allowance(**{**row, "operations": operations if operations == "*" else tuple(operations)})
        )
        assert found[-1].condition in CONDITIONS, f"{row['name']}: no condition {row['condition']!r}"
        assert found[-1].basis in get_args(BasisKind), f"{row['name']}: no basis {row['basis']!r}"
        assert found[-1].met in get_args(Met), f"{row['name']}: met {row['met']!r}"
    return found


@dataclass(slots=True)
class Known:
    """Facts that conditions use besides the call and its response.

    `wrong_key` is how the server responds to a key that was never issued; `any_key` is True if the server
    deliberately accepts any key. If the check uses the published document, `effective` holds the schema of
    the corrected document for each operation. `unnamed` holds the ids of the cases that needed an existing
    resource when none was known.
    """

    wrong_key: WrongKey = "refused"
    any_key: bool = False
    effective: dict[str, BaseSchema] = field(default_factory=dict)
    unnamed: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Found:
    """A finding in the form that conditions read."""

    failure: Failure
    case: Case
    response: Response
    known: Known


class Ledger:
    """Match findings with allowances, and count the uses of each allowance per operation."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.allowances = allowances()
        self.used: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def allows(self, failure: Failure, case: Case, response: Response) -> bool:
        """Return True if an allowance covers the finding."""
        operation = id_of(case.operation)
        found = Found(failure, case, response, self.known)
        for allowance in self.allowances:
            concerned = any(allowance.concerns(check, operation) for check in failure.checks)
            if concerned and CONDITIONS[allowance.condition](found):
                with self._lock:
                    self.used[allowance.name, operation] += 1
                return True
        return False


def id_of(operation: Operation) -> str:
    """Return the operationId."""
    id: str = operation.definition.raw["operationId"]
    return id


# --- how the API reads a request -------------------------------------------------------------------------


def _as_read(case: Case) -> dict[str, Any]:
    """Return the body's variables as the API reads them: those with valid names and not in the path."""
    body = case.body
    if isinstance(body, bytes | str):
        try:
            body = json.loads(body)
        except ValueError:
            body = None
    if not isinstance(body, dict):
        return {}
    return {name: value for name, value in body.items() if name not in case.path_parameters}


def is_valid(operation: Operation, location: ParameterLocation, value: Any) -> bool:
    """Return True if an operation's schema accepts this body, or these variables of the path or query."""
    validator = operation.schema.adapter.jsonschema_validator_cls
    if location == ParameterLocation.BODY:
        alternative = operation.get_body_for_media_type(JSON)
        if alternative is None:
            return not value
        # Without a body there are no variables, so the required ones are missing, regardless of the document.
        return bool(make_validator(alternative.validation_schema, validator).is_valid(_whole(value)))
    parameters: Any = operation.get_parameter_set(location)
    schema = parameters.validation_schema
    typed = {name: _typed(part, schema.get("properties", {}).get(name, {})) for name, part in value.items()}
    return bool(make_validator(schema, validator).is_valid(typed))


def _whole(value: Any) -> Any:
    """Convert floats such as 1.0 to integers: only the old draft behind OpenAPI 3.0 tells them apart."""
    if isinstance(value, dict):
        return {name: _whole(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _typed(value: Any, schema: Any) -> Any:
    """Convert a path or query value to its declared type, since it may have become text already."""
    if not isinstance(value, str):
        return value
    if _types(schema) & {"integer", "number", "boolean"}:
        with contextlib.suppress(ValueError):
            typed = _whole(json.loads(value))
            return value if typed is None else typed
        return value
    return unquote(str(value))


def _types(schema: Any) -> set[Any]:
    """Return the types of a parameter; one that may be null or empty declares its type in an alternative."""
    return {schema.get("type")}.union(*(_types(part) for part in schema.get("anyOf", ())))


def _query_as_sent(found: Found) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(found.response.request.url or "").query, keep_blank_values=True)


def _query_as_read(found: Found) -> dict[str, str]:
    """Return the query's variables as the API reads them: those with valid names and non-empty values."""
    return {name: value for name, value in _query_as_sent(found) if value}


def _others_valid(found: Found, location: ParameterLocation) -> bool:
    """Return True if no other part of the call is invalid on purpose, as the API reads it."""
    case, meta = found.case, found.case.meta
    if meta is None:
        return False
    for other in (ParameterLocation.PATH, ParameterLocation.HEADER, ParameterLocation.BODY):
        if other != location and meta.is_negative_at(other):
            return False
    if location == ParameterLocation.QUERY or not meta.is_negative_at(ParameterLocation.QUERY):
        return True
    return is_valid(case.operation, ParameterLocation.QUERY, _query_as_read(found))


def _valid_as_read(found: Found) -> bool:
    operation, body = found.case.operation, _as_read(found.case)
    return _others_valid(found, ParameterLocation.BODY) and is_valid(operation, ParameterLocation.BODY, body)


def _valid_for(operation: Operation, case: Case) -> bool:
    """Return True if an operation of another schema accepts the call as the API reads it."""
    return (
        is_valid(operation, ParameterLocation.BODY, _as_read(case))
        and is_valid(operation, ParameterLocation.PATH, case.path_parameters)
        and is_valid(operation, ParameterLocation.QUERY, case.query or {})
    )


# --- conditions --------------------------------------------------------------------------------------------


def no_object(found: Found) -> bool:
    """True if the body is not a JSON object, and the call is valid without variables."""
    case = found.case
    return bool(case.operation.body) and not isinstance(case.body, dict) and _valid_as_read(found)


def path_outweighs_body(found: Found) -> bool:
    """True if the body repeats a path variable, and is valid without it."""
    body = found.case.body
    return (
        isinstance(body, dict)
        and not body.keys().isdisjoint(found.case.path_parameters)
        and _valid_as_read(found)
    )


def single_for_a_list(found: Found) -> bool:
    """True if the body has a single value where a list is declared, and is valid with lists of one."""
    operation = _effective(found) or found.case.operation
    known = shipped_versions().operations.get(id_of(found.case.operation))
    if known is None:
        return False
    body = _as_read(found.case)
    listed = with_lists(known, body)
    return (
        listed != body
        and _others_valid(found, ParameterLocation.BODY)
        and is_valid(operation, ParameterLocation.BODY, listed)
    )


def empty_query_values(found: Found) -> bool:
    """True if the query contains empty values, and the call is valid without them."""
    query = _query_as_read(found)
    return (
        any(not value for _, value in _query_as_sent(found))
        and _others_valid(found, ParameterLocation.QUERY)
        and is_valid(found.case.operation, ParameterLocation.QUERY, query)
    )


def valid_as_sent(found: Found) -> bool:
    """True if the body or the query was generated to be invalid but is valid as sent."""
    case = found.case
    if isinstance(case.body, dict):
        wrong, value = ParameterLocation.BODY, case.body
    else:
        wrong, value = ParameterLocation.QUERY, dict(_query_as_sent(found))
    return _others_valid(found, wrong) and is_valid(case.operation, wrong, value)


def required_in_a_body_left_out(found: Found) -> bool:
    """True if the body is missing, and the operation requires variables in it."""
    case = found.case
    return (
        case.body is NOT_SET
        and bool(case.operation.body)
        and not is_valid(case.operation, ParameterLocation.BODY, {})
        and 400 <= found.response.status_code < 500
    )


def answers_nothing(found: Found) -> bool:
    """True if the response is a 200 whose only value is null or empty."""
    answer = _json(found.response)
    return found.response.status_code == 200 and isinstance(answer, dict) and not any(answer.values())


def errors_on_200(found: Found) -> bool:
    """True if the response is a list of GraphQL errors with status 200."""
    return tells_errors(found.response)


def not_known_to_be_wrong(found: Found) -> bool:
    """True if the call exceeds the known facts about a v2 model without contradicting any of them."""
    case = found.case
    alternative = case.operation.get_body_for_media_type(JSON) if case.operation.body else None
    beyond = alternative.raw_schema.get(BEYOND) if alternative else None
    return (
        beyond is not None
        and _others_valid(found, ParameterLocation.BODY)
        and bool(make_validator_for(beyond).is_valid(_as_read(case)))
    )


def any_key(found: Found) -> bool:
    """True if a wrong key was accepted by a server that deliberately accepts any key."""
    return _wrong_key(found.failure) and found.known.any_key


def hook_error(found: Found) -> bool:
    """True if a wrong key got a 500, just as it did before the check began."""
    return (
        _wrong_key(found.failure)
        and found.known.wrong_key == "hook error"
        and "got `500 " in found.failure.message
    )


def nothing_to_name(found: Found) -> bool:
    """True if the call needed an existing resource, and none was known."""
    unnamed = found.case.id in found.known.unnamed and found.case.method.upper() != "GET"
    return unnamed and (400 <= found.response.status_code < 500 or tells_errors(found.response))


def reads_nothing(found: Found) -> bool:
    """True if a read that names no resource got errors with status 200."""
    return found.case.id in found.known.unnamed and errors_on_200(found)


def example(found: Found) -> bool:
    """True if an example from the document got errors with status 200."""
    meta = found.case.meta
    return meta is not None and meta.phase.name == TestPhase.EXAMPLES and errors_on_200(found)


def effective_refuses(found: Found) -> bool:
    """True if the corrected document rejects the call."""
    operation = _effective(found)
    return (
        operation is not None
        and 400 <= found.response.status_code < 500
        and not _valid_for(operation, found.case)
    )


def effective_admits(found: Found) -> bool:
    """True if the corrected document accepts the call."""
    operation = _effective(found)
    return operation is not None and found.response.status_code == 200 and _valid_for(operation, found.case)


def effective_answer(found: Found) -> bool:
    """True if the corrected document accepts the response."""
    operation = _effective(found)
    return operation is not None and operation.is_valid_response(found.response)


def _wrong_key(failure: Failure) -> bool:
    return isinstance(failure, IgnoredAuth) and failure.scenario == AuthScenario.INVALID_AUTH


def _effective(found: Found) -> Operation | None:
    case = found.case
    schema = found.known.effective.get(id_of(case.operation))
    if schema is None:
        return None
    operation: Operation = schema[case.operation.path][case.operation.method]
    return operation


Condition = Callable[[Found], bool]
CONDITIONS: Mapping[str, Condition] = {
    condition.__name__: condition
    for condition in (
        no_object,
        path_outweighs_body,
        single_for_a_list,
        empty_query_values,
        valid_as_sent,
        required_in_a_body_left_out,
        answers_nothing,
        errors_on_200,
        not_known_to_be_wrong,
        any_key,
        hook_error,
        nothing_to_name,
        reads_nothing,
        example,
        effective_refuses,
        effective_admits,
        effective_answer,
    )
}


def tells_errors(response: Response) -> bool:
    """Return True if the response is a list of GraphQL errors with status 200."""
    answer = _json(response)
    return (
        response.status_code == 200
        and isinstance(answer, list)
        and bool(answer)
        and all(isinstance(error, dict) and "message" in error for error in answer)
    )


def _json(response: Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return None

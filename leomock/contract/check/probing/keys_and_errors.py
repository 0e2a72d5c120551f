"""Probes of API keys, of the form of errors, and of reads."""

from __future__ import annotations

from typing import Any

from leomock.contract.check.lives import (
    MOST_LINKS,
    SMALL,
    at,
    links,
)
from leomock.contract.check.target import READING
from leomock.contract.check.visit import Skipped, Tell, Visit, require, shown
from leomock.openapi.spec import Versions

_CREATE = "createGeneration"
_READ = "getGenerationById"
_LIST = "getGenerationsByUserId"

# The format of each Hasura error (documented on the error messages page).
ERROR_KEYS = {"error", "path", "code"}


def _every_operation(visit: Visit) -> list[tuple[str, str, str]]:
    found = []
    for version, spec in Versions().items():
        base = visit.target.base(version)
        for operation in spec.operations.values() if base else ():
            path = "/".join(
                visit.target.unknown_id(f"{operation.id} {step}") if step.startswith("{") else step
                for step in operation.path.split("/")
            )
            found.append((operation.id, operation.method, f"{base}{path}"))
    return found


def probe_no_key(visit: Visit, tell: Tell) -> None:
    """Check that a call without a key gets a 401."""
    visit.call("GET", "/me")
    for operation, method, url in _every_operation(visit):
        if not visit.target.writes and method not in READING:
            continue
        answer = visit.send(method, url, client=visit.stranger)
        if answer.status_code == 404:
            continue  # the server does not have this operation; other probes report that.
        label = visit.label(visit.steps[-1])
        told = f"{label} without a key was answered {answer.status_code}, not 401"
        tell(answer.status_code == 401, operation, told)
        visit.begin()


def probe_wrong_key(visit: Visit, tell: Tell) -> None:
    """Check that a key that was never issued is rejected."""
    if visit.target.any_key:
        raise Skipped("the server takes any key on purpose")
    visit.call("GET", "/me")
    key = visit.target.api_key
    wrong = {
        # To a key of another form than a UUID, the real service answers 500.
        "that nobody gave out": visit.target.unknown_id("wrong key"),
        "of which the last character is wrong": key[:-1] + ("0" if key[-1] != "0" else "1"),
    }
    for what, other in wrong.items():
        for operation, path in (
            ("getUserSelf", "/me"),
            ("listPlatformModels", "/platformModels"),
            (_READ, f"/generations/{visit.target.unknown_id('wrong key')}"),
        ):
            headers = {"authorization": f"Bearer {other}"}
            answer = visit.send("GET", path, client=visit.stranger, headers=headers)
            told = f"GET {path} with a key {what} was answered {answer.status_code}, not refused"
            tell(not answer.is_success, operation, told)


def probe_error_forms(visit: Visit, tell: Tell) -> None:
    """Check that errors have the documented format and status."""
    calls: tuple[tuple[str, str, str, Any], ...] = (
        (_CREATE, "POST", "/generations", {}),
        (_CREATE, "POST", "/generations", {"prompt": 5}),
        (_CREATE, "POST", "/generations", {"photoReal": "true", **SMALL}),
        (
            _CREATE,
            "POST",
            "/generations",
            {"width": "128", "height": 128, "num_images": 1, "prompt": "a fox"},
        ),
        (_CREATE, "POST", "/generations", {"width": 31, "height": 128, "num_images": 1, "prompt": "a fox"}),
        (_CREATE, "POST", "/generations", {"num_images": 0, "prompt": "a fox"}),
        (_CREATE, "POST", "/generations", {"no_such_parameter": 1, **SMALL}),
        ("createDataset", "POST", "/datasets", {}),
        ("uploadMedia", "POST", "/media", {"extension": "exe"}),
        (_LIST, "GET", "/generations/user/no-uuid", None),
        (_READ, "GET", "/generations/no-uuid", None),
    )
    before, every = visit.balance(), list(visit.steps)
    for operation, method, path, body in calls:
        visit.begin()
        answer = visit.send(method, path, body)
        every += visit.steps
        status = answer.status_code
        sent = f" with {shown(body)}" if body is not None else ""
        tell(400 <= status < 500, operation, f"{method} {path}{sent} was answered {status}, not refused")
        if 400 <= status < 500:
            _tell_error_form(visit, tell, operation, f"{method} {path}{sent}", answer)
    visit.steps = every
    all_refused = all(400 <= step.status < 500 for step in every[1:])
    if all_refused and (after := visit.balance()) != before:
        told = f"calls that were refused changed the balance of the account from {before} to {after}"
        visit.report("property-balance", "getUserSelf", told)
    visit.begin()
    answer = visit.send("GET", "/no-such-endpoint")
    told = f"GET /no-such-endpoint was answered {answer.status_code}, not 404"
    tell(answer.status_code == 404, _READ, told)
    if answer.status_code == 404:
        _tell_error_form(visit, tell, _READ, "GET /no-such-endpoint", answer)


def _tell_error_form(visit: Visit, tell: Tell, operation: str, label: str, answer: Any) -> None:
    try:
        error = answer.json()
    except ValueError:
        error = answer.text
    fits = (
        isinstance(error, dict)
        and error.keys() >= ERROR_KEYS
        and all(isinstance(error[n], str) for n in ERROR_KEYS)
    )
    told = f"{label} was refused with {shown(error)}, not with the texts error, path and code"
    tell(fits, operation, told)


def probe_reads(visit: Visit, tell: Tell) -> None:
    """Check that a read changes nothing and can be repeated."""
    for operation, path in (
        ("getUserSelf", "/me"),
        ("listPlatformModels", "/platformModels"),
        ("listElements", "/elements"),
        ("listBlueprints", "/blueprints"),
    ):
        first, second = visit.call("GET", path), visit.call("GET", path)
        tell(first == second, operation, f"GET {path} answers something else when it is asked again")
        require(first is not None, f"GET {path} answered null")
        tell(
            path != "/me" or len(first) == 1, operation, f"GET /me tells of {len(first)} accounts, not of one"
        )
        ids = [id for name in ("id", "akUUID") for id in at(first, ["*", name]) if isinstance(first, list)]
        tell(len(set(ids)) == len(ids), operation, f"GET {path} lists two things with the same id")
        if operation in ("listPlatformModels", "listElements"):
            tell(first, operation, f"GET {path} lists nothing")
        for url in links(first)[:MOST_LINKS]:
            status = visit.send("HEAD", url, client=visit.stranger).status_code
            tell(status == 200, operation, f"HEAD of an address in GET {path} was answered {status}")

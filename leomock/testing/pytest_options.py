"""The options of the pytest plugin and its marker: their names, where they are set, and error messages.

Every run of pytest imports this module, so it loads nothing of the fake before it is needed.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import pytest

MARKER = "leomock"
# The arguments of the marker.
MARKS = {
    "scenario": "active scenarios: a name, a file, or a list",
    "jobs": "when generations complete: polls:N, seconds:S, both separated by a comma, immediate or manual",
    "seed": "another seed: other ids, seeds and pictures",
    "clock": "'running' or 'frozen'",
    "strict": "True: findings about the client fail the test; a list of rules: only findings of these do",
    "keys": "'any': intercepted calls with an unknown key belong to this account; or 'own'",
    "credits": "bought credits at the start",
    "plan_credits": "credits that the plan adds every month",
    "unit": "the unit of prices: CREDITS or DOLLARS",
    "auth": "'strict' or 'real': intercepted calls with another key are refused",
    "webhook_url": "where events are sent",
    "webhook_key": "the bearer token of events",
    "webhook_timeout": "seconds that a receiver may take",
    "webhook_ca": "PEM file of the CA that signed the receiver's certificate",
    "webhook_insecure": "accept any certificate of a receiver",
    "budget": "credits that the test may spend; if it spends more, it fails",
    "generations": "how many finished generations the account already has",
    "as_of": "answer as the service did on this day (YYYY-MM-DD)",
    "catalogue": "what the platform offers in addition: a file, or its contents as a dict",
    "unknown_models": "'allow' accepts every well-formed model id",
    "has": "what the account already has, with fixed ids: a file, or its contents as a dict",
}
# Arguments that concern the test, not its account.
TEST_SETTINGS = ("strict", "keys", "budget")
TENANT_SETTINGS = (*(name for name in MARKS if name not in TEST_SETTINGS), "ids", "limits")
# Options: name, default, help. Command line before environment (LEOMOCK_NAME) before ini before default.
OPTIONS = {
    "jobs": (
        "polls:1,seconds:10",
        "when generations complete: polls:N, seconds:S, both separated by a comma, immediate or manual",
    ),
    "clock": ("running", "'running' or 'frozen'"),
    "scenario": ("", "active scenarios, separated by commas"),
    "intercept": (
        "yes",
        "'yes': while a test uses the fake, calls for the real hosts go to it; or 'no'",
    ),
    "strict": ("no", "'yes': findings about the client fail the test; or 'no'"),
    "keys": ("any", "'any': intercepted calls with an unknown key belong to the test's account; or 'own'"),
    "real": ("closed", "'closed': calls for the real hosts that no fake answers fail; or 'allow'"),
}
# Options with a few possible values.
CHOICES = {"clock": ("running", "frozen"), "keys": ("any", "own"), "real": ("closed", "allow")}
REAL_MARKER = "leomock_real"
_SETTINGS = pytest.StashKey[dict[str, Any]]()  # what the project's file says


def option(config: pytest.Config, name: str) -> str:
    """Return an option: command line, environment, ini file, the project's file, default, in this order."""
    return next((value for value, _ in _given(config, name)), OPTIONS[name][0])


def wrong_option(config: pytest.Config, name: str, text: object) -> pytest.UsageError:
    """Return the error for an option with an invalid value, which says where the value comes from."""
    where = next((where for _, where in _given(config, name)), "its default")
    return pytest.UsageError(f"leomock: {text} (from {where})")


def _given(config: pytest.Config, name: str) -> Iterator[tuple[str, str]]:
    """Yield the values that somebody gave an option, the one that counts first, and where each comes from."""
    sources: tuple[tuple[str, Callable[[], str | None]], ...] = (
        (f"--leomock-{name}", lambda: config.getoption(f"leomock_{name}", default=None)),
        (f"LEOMOCK_{name.upper()} in the environment", lambda: os.environ.get(f"LEOMOCK_{name.upper()}")),
        (f"leomock_{name} in pytest's settings", lambda: _ini_option(config, name)),
        ("the project's settings of leomock", lambda: _project_option(config, name)),
    )
    for where, read in sources:
        if value := read():
            yield value, where


def _ini_option(config: pytest.Config, name: str) -> str:
    value: str | list[str] = config.getini(f"leomock_{name}")
    return value if isinstance(value, str) else ",".join(value)


def _project_option(config: pytest.Config, name: str) -> str:
    """Return an option of the plugin from the project's file of settings, or ''."""
    value = project_settings(config).get(name, "")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def project_settings(config: pytest.Config) -> dict[str, Any]:
    """Return pytest's settings from leomock.toml or [tool.leomock] in pyproject.toml; read once per
    session."""
    if _SETTINGS not in config.stash:
        from leomock.files.project_settings import ProjectSettingsError, find_settings, shared_names

        try:
            found = find_settings(config.rootpath)
            known = {*OPTIONS, *shared_names()} if found.where else ()
            config.stash[_SETTINGS] = {**found.shared, **found.of("pytest", known)}
        except ProjectSettingsError as error:
            raise pytest.UsageError(f"leomock: {error}") from None
    return config.stash[_SETTINGS]


def yes(config: pytest.Config, name: str) -> bool:
    """Return an option that is yes or no. Raises pytest.UsageError for another value."""
    value = option(config, name).lower()
    if value not in ("yes", "no", "true", "false", "1", "0"):
        raise wrong_option(config, name, f"{name}={value!r}: use yes or no")
    return value in ("yes", "true", "1")


# --- the marker ------------------------------------------------------------------------------------


def wrong_marker(item: pytest.Item) -> str:
    """Say what is wrong with the markers of a test; empty if nothing is."""
    for mark in item.iter_markers(MARKER):
        if mark.args:
            return f"takes arguments by name, such as scenario='flaky', not {mark.args[0]!r:.100}"
        if wrong := unknown(mark.kwargs, MARKS):
            return wrong
        if wrong := _wrong_strict(mark.kwargs.get("strict", False)):
            return wrong
        if (keys := mark.kwargs.get("keys", "any")) not in CHOICES["keys"]:
            return f"keys={keys!r}: use any or own"
    return ""


def _wrong_strict(strict: Any) -> str:
    """Say what is wrong with `strict` of a marker; empty if nothing is."""
    if isinstance(strict, bool):
        return ""
    if not isinstance(strict, list | tuple):
        return f"strict={strict!r}: use True, False or a list of the verdict's rules"
    from leomock.verdict.review import check_rules

    try:
        check_rules(strict)
    except ValueError as error:
        return f"strict={strict!r}: {error}"
    return ""


def unknown(given: Iterable[str], known: Collection[str]) -> str:
    """Say which of the given names is unknown, with the nearest known one; empty if all are known."""
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            return f"knows no {name!r}; " + (
                f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            )
    return ""


def marked(node: pytest.Item) -> dict[str, Any]:
    """Return the arguments of all markers of a test; those of the nearest marker win."""
    marked: dict[str, Any] = {}
    for mark in node.iter_markers(MARKER):
        marked = {**mark.kwargs, **marked}
    return marked

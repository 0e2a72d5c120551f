"""What the pytest plugin adds to the reports of failed tests, and what it takes out of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from leomock.state.redaction import shortened
from leomock.state.story import story

if TYPE_CHECKING:
    from leomock.testing.fake import Fake
    from leomock.testing.tenant import Tenant

# Packages of the standard library that stand between a test and leomock in a traceback.
_BETWEEN = ("contextlib", "concurrent")


def calls_of(wider: Iterable[Tenant], before: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Yield a section with the calls of a test for each account of its class, its module or the session.

    `before` has the number of the last exchange before the test, by key.
    """
    for tenant in wider:
        if calls := tenant.world.journal.select(since=before.get(tenant.api_key, 0)):
            yield f"leomock journal of {tenant.api_key[:4]}…, calls of this test", story(calls)


def calls_elsewhere(
    server: Fake, known: Collection[str], before: dict[str, int]
) -> Iterator[tuple[str, str]]:
    """Yield a section with the calls of a test for each key that is not `known` (see `calls_of`)."""
    for key, journal in server.journals():
        if key not in known and (lines := journal.select(since=before.get(key, 0))):
            title = f"with another key, {shortened(key)}" if key else "without a valid API key"
            yield f"leomock: calls {title}", "\n".join(map(str, lines))


def end_before_leomock(error: BaseException) -> None:
    """End the traceback of an error that leomock raised at the line that called leomock.

    The error itself says which value is wrong; the frames below that line would only hide it.
    """
    kind = type(error)
    if kind not in (ValueError, LookupError) and _package(kind.__module__) != "leomock":
        return
    entries, entry = [], error.__traceback__
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    packages = [_package(entry.tb_frame.f_globals.get("__name__", "")) for entry in entries]
    if packages[-1:] != ["leomock"]:
        return
    while packages and packages[-1] in ("leomock", *_BETWEEN):
        packages.pop()
    if packages:
        entries[len(packages) - 1].tb_next = None


def _package(module: str) -> str:
    return module.partition(".")[0]

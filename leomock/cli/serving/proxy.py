"""Run the proxy: forward every request to another server, and judge and record what passes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from leomock.cli.serving.listening import answer, saving

if TYPE_CHECKING:
    from leomock.files.recordings.model import RecordedExchange
    from leomock.state.journal import Journal

SECONDS_BETWEEN_SAVES = 5.0


async def serve_proxy(
    listener: Any,
    url: str,
    upstream: str,
    judge: bool,
    record_file: Path | None,
    max_record: int,
    redact: Sequence[str],
    quiet: bool,
) -> None:
    """Forward every request to `upstream` until a signal arrives."""
    from leomock.server.access_log import to_stderr
    from leomock.server.forwarding import Forwarding

    app = Forwarding(
        upstream,
        judge=_judge(upstream) if judge else None,
        say=to_stderr,
        keep=bool(record_file),
        most_bytes=max_record,
        redact=redact,
    )
    async with contextlib.AsyncExitStack() as stack:
        if record_file:
            comment = f"Calls passed through to {upstream} by leomock."
            await stack.enter_async_context(_recorded(app.journal, record_file, comment))
        click.echo(f"leomock forwards every call to {upstream}: it answers, and may charge credits", err=True)
        await answer(app, listener, url, quiet, close=app.close)


@contextlib.asynccontextmanager
async def _recorded(journal: Journal, file: Path, comment: str) -> AsyncIterator[None]:
    """Save exchanges in a file at the start, every few seconds, and at the end."""
    from leomock.files.har import HarFile
    from leomock.version import __version__

    kept = HarFile(file, journal, __version__, comment)
    async with saving(file, kept.save, SECONDS_BETWEEN_SAVES):
        yield
    if dropped := journal.forgotten:
        lost = f"{dropped} of {journal.last} exchanges, the oldest"
        click.echo(f"leomock: {file} lacks {lost}; --max-record keeps more", err=True)


def _judge(upstream: str) -> Callable[[RecordedExchange], list[str] | None]:
    try:
        from leomock.contract.traffic import TrafficValidator
        from leomock.server.api_routes import PREFIXES
    except ImportError as error:
        raise click.UsageError(f"{error}: `pip install leomock[contract]` installs what judges") from None
    validator = TrafficValidator([f"{upstream.rstrip('/')}{prefix}" for prefix in PREFIXES])

    def judged(recorded: RecordedExchange) -> list[str] | None:
        violations = validator.violations(recorded)
        return None if violations is None else [str(violation) for violation in violations]

    return judged

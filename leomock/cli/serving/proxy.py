"""Run the proxy: forward every request to another server, and judge and record what passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from leomock.cli.output import writing
from leomock.cli.serving.listening import answer

if TYPE_CHECKING:
    from leomock.files.recordings.model import RecordedExchange

SECONDS_BETWEEN_SAVES = 5.0


async def serve_proxy(
    listener: Any,
    url: str,
    upstream: str,
    judge: bool,
    record_file: Path | None,
    redact: Sequence[str],
    quiet: bool,
) -> None:
    """Forward every request to `upstream` until a signal arrives."""
    from leomock.files.har import to_har
    from leomock.files.whole import write_whole
    from leomock.server.access_log import to_stderr
    from leomock.server.forwarding import Forwarding
    from leomock.version import __version__

    app = Forwarding(
        upstream,
        judge=_judge(upstream) if judge else None,
        say=to_stderr,
        keep=bool(record_file),
        redact=redact,
    )
    saved = 0

    def save() -> None:
        """Write the recording if it has grown since the last time."""
        nonlocal saved
        exchanges = list(app.journal)
        if record_file and (len(exchanges) > saved or not record_file.exists()):
            har = to_har(exchanges, __version__, f"Calls passed through to {upstream} by leomock.")
            write_whole(record_file, json.dumps(har, indent=1, ensure_ascii=False).encode("utf-8", "replace"))
            saved = len(exchanges)

    if record_file:
        with writing(record_file):
            save()
    click.echo(f"leomock forwards every call to {upstream}: it answers, and may charge credits", err=True)
    await answer(app, listener, url, quiet, every=SECONDS_BETWEEN_SAVES, save=save, close=app.close)


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

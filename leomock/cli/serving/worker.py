"""Run one worker of `leomock serve --workers`; its parent writes its options to stdin."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import NamedTuple

import click

from leomock.cli.serving.fake import ServeOptions, make_dispatcher, serve_fake
from leomock.files.scenarios import ScenarioError
from leomock.files.state_parts import part_of
from leomock.server.lifecycle import asyncio_run
from leomock.server.workers.ownership import Ownership
from leomock.server.workers.worker import Worker
from leomock.state.render_cache import RENDERED
from leomock.state.settings import SettingError, Settings
from leomock.state.snapshot import SnapshotError


class WorkerPlan(NamedTuple):
    """Everything that a worker needs to know; `descriptor` is its end of the socket to the parent."""

    number: int
    workers: int
    folder: str
    descriptor: int
    options: ServeOptions

    def to_json(self) -> bytes:
        """Return the plan as the parent writes it."""
        return json.dumps([*self[:-1], self.options]).encode()

    @classmethod
    def from_json(cls, text: bytes) -> WorkerPlan:
        """Read a plan."""
        number, workers, folder, descriptor, options = json.loads(text)
        read = ServeOptions(*options)
        # JSON has no tuples, and settings that hold several values are tuples.
        settings = {k: tuple(v) if isinstance(v, list) else v for k, v in read.settings.items()}
        return cls(number, workers, folder, descriptor, read._replace(settings=settings))


def ownership_of(workers: int, settings: Settings) -> Ownership:
    """Return how API keys are distributed over the workers of a fake."""
    return Ownership(workers, settings.seed, None if settings.auth == "open" else settings.api_keys)


async def _run(plan: WorkerPlan) -> None:
    options = plan.options
    if options.state_file:
        options = options._replace(state_file=str(part_of(Path(options.state_file), plan.number)))
    try:
        api = make_dispatcher(options)
    except (SettingError, ScenarioError, SnapshotError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    ownership = ownership_of(plan.workers, api.settings)
    worker = Worker(plan.number, ownership, Path(plan.folder), socket.socket(fileno=plan.descriptor))
    await serve_fake(api, options, worker)


def main() -> None:
    """Run the worker whose plan is on stdin."""
    plan = WorkerPlan.from_json(sys.stdin.buffer.read())
    RENDERED.limit = plan.options.render_cache
    try:
        asyncio_run(_run(plan))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)

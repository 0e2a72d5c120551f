"""Run `leomock serve --workers`: start the workers, pass connections to them, and stop them together."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from leomock.cli.output import writing
from leomock.cli.serving.fake import ServeOptions, first_steps, say_shared
from leomock.cli.serving.worker import WorkerPlan, ownership_of
from leomock.files.state_parts import share_out
from leomock.server.access_log import to_stderr, warn_as_json
from leomock.server.lifecycle import on_signal
from leomock.server.listen import GRACE_SECONDS, LAST_SECONDS
from leomock.server.workers.passing import (
    FINISHED,
    NOT_READY,
    READY,
    STOP,
    Distributor,
    WorkerLink,
    can_pass_connections,
)
from leomock.state.settings import Settings
from leomock.state.snapshot import SnapshotError

# A worker that ends more often than this within a minute will not recover if it is restarted.
MOST_RESTARTS_A_MINUTE = 5
# How long a stopping worker may take for the calls in progress, and then for the rest (it saves its state).
SECONDS_TO_FINISH = GRACE_SECONDS + LAST_SECONDS + 0.5
SECONDS_TO_END = 20.0
_RUN = "from leomock.cli.serving.worker import main; main()"


def check_workers(others: Mapping[str, object]) -> None:
    """Refuse options that do not go with `--workers`, and systems on which it does not work."""
    if not can_pass_connections():
        raise click.UsageError(
            "--workers needs Linux or macOS, where a process can pass a connection to another one; "
            "leave it out here"
        )
    for name, value in others.items():
        if value is not None:
            raise click.UsageError(f"--workers and {name} cannot be used together; leave one out")


async def serve_with_workers(
    workers: int, options: ServeOptions, settings: Settings, listener: socket.socket, url: str, drain: float
) -> None:
    """Serve with several processes until a signal arrives, as `serve_fake` does with one.

    Raises ClickException if a worker cannot start, or ends again and again.
    """
    owner_of = ownership_of(workers, settings)
    if options.state_file:
        path = Path(options.state_file)
        try:
            with writing(path):
                say_shared(share_out(path, workers, owner_of.of_key))
        except SnapshotError as error:
            raise click.UsageError(str(error)) from None
    announcement = [f"leomock listening on {url} with {workers} workers"]
    if not options.quiet and options.log_format != "json":
        announcement += first_steps(url, settings)
    stopping = asyncio.Event()
    on_signal(stopping)
    with tempfile.TemporaryDirectory(prefix="leomock-") as folder:
        group = _Group(workers, options, folder)
        try:
            if await group.ready_before(stopping):
                distributor = Distributor(listener, group.links, owner_of.of_head, settings.request_timeout)
                distributor.open()
                click.echo("\n".join(announcement))
                try:
                    await group.failure_before(stopping)
                    group.tell(NOT_READY)
                    if drain:
                        await asyncio.sleep(drain)
                finally:
                    await distributor.close()
            failed = group.failure
            await group.stop()
        finally:
            group.kill()
    if failed or group.failure:
        raise click.ClickException(failed or group.failure)


class _Group:
    """The workers. `failure` says why they cannot go on, or is empty."""

    def __init__(self, workers: int, options: ServeOptions, folder: str) -> None:
        self.failure = ""
        self.links = [WorkerLink() for _ in range(workers)]
        self._options = options
        self._folder = folder
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._ready: set[int] = set()
        self._finished: set[int] = set()
        self._restarts: list[deque[float]] = [deque(maxlen=MOST_RESTARTS_A_MINUTE) for _ in range(workers)]
        self._changed = asyncio.Event()
        self._stopping = False
        self._tasks = [asyncio.create_task(self._keep_running(number)) for number in range(workers)]

    async def ready_before(self, stopping: asyncio.Event) -> bool:
        """Wait until every worker answers; return False if the server is asked to stop, or one failed."""
        await self._until(lambda: bool(self.failure) or len(self._ready) == len(self.links), stopping)
        return not self.failure and not stopping.is_set()

    async def failure_before(self, stopping: asyncio.Event) -> None:
        """Wait until the workers have failed or the server is asked to stop."""
        await self._until(lambda: bool(self.failure), stopping)

    def tell(self, tag: bytes) -> None:
        """Send a message to every worker."""
        for link in self.links:
            link.send(tag)

    async def stop(self) -> None:
        """Let all workers finish the calls in progress, save their state and end."""
        self._stopping = True
        self.tell(STOP)
        running = set(self._processes)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_TO_FINISH):
                await self._until(lambda: running & set(self._processes) <= self._finished)
        for link in self.links:
            link.close()
        _, late = await asyncio.wait(self._tasks, timeout=SECONDS_TO_END)
        if late:
            self.failure = f"{len(late)} workers did not end within {SECONDS_TO_END:g} s and were killed"

    def kill(self) -> None:
        """Kill every worker that is still running."""
        for task in self._tasks:
            task.cancel()
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _until(self, condition: Callable[[], bool], stopping: asyncio.Event | None = None) -> None:
        asked = asyncio.create_task(stopping.wait()) if stopping else None
        try:
            while not condition() and not (stopping and stopping.is_set()):
                self._changed.clear()
                changed = asyncio.create_task(self._changed.wait())
                waits = [changed, asked] if asked else [changed]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
        finally:
            if asked:
                asked.cancel()

    async def _keep_running(self, number: int) -> None:
        """Run a worker, and restart it if it ends unexpectedly."""
        while not self._stopping:
            try:
                code = await self._run(number)
            except OSError as error:
                self._fail(f"worker {number} cannot be started: {error.strerror}")
                break
            if self._is_stopping():
                break
            name, ending = f"worker {number}", _ending(code)
            if number not in self._ready:
                self._fail(f"{name} {ending} before it was ready")
                break
            self._ready.discard(number)
            restarts = self._restarts[number]
            if len(restarts) == MOST_RESTARTS_A_MINUTE and time.monotonic() - restarts[0] < 60:
                self._fail(f"{name} {ending}, for the {MOST_RESTARTS_A_MINUTE + 1}th time in a minute")
                break
            restarts.append(time.monotonic())
            self._say(f"leomock: {name} {ending}; restarting it{self._losses()}\n")

    def _is_stopping(self) -> bool:
        return self._stopping

    async def _run(self, number: int) -> int:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                # As multiprocessing does: find modules where this process found them.
                *(sys.executable, "-c"),
                f"import sys; sys.path[:] = {sys.path!r}\n{_RUN}",
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C must reach only the parent, which stops everything in order
            )
            plan = WorkerPlan(number, len(self.links), self._folder, theirs.fileno(), self._options)
            assert process.stdin
            process.stdin.write(plan.to_json())
            process.stdin.close()
        self._processes[number] = process
        self.links[number].attach(ours, lambda tag: self._heard(number, tag))
        try:
            return await process.wait()
        finally:
            self.links[number].detach()
            self._processes.pop(number, None)
            self._changed.set()

    def _heard(self, number: int, tag: bytes) -> None:
        if tag == READY:
            self._ready.add(number)
        elif tag == FINISHED:
            self._finished.add(number)
        self._changed.set()

    def _fail(self, text: str) -> None:
        self.failure = self.failure or text
        self._changed.set()

    def _losses(self) -> str:
        if self._options.state_file:
            return ", with the state that was saved last"
        return ", and has lost the state of its API keys (--state keeps it)"

    def _say(self, text: str) -> None:
        (warn_as_json if self._options.log_format == "json" else to_stderr)(text)


def _ending(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"

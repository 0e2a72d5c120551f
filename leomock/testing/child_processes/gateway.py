"""The ports through which child processes reach a fake: one with TLS, and a forward proxy."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import threading
import warnings
from collections.abc import Callable, Collection, Coroutine, Mapping
from functools import partial
from pathlib import Path
from ssl import SSLContext
from types import TracebackType
from typing import Any, Protocol, TypeVar
from urllib.request import getproxies_environment

from starlette.types import ASGIApp

from leomock.leonardo.hosts import REAL_HOSTS
from leomock.server.authority import temporary
from leomock.server.forward_proxy import Address, ForwardProxy
from leomock.server.listen import PortServer, ServerConfig, bind
from leomock.testing.child_processes.environment import READ_VARIABLES, child_environment

T = TypeVar("T")

LOOPBACK = "127.0.0.1"
SECONDS_BETWEEN_LOOKS = 0.2


class Running(Protocol):
    """A fake that listens on a port."""

    app: ASGIApp

    @property
    def url(self) -> str:
        """The address of the server."""
        ...

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the fake's event loop."""
        ...


class Gateway:
    """Open a TLS port and a forward proxy for a fake: a context manager that provides an environment.

    ::

        with Fake() as fake, Gateway(fake) as gateway:
            subprocess.run(["node", "app.mjs"], env=gateway.environment(os.environ))

    The certificate authority lives in memory; files that clients need are in a temporary folder that only its
    owner can read and that is deleted at the end. `said` receives one sentence for each notable event.
    """

    _is_open = False

    def __init__(
        self,
        fake: Running,
        *,
        hosts: Collection[str] = tuple(REAL_HOSTS),
        refuse_others: bool = False,
        closed_domain: str = "",
        said: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._fake = fake
        self._hosts = tuple(hosts)
        self._refuse_others = refuse_others
        self._closed_domain = closed_domain
        self._said = said
        self._process = os.getpid()
        self._made: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}

    def __enter__(self) -> Gateway:
        """Open the ports."""
        self._folder = tempfile.TemporaryDirectory(prefix="leomock-", ignore_cleanup_errors=True)
        try:
            authority = temporary()
            self._certificate = authority.certificate
            forward = partial(
                ForwardProxy,
                self._hosts,
                refuse_others=self._refuse_others,
                closed_domain=self._closed_domain,
            )
            self._ports = _Ports(self._fake, forward, self._said)
            self._fake.run(self._ports.open(authority.context))
        except BaseException:
            self._folder.cleanup()
            raise
        self._is_open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the ports and delete the files; in a forked child both belong to the parent and stay."""
        if not self._is_open or os.getpid() != self._process:
            return
        self._is_open = False
        self._ports.close()
        self._folder.cleanup()

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        """Warn about a gateway that was not closed, and close it without waiting."""
        if not self._is_open or os.getpid() != self._process:
            return
        self._is_open = False
        self._ports.abandon()
        self._folder.cleanup()
        warn("unclosed leomock gateway: use `with`", ResourceWarning, source=self)

    def environment(self, before: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return an environment for a child process, based on `before` (by default this process's)."""
        before = os.environ if before is None else before
        read = tuple((name, before[name]) for name in READ_VARIABLES if name in before)
        if read not in self._made:
            self._made[read] = self._make(dict(read))
        return {**before, **self._made[read]}

    @property
    def name(self) -> str:
        """Identifier of this gateway in the variable LEOMOCK_GATEWAY."""
        return self._folder.name

    def _make(self, before: Mapping[str, str]) -> dict[str, str]:
        variables = child_environment(
            before,
            Path(self._folder.name),
            authority=self._certificate,
            hosts=self._hosts,
            secure=self._ports.secure,
            proxy=self._ports.proxy,
        )
        return {**variables, "LEOMOCK_GATEWAY": self.name}


class _Ports:
    """The TLS port and the forward proxy, held open by one task of the fake's event loop.

    When the fake ends, it cancels its tasks, so the ports close with it. Nothing here refers to the gateway.
    """

    def __init__(
        self, fake: Running, forward: Callable[..., ForwardProxy], said: Callable[[str], object]
    ) -> None:
        self.secure: Address = (LOOPBACK, 0)
        self.proxy: Address = (LOOPBACK, 0)
        self._config = ServerConfig(fake.app)
        self._plain: Address = (LOOPBACK, int(fake.url.rpartition(":")[2]))
        self._forward = forward
        self._said = said

    async def open(self, context: SSLContext) -> None:
        """Start accepting connections."""
        self._loop = asyncio.get_running_loop()
        opened = self._loop.create_future()
        self._task = self._loop.create_task(self._serve(context, opened))
        await asyncio.wait([opened, self._task], return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            await self._task

    def close(self) -> None:
        """Close the ports and end their connections; do nothing once the fake has ended."""
        closed = threading.Event()
        with contextlib.suppress(RuntimeError):  # the loop is closed, and so are the ports
            self._loop.call_soon_threadsafe(self._task.add_done_callback, lambda _: closed.set())
            self.abandon()
            while not closed.wait(SECONDS_BETWEEN_LOOKS) and not self._loop.is_closed():
                pass

    def abandon(self) -> None:
        """Close the ports without waiting for it."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._task.cancel)

    async def _serve(self, context: SSLContext, opened: asyncio.Future[None]) -> None:
        with bind(LOOPBACK, 0) as listener, bind(LOOPBACK, 0) as for_proxy:  # closed in any case
            self.secure = listener.getsockname()[:2]
            server = PortServer(self._config)
            await server.open_tls(listener, context, self._said)
            forward = self._forward(self.secure, self._plain, getproxies_environment())
            await forward.open(for_proxy)
            self.proxy = for_proxy.getsockname()[:2]
            opened.set_result(None)
            try:
                await asyncio.Event().wait()
            finally:
                await forward.close()
                await server.close()

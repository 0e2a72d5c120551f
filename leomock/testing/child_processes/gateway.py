"""The ports through which child processes reach a fake: one with TLS, and a forward proxy."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable, Collection, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar
from urllib.request import getproxies_environment

from starlette.types import ASGIApp

from leomock.leonardo.hosts import REAL_HOSTS
from leomock.server.authority import temporary
from leomock.server.forward_proxy import LONGEST_HEAD, Address, ForwardProxy
from leomock.server.listen import PortServer, bind, make_config
from leomock.testing.child_processes.environment import child_environment

T = TypeVar("T")

LOOPBACK = "127.0.0.1"


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
    """Opens a TLS port and a forward proxy for a fake, as a context manager that gives an environment.

    ::

        with Fake() as fake, Gateway(fake) as gateway:
            subprocess.run(["node", "app.mjs"], env=gateway.environment(os.environ))

    The certificate authority lives in memory; files that clients need are in a temporary folder, readable by
    its owner only, which is deleted at the end. `said` gets a sentence for each thing worth knowing.
    """

    def __init__(
        self,
        fake: Running,
        *,
        hosts: Collection[str] = tuple(REAL_HOSTS),
        refuse_others: bool = False,
        said: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._fake = fake
        self._hosts = tuple(hosts)
        self._refuse_others = refuse_others
        self._said = said
        self._closing = contextlib.ExitStack()
        self._secure: Address = (LOOPBACK, 0)
        self._proxy: Address = (LOOPBACK, 0)

    def __enter__(self) -> Gateway:
        """Open the ports."""
        try:
            name = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="leomock-"))
            self._folder = Path(name)
            authority = temporary()
            self._certificate = authority.certificate
            self._fake.run(self._open(authority.context))
            self._closing.callback(lambda: self._fake.run(self._close()))
        except BaseException:
            self._closing.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the ports and delete the files."""
        self._closing.close()

    def environment(self, before: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return a whole environment for a child process, built on `before` (by default this process's)."""
        before = os.environ if before is None else before
        variables = child_environment(
            before,
            self._folder,
            authority=self._certificate,
            hosts=self._hosts,
            secure=self._secure,
            proxy=self._proxy,
        )
        return {**before, **variables}

    async def _open(self, context: Any) -> None:
        listener = bind(LOOPBACK, 0)
        self._secure = listener.getsockname()[:2]
        self._server = PortServer(make_config(self._fake.app))
        await self._server.open_tls(listener, context, self._said)
        plain = self._fake.url.rpartition(":")[2]
        self._forward = ForwardProxy(
            self._hosts,
            self._secure,
            (LOOPBACK, int(plain)),
            getproxies_environment(),
            refuse_others=self._refuse_others,
        )
        self._proxy_server = await asyncio.start_server(self._forward.serve, LOOPBACK, 0, limit=LONGEST_HEAD)
        self._proxy = self._proxy_server.sockets[0].getsockname()[:2]

    async def _close(self) -> None:
        self._proxy_server.close()
        await self._forward.close()
        await self._server.close()

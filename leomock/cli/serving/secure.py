"""The ports of `serve --https` and `serve --proxy`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from leomock.cli.serving.listening import listening_on
from leomock.leonardo.hosts import REAL_HOSTS

if TYPE_CHECKING:
    from leomock.server.authority import Authority
    from leomock.server.listen import PortServer


def authority_folder() -> Path:
    """Return the folder that holds the authority of this user."""
    return Path(click.get_app_dir("leomock")) / "ca"


class SecurePorts(NamedTuple):
    """The sockets for HTTPS and for the forward proxy; each may be absent."""

    authority: Authority
    https: Any
    proxy: Any
    refuse_others: bool

    @contextlib.asynccontextmanager
    async def answering(self, server: PortServer, plain: tuple[str, int]) -> AsyncIterator[list[str]]:
        """Serve on the ports inside `async with`, which returns messages for the user about them.

        `plain` is the address of the plain port, to which the proxy sends requests without TLS.
        """
        from urllib.request import getproxies_environment

        from leomock.server.forward_proxy import ForwardProxy

        def failed(text: str) -> None:
            click.echo(f"leomock: {text}", err=True)

        await server.open_tls(self.https, self.authority.context, failed)
        secure = _reachable(self.https.getsockname())
        # The certificate is valid for names only, so the URL contains a name.
        lines = [f"leomock listening on https://localhost:{secure[1]} (`leomock ca` says how to trust it)"]
        if self.proxy is None:
            yield lines
            return
        proxy = ForwardProxy(
            REAL_HOSTS, secure, plain, getproxies_environment(), refuse_others=self.refuse_others
        )
        await proxy.open(self.proxy)
        host, port = _reachable(self.proxy.getsockname())
        lines.append(f"leomock: forward proxy for {', '.join(REAL_HOSTS)} on http://{host}:{port}")
        try:
            yield lines
        finally:
            await proxy.close()


def _reachable(address: tuple[Any, ...]) -> tuple[str, int]:
    host, port = address[:2]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port


@contextlib.contextmanager
def secure_ports(
    host: str, https: int | None, proxy: int | None, refuse_others: bool
) -> Iterator[SecurePorts | None]:
    """Bind the ports that were asked for, with the stored authority; close them at the end.

    The proxy needs HTTPS as well, on a free port if none was named. Raises ClickException.
    """
    if https is None and proxy is None:
        yield None
        return
    from leomock.server.authority import AuthorityError, Store
    from leomock.server.listen import bind

    try:
        authority = Store(authority_folder()).open()
    except AuthorityError as error:
        raise click.ClickException(str(error)) from None
    with contextlib.ExitStack() as stack:
        with listening_on(host, https or 0, "--https 0 picks a free port"):
            secure = stack.enter_context(bind(host, https or 0))
        forward = None
        if proxy is not None:
            with listening_on(host, proxy, "--proxy 0 picks a free port"):
                forward = stack.enter_context(bind(host, proxy))
        yield SecurePorts(authority, secure, forward, refuse_others)

"""The `leomock` command."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from typing import Any

import click

from leomock import __version__
from leomock.settings import SettingError, Settings

CONTEXT = {
    "auto_envvar_prefix": "LEOMOCK",
    "help_option_names": ["-h", "--help"],
    "show_default": True,
    "max_content_width": 100,
}


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, message="leomock %(version)s")
def main() -> None:
    """A stateful, spec-driven fake of the Leonardo.AI REST API.

    Every option can also be set in the environment: `leomock serve --port` as LEOMOCK_SERVE_PORT.
    """


@main.command()
@click.option("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 lets other machines in.")
@click.option("--port", default=8090, type=click.IntRange(0, 65535), help="Port to listen on; 0 picks one.")
@click.option("--seed", default=0, help="Same seed, key and calls: same ids and pictures.")
@click.option(
    "--auth",
    default="open",
    type=click.Choice(["open", "strict", "real"]),
    help="open: any key is a tenant. strict: only --api-key. real: as strict, and a key that is no UUID gets "
    "the 500 that the real service gives.",
)
@click.option(
    "--api-key", "api_keys", multiple=True, metavar="KEY", help="A key that is let in; may be repeated."
)
@click.option(
    "--jobs",
    default="seconds:2",
    metavar="PACE",
    help="How a generation completes: seconds:S, polls:N (PENDING for N reads), immediate, or manual.",
)
@click.option(
    "--ids",
    default="v4",
    type=click.Choice(["v4", "v6"]),
    help="UUID version of generations; newer accounts see v6.",
)
@click.option(
    "--public-url", default="", metavar="URL", help="What URLs in answers begin with, if not the caller's."
)
@click.option(
    "--max-body", default=16 * 2**20, type=click.IntRange(1), metavar="BYTES", help="Longest body of a call."
)
@click.option(
    "--max-upload", default=25 * 2**20, type=click.IntRange(1), metavar="BYTES", help="Largest upload."
)
@click.option("--quiet", is_flag=True, help="No line for each call, warnings only.")
def serve(host: str, port: int, quiet: bool, **settings: Any) -> None:
    """Serve the fake until it is stopped (Ctrl-C or SIGTERM)."""
    from leomock.server.listen import address, bind

    try:
        checked = Settings(**settings)
    except SettingError as error:
        raise click.UsageError(str(error)) from None
    try:
        listener = bind(host, port)
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {host}:{port}: {error.strerror or error}; --port 0 picks a free port"
        ) from None
    asyncio_run(_serve(checked, listener, address(listener), quiet))


async def _serve(settings: Settings, listener: Any, url: str, quiet: bool) -> None:
    from leomock.answer import Api
    from leomock.server.app import make_app
    from leomock.server.listen import listen, make_config
    from leomock.server.recording import to_stderr

    stop = asyncio.Event()
    _on_signal(stop)
    app = make_app(Api(settings, time.time), None if quiet else to_stderr)

    def started() -> None:
        click.echo(f"leomock listening on {url}")

    await listen(make_config(app), listener, stop, started)


def _on_signal(stop: asyncio.Event) -> None:
    """Set `stop` on Ctrl-C or SIGTERM; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def first(number: int) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, first, number)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda n, _: loop.call_soon_threadsafe(first, n))


def asyncio_run(main_coroutine: Any) -> None:
    """`asyncio.run`, on uvloop where that exists."""
    factory = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main_coroutine)


@main.command()
@click.option("--published", is_flag=True, help="Without leomock's corrections.")
def openapi(published: bool) -> None:
    """Print the OpenAPI document: the published facts with leomock's corrections laid over them."""
    import orjson

    from leomock.spec.compile import Spec

    spec = Spec()
    document = spec.document("https://cloud.leonardo.ai/api/rest/v1", published=published)
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


@main.command()
def operations() -> None:
    """List the operations, and how each is answered."""
    from leomock.operations import load
    from leomock.spec.compile import Spec

    spec = Spec()
    handlers = load(spec)
    width = max(len(id) for id in spec.operations)
    for operation in spec.operations.values():
        handler = handlers.get(operation.id)
        how = f"{handler.__module__.rsplit('.', 1)[-1]}.{handler.__name__}" if handler else "blank"
        click.echo(f"{operation.id:{width}}  {operation.method:6} {operation.path:38} {how}")


if __name__ == "__main__":
    main()

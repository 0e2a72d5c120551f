"""`leomock capability`: the API as capability files."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from leomock.cli.mcp_options import ALLOW_ORIGIN, PLAIN, check_origins
from leomock.cli.options import ALLOW_HOST, HOST, JOBS, QUIET, SCENARIO
from leomock.cli.output import write_report, writing
from leomock.state.settings import SettingError

if TYPE_CHECKING:
    from leomock.interop.capability.model import Capability, Offer
    from leomock.interop.capability.upstream import Caller

_FILE = click.Path(dir_okay=False, path_type=Path)
# The fake has a port besides those of the adapters: its name in --port, and its default.
_FAKE, _FAKE_PORT = "fake", 8090
# The exit code for a valid file that leomock does not serve, or serves only in part.
NOT_SERVED = 3
_UNKNOWN = "  (the fake has no such operation; --upstream real calls the API's)"
_OTHERWISE = "--port NAME=N or --port-offset N takes another"


@click.group()
def capability() -> None:
    """Serve, check and write capability files (Naftiko and Ikanos, 1.0.0-alpha1 to -beta4)."""


@capability.command()
@click.argument("group", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Write to this file instead of stdout; with --all, into this folder.",
)
@click.option("--all", "every", is_flag=True, help="Export every group, as files in the folder of --output.")
def export(group: str | None, output: Path | None, every: bool) -> None:
    """Write the capability file of a group of the API, such as image-generation."""
    from leomock.interop.capability.export import as_yaml, exported, file_name
    from leomock.openapi.spec import Spec
    from leomock.openapi.suggest import suggestion

    found = exported(Spec())
    if every == (group is not None) or (every and output is None):
        raise click.UsageError("give either a group, or --all and the folder --output")
    if group is not None and group not in found:
        hint = suggestion(group, found)
        raise click.UsageError(f"there is no group {group!r}; use one of {', '.join(found)}{hint}")
    if output is None:
        click.echo(as_yaml(found[group or ""]), nl=False)
        return
    with writing(output):
        if group:
            write_report(output, as_yaml(found[group]))
            return
        output.mkdir(parents=True, exist_ok=True)
        for name, tree in found.items():
            write_report(output / file_name(name), as_yaml(tree))
    click.echo(f"{output}: {len(found)} files")


@capability.command()
@click.argument("file", type=_FILE)
def check(file: Path) -> None:
    """Check a capability file and print what it would expose.

    Every error names file, line and key. The exit code is 0 if leomock serves the whole file, 2 if the file
    is invalid, and 3 if it is valid and has parts that leomock does not serve.
    """
    from leomock.interop.capability.documented import documented
    from leomock.interop.capability.features import UNSERVED
    from leomock.openapi.spec import Versions

    capability, versions = _load(file), Versions()
    count = len(capability.operations)
    click.echo(
        f"{file}: {capability.label}, {count} {'operation' if count == 1 else 'operations'}, no errors"
    )
    for upstream in capability.upstreams:
        key = f"key in {upstream.variable}" if upstream.variable else "no key"
        click.echo(f"calls {upstream.base_uri} ({key})")
    for adapter in capability.adapters:
        click.echo(f"{adapter.namespace}: {adapter.kind} on port {adapter.port}")
        width = max(len(_shown(offer)) for offer in adapter.offers)
        for offer in adapter.offers:
            is_known = documented(versions, offer.operation) or offer.steps or offer.mock
            known = "" if is_known else _UNKNOWN
            click.echo(f"  {_shown(offer):{width}}  {offer.operation.id}{known}")
    for note in capability.notes:
        click.echo(f"{file}:{note}")
    if any(note.kind == UNSERVED for note in capability.notes):
        raise click.exceptions.Exit(NOT_SERVED)


@capability.command()
@click.argument("file", type=_FILE)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Create the folder of the skill in this folder.",
)
def skill(file: Path, output: Path) -> None:
    """Write a capability file as an Agent Skill: instructions, references, and a script."""
    from leomock.interop.capability.skill import skill as files_of
    from leomock.openapi.spec import Versions

    files = files_of(_load(file), Versions())
    folder = output / next(iter(files)).partition("/")[0]
    with writing(folder):
        for name, text in files.items():
            path = output / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_report(path, text)
    click.echo(f"{folder}: {len(files)} files")


@capability.command()
@click.argument("file", type=_FILE)
@click.option(
    "--upstream",
    default="fake",
    type=click.Choice(["fake", "real"]),
    help="Server to call: a new fake, or the API at the file's baseUri with the key that the file binds.",
)
@HOST
@click.option(
    "--port",
    "ports",
    multiple=True,
    metavar="NAME=N",
    help="Port of an adapter, by its namespace, or of the fake (fake=N); 0 picks one; may be repeated.",
)
@click.option("--port-offset", default=0, metavar="N", help="Number added to every port not set by `--port`.")
@JOBS
@SCENARIO
@ALLOW_HOST
@ALLOW_ORIGIN
@PLAIN
@QUIET
@click.pass_context
def serve(
    context: click.Context,
    file: Path,
    upstream: str,
    host: str,
    ports: tuple[str, ...],
    port_offset: int,
    jobs: str,
    scenarios: tuple[str, ...],
    allow_hosts: tuple[str, ...],
    allow_origins: tuple[str, ...],
    plain: bool,
    quiet: bool,
) -> None:
    """Open every adapter of a capability file until stopped (Ctrl-C or SIGTERM).

    Callers need no key. The server calls the API with the key in the environment variable that the file
    binds; if that is not set, the fake uses a generated key.
    """
    from leomock.cli.serving.listening import listening_on
    from leomock.files.scenarios import ScenarioError
    from leomock.interop.capability.upstream import WrongKey, bound_key, calling, client_of, real_key
    from leomock.interop.capability.waiting import FakeWaiting
    from leomock.openapi.spec import version_of
    from leomock.server.lifecycle import asyncio_run
    from leomock.server.listen import bind
    from leomock.testing.fake import Fake

    check_origins(allow_origins)
    capability = _load(file)
    names = [adapter.namespace for adapter in capability.adapters]
    if upstream == "real":
        for name, option in (("jobs", "--jobs"), ("scenarios", "--scenario")):
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
                raise click.UsageError(f"{option} is for the fake; the real API goes its own way")
    else:
        names.append(_FAKE)
    numbers = _numbers(capability, names, ports, port_offset)
    with ExitStack() as stack:
        clients = {}
        waiting = None
        try:
            if upstream == "real":
                for each in capability.upstreams:
                    clients[each.namespace] = client_of(each.base_uri, real_key(each, os.environ))
            else:
                port = numbers[_FAKE]
                fake = Fake(host=host, port=port, jobs=jobs, scenario=scenarios, allow_hosts=allow_hosts)
                with listening_on(host, port, _OTHERWISE):
                    stack.enter_context(fake)
                click.echo(f"leomock listening on {fake.url}")
                for each in capability.upstreams:
                    key = bound_key(each, os.environ) or fake.api_key
                    address = f"{fake.url}/api/rest/{version_of(each.base_uri)}"
                    clients[each.namespace] = client_of(address, key, fake.transport)
                    waiting = waiting or FakeWaiting(fake.api.worlds.of, key)
        except (WrongKey, SettingError, ScenarioError) as error:
            raise click.UsageError(str(error)) from None
        listeners = []
        for adapter in capability.adapters:
            with listening_on(host, numbers[adapter.namespace], _OTHERWISE):
                listeners.append(stack.enter_context(bind(host, numbers[adapter.namespace])))
        door = (allow_hosts, allow_origins)
        asyncio_run(_serve(capability, calling(capability, clients, waiting, plain), listeners, door, quiet))


async def _serve(
    capability: Capability,
    calling: AbstractAsyncContextManager[Caller],
    listeners: Sequence[Any],
    door: tuple[Collection[str], Collection[str]],
    quiet: bool,
) -> None:
    """Serve every adapter on its socket; `door` are the hosts and origins to allow."""
    import asyncio

    from leomock.interop.adapters import lacks, make_app
    from leomock.interop.mcp.address import MCP_PATH
    from leomock.server.access_log import AccessLog, StderrLog
    from leomock.server.lifecycle import on_signal, open_until
    from leomock.server.listen import ServerConfig, address, listen

    stop = asyncio.Event()
    on_signal(stop)
    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(calling)
        running = []
        for adapter, listener in zip(capability.adapters, listeners, strict=True):
            app = make_app(adapter, caller, *door)
            await stack.enter_async_context(open_until(stop, app))
            path = MCP_PATH if adapter.kind == "mcp" else ""
            line = f"{adapter.namespace}: {adapter.kind} listening on {address(listener)}{path}"
            if missing := lacks(adapter):
                line += f", to say that {missing}"
            config = ServerConfig(app if quiet else AccessLog(app, StderrLog()))
            running.append(listen(config, listener, stop, partial(click.echo, line)))
        await asyncio.gather(*running)


def _numbers(
    capability: Capability, names: Sequence[str], ports: Sequence[str], offset: int
) -> dict[str, int]:
    """Map each adapter and the fake to its port, from the file and the options."""
    numbers = {adapter.namespace: adapter.port + offset for adapter in capability.adapters}
    if _FAKE in names:
        numbers[_FAKE] = _FAKE_PORT + offset
    for text in ports:
        name, _, number = text.partition("=")
        if name not in names or not re.fullmatch(r"\d{1,5}", number, re.ASCII):
            known = " or ".join(f"{each}=N" for each in names)
            raise click.UsageError(f"--port {text}: use {known}, with N from 0 to 65535")
        numbers[name] = int(number)
    for name, port in numbers.items():
        if not 0 <= port <= 65535:
            raise click.UsageError(f"{name} would have the port {port}; ports go from 0 to 65535")
    return numbers


def _shown(offer: Offer) -> str:
    """Return the name by which callers know the offer: method and path, or its own name."""
    return f"{offer.method:6} {offer.path}" if offer.method else offer.name


def _load(file: Path) -> Capability:
    from leomock.interop.capability.files import CapabilityError, UnservedError, load

    try:
        return load(file)
    except UnservedError as error:
        click.echo(f"Error: {error}", err=True)
        raise click.exceptions.Exit(NOT_SERVED) from None
    except CapabilityError as error:
        raise click.ClickException(str(error)) from None

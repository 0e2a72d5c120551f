"""`leomock capability`: the API as capability files."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from leomock.cli.mcp_options import ALLOW_ORIGIN, PLAIN, check_origins
from leomock.cli.options import ALLOW_HOST, HOST, JOBS, QUIET, SCENARIO, Group
from leomock.cli.output import write_report, writing
from leomock.state.settings import SettingError

if TYPE_CHECKING:
    import asyncio

    from leomock.interop.capability.model import Adapter, Capability, Offer, Operation, Upstream
    from leomock.interop.capability.upstream import Caller, Clients
    from leomock.interop.capability.waiting import Waiting

_FILE = click.Path(dir_okay=False, path_type=Path)
# The fake has a port besides those of the adapters: its name in --port, and its default.
_FAKE, _FAKE_PORT = "fake", 8090
# The exit code for a valid file that leomock does not serve, or serves only in part.
NOT_SERVED = 3
_UNKNOWN = "  (the fake has no such operation; --upstream real calls the real one)"
_KINDS = {"bearer": "bearer token", "apikey": "API key", "basic": "user name and password"}
_OTHERWISE = "--port NAME=N or --port-offset N takes another"


@click.group(cls=Group)
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
    in_part = any(note.kind == UNSERVED for note in capability.notes)
    click.echo(
        f"{file}: {capability.label}, {count} {'operation' if count == 1 else 'operations'}, "
        f"{'served in part' if in_part else 'served'}"
    )
    for upstream in capability.upstreams:
        click.echo(f"calls {upstream.base_uri} ({_credentials(upstream)})")
    for adapter in capability.adapters:
        place = "on stdin and stdout" if adapter.stdio else f"on port {adapter.port}"
        click.echo(f"{adapter.namespace}: {adapter.kind} {place}")
        rows = list(_rows(adapter))
        width = max((len(shown) for shown, _ in rows), default=0)
        for shown, offer in rows:
            called = f"  {offer.operation.id}" if offer else ""
            is_known = all(documented(versions, each) for each in _called(capability, offer))
            click.echo(f"  {shown:{width if offer else 0}}{called}{'' if is_known else _UNKNOWN}")
    for note in capability.notes:
        click.echo(f"{file}:{note}")
    if in_part:
        raise click.exceptions.Exit(NOT_SERVED)


def _rows(adapter: Adapter) -> Iterator[tuple[str, Offer | None]]:
    """Yield what an adapter offers, as its callers name it, and the operation behind it if there is one."""
    for offer in adapter.offers:
        yield f"{offer.method:6} {offer.path}" if offer.method else offer.name, offer
    for resource in adapter.resources:
        yield resource.uri, resource.offer
    for forward in adapter.forwards:
        yield f"any method {forward.path}, passed on to {forward.upstream.namespace}", None
    for prompt in adapter.prompts:
        yield f"prompt {prompt.name}", None
    for skill in adapter.skills:
        yield f"skill {skill.name}", None


def _called(capability: Capability, offer: Offer | None) -> list[Operation]:
    """Return the operations that an offer calls: one, those of its steps, or none."""
    if offer is None or offer.mock:
        return []
    if offer.steps is None:
        return [offer.operation]
    calls = {step.call for step in offer.steps.steps}
    return [each for each in capability.operations if each.id in calls]


def _credentials(upstream: Upstream) -> str:
    """Say what calls of an API carry."""
    if upstream.variable:
        return f"key in {upstream.variable}"
    found = upstream.credentials
    if found is None:
        return "no key"
    place = " and ".join(found.variables) or "the file"
    return f"{_KINDS[found.kind]} in {place}"


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
    from leomock.interop.capability.skill import NothingToCallError
    from leomock.interop.capability.skill import skill as files_of
    from leomock.openapi.spec import Versions

    try:
        files = files_of(_load(file), Versions())
    except NothingToCallError as error:
        raise click.ClickException(f"{file}: {error}") from None
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

    Callers need no key, unless the file says so. The server calls the API with the key in the environment
    variable that the file binds; if that is not set, the fake uses a generated key. Each adapter listens on
    its address in the file, unless --host says otherwise. An adapter with the transport stdio serves the
    client on stdin and stdout, until the client closes them.
    """
    from leomock.cli.serving.mcp import require_mcp
    from leomock.files.scenarios import ScenarioError
    from leomock.interop.capability.upstream import WrongKey, calling
    from leomock.server.lifecycle import asyncio_run

    check_origins(allow_origins)
    capability = _load(file)
    names = [adapter.namespace for adapter in capability.adapters if not adapter.stdio]
    if upstream == "real":
        _check_no_fake_options(context)
    else:
        names.append(_FAKE)
    numbers = _numbers(capability, names, ports, port_offset)
    stdio = any(adapter.stdio for adapter in capability.adapters)
    if stdio:
        require_mcp()
    say = partial(click.echo, err=stdio)  # stdout is the client's
    with ExitStack() as stack:
        try:
            if upstream == "real":
                clients, waiting = _real_clients(capability), None
            else:
                clients, waiting = _clients_of_fake(
                    capability,
                    stack,
                    say,
                    host=host,
                    port=numbers[_FAKE],
                    jobs=jobs,
                    scenario=scenarios,
                    allow_hosts=allow_hosts,
                )
        except (WrongKey, SettingError, ScenarioError) as error:
            raise click.UsageError(str(error)) from None
        is_given = context.get_parameter_source("host") is not ParameterSource.DEFAULT
        listeners = _listeners(capability, numbers, host, is_given, stack)
        door = (allow_hosts, allow_origins)
        asyncio_run(
            _serve(capability, calling(capability, clients, waiting, plain), listeners, door, quiet, say)
        )


def _check_no_fake_options(context: click.Context) -> None:
    """Reject options that are for the fake."""
    for name, option in (("jobs", "--jobs"), ("scenarios", "--scenario")):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"{option} is for the fake; it has no effect on the real API")


def _real_clients(capability: Capability) -> Clients:
    """Return clients of the APIs of a file, with the keys of the environment."""
    from leomock.interop.capability.upstream import real_client

    return {each.namespace: real_client(each, os.environ) for each in capability.upstreams}


def _clients_of_fake(
    capability: Capability,
    stack: ExitStack,
    say: Callable[[str], None],
    *,
    host: str,
    port: int,
    **settings: Any,
) -> tuple[Clients, Waiting | None]:
    """Start a fake, and return clients that call it in place of the APIs of a file."""
    from leomock.cli.serving.listening import listening_on
    from leomock.interop.capability.upstream import bound_key, client_of
    from leomock.interop.capability.waiting import FakeWaiting
    from leomock.openapi.spec import version_of
    from leomock.testing.fake import Fake

    fake = Fake(host=host, port=port, **settings)
    with listening_on(host, port, _OTHERWISE):
        stack.enter_context(fake)
    say(f"leomock listening on {fake.url}")
    clients, waiting = {}, None
    for each in capability.upstreams:
        key = bound_key(each, os.environ) or fake.api_key
        address = f"{fake.url}/api/rest/{version_of(each.base_uri)}"
        clients[each.namespace] = client_of(address, key, fake.transport)
        waiting = waiting or FakeWaiting(fake.api.worlds.of, key)
    return clients, waiting


def _listeners(
    capability: Capability, numbers: Mapping[str, int], host: str, is_given: bool, stack: ExitStack
) -> list[tuple[Adapter, Any]]:
    """Open the sockets of the adapters: on a given host, or else on their own addresses."""
    from leomock.cli.serving.listening import listening_on
    from leomock.server.listen import bind

    listeners = []
    for adapter in capability.adapters:
        if not adapter.stdio:
            own, port = host if is_given else adapter.address or host, numbers[adapter.namespace]
            with listening_on(own, port, _OTHERWISE):
                listeners.append((adapter, stack.enter_context(bind(own, port))))
    return listeners


async def _serve(
    capability: Capability,
    calling: AbstractAsyncContextManager[Caller],
    listeners: Sequence[tuple[Adapter, Any]],
    door: tuple[Collection[str], Collection[str]],
    quiet: bool,
    say: Callable[[str], None],
) -> None:
    """Serve every adapter on its socket; `door` contains the hosts and origins to allow."""
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
        for adapter, listener in listeners:
            app = make_app(adapter, caller, *door)
            await stack.enter_async_context(open_until(stop, app))
            path = MCP_PATH if adapter.kind == "mcp" else ""
            line = f"{adapter.namespace}: {adapter.kind} listening on {address(listener)}{path}"
            if missing := lacks(adapter):
                line += f", to say that {missing}"
            config = ServerConfig(app if quiet else AccessLog(app, StderrLog()))
            running.append(listen(config, listener, stop, partial(say, line)))
        running += [_over_stdio(each, caller, stop, say) for each in capability.adapters if each.stdio]
        await asyncio.gather(*running)


async def _over_stdio(
    adapter: Adapter, caller: Caller, stop: asyncio.Event, say: Callable[[str], None]
) -> None:
    """Serve the client on stdin and stdout; the other adapters stop with it."""
    from leomock.interop.mcp.serve import make_adapter_server, serve_stdio

    # The thread that reads stdin cannot be interrupted, and nothing here needs cleaning up.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: os._exit(0))
    say(f"{adapter.namespace}: mcp on stdin and stdout")
    await serve_stdio(make_adapter_server(adapter, caller))
    stop.set()


def _numbers(
    capability: Capability, names: Sequence[str], ports: Sequence[str], offset: int
) -> dict[str, int]:
    """Map each adapter and the fake to its port, from the file and the options."""
    numbers = {each.namespace: each.port + offset for each in capability.adapters if not each.stdio}
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


def _load(file: Path) -> Capability:
    from leomock.interop.capability.files import CapabilityError, UnservedError, load

    try:
        return load(file)
    except UnservedError as error:
        click.echo(f"Error: {error}", err=True)
        raise click.exceptions.Exit(NOT_SERVED) from None
    except CapabilityError as error:
        raise click.ClickException(str(error)) from None

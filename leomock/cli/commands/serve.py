"""`leomock serve`: the fake on a port, until it is stopped."""

from __future__ import annotations

import gc
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from leomock.cli.mcp_options import TOOL_OPTION_NAMES, McpTools, tool_options
from leomock.cli.options import (
    ALLOW_HOST,
    HOST,
    JOBS,
    PORT,
    PROXY_OTHERS,
    QUIET,
    SCENARIO,
    GroupedCommand,
    Number,
    Whole,
    setting,
)
from leomock.state.settings import LARGEST_INT, SettingError

if TYPE_CHECKING:
    from leomock.cli.serving.fake import ServeOptions
    from leomock.operations.dispatch import Dispatcher

GROUPS = {
    "Where it listens": (
        *("--host", "--port", "--public-url", "--allow-host", "--cors"),
        *("--drain", "--workers"),
    ),
    "For clients that hard-code the real host": ("--https", "--proxy", "--proxy-others"),
    "MCP tools": ("--mcp", *TOOL_OPTION_NAMES),
    "Who may call": ("--auth", "--api-key", "--admin-token", "--max-worlds"),
    "How it behaves": ("--jobs", "--scenario", "--limits", "--seed", "--ids", "--rate"),
    "Credits": ("--credits", "--plan-credits", "--unit"),
    "Webhooks": (
        *("--webhook-url", "--webhook-key", "--webhook-form", "--webhook-http"),
        *("--webhook-timeout", "--webhook-ca", "--webhook-insecure"),
    ),
    "What it keeps": (
        "--state",
        "--save-every",
        "--journal",
        "--journal-bytes",
        "--journals-bytes",
        "--render-cache",
        "--max-upload",
        "--max-stored",
        "--max-stored-all",
        "--max-rows",
    ),
    "What it accepts": ("--chunked-uploads", "--max-body", "--max-head", "--max-state", "--request-timeout"),
    "Models": ("--as-of", "--model", "--catalogue", "--unknown-models"),
    "Accounts": ("--has",),
    "What it tells": ("--ui", "--explain", "--log-format", "--traces", "--quiet"),
}


@click.command(cls=GroupedCommand, groups=GROUPS)
@HOST
@PORT
@setting("--seed", default=0, help="The same seed, key and calls give the same ids and pictures.")
@setting(
    "--auth",
    default="open",
    type=click.Choice(["open", "strict", "real"]),
    help="open: accept any key. strict: accept only --api-key. real: like strict, and answer 500 to a key "
    "that is not a UUID, as the real service does.",
)
@setting("--api-key", "api_keys", multiple=True, metavar="KEY", help="A key to accept; may be repeated.")
@JOBS
@setting(
    "--ids",
    default="v4",
    type=click.Choice(["v4", "v6"]),
    help="UUID version of generation ids; newer accounts see v6.",
)
@SCENARIO
@setting(
    "--limits",
    default="none",
    type=click.Choice(["none", "real"]),
    help="real: enforce the documented request rates, concurrency and queue.",
)
@setting(
    "--credits",
    default=100_000_000,
    type=Whole(0, LARGEST_INT),
    help="Credits that each key has at the start.",
)
@setting(
    "--plan-credits",
    default=0,
    type=Whole(0, LARGEST_INT),
    help="Credits added to each key every month.",
)
@setting(
    "--unit",
    default="credits",
    type=click.Choice(["CREDITS", "DOLLARS"], case_sensitive=False),
    help="Unit of the prices in responses.",
)
@click.option("--rate", default=1.0, help="Speed of the fake's clock; 10 is ten times as fast, 0 freezes it.")
@setting(
    "--webhook-url",
    default="",
    show_default=False,
    metavar="URL",
    help="Where events of all keys are posted.",
)
@setting(
    "--webhook-key",
    default="",
    show_default=False,
    metavar="KEY",
    help="Bearer token to send with each event.",
)
@setting(
    "--webhook-timeout",
    default=5.0,
    metavar="SECONDS",
    help="Seconds that a receiver may take to respond.",
)
@setting(
    "--webhook-ca",
    default="",
    show_default=False,
    metavar="FILE",
    help="PEM file of the CA that signed the receiver's certificate.",
)
@setting(
    "--webhook-insecure",
    is_flag=True,
    help="Accept any certificate of a receiver, even a self-signed one.",
)
@setting(
    "--webhook-form",
    default="2026",
    type=click.Choice(["2026", "2023"]),
    help="2026: events as captured, with a type for videos. 2023: the documented sample, with the API key.",
)
@setting(
    "--webhook-http",
    default="allow",
    type=click.Choice(["allow", "refuse"]),
    help="refuse: the webhook must be an https URL, as the vendor's web form requires.",
)
@click.option(
    "--state",
    "state_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File that keeps the state: loaded at the start, saved at the end and every --save-every seconds.",
)
@click.option(
    "--save-every",
    default=5.0,
    type=Number(0.1),
    metavar="SECONDS",
    help="Seconds between two saves of --state, or up to a minute if a save takes more than a tenth of that.",
)
@click.option(
    "--drain",
    default=0.0,
    type=Number(0, 3600),
    metavar="SECONDS",
    help="Seconds to accept calls after SIGTERM, while /_leomock/health/ready answers 503.",
)
@click.option(
    "--workers",
    default=1,
    type=Whole(1, 64),
    metavar="N",
    help="Number of processes that share the work, for example one per core; each API key stays in one of "
    "them. Linux and macOS only.",
)
@setting(
    "--public-url",
    default="",
    show_default=False,
    metavar="URL",
    help="Base URL for links in responses; otherwise the host of the request.",
)
@ALLOW_HOST
@setting(
    "--cors",
    multiple=True,
    metavar="ORIGIN",
    help="Origin whose pages may call API, CDN and bucket, such as http://localhost:5173, or * for all; may "
    "be repeated.",
)
@setting(
    "--max-body",
    default=16 * 2**20,
    type=Whole(1),
    metavar="BYTES",
    help="Largest accepted request body.",
)
@setting(
    "--max-upload",
    default=25 * 2**20,
    type=Whole(1),
    metavar="BYTES",
    help="Largest accepted upload.",
)
@setting(
    "--max-stored",
    default=256 * 2**20,
    type=Whole(1),
    metavar="BYTES",
    help="Bytes of files that each key may store; uploads beyond that are refused.",
)
@setting(
    "--max-stored-all",
    default=2**30,
    type=Whole(1),
    metavar="BYTES",
    help="Bytes of files that all keys together may store; uploads beyond that are refused.",
)
@setting(
    "--max-worlds",
    default=1000,
    type=Whole(1),
    help="Maximum number of API keys to keep; the least recently used is dropped.",
)
@setting(
    "--max-rows",
    default=2_000_000,
    type=Whole(1),
    help="Generations, uploads and other rows that all keys together may have; calls for more are refused.",
)
@setting(
    "--chunked-uploads",
    default="refuse",
    type=click.Choice(["refuse", "accept"]),
    help="refuse: answer upload forms without Content-Length with 411, as S3 was seen to do.",
)
@setting(
    "--max-head",
    default=64 * 1024,
    type=Whole(1),
    metavar="BYTES",
    help="Largest accepted request line with headers; longer ones get a 431.",
)
@setting(
    "--request-timeout",
    default=60.0,
    type=Number(0, 86_400, min_open=True),
    metavar="SECONDS",
    help="Seconds in which a request must arrive, including its body; a slower one gets a 408.",
)
@setting(
    "--max-state",
    default=64 * 2**20,
    type=Whole(1),
    metavar="BYTES",
    help="Largest snapshot accepted by PUT /_leomock/state.",
)
@setting("--journal", default=1000, type=Whole(1), help="Number of exchanges to keep for each key.")
@setting(
    "--journal-bytes",
    default=16 * 2**20,
    type=Whole(1),
    metavar="BYTES",
    help="Bytes of exchanges to keep for each key.",
)
@setting(
    "--journals-bytes",
    default=256 * 2**20,
    type=Whole(1),
    metavar="BYTES",
    help="Bytes of exchanges to keep for all keys together; the largest journals are shortened first.",
)
@click.option(
    "--render-cache",
    default=64 * 2**20,
    type=Whole(0),
    metavar="BYTES",
    help="Bytes of rendered pictures and videos to keep in memory.",
)
@setting(
    "--as-of",
    default="",
    show_default=False,
    metavar="DATE",
    help="Answer as the service did on this day (YYYY-MM-DD): models retired later still work.",
)
@setting(
    "--model",
    "models",
    multiple=True,
    metavar="ID=NAME",
    help="A model that leomock does not know, by its UUID or version 2 name; may be repeated.",
)
@setting(
    "--catalogue",
    default="",
    show_default=False,
    metavar="FILE",
    help="What the platform offers in addition to leomock's own catalogue: models, elements, styles, "
    "blueprints.",
)
@setting(
    "--has",
    default="",
    show_default=False,
    metavar="FILE",
    help="What accounts already have: elements, models, datasets, uploads and generations with fixed ids.",
)
@setting(
    "--unknown-models",
    default="refuse",
    type=click.Choice(["refuse", "allow"]),
    help="allow: accept every well-formed model id.",
)
@setting(
    "--admin-token",
    default="",
    show_default=False,
    metavar="TOKEN",
    help="Token for admin API calls without an API key. If --host lets other machines in, one is made "
    "and printed at the start.",
)
@setting("--ui/--no-ui", default=True, help="Show the page at /.")
@setting(
    "--explain",
    is_flag=True,
    help="Say in the header X-Leomock-Basis how we know that each response is real.",
)
@click.option(
    "--https",
    is_flag=False,
    flag_value=8443,
    type=Whole(0, 65535),
    metavar="[PORT]",
    help="Also answer HTTPS, by default on port 8443, for the real hosts' names and localhost. `leomock ca` "
    "shows how to trust the certificate.",
)
@click.option(
    "--proxy",
    is_flag=False,
    flag_value=8888,
    type=Whole(0, 65535),
    metavar="[PORT]",
    help="Also be a forward proxy, by default on port 8888, which sends requests for the real hosts here.",
)
@PROXY_OTHERS
@click.option("--mcp", is_flag=True, help="Also offer operations as MCP tools, at /mcp.")
@tool_options
@click.option(
    "--log-format",
    default="text",
    type=click.Choice(["text", "json"]),
    help="Format of the log on stderr; json writes one object per line.",
)
@click.option(
    "--traces",
    is_flag=False,
    flag_value="",
    metavar="[URL]",
    help="Send an OpenTelemetry trace of each call by OTLP over HTTP, to a collector such as "
    "http://localhost:4318, by default to the one in OTEL_EXPORTER_OTLP_ENDPOINT. Needs leomock[tracing].",
)
@QUIET
def serve(
    host: str,
    port: int,
    rate: float,
    scenarios: tuple[str, ...],
    state_file: Path | None,
    save_every: float,
    drain: float,
    workers: int,
    https: int | None,
    proxy: int | None,
    proxy_others: str,
    mcp: bool,
    tools: McpTools,
    quiet: bool,
    log_format: Literal["text", "json"],
    traces: str | None,
    render_cache: int,
    **settings: Any,
) -> None:
    """Serve the fake until it is stopped (Ctrl-C or SIGTERM)."""
    # Nothing to find until the fake is loaded; `serve_fake` searches again.
    gc.disable()
    click.get_current_context().call_on_close(gc.enable)
    from leomock.cli.serving.fake import Ports, ServeOptions, check_tracing, serve_fake
    from leomock.cli.serving.listening import run_on
    from leomock.cli.serving.secure import secure_ports
    from leomock.state.render_cache import RENDERED

    RENDERED.limit = render_cache
    made_token = _make_admin_token(settings, host)
    if traces is not None:
        check_tracing(traces)
    options = ServeOptions(
        settings,
        [*scenarios],
        rate,
        str(state_file or ""),
        save_every,
        quiet,
        log_format,
        render_cache,
        traces,
    )
    if workers > 1:
        from leomock.cli.serving.workers import check_workers, serve_with_workers

        check_workers({"--https": https, "--proxy": proxy, "--mcp": mcp or None})
        # Only to check the options: each worker loads its part of the state.
        checked = _dispatcher(options._replace(state_file="")).settings
        run_on(
            host,
            port,
            lambda listener, url: serve_with_workers(workers, options, checked, listener, url, drain),
            first=made_token,
        )
        return
    api = _dispatcher(options)
    if mcp:
        from leomock.cli.serving.mcp import require_mcp

        require_mcp()
    elif tools != McpTools():
        raise click.UsageError(f"{', '.join(TOOL_OPTION_NAMES)} are about MCP tools; add --mcp")
    offered = tools if mcp else None
    with secure_ports(host, https, proxy, proxy_others == "refuse") as secure:
        run_on(
            host,
            port,
            lambda listener, url: serve_fake(api, options, Ports(listener, url, offered, secure), drain),
            first=made_token,
        )


def _make_admin_token(settings: dict[str, Any], host: str) -> str:
    """Make an admin token if other machines reach the server and there is none; return a line to print."""
    from leomock.server.guard import is_loopback

    if settings["admin_token"] or is_loopback(host):
        return ""
    settings["admin_token"] = secrets.token_urlsafe(24)
    return f"leomock: the admin token is {settings['admin_token']} (--admin-token sets one)"


def _dispatcher(options: ServeOptions) -> Dispatcher:
    """Return the fake that the options describe; join the state files that several workers left."""
    from leomock.cli.output import writing
    from leomock.cli.serving.fake import make_dispatcher, put_together
    from leomock.files.scenarios import ScenarioError
    from leomock.state.snapshot import SnapshotError

    try:
        if options.state_file:
            with writing(Path(options.state_file)):
                put_together(Path(options.state_file))
        return make_dispatcher(options)
    except (SettingError, ScenarioError, SnapshotError, ValueError) as error:
        raise click.UsageError(str(error)) from None

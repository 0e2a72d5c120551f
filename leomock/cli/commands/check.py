"""`leomock check`: check whether a server follows the contract."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from leomock.cli.options import Number, Whole
from leomock.cli.report_options import ReportOptions, finish, report_options
from leomock.state.settings import SettingError, check_date

if TYPE_CHECKING:
    from leomock.contract.check.loading import Loaded
    from leomock.contract.check.target import Target
    from leomock.contract.reports.model import Finding, Report

# Generated calls per operation. Quick: for every push; full: for nightly runs.
EXAMPLES = {"quick": 5, "full": 50}
QUICK_PHASES = ("examples", "fuzzing")
# Without a terminal, a line of progress is printed this often.
PROGRESS_SECONDS = 10.0
REMOTE_REQUESTS = 2000


def _date(context: click.Context, option: click.Parameter, value: str) -> str:
    """Refuse a text that is no date."""
    try:
        return check_date(value)
    except SettingError as error:
        raise click.UsageError(str(error), context) from None


@click.command()
@click.argument("url", required=False)
@click.option(
    "--api-key",
    envvar="LEONARDO_API_KEY",
    metavar="KEY",
    help="The API key; defaults to LEONARDO_API_KEY from the environment.",
)
@click.option(
    "--second-api-key",
    "second_key",
    envvar="LEONARDO_SECOND_API_KEY",
    metavar="KEY",
    help="A key of another account: check that neither account can see the other; defaults to "
    "LEONARDO_SECOND_API_KEY from the environment.",
)
@click.option("--any-key", is_flag=True, help="The server accepts any key on purpose, as a mock may.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="Only this group; may be repeated.")
@click.option(
    "--operation", "operations", multiple=True, metavar="ID", help="Only this operation; may be repeated."
)
@click.option(
    "--profile",
    type=click.Choice(["quick", "full"]),
    default="full",
    help="quick: all journeys and a few generated calls, for every push; full: for nightly runs.",
)
@click.option(
    "--max-examples",
    type=Whole(1),
    metavar="N",
    help="Maximum generated calls per operation and phase, instead of the profile's number.",
)
@click.option("--seed", default=0, help="The same seed and server give the same calls.")
@click.option(
    "--as-of",
    default="",
    show_default=False,
    callback=_date,
    metavar="DATE",
    help="Check a server that answers as the service did on this day (YYYY-MM-DD): also check what the "
    "vendor retired later.",
)
@click.option(
    "--published", is_flag=True, help="Judge by the documents as published, without leomock's corrections."
)
@click.option("--allow-writes", is_flag=True, help="Send more than GET to another host. May cost credits.")
@click.option(
    "--max-requests",
    type=Whole(1),
    metavar="N",
    help=f"Maximum number of requests; {REMOTE_REQUESTS} for another host unless given.",
)
@click.option(
    "--max-time",
    type=Number(1),
    default=300.0,
    metavar="SECONDS",
    help="Stop after this time and report the findings so far.",
)
@click.option(
    "--max-job-time",
    "patience",
    type=Number(0),
    default=60.0,
    metavar="SECONDS",
    help="Longest wait for one job; a job that takes longer is a finding.",
)
@click.option(
    "--max-answer-time",
    "max_answer_seconds",
    type=Number(0, min_open=True),
    default=10.0,
    metavar="SECONDS",
    help="Longest wait for one response; a slower one is a finding.",
)
@click.option(
    "--wait",
    type=Number(0),
    default=0.0,
    metavar="SECONDS",
    help="Wait up to this long for the server to start.",
)
@click.option("--fail-fast", is_flag=True, help="Stop at the first error.")
@click.option("--explain-allowances", is_flag=True, help="List the findings that the API is known to cause.")
@report_options()
@click.option("-v", "--verbose", is_flag=True, help="Show every step of the progress.")
def check(
    url: str | None,
    api_key: str | None,
    groups: tuple[str, ...],
    operations: tuple[str, ...],
    reporting: ReportOptions,
    verbose: bool,
    profile: str,
    max_examples: int | None,
    seed: int,
    as_of: str,
    published: bool,
    allow_writes: bool,
    max_requests: int | None,
    max_time: float,
    wait: float,
    fail_fast: bool,
    explain_allowances: bool,
    **target_options: Any,
) -> None:
    """Check a server against the contract: the real service, a proxy, a replay, or any fake.

    URL is the API's base URL or just the server's. Without URL, a fake is started and checked. The check
    first takes every resource through its life cycle, then calls every operation with valid and invalid
    requests derived from the document. It prints findings to stderr as it finds them.

    Exit code 0: no findings. 1: there are findings. 2: the check could not run or was interrupted.
    """
    with ExitStack() as stack, _plain_errors(max_time, max_requests):
        from leomock.contract.check.loading import Loaded, find_operations
        from leomock.openapi.spec import Versions

        versions = Versions()
        wanted = find_operations(versions, operations, groups)
        target_options |= {"max_requests": max_requests, "max_seconds": max_time}
        target = _target(stack, url, api_key, as_of, allow_writes=allow_writes, **target_options)
        target.wait_until_up(wait)
        loaded = Loaded(
            target,
            versions=versions,
            max_examples=max_examples or EXAMPLES[profile],
            seed=seed,
            published=published,
            as_of=as_of,
        )
        if operations or groups:
            loaded.ensure(wanted)
        progress = Progress(verbose=verbose or sys.stderr.isatty())
        stack.enter_context(_rare_garbage_collection())
        report = _run(loaded, wanted, progress, profile, fail_fast=fail_fast, explained=explain_allowances)
    finish(report, reporting)


def _run(
    loaded: Loaded,
    operations: list[str],
    progress: Progress,
    profile: str,
    *,
    fail_fast: bool,
    explained: bool,
) -> Report:
    """Check the operations in the phases of the profile."""
    from leomock.contract.check.run import PHASES, check

    return check(
        loaded,
        operations,
        say=progress.say,
        found=progress.found,
        phases=QUICK_PHASES if profile == "quick" else PHASES,
        fail_fast=fail_fast,
        explain_allowances=explained,
    )


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    """Collect garbage less often during a check: documents and schemas live until its end.

    Otherwise garbage collection takes a tenth of the time.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


@contextmanager
def _plain_errors(max_time: float, max_requests: int | None) -> Iterator[None]:
    """Turn an error that prevents a check into one line and exit code 2."""
    try:
        from leomock.contract.check.target import CheckError, OutOfTime, RequestBudgetExceeded
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    try:
        yield
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    except CheckError as error:
        raise _cannot(str(error)) from None
    except OutOfTime:
        raise _cannot(f"--max-time {max_time:g} is too short: the check could not start") from None
    except RequestBudgetExceeded:
        raise _cannot(
            f"--max-requests {max_requests} is too low: the check needs a few requests to start"
        ) from None
    except KeyboardInterrupt:
        raise _cannot("interrupted before anything was checked") from None


def _target(
    stack: ExitStack, url: str | None, api_key: str | None, as_of: str, *, allow_writes: bool, **options: Any
) -> Target:
    """Return the server to check; without a URL, start a fake that ends with the stack."""
    from leomock.contract.check.target import CheckError, Target, addresses, is_loopback

    if url is None:
        url, api_key, second = _own_fake(stack, as_of)
        options["second_key"] = options["second_key"] or second
    elif not api_key:
        addresses(url)  # it refuses what is no address at all
        raise CheckError(f"leomock check: {url} needs a key: give it with --api-key or in LEONARDO_API_KEY")
    near = is_loopback(url)
    if not near:
        options["max_requests"] = options["max_requests"] or REMOTE_REQUESTS
    return Target(url, api_key or "", writes=near or allow_writes, **options)


class Progress:
    """Progress lines on stderr: every step on a terminal, otherwise the latest step every ten seconds.

    Findings are printed at once in both cases.
    """

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._next = time.monotonic() + PROGRESS_SECONDS

    def say(self, line: str) -> None:
        """Show one step if enough time has passed."""
        if self._verbose or time.monotonic() >= self._next:
            self._next = time.monotonic() + PROGRESS_SECONDS
            click.echo(line, err=True)

    def found(self, finding: Finding) -> None:
        """Show the first line of a finding."""
        from leomock.contract.reports.plain import printable

        click.echo(printable(f"found {finding.level}: {finding.where}: {finding.message}"), err=True)


def _own_fake(stack: ExitStack, as_of: str) -> tuple[str, str, str]:
    """Start a fake for this check; return its URL and the keys of two tenants."""
    import logging

    from leomock.contract.check.target import MADE_UP_KEY
    from leomock.testing.fake import Fake

    # Some calls are invalid HTTP on purpose; the server would log each.
    server_log = logging.getLogger("uvicorn.error")
    stack.callback(server_log.setLevel, server_log.level)
    server_log.setLevel(logging.ERROR)
    fake = stack.enter_context(Fake(auth="strict", api_keys=(MADE_UP_KEY,), as_of=as_of))
    return fake.base_url, fake.api_key, MADE_UP_KEY


def _missing(error: ModuleNotFoundError) -> click.ClickException:
    return _cannot(f"{error.name} is missing; pip install 'leomock[contract]'")


def _cannot(text: str) -> click.ClickException:
    return click.ClickException(text.removeprefix("leomock check: "))

"""`leomock check`: does a server keep the contract."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

import click

from leomock.cli.report_options import ReportOptions, finish, report_options


@click.command()
@click.argument("url", required=False)
@click.option(
    "--api-key",
    envvar="LEONARDO_API_KEY",
    metavar="KEY",
    help="The API key; LEONARDO_API_KEY in the environment will do as well.",
)
@click.option("--group", "groups", multiple=True, metavar="NAME", help="Only this group; may be repeated.")
@click.option(
    "--operation", "operations", multiple=True, metavar="ID", help="Only this operation; may be repeated."
)
@click.option(
    "--max-examples", default=100, type=click.IntRange(1), help="Most calls that are drawn for an operation."
)
@click.option("--seed", default=0, help="Same seed and server: same calls.")
@click.option("--workers", default=1, type=click.IntRange(1, 64), help="Calls at a time.")
@click.option(
    "--published", is_flag=True, help="By the documents as published, without leomock's corrections."
)
@click.option(
    "--allow-writes", is_flag=True, help="Send more than GET to a host that is not this machine. May cost."
)
@click.option(
    "--max-requests",
    type=click.IntRange(1),
    metavar="N",
    help="Send at most so many; 2000 for a host that is not this machine, unless given.",
)
@click.option("--explain-allowances", is_flag=True, help="List the findings that are known of the API.")
@report_options()
@click.option("-v", "--verbose", is_flag=True, help="Tell the progress also where nobody watches.")
def check(
    url: str | None,
    api_key: str | None,
    groups: tuple[str, ...],
    operations: tuple[str, ...],
    reporting: ReportOptions,
    verbose: bool,
    explain_allowances: bool,
    allow_writes: bool,
    max_requests: int | None,
    **options: Any,
) -> None:
    """Check a server against the contract: the real service, a proxy, a replay, or any fake.

    URL is where the API begins, or only the server. Without it a fake is started and checked. Every operation
    is called in all the ways that its document gives, right and wrong, and journeys of a client are tried.
    Exit code: 0 nothing found, 1 findings, 2 the check could not run.
    """
    try:
        from leomock.contract.check.loading import Loaded, find_operations
        from leomock.contract.check.run import check as run
        from leomock.contract.check.target import CheckError, RequestBudgetExceeded, Target, is_loopback
    except ModuleNotFoundError as error:
        raise _cannot(f"leomock check: {error.name} is missing; pip install 'leomock[contract]'") from None
    from leomock.openapi.spec import Versions

    def say(line: str) -> None:
        click.echo(line, err=True)

    with ExitStack() as stack:
        try:
            versions = Versions()
            wanted = find_operations(versions, operations, groups)
            if url is None:
                url, api_key = _own_fake(stack)
            elif not api_key:
                raise CheckError(
                    f"leomock check: {url} wants a key: give it with --api-key or in LEONARDO_API_KEY"
                )
            near = is_loopback(url)
            limit = max_requests or (None if near else 2000)
            target = Target(url, api_key or "", writes=near or allow_writes, max_requests=limit)
            loaded = Loaded(target, versions=versions, **options)
            if operations or groups:
                loaded.ensure(wanted)
            watched = verbose or sys.stderr.isatty()
            report = run(
                loaded,
                wanted,
                say=say if watched else lambda line: None,
                explain_allowances=explain_allowances,
            )
        except CheckError as error:
            raise _cannot(str(error)) from None
        except RequestBudgetExceeded:
            raise _cannot(
                f"leomock check: --max-requests {limit} do not do for the first questions"
            ) from None
        except KeyboardInterrupt:
            raise _cannot("leomock check: interrupted") from None
    finish(report, reporting)


def _own_fake(stack: ExitStack) -> tuple[str, str]:
    """A fake for this check: its address and its key."""
    import logging

    from leomock.testing.fake import Fake

    # Some calls are no HTTP on purpose; uvicorn would tell of each.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    fake = stack.enter_context(Fake(auth="strict"))
    return fake.base_url, fake.api_key


def _cannot(text: str) -> click.ClickException:
    return click.ClickException(text.removeprefix("leomock check: "))

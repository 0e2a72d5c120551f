"""The options shared by commands that report findings: formats, files, baseline, exit code."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from leomock.cli.output import OUTPUT, put, writable

if TYPE_CHECKING:
    from leomock.contract.reports.baseline import Accepted
    from leomock.contract.reports.model import Report

FORMATS = ("text", "json", "markdown", "sarif", "junit", "github", "html")
if TYPE_CHECKING:
    _ParamType = click.ParamType["ReportTarget"]
else:
    _ParamType = click.ParamType  # generic only for type checkers in older versions of click
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ReportTarget:
    """A format, and the file for it; None means stdout."""

    format: str
    path: Path | None = None


class ReportTargetType(_ParamType):
    """`FORMAT` or `FORMAT=FILE`."""

    name = "FORMAT[=FILE]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ReportTarget:
        """Read one value."""
        if isinstance(value, ReportTarget):
            return value
        format, equals, file = str(value).partition("=")
        if format not in FORMATS or (equals and not file):
            self.fail(f"{value!r} is not FORMAT or FORMAT=FILE; the formats are {', '.join(FORMATS)}")
        path = Path(file) if file else None
        if path and path.is_dir():
            self.fail(f"{file} is a folder; name a file")
        if ctx is not None and param is not None:
            writable(ctx, param, path)
        return ReportTarget(format, path)


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The values of the report options: destinations, accepted findings, and the level for exit code 1.

    `fail_on` is "" if the option is missing; the report then keeps its own level.
    """

    targets: tuple[ReportTarget, ...]
    baseline: tuple[Accepted, ...] = ()
    fail_on: str = ""


def report_options(*, fail_on: bool = True) -> Callable[[Command], Command]:
    """Add --report, --output, --baseline and (unless the command has its own) --fail-on to a command.

    The command receives them as one argument, `reporting`.
    """
    options = [
        click.option(
            "--report",
            "--format",
            "reports",
            multiple=True,
            type=ReportTargetType(),
            metavar="FORMAT[=FILE]",
            help=f"Report format, and a file for it; may be repeated. Formats: {', '.join(FORMATS)}.",
        ),
        OUTPUT,
        click.option(
            "--baseline",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="YAML file with accepted findings and the reason for each.",
        ),
    ]
    if fail_on:
        options.append(
            click.option(
                "--fail-on",
                type=click.Choice(["error", "warning", "note", "never"]),
                default="error",
                help="The lowest level that makes the exit code 1.",
            )
        )

    def decorate(command: Command) -> Command:
        def collect(
            *args: Any,
            reports: tuple[ReportTarget, ...],
            output: Path | None,
            baseline: Path | None,
            **rest: Any,
        ) -> Any:
            chosen = rest.pop("fail_on") if fail_on else ""
            rest["reporting"] = ReportOptions(_targets(reports, output), _accepted(baseline), chosen)
            return command(*args, **rest)

        collect.__name__, collect.__doc__ = command.__name__, command.__doc__
        collect.__click_params__ = list(getattr(command, "__click_params__", []))  # type: ignore[attr-defined]  # click's own way of collecting options
        decorated: Any = collect
        for option in reversed(options):
            decorated = option(decorated)
        result: Command = decorated
        return result

    return decorate


def _targets(reports: tuple[ReportTarget, ...], output: Path | None) -> tuple[ReportTarget, ...]:
    to_stdout = [target for target in reports if target.path is None]
    if not reports or (output and not to_stdout):
        to_stdout.append(ReportTarget("text"))
    if len(to_stdout) > 1:
        names = " and ".join(target.format for target in to_stdout)
        raise click.UsageError(
            f"only one report can go to {output or 'stdout'}, not {names}; "
            f"give the others a file: --report {to_stdout[1].format}=FILE"
        )
    files = [target for target in reports if target.path is not None]
    return (*(replace(target, path=output) for target in to_stdout), *files)


def _accepted(path: Path | None) -> tuple[Accepted, ...]:
    if path is None:
        return ()
    from leomock.contract.reports.baseline import BaselineError, read_baseline

    try:
        return tuple(read_baseline(path))
    except BaselineError as error:
        raise click.ClickException(str(error)) from None


def finish(report: Report, reporting: ReportOptions) -> NoReturn:
    """Apply the baseline, write every report, and exit: 1 if the report fails, else 0."""
    from leomock.contract.reports.baseline import accept
    from leomock.contract.reports.writers import WRITERS

    if reporting.baseline:
        report = accept(report, reporting.baseline, datetime.datetime.now(datetime.UTC).date())
    if reporting.fail_on:
        level: Any = None if reporting.fail_on == "never" else reporting.fail_on
        report = replace(report, fail_on=level)
    for target in reporting.targets:
        put(WRITERS[target.format](report), target.path)
        if target.path:
            click.echo(f"{report.title}: {report.summary}; the report is in {target.path}", err=True)
    sys.exit(1 if report.failed else 2 if report.interrupted else 0)

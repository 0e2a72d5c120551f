"""The page about published capability files, from the facts that `tests.interop.capability.survey` found."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

FACTS = Path(__file__).parents[1] / "tests" / "interop" / "capability" / "published.csv"
RESULTS = ("served", "served in part", "not served", "invalid")
INTRODUCTION = (
    "How many of the published [capability files](../how-to/capability.md) leomock serves. *Served in "
    "part*: the "
    "rest of the file is served. *Not served*: nothing in the file can be served; most of these files only "
    "define what other files import. *Invalid*: the file violates the format, or refers to something that "
    "does "
    "not exist.\n\n"
    "The framework's files come from its repositories at each tag, so a file that did not change counts "
    "once per tag. The files for other APIs are a sample: everything that some providers published, and the "
    "first 30 files of one provider. `python -m tests.interop.capability.survey FOLDER` counts again."
)
Row = dict[str, str]
Table = tuple[str, Sequence[str], list[tuple[str, ...]]]  # heading, head, rows


def tables() -> Iterator[Table]:
    """Yield the tables of the page."""
    with FACTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    yield "By source", ("source", "files", *RESULTS), _by_source(rows)
    yield "Reasons", ("feature", "files served in part", "files not served"), _by_feature(rows)
    yield "Invalid files", ("repository", "file", "first error"), _invalid(rows)


def _by_source(rows: list[Row]) -> list[tuple[str, ...]]:
    found = []
    for source in [*sorted({row["source"] for row in rows}), ""]:
        chosen = [row["result"] for row in rows if source in ("", row["source"])]
        counts = [str(chosen.count(result)) for result in RESULTS]
        found.append((source or "all", str(len(chosen)), *counts))
    return found


def _by_feature(rows: list[Row]) -> list[tuple[str, ...]]:
    """Count the files that are not wholly served because of each feature."""
    counts = {result: Counter[str]() for result in RESULTS}
    for row in rows:
        counts[row["result"]].update(row["reasons"].split("; "))
    in_part, nothing = counts["served in part"], counts["not served"]
    features = sorted({*in_part, *nothing}, key=lambda name: (-in_part[name] - nothing[name], name))
    return [(name, str(in_part[name]), str(nothing[name])) for name in features]


def _invalid(rows: list[Row]) -> list[tuple[str, ...]]:
    """Name the invalid files; those of a repository with the same error are one row."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["result"] == "invalid":
            repository = row["source"].partition("@")[0]
            kind = re.sub(r"'[^']*'|\{\w+\} in \S+", "", row["reasons"])
            found.setdefault((repository, kind), []).append(row)
    lines: list[tuple[str, ...]] = []
    for (repository, _), alike in found.items():
        tags = list(dict.fromkeys(row["source"].partition("@v")[2] for row in alike))
        names = list(dict.fromkeys(row["file"].rpartition("/")[2] for row in alike))
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        source = f"{repository} {tags[0]}" + (f" to {tags[-1]}" if len(tags) > 1 else "")
        lines.append((source.strip(), f"`{names[0]}`{more}", f"`{alike[0]['reasons']}`"))
    return lines

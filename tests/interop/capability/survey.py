"""Find out how much of published files is served: `python -m tests.interop.capability.survey FOLDER`.

FOLDER has a folder for each source, such as `naftiko+ikanos@v1.0.0-beta4`, with its files as they were
published. The facts go to `published.csv`, from which `make reference` writes the page; the files themselves
are not in this repository.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from leomock.interop.capability.features import UNSERVED
from leomock.interop.capability.files import CapabilityError, UnservedError, load

FACTS = Path(__file__).with_name("published.csv")
COLUMNS = ("source", "file", "version", "result", "reasons")
_VERSION = re.compile(r"^(?:naftiko|ikanos) *: *[\"']?([\w.-]+)", re.MULTILINE)


def surveyed(folder: Path) -> Iterator[dict[str, str]]:
    """Yield a row for each file below a folder."""
    for path in sorted(folder.rglob("*.y*ml")):
        source, *parts = path.relative_to(folder).parts
        version = _VERSION.search(path.read_text("utf-8"))
        result, reasons = _result(path)
        yield {
            "source": source.replace("+", "/"),
            "file": "/".join(parts),
            "version": version[1] if version else "",
            "result": result,
            "reasons": "; ".join(reasons),
        }


def _result(path: Path) -> tuple[str, list[str]]:
    """Return how much of a file is served, and the features that keep leomock from serving more."""
    try:
        notes = [str(note) for note in load(path).notes]
    except UnservedError as error:
        return "not served", _features([line.removeprefix(f"{path}:") for line in error.findings])
    except CapabilityError as error:
        return "invalid", [error.findings[0].removeprefix(f"{path}:").partition(": ")[2]]
    features = _features(notes)
    return ("served in part", features) if features else ("served", [])


def _features(lines: list[str]) -> list[str]:
    """Return the names of the features in the lines that `capability check` prints of them."""
    found = (re.fullmatch(rf"\d+: (.*): {UNSERVED}(?: \(\d+ times\))?", line) for line in lines)
    if features := [match[1] for match in found if match]:
        return features
    return ["a version that is not known"] if any("the version is " in line for line in lines) else []


def read() -> list[dict[str, str]]:
    """Return the facts that were found before."""
    with FACTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    with FACTS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(surveyed(Path(sys.argv[1])))

"""The page of docs/reference about models: every model of both versions, its parameters, basis and source."""

from __future__ import annotations

from collections.abc import Iterator

from leomock.leonardo.catalogue import platform_models, seen_models
from leomock.leonardo.catalogue.retirements import retired_models, retired_operations
from leomock.leonardo.catalogue.v2 import ModelV2, models_on, schema_v2

INTRODUCTION = """\
The catalogue is data with sources (`leomock/leonardo/catalogue/`). The *basis* says how we know what a
model accepts: `documented` by the vendor, `observed` by others, `inferred` from one of these, or `chosen` by
us. A model without known parameters is *open*: it accepts everything, and the call's explanation says so.

`--model ID=NAME` adds a model, `--unknown-models allow` accepts every well-formed id, and
`--as-of DATE` answers as the service did on an earlier day
([how](../how-to/catalogue.md)).
"""


def sections() -> Iterator[tuple[str, str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Yield the parts of the page: heading, introduction, head of the table, rows."""
    offered = models_on("")
    yield (
        "Version 2",
        f"{len(offered)} models.",
        ("model", "makes", "parameters", "basis", "source", "prices"),
        [_row(model) for model in offered.values()],
    )
    yield (
        "Retired",
        "Calls that use one of these are refused from then on. The second column has the model's name in the "
        "video operations of version 1, or an operation of version 1.",
        ("model", "in version 1", "retired on", "use instead", "source"),
        [*_retired_models(), *_retired_operations()],
    )
    yield (
        "Version 1",
        "Platform models, which `GET /platformModels` lists. The basis is that of the model's family.",
        ("model", "id", "family", "basis", "largest size"),
        [
            (
                model.name,
                f"`{model.id}`",
                model.sd_version,
                model.basis,
                f"sides of {', '.join(map(str, model.sides))}"
                if model.sides
                else "x".join(map(str, model.largest_size)),
            )
            for model in platform_models().values()
        ],
    )
    yield (
        "Version 1, only observed",
        "No page of the vendor lists these models. leomock accepts them, but does not list them.",
        ("model", "id", "where it was observed"),
        [(seen.model.name, f"`{id}`", seen.source) for id, seen in seen_models().items()],
    )


def _retired_models() -> Iterator[tuple[str, ...]]:
    for row in retired_models():
        name = f"`{row['version_1']}`" if "version_1" in row else ""
        yield f"`{row['slug']}`", name, row["date"], f"`{row['instead']}`", row["source"]


def _retired_operations() -> Iterator[tuple[str, ...]]:
    for row in retired_operations():
        yield row["name"], f"`{row['id']}`", row["date"], row.get("instead", ""), row["source"]


def _row(model: ModelV2) -> tuple[str, ...]:
    parameters = (
        "open" if model.is_open else ", ".join(f"`{name}`" for name in schema_v2(model.slug)["properties"])
    )
    prices = "; ".join(
        f"{price['credits']:g} per {price['per']} ({price['basis']}: {price['source']})"
        for price in model.entry.get("prices", ())
    )
    return f"`{model.slug}`", model.kind, parameters, model.basis, model.source, prices or "chosen"

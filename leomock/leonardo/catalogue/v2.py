"""Version 2 models: the parameters, results and prices of each, with basis and source.

`v2_models.json` has one entry for each model: parameters as JSON Schema, references in a short form
(`guidances`), sizes as a table, and constraints beyond a schema as `rules`. If the guide of a model and
the vendor's OpenAPI disagree, the entry takes the more permissive one and lists both as `contradictions`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import orjson

from leomock.leonardo.basis import BasisKind, Chosen, based_on
from leomock.leonardo.catalogue.retirements import is_past, retired_models

Kind = Literal["image", "video", "mesh", "sound", "upscaler", "cutout"]
Json = dict[str, Any]

# Strengths of a reference, if the guide of the model does not list any.
STRENGTHS = ["LOW", "MID", "HIGH", "ULTRA", "MAX"]
# The properties of a file reference by medium, according to the OpenAPI.
_MEDIA: dict[str, Json] = {
    "image": {"data": {"type": "string"}, "height": {"type": "integer"}, "width": {"type": "integer"}},
    "video": {
        **{name: {"type": "number"} for name in ("width", "height", "duration")},
        "motion_has_audio": {"type": "boolean"},
    },
    "audio": {"data": {"type": "string"}, "duration": {"type": "number"}},
}
# Models of the synchronous endpoint (documented: only remove-bg).
SYNCHRONOUS = "remove-bg"


@based_on(Chosen("ids that nobody has seen are derived from the slug"))
@dataclass(frozen=True)
class ModelV2:
    """A model of version 2. `entry` is its entry in `v2_models.json`."""

    slug: str
    id: str
    name: str
    kind: Kind
    basis: BasisKind
    source: str
    entry: Mapping[str, Any]

    @property
    def is_open(self) -> bool:
        """True if nothing is known about the parameters, so that all are accepted."""
        return not self.entry.get("parameters")

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Return the pairs of width and height in the tables of the model."""
        return [(width, height) for row in self.entry.get("sizes", {}).values() for width, height in row]

    def is_called(self, name: str) -> bool:
        """Return True if a name is that of the model or of its guide; spaces, dots and case do not matter."""
        return _letters(name) in map(_letters, (self.name, self.entry.get("guide", self.name)))

    def row_of_sizes(self, made: Mapping[str, Any]) -> str:
        """Return the name of the row of sizes that a result is in, or ''."""
        size = [made.get("imageWidth"), made.get("imageHeight")]
        return next((name for name, row in self.entry.get("sizes", {}).items() if size in row), "")

    @property
    def rules(self) -> list[Json]:
        """Return the rules between parameters."""
        found: list[Json] = self.entry.get("rules", [])
        return found

    @property
    def motion_model(self) -> str:
        """Return the name of the model in answers about finished video calls."""
        seen: str | None = self.entry.get("motionModel")
        return seen or self.slug.rpartition("/")[2].upper().replace("-", "_")

    @cached_property
    def parameters(self) -> Json | None:
        """Return the JSON Schema of the parameters; None if the model is open."""
        return None if self.is_open else _schema(self.entry)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def _schema(entry: Mapping[str, Any]) -> Json:
    properties = {name: dict(part) for name, part in entry["parameters"].items()}
    if styles := entry.get("styles"):
        properties["style_ids"] = properties["style_ids"] | {
            "items": {"type": "string", "format": "uuid", "enum": sorted(set(styles.values()))}
        }
    required = list(entry["required"])
    needed = [name.partition(".")[2] for name in required if name.startswith("guidances.")]
    properties["guidances"] = {
        "type": "object",
        "properties": {group: _references(part) for group, part in entry["guidances"].items()},
        "additionalProperties": False,
    } | ({"required": needed} if needed else {})
    own = [name for name in required if "." not in name] + (["guidances"] if needed else [])
    schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": own} if own else {})


def _references(part: Mapping[str, Any]) -> Json:
    medium = part["of"]
    if medium == "webpage":
        named: Json = {
            "type": "object",
            "required": ["url"],
            "properties": {"url": {"type": "string", "format": "uri"}},
        }
        item: Json = {"type": "object", "required": ["webpage"], "properties": {"webpage": named}}
    else:
        named = {
            "type": "object",
            "required": ["type"],
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "url": {"type": "string"},
                "type": {"enum": part.get("types", ["UPLOADED", "GENERATED"])},
                **_MEDIA[medium],
            },
            "additionalProperties": False,
        }
        item = {
            "type": "object",
            "required": [medium, *(["strength"] if part.get("strengthRequired") else [])],
            "properties": {medium: named, "order": {"type": "integer", "minimum": 0}},
            "additionalProperties": False,
        }
        if medium == "image":
            item["properties"]["strength"] = {"enum": part.get("strengths", STRENGTHS)}
        if medium == "video":
            item["properties"]["type"] = {"enum": ["BASE", "FEATURE"]}
    schema: Json = {"type": "array", "items": item}
    schema |= {
        keyword: part[name] for keyword, name in (("minItems", "min"), ("maxItems", "max")) if name in part
    }
    return schema


def _read(name: str) -> Any:
    return orjson.loads(Path(__file__).with_name(name).read_bytes())


@cache
def all_models_v2() -> dict[str, ModelV2]:
    """Return every model of version 2 by slug, including those that the vendor has retired."""
    return {row["slug"]: _model(row) for row in _read("v2_models.json")}


def _model(row: Json) -> ModelV2:
    slug = row["slug"]
    id = row.get("id") or id_from_slug(slug)
    return ModelV2(slug, id, row["name"], row["kind"], row["basis"], row["source"], row)


@cache
def models_v2() -> dict[str, ModelV2]:
    """Return the version 2 models by slug that the vendor currently offers."""
    return models_on("")


@cache
def models_on(date: str) -> dict[str, ModelV2]:
    """Return the models by slug that were offered on a date (YYYY-MM-DD; empty for the newest facts)."""
    gone = {row["slug"] for row in retired_models() if is_past(row["date"], date)}
    offered = {slug: model for slug, model in all_models_v2().items() if slug not in gone}
    # A retired model existed before its retirement, but its parameters are no longer known.
    for row in retired_models():
        if row["slug"] not in gone and row["slug"] not in offered:
            offered[row["slug"]] = _retired_model(row)
    return offered


def _retired_model(row: Json) -> ModelV2:
    source = f"{row['source']}; the parameters are not known"
    slug = row["slug"]
    return ModelV2(slug, row.get("id") or id_from_slug(slug), row["name"], "video", "documented", source, {})


def find_model_v2(name: str, date: str = "") -> ModelV2 | None:
    """Return the model with this slug or UUID that was offered on a date, or None."""
    offered = models_on(date)
    return offered.get(name) or _by_id(date).get(name.lower())


@cache
def _by_id(date: str) -> dict[str, ModelV2]:
    return {model.id: model for model in models_on(date).values()}


def id_from_slug(slug: str) -> str:
    """Return a UUID made from the slug of a model whose id nobody has seen."""
    return str(UUID(bytes=hashlib.blake2b(slug.encode(), digest_size=16).digest(), version=4))


def schema_v2(slug: str) -> Json:
    """Return the JSON Schema of a model's parameters; an open model accepts any object."""
    return all_models_v2()[slug].parameters or {"type": "object"}


def drawable_schema(slug: str) -> Json:
    """Return a schema whose every instance is valid, including the rules between parameters.

    For tools that generate requests. Leaves out all that rules could forbid, and references to videos, sounds
    and pages, which would have to exist.
    """
    model = all_models_v2()[slug]
    schema: Json = orjson.loads(orjson.dumps(model.parameters or {"type": "object", "maxProperties": 0}))
    if model.is_open:
        return schema
    properties, required = schema["properties"], schema.setdefault("required", [])
    groups = properties["guidances"]["properties"]
    for group, part in model.entry["guidances"].items():
        if part["of"] != "image":
            groups.pop(group)
    for name in ("user_elements", "platform_elements", "controls", "elements", "start_frame", "end_frame"):
        properties.pop(name, None)
    for rule in model.rules:
        _keep_to(rule, properties, groups, required, model)
    return schema


def _keep_to(rule: Json, properties: Json, groups: Json, required: list[str], model: ModelV2) -> None:
    kind = rule["kind"]
    if kind in ("pair", "edge"):
        for name, side in zip(("width", "height"), model.sizes[0], strict=True):
            properties[name] = {"enum": [side]}
            if name not in required:
                required.append(name)
        properties.pop("mode", None)
    elif kind == "one_of":
        group = rule["any"][0].partition(".")[2]
        properties["guidances"] |= {"required": [group]}
        groups[group]["minItems"] = 1
        if "guidances" not in required:
            required.append("guidances")
    elif kind in ("needs", "not_when"):
        _drop(rule["parameter"], properties, groups)
    elif kind == "excludes" and any(_has(name, properties, groups) for name in rule["parameters"]):
        for name in rule["others"]:
            _drop(name, properties, groups)


def _has(name: str, properties: Json, groups: Json) -> bool:
    return name.partition(".")[2] in groups if "." in name else name in properties


def _drop(name: str, properties: Json, groups: Json) -> None:
    if name.startswith("guidances."):
        groups.pop(name.partition(".")[2], None)
    else:
        properties.pop(name, None)

"""What is found when documents are edited, and how it is judged."""

from __future__ import annotations

import copy
import functools
import json
import operator
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from leomock.contract.drift.changes import changes
from leomock.contract.drift.nodes import Document, Equality
from leomock.contract.drift.rules import RULES
from leomock.contract.drift.schemas import Schemas
from leomock.openapi.documents import SpecError
from tests.contract.drift.edits import JSON, Api, everything, ours

Edit = Callable[[Api], object]

GENERATE, READ, LIST = "createGeneration", "getGenerationById", "getGenerationsByUserId"
TEXT = {"type": "string"}
NUMBER = {"type": "number", "nullable": True, "title": "float8"}
CLASSES = {"B": "breaking", "C": "compatible", "S": "cosmetic"}


def narrower(api: Api) -> None:
    api.field("transparency")["enum"].remove("disabled")


def moved(api: Api) -> None:
    paths = api.document(GENERATE)["paths"]
    paths["/images"] = {"post": paths["/generations"].pop("post")}


def renamed_variable(api: Api) -> None:
    paths = api.document(READ)["paths"]
    item = paths["/generations/{generationId}"] = paths.pop("/generations/{id}")
    for entry in item.values():
        entry["parameters"][0]["name"] = "generationId"


def responses(api: Api) -> Any:
    return api.entry(READ)["responses"]


def media(api: Api) -> Any:
    return responses(api)["200"]["content"]


def body(api: Api) -> Any:
    return api.entry(GENERATE)["requestBody"]


# An edit, and what is to be found: rules, what each is to clients and what to the fake.
EDITS: list[tuple[Edit, str]] = [
    # --- operations ---
    (lambda a: a.item(READ).update(put={"operationId": "new", "responses": {}}), "operation-added CB"),
    (lambda a: a.item(READ).pop("delete"), "operation-removed BS"),
    (moved, "operation-moved BB"),
    (lambda a: a.entry(READ).update(operationId="readGeneration"), "operation-renamed CB"),
    (lambda a: a.entry(READ).update(deprecated=True), "deprecated-changed CS"),
    (lambda a: a.entry(READ).update(tags=["Other"]), "tags-changed SS"),
    (lambda a: a.server("https://api.leonardo.ai/v1"), "servers-changed BB"),
    (lambda a: a.entry(READ).update(servers=[{"url": "https://x.test"}]), "servers-changed BB"),
    (lambda a: a.entry(READ).update(security=[{"bearerAuth": []}, {}]), "security-added CB"),
    (
        lambda a: a.document(READ)["components"]["securitySchemes"].update(
            bearerAuth={"type": "apiKey", "in": "header", "name": "x-key"}
        ),
        "security-removed BC, security-added CB",
    ),
    (lambda a: a.entry(READ).update(callbacks={"done": {"{$url}": {}}}), "other-changed BB"),
    (lambda a: a.document(READ)["info"].update(version="v9"), "version-changed SS"),
    (lambda a: a.entry(READ).update({"x-sunset": "2031-01-01"}), "sunset-added CS"),
    (lambda a: a.entry(READ).update({"x-stability-level": "beta"}), "stability-decreased BS"),
    # --- parameters ---
    (
        lambda a: a.entry(LIST)["parameters"].append(
            {"in": "query", "name": "q", "required": True, "schema": TEXT}
        ),
        "parameter-added-required BB",
    ),
    (
        lambda a: a.item(LIST).update(parameters=[{"in": "query", "name": "q", "schema": TEXT}]),
        "parameter-added-optional CB",
    ),
    (lambda a: a.entry(LIST)["parameters"].pop(0), "parameter-removed BC"),
    (lambda a: a.parameter(LIST, "limit").update(required=True), "parameter-required BC"),
    (lambda a: a.parameter(LIST, "limit").update(explode=False), "parameter-style-changed BB"),
    (lambda a: a.parameter(LIST, "limit")["schema"].update(default=20), "request-default-changed BB"),
    (lambda a: a.parameter(LIST, "limit")["schema"].update(maximum=50), "request-limit-tightened BC"),
    (renamed_variable, "path-parameter-renamed CB"),
    # --- bodies ---
    (lambda a: a.entry(GENERATE).pop("requestBody"), "request-body-removed BC"),
    (
        lambda a: a.entry(READ).update(
            requestBody={"required": True, "content": {JSON: {"schema": {"type": "object"}}}}
        ),
        "request-body-added-required BB",
    ),
    (
        lambda a: a.entry(READ).update(requestBody={"content": {JSON: {"schema": {"type": "object"}}}}),
        "request-body-added-optional CB",
    ),
    (lambda a: body(a).update(required=False), "request-body-optional CB"),
    (lambda a: a.entry("uploadModelAsset")["requestBody"].update(required=True), "request-body-required BC"),
    (lambda a: body(a)["content"].update({"text/plain": {}}), "request-media-added CB"),
    (
        lambda a: body(a).update(content={"application/xml": body(a)["content"][JSON]}),
        "request-media-removed BC, request-media-added CB",
    ),
    # --- what requests hold ---
    (lambda a: a.body(GENERATE)["properties"].update(mood=TEXT), "request-field-added-optional CB"),
    (
        lambda a: a.body(GENERATE).update(
            properties={**a.body(GENERATE)["properties"], "mood": TEXT}, required=["prompt", "mood"]
        ),
        "request-field-added-required BB",
    ),
    (lambda a: a.body(GENERATE)["properties"].pop("tiling"), "request-field-removed BC"),
    (lambda a: a.body(GENERATE)["required"].append("width"), "request-field-required BC"),
    (lambda a: a.body(GENERATE)["required"].clear(), "request-field-optional CB"),
    (lambda a: a.field("width").update(type="string"), "request-type-changed BB"),
    (lambda a: a.field("width").update(type="number"), "request-type-widened CB"),
    (lambda a: a.field("contrast").update(type="integer"), "request-type-narrowed BC"),
    (lambda a: a.field("prompt").update(nullable=True), "request-nullable CB"),
    (lambda a: a.field("width").update(nullable=False), "request-not-nullable BC"),
    (lambda a: a.field("transparency")["enum"].append("all"), "request-enum-widened CB"),
    (narrower, "request-enum-narrowed BC"),
    (lambda a: a.field("transparency").pop("enum"), "request-enum-widened CB"),
    (lambda a: a.field("modelId").update(enum=["a"]), "request-enum-narrowed BC"),
    (lambda a: a.field("contrast").update(maximum=4), "request-limit-tightened BC"),
    (lambda a: a.field("contrast").update(minimum=0), "request-limit-loosened CB"),
    (lambda a: a.field("contrast").pop("maximum"), "request-limit-loosened CB"),
    (lambda a: a.field("prompt").update(maxLength=1500), "request-limit-tightened BC"),
    (lambda a: a.field("width").update(multipleOf=8), "request-limit-tightened BC"),
    (lambda a: a.field("controlnets").update(maxItems=6), "request-limit-tightened BC"),
    (lambda a: a.field("controlnets").update(uniqueItems=True), "request-limit-tightened BC"),
    (lambda a: a.field("modelId").update(format="uuid"), "request-limit-tightened BC"),
    (lambda a: a.parameter(READ, "id")["schema"].update(pattern=".+"), "request-pattern-changed BB"),
    (lambda a: a.parameter(READ, "id")["schema"].pop("pattern"), "request-limit-loosened CB"),
    (lambda a: a.body(GENERATE).update(additionalProperties=False), "request-limit-tightened BC"),
    (lambda a: a.field("width").update(default=512), "request-default-changed BB"),
    (lambda a: a.field("prompt").update(default="A cat"), "request-sample-changed SS"),
    (lambda a: a.field("modelId").update({"not": {"enum": [""]}}), "request-keyword-changed BB"),
    (
        lambda a: a.schemas["NodeInput"]["properties"]["value"]["oneOf"].append({"type": "boolean"}),
        "request-variant-added CB, response-variant-added BC",
    ),
    (lambda a: a.field("width").update(title="Size"), "title-changed SC"),
    (lambda a: a.field("contrast").update(example=2), "example-changed SS"),
    (lambda a: a.field("contrast").update({"x-unit": "none"}), "extension-changed SS"),
    (lambda a: a.field("tiling").update(deprecated=True), "deprecated-changed CS"),
    (lambda a: a.field("contrast").update(readOnly=True), "request-read-only CC"),
    # --- what answers hold ---
    (lambda a: responses(a).update({"202": {"description": ""}}), "response-success-added BC"),
    (
        lambda a: responses(a).update({"201": responses(a).pop("200")}),
        "response-success-removed BB, response-success-added BC",
    ),
    (lambda a: responses(a).update({"404": {"description": ""}}), "response-error-added CC"),
    (lambda a: a.entry("executeBlueprint")["responses"].pop("400"), "response-error-removed CC"),
    (lambda a: media(a).update({"text/html": {}}), "response-media-added CC"),
    (
        lambda a: media(a).update({"application/xml": media(a).pop(JSON)}),
        "response-media-removed BB, response-media-added CC",
    ),
    (lambda a: responses(a)["200"].update(headers={"X-Rate": {"schema": TEXT}}), "response-header-added CB"),
    (lambda a: a.row()["properties"]["prompt"].update(writeOnly=True), "response-field-removed BC"),
    (
        lambda a: a.answer("executeBlueprint").update(discriminator={"propertyName": "x"}),
        "discriminator-changed CS",
    ),
    (lambda a: responses(a)["200"].update(links={"again": {"operationId": READ}}), "link-changed SS"),
    (lambda a: a.row()["properties"].update(mood=TEXT), "response-field-added CB"),
    (lambda a: a.row()["properties"].pop("prompt"), "response-field-removed BC"),
    (lambda a: a.row().update(required=["prompt"]), "response-field-required CS"),
    (lambda a: a.schemas["BlueprintExecution"]["required"].remove("status"), "response-field-optional BC"),
    (lambda a: a.row()["properties"]["prompt"].update(type="array"), "response-type-changed BB"),
    (lambda a: a.row()["properties"]["imageWidth"].update(type="number"), "response-type-widened BC"),
    (
        lambda a: a.row()["properties"].update(guidanceScale={**NUMBER, "type": "integer"}),
        "response-type-narrowed CB",
    ),
    (lambda a: a.row()["properties"]["prompt"].update(nullable=True), "response-nullable BC"),
    (lambda a: a.row().update(nullable=False), "response-not-nullable CB"),
    (lambda a: a.schemas["job_status"]["enum"].append("QUEUED"), "response-enum-widened BC"),
    (lambda a: a.schemas["job_status"]["enum"].remove("FAILED"), "response-enum-narrowed CB"),
    (lambda a: a.row()["properties"]["prompt"].update(maxLength=9), "response-limit-tightened CB"),
    (lambda a: a.row()["properties"]["prompt"].update(format="uri"), "response-limit-tightened CB"),
    (
        lambda a: a.schemas["uuid"].update(pattern=".*"),
        "request-pattern-changed BB, response-pattern-changed BB",
    ),
    (lambda a: a.row()["properties"]["prompt"].update(default=""), "response-default-changed SS"),
    (lambda a: a.answer("executeBlueprint")["oneOf"].pop(), "response-variant-removed CB"),
]


# What is found when an edit is undone; what is not here is its own opposite.
OPPOSITES = {
    "operation-added": "operation-removed",
    "security-added": "security-removed",
    "parameter-added-required": "parameter-removed",
    "parameter-added-optional": "parameter-removed",
    "parameter-required": "parameter-optional",
    "request-body-added-required": "request-body-removed",
    "request-body-added-optional": "request-body-removed",
    "request-body-required": "request-body-optional",
    "request-field-added-required": "request-field-removed",
    "request-field-added-optional": "request-field-removed",
    "response-success-added": "response-success-removed",
    "response-error-added": "response-error-removed",
    "response-header-added": "response-header-removed",
    "sunset-added": "sunset-removed",
    "stability-decreased": "stability-increased",
    "request-read-only": "request-not-read-only",
    "response-field-added": "response-field-removed",
    **{
        f"{direction}-{one}": f"{direction}-{other}"
        for direction in ("request", "response")
        for one, other in (
            ("media-added", "media-removed"),
            ("field-required", "field-optional"),
            ("type-widened", "type-narrowed"),
            ("nullable", "not-nullable"),
            ("enum-widened", "enum-narrowed"),
            ("limit-tightened", "limit-loosened"),
            ("variant-added", "variant-removed"),
        )
    },
}
# Of what is gone nobody can tell from the edit how it comes back.
BACK = {
    "parameter-removed": "parameter-added-optional",
    "request-body-removed": "request-body-added-required",
    "request-field-removed": "request-field-added-optional",
}


def opposite(rule: str) -> str:
    backwards = {other: one for one, other in OPPOSITES.items() if other not in BACK}
    return OPPOSITES.get(rule) or BACK.get(rule) or backwards.get(rule, rule)


def edited(edit: Edit) -> list[Document]:
    api = Api()
    edit(api)
    return api.documents


@pytest.mark.parametrize(("edit", "expected"), EDITS, ids=[expected for _, expected in EDITS])
def test_change_is_found_and_judged(edit: Edit, expected: str) -> None:
    """Each kind of edit is found as what it is, and as nothing else."""
    found = {
        f"{change.rule.id}: {change.rule.client}, {change.rule.fake}"
        for change in changes(ours(), edited(edit))
    }
    wanted = set()
    for one in expected.split(", "):
        rule, classes = one.split(" ")
        wanted.add(f"{rule}: {CLASSES[classes[0]]}, {CLASSES[classes[1]]}")
    assert found == wanted


@pytest.mark.parametrize(("edit", "expected"), EDITS, ids=[expected for _, expected in EDITS])
def test_change_undone_is_the_opposite(edit: Edit, expected: str) -> None:
    """From the edited documents to ours, what was won is lost, and the other way round."""
    found = {change.rule.id for change in changes(edited(edit), ours())}
    assert found == {opposite(one.split(" ")[0]) for one in expected.split(", ")}


def test_every_rule_is_tried() -> None:
    """By an edit or its opposite; the others have tests below, in test_lifecycle and test_events."""
    tried = {one.split(" ")[0] for _, expected in EDITS for one in expected.split(", ")}
    tried |= {told.split(":")[0] for _, _, told in TOLD}
    elsewhere = {"overlay-target-gone", "prose-changed", "operation-removed-after-sunset"}
    elsewhere |= {"sunset-earlier", "sunset-later", "response-header-optional", "response-header-required"}
    elsewhere |= {"event-added", "event-removed"}
    assert set(RULES) - tried - {opposite(rule) for rule in tried} == elsewhere


def test_every_rule_gives_its_reasons() -> None:
    """A sentence for clients, a sentence for the fake."""
    assert all(rule.what and rule.to_client and rule.to_fake for rule in RULES.values())


def test_equal_documents_report_nothing() -> None:
    """Also with prose."""
    assert changes(ours(), Api().documents, prose=True) == []


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


def test_reordered_keys_are_no_change() -> None:
    """An object has no order."""
    other = [Document(d.title, d.source, reordered(d.content)) for d in everything()]
    assert changes(everything(), other) == []


def inlined(value: Any, root: Any) -> Any:
    if isinstance(value, dict):
        while "$ref" in value:
            way = value["$ref"].split("#/")[1].split("/")
            value = functools.reduce(operator.getitem, way, root)
        return {key: inlined(below, root) for key, below in value.items()}
    return [inlined(item, root) for item in value] if isinstance(value, list) else value


def test_inlined_schemas_are_no_change() -> None:
    """What is meant is compared, not where it stands."""
    other = []
    for document in everything():
        content = {
            **document.content,
            "paths": inlined(document.content["paths"], document.content),
            "components": {**document.content["components"], "schemas": {}},
        }
        assert "$ref" not in json.dumps(content)
        other.append(Document(document.title, document.source, content))
    assert changes(everything(), other) == []
    assert changes(other, everything()) == []


def test_renamed_component_is_no_change() -> None:
    """The name of a component is not a fact."""
    other = json.loads(
        json.dumps([d.content for d in everything()]).replace("schemas/job_status", "schemas/JobStatus")
    )
    for content in other:
        content["components"]["schemas"]["JobStatus"] = content["components"]["schemas"].pop("job_status")
    new = [Document(d.title, d.source, content) for d, content in zip(everything(), other, strict=True)]
    assert changes(everything(), new) == []


def test_component_that_nobody_uses_is_no_change() -> None:
    """Only what an operation reaches is part of the API."""
    api = Api()
    api.schemas["Spare"] = TEXT
    assert changes(ours(), api.documents) == []


def test_documents_cut_otherwise_are_no_change() -> None:
    """In which document an operation stands, nobody calls."""
    first = copy.deepcopy(everything()[0])
    for document in everything():
        first.content["paths"].update(copy.deepcopy(document.content["paths"]))
    assert changes(everything(), [first]) == []


def test_prose_is_told_when_asked_for() -> None:
    """Other words are cosmetic, and silent without `prose`."""
    api = Api()
    api.field("width")["description"] = "Other words."
    api.entry(READ)["summary"] = "Other words."
    assert changes(ours(), api.documents) == []
    found = changes(ours(), api.documents, prose=True)
    assert {(c.rule.id, c.operation, c.place, c.new) for c in found} == {
        ("prose-changed", GENERATE, "body.width", "Other words."),
        ("prose-changed", READ, "", "Other words."),
    }


def test_field_called_description_is_no_prose() -> None:
    """Its schema is compared like any other."""

    def documents(kind: str) -> list[Document]:
        api = Api()
        api.row()["properties"]["description"] = {"oneOf": [{"properties": {"description": {"type": kind}}}]}
        return api.documents

    found = changes(documents("string"), documents("integer"))
    assert [change.rule.id for change in found] == ["response-type-changed"]


def test_schema_that_leads_back_to_itself_has_an_end() -> None:
    """On both sides, and a change within is found once."""

    def recursive(kind: str) -> list[Document]:
        api = Api()
        api.schemas["Tree"] = {
            "type": "object",
            "properties": {
                "leaf": {"type": kind},
                "branches": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
            },
        }
        api.row()["properties"]["tree"] = {"$ref": "#/components/schemas/Tree"}
        return api.documents

    assert changes(recursive("string"), recursive("string")) == []
    (change,) = changes(recursive("string"), recursive("boolean"))
    assert (change.place, change.pointer) == (
        "response 200.generations_by_pk.tree.leaf",
        "/components/schemas/Tree/properties/leaf/type",
    )


@pytest.mark.parametrize(
    ("new", "rules"),
    [
        ({"type": ["integer", "null"], "title": "Int", "default": 1024}, set()),
        ({"type": ["integer", "string", "null"], "title": "Int", "default": 1024}, {"request-type-widened"}),
        ({"type": "integer", "title": "Int", "default": 1024.0, "nullable": True}, set()),
        ({"allOf": [{"type": "integer", "nullable": True}], "title": "Int", "default": 1024}, set()),
        (
            {"type": "integer", "title": "Int", "default": 1024, "nullable": True, "const": 1024},
            {"request-enum-narrowed"},
        ),
    ],
)
def test_same_meaning_in_other_words(new: dict[str, Any], rules: set[str]) -> None:
    """OpenAPI 3.1 says null as a type; `allOf` is laid together; 1024.0 is 1024."""
    api = Api()
    api.body(GENERATE)["properties"]["width"] = new
    assert {change.rule.id for change in changes(ours(), api.documents)} == rules


TOLD: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"multipleOf": 8}, {"multipleOf": 16}, "request-limit-tightened: a limit is tighter: 8 became 16"),
    ({"multipleOf": 16}, {"multipleOf": 8}, "request-limit-loosened: a limit is looser: 16 became 8"),
    ({"multipleOf": 6}, {"multipleOf": 8}, "request-limit-changed: a limit changed: 6 became 8"),
    (
        {"minimum": 1, "exclusiveMinimum": True},
        {"minimum": 1},
        "request-limit-loosened: a limit is looser: true became none",
    ),
    ({"format": "uuid"}, {"format": "uri"}, "request-format-changed: another format: uuid became uri"),
    (
        {"enum": ["a", "b"]},
        {"enum": ["b"]},
        'request-enum-narrowed: fewer values are accepted: ["a"]',
    ),
    ({"nullable": True}, {}, "request-not-nullable: null is no longer accepted"),
    ({}, {"default": None}, "request-default-changed: another default: none became null"),
    (
        {"additionalProperties": TEXT},
        {"additionalProperties": {"type": "boolean"}},
        "request-type-changed: another type: string became boolean",
    ),
    (
        {"additionalProperties": TEXT},
        {},
        'request-limit-loosened: a limit is looser: {"type": "string"} became true',
    ),
    (
        {"items": TEXT},
        {},
        'request-keyword-changed: a keyword that no rule covers: {"type": "string"}',
    ),
    (
        {"multipleOf": 6},
        {"multipleOf": 8},
        "response-limit-changed: a limit of the response changed: 6 became 8",
    ),
    (
        {"format": "uuid"},
        {"format": "uri"},
        "response-format-changed: another format in the response: uuid became uri",
    ),
    (
        {"items": TEXT},
        {},
        'response-keyword-changed: a keyword of the response that no rule covers: {"type": "string"}',
    ),
]


@pytest.mark.parametrize(("old", "new", "told"), TOLD, ids=[told for _, _, told in TOLD])
def test_change_is_told(old: dict[str, Any], new: dict[str, Any], told: str) -> None:
    """With what was and what is."""

    def documents(schema: dict[str, Any]) -> list[Document]:
        api = Api()
        holder = api.body(GENERATE) if told.startswith("request-") else api.row()
        holder["properties"]["new"] = schema
        return api.documents

    (change,) = changes(documents(old), documents(new))
    assert f"{change.rule.id}: {change}" == told


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (
            lambda a: a.field("seed").update({"$ref": "#/components/schemas/none"}),
            "specs/generations.json#/paths/~1generations/post/requestBody/content/application~1json/schema"
            "/properties/seed: $ref #/components/schemas/none points at nothing",
        ),
        (
            lambda a: a.field("seed").update({"$ref": "other.json#/x"}),
            "specs/generations.json#/paths/~1generations/post/requestBody/content/application~1json/schema"
            "/properties/seed: $ref other.json#/x leads out of the document; bundle it into one file first",
        ),
        (
            lambda a: a.schemas.update(job_status={"$ref": "#/components/schemas/job_status"}),
            "specs/components.json#/components/schemas/job_status: $ref leads back to itself",
        ),
        (
            lambda a: a.body(GENERATE).update(properties=["prompt"]),
            "specs/generations.json#/paths/~1generations/post/requestBody/content/application~1json/schema"
            "/properties: not an object",
        ),
        (
            lambda a: a.entry(LIST)["parameters"][0].pop("name"),
            "specs/generations.json#/paths/~1generations~1user~1{userId}/get/parameters/0: has no name",
        ),
        (
            lambda a: a.entry(READ).update(security=[{"key": []}]),
            "specs/generations.json#/paths/~1generations~1{id}/get/security/0: "
            "no security scheme is called key",
        ),
        (
            lambda a: a.documents.append(a.documents[0]),
            "specs/blueprints.json#/paths/~1blueprints/get: the operation is already in ",
        ),
    ],
)
def test_document_that_cannot_be_understood(edit: Edit, error: str) -> None:
    """It is said where it is wrong, and how."""
    with pytest.raises(SpecError) as caught:
        changes(ours(), edited(edit))
    assert error in str(caught.value)


def test_broken_documents_never_break_the_comparison() -> None:
    """Whatever stands where something else belongs: an error that says where, or a change."""
    values: list[Any] = [None, True, 7, "text", [], [7], {}, {"$ref": 7}, {"": None}]
    chance = random.Random(0)
    found = 0
    for _ in range(100):
        content = copy.deepcopy(ours()[1].content)
        node: Any = content["paths"]
        while True:
            key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
            if not isinstance(node[key], dict | list) or not node[key] or chance.random() < 0.1:
                break
            node = node[key]
        node[key] = chance.choice(values)
        try:
            found += bool(changes(ours()[1:2], [Document("x", "x", content)]))
        except SpecError:
            found += 1
    assert found > 50


def with_row(part: dict[str, Any], kind: str = "response") -> list[Document]:
    """The documents with another field `new` in a response or a request."""
    api = Api()
    holder = api.row() if kind == "response" else api.body(GENERATE)
    holder["properties"]["new"] = part
    return api.documents


def rules(old: list[Document], new: list[Document]) -> list[str]:
    return [change.rule.id for change in changes(old, new)]


def test_field_in_two_parts_of_allof_is_compared_whole() -> None:
    """A schema's own field does not hide what a part says of the same field."""

    def documents(**hidden: Any) -> list[Document]:
        part = {"properties": {"x": {"type": "string", **hidden}}}
        return with_row({"properties": {"x": {"type": "string"}}, "allOf": [part]})

    assert rules(documents(), documents(enum=["a"])) == ["response-enum-narrowed"]
    assert rules(documents(enum=["a"]), documents(enum=["a", "b"])) == ["response-enum-widened"]
    assert rules(documents(maxLength=5), documents(maxLength=9)) == ["response-limit-loosened"]
    assert rules(documents(), documents(pattern="^a")) == ["response-limit-tightened"]


def test_tightest_limit_of_allof_counts() -> None:
    """Another part that allows more changes nothing."""

    def documents(*limits: int) -> list[Document]:
        return with_row({"type": "integer", "allOf": [{"maximum": limit} for limit in limits]}, "request")

    assert rules(documents(5), documents(5, 9)) == []
    assert rules(documents(5, 9), documents(4, 9)) == ["request-limit-tightened"]


def test_schema_that_is_part_of_itself_has_an_end() -> None:
    """`allOf` that leads back to its own schema."""
    api = Api()
    api.schemas["Loop"] = {"type": "object", "allOf": [{"$ref": "#/components/schemas/Loop"}]}
    api.row()["properties"]["new"] = {"$ref": "#/components/schemas/Loop"}
    assert rules(ours(), api.documents) == ["response-field-added"] * 1


@pytest.mark.parametrize(("old", "new"), [("float", "double"), ("int32", "int64")])
def test_wider_number_format_is_a_looser_limit(old: str, new: str) -> None:
    """A request may hold more values; a receiver of them needs more room."""
    for kind in ("request", "response"):
        was, now = (with_row({"type": "number", "format": text}, kind) for text in (old, new))
        assert rules(was, now) == [f"{kind}-limit-loosened"]
        assert rules(now, was) == [f"{kind}-limit-tightened"]


def test_read_only_and_write_only_count_in_one_direction() -> None:
    """What a flag says of the other direction is not a change, and `required` does not apply to it."""
    assert rules(with_row({"type": "string"}), with_row({"type": "string", "readOnly": True})) == []
    sent = [with_row({"type": "string", **more}, "request") for more in ({}, {"writeOnly": True})]
    assert rules(*sent) == []
    api = Api()
    api.body(GENERATE)["properties"]["made"] = {"type": "string", "readOnly": True}
    api.body(GENERATE)["required"].append("made")
    assert rules(ours(), api.documents) == ["request-field-added-optional"]


def test_header_of_a_response_becomes_optional() -> None:
    """It may be missing now; the other way round it may be relied on."""

    def documents(required: bool) -> list[Document]:
        api = Api()
        responses(api)["200"]["headers"] = {"X-Rate": {"schema": TEXT, "required": required}}
        return api.documents

    assert rules(documents(True), documents(False)) == ["response-header-optional"]
    assert rules(documents(False), documents(True)) == ["response-header-required"]


def test_security_that_opens_takes_nothing_away() -> None:
    """Whoever got in before still does: without credentials, with fewer scopes, with one scheme of two."""

    def documents(*ways: dict[str, list[str]]) -> list[Document]:
        api = Api()
        schemes = api.document(READ)["components"]["securitySchemes"]
        schemes["second"] = {"type": "apiKey", "in": "header", "name": "x-second"}
        api.entry(READ)["security"] = list(ways)
        return api.documents

    assert rules(documents({"bearerAuth": []}), documents()) == ["security-added"]
    assert rules(documents({"bearerAuth": ["a", "b"]}), documents({"bearerAuth": ["a"]})) == [
        "security-added"
    ]
    both = documents({"bearerAuth": [], "second": []})
    assert rules(both, documents({"second": []})) == ["security-added"]
    assert rules(documents({"second": []}), both) == ["security-added", "security-removed"]


def test_trailing_slash_of_a_server_is_no_change() -> None:
    """It is the same address."""
    with_slash, without = Api(), Api()
    with_slash.server("https://x.test/v1/")
    without.server("https://x.test/v1")
    assert rules(with_slash.documents, without.documents) == []


def test_shared_schemas_are_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every schema refers to eight others, so that a walk over all paths would not end."""
    compared: Counter[str] = Counter()

    def count(owner: type, method: str) -> None:
        original = getattr(owner, method)

        def counted(*arguments: Any) -> Any:
            compared[method] += 1
            return original(*arguments)

        monkeypatch.setattr(owner, method, counted)

    count(Equality, "_children")
    count(Schemas, "_differences")

    def documents(kind: str) -> list[Document]:
        schemas = {
            f"S{n}": {
                "properties": {
                    f"p{m}": {"$ref": f"#/components/schemas/S{(n * 7 + m) % 150}"} for m in range(8)
                }
                | {"leaf": {"type": kind if n == 149 else "string"}}
            }
            for n in range(150)
        }
        entry = {"responses": {"200": {"content": {JSON: {"schema": {"$ref": "#/components/schemas/S0"}}}}}}
        content = {"openapi": "3.0.0", "paths": {f"/{n}": {"get": entry} for n in range(40)}}
        return [Document("big", "big.json", {**content, "components": {"schemas": schemas}})]

    assert changes(documents("string"), documents("string")) == []
    assert compared == {"_children": 150 * 3}  # a schema, its properties and its leaf
    compared.clear()
    found = changes(documents("string"), documents("integer"))
    assert {change.rule.id for change in found} == {"response-type-changed"}
    assert len({change.operation for change in found}) == 40
    assert compared["_differences"] == 150 + 1  # each schema, and the leaf that changed
    assert compared["_children"] <= 2 * 150 * 3

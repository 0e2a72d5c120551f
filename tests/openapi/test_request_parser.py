"""What a call may say, and the text of each error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from leomock.leonardo.errors import ApiError
from leomock.leonardo.hosts import Addresses
from leomock.openapi.operations import Operation
from leomock.openapi.request_parser import Call, Request, parse
from leomock.openapi.spec import Spec

SPEC = Spec()
ADDRESSES = Addresses.under("http://fake")
GENERATION = "6163f776-ad40-47fc-acd4-c04b22590ada"


def call(method: str, path: str, body: Any = b"", query: str = "") -> Call:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    segments = path.strip("/").split("/")
    operation, captured = SPEC.route(method, segments)
    return parse(operation, captured, Request(method, segments, ADDRESSES, query, raw))


def refusal(method: str, path: str, body: Any = b"", query: str = "") -> ApiError:
    with pytest.raises(ApiError) as refused:
        call(method, path, body, query)
    return refused.value


def create(body: Any, query: str = "") -> Call:
    return call("POST", "/generations", body, query)


ARG = "$.selectionSet.sdGenerationJob.args.arg1"
RULE = "(specs/generations.json POST /generations)"
TWO_ELEMENTS = {"prompt": "a", "elements": [{"akUUID": "x"}, {"weight": 1}]}


@pytest.mark.parametrize(
    ("body", "error", "path", "code"),
    [
        ({}, 'expecting a value for non-nullable variable: "prompt"', "$", "validation-failed"),
        (b"", 'expecting a value for non-nullable variable: "prompt"', "$", "validation-failed"),
        (b"{", 'expecting a value for non-nullable variable: "prompt"', "$", "validation-failed"),
        (b"[1]", 'expecting a value for non-nullable variable: "prompt"', "$", "validation-failed"),
        (b'"\xff"', 'expecting a value for non-nullable variable: "prompt"', "$", "validation-failed"),
        ({"prompt": None}, 'null value found for non-nullable type: "String!"', "$", "validation-failed"),
        ({"prompt": "a", "sd_Version": "v2"}, "Unexpected variable sd_Version", "$", "bad-request"),
        (
            {"prompt": "a", "photoReal": "true"},
            "expected a boolean for type 'Boolean', but found a string",
            f"{ARG}.photoReal",
            "validation-failed",
        ),
        (
            {"prompt": ["a"]},
            "expected a string for type 'String', but found a list",
            f"{ARG}.prompt",
            "validation-failed",
        ),
        (
            {"prompt": "a", "width": {}},
            "expected a 32-bit integer for type 'Int', but found an object",
            f"{ARG}.width",
            "validation-failed",
        ),
        (
            {"prompt": "a", "guidance_scale": True},
            "expected a float for type 'Float', but found a boolean",
            f"{ARG}.guidance_scale",
            "validation-failed",
        ),
        (
            {"prompt": "a", "width": 512.5},
            "The value 512.5 lies outside the bounds or is not an integer. "
            "Maybe it is a float, or is there integer overflow?",
            f"{ARG}.width",
            "parse-failed",
        ),
        (
            {"prompt": "a", "scheduler": "EULER"},
            "expected one of the values ['KLMS', 'EULER_ANCESTRAL_DISCRETE', 'EULER_DISCRETE', 'DDIM', "
            "'DPM_SOLVER', 'PNDM', 'LEONARDO'] for type 'sd_generation_schedulers', but found 'EULER'",
            f"{ARG}.scheduler",
            "validation-failed",
        ),
        (
            {"prompt": "a", "scheduler": 1},
            "expected an enum value for type 'sd_generation_schedulers', but found a number",
            f"{ARG}.scheduler",
            "validation-failed",
        ),
        (
            TWO_ELEMENTS,
            "missing required field 'akUUID'",
            f"{ARG}.elements[1]",
            "validation-failed",
        ),
        (
            {"prompt": "a", "elements": [{"akUUID": "x", "wight": 1}]},
            "field 'wight' not found in type: 'element_input'",
            f"{ARG}.elements[0].wight",
            "validation-failed",
        ),
        (
            {"prompt": "a", "elements": {"weight": 1}},
            "missing required field 'akUUID'",
            f"{ARG}.elements[0]",
            "validation-failed",
        ),
        (
            {"prompt": "a", "elements": "x"},
            "expected an object for type 'element_input', but found a string",
            f"{ARG}.elements[0]",
            "validation-failed",
        ),
        (
            {"prompt": "a", "elements": [{"akUUID": "x", "my-weight": 1}]},
            'variable value contains object with key "my-weight", which is not a legal GraphQL name',
            f"{ARG}.elements[0]",
            "validation-failed",
        ),
        (
            {"prompt": "a", "userElements": {"userLoraId": "7"}},
            "expected a 32-bit integer for type 'Int', but found a string",
            f"{ARG}.userElements[0].userLoraId",
            "validation-failed",
        ),
        (
            {"prompt": "a", "userElements": [{"userLoraId": 0.05}]},
            "The value 5.0e-2 lies outside the bounds or is not an integer. "
            "Maybe it is a float, or is there integer overflow?",
            f"{ARG}.userElements[0].userLoraId",
            "parse-failed",
        ),
        (
            {"prompt": "a", "width": 3000000000},
            "The value 3.0e9 lies outside the bounds or is not an integer. "
            "Maybe it is a float, or is there integer overflow?",
            f"{ARG}.width",
            "parse-failed",
        ),
        (
            b'{"prompt": "a", "guidance_scale": 1e400}',
            "The value 1.0e400 lies outside the bounds. Is it overflowing the float bounds?",
            f"{ARG}.guidance_scale",
            "parse-failed",
        ),
        (
            {"prompt": "a", "scheduler": "EULER A"},
            "expected an enum value for type 'sd_generation_schedulers', but found a string",
            f"{ARG}.scheduler",
            "validation-failed",
        ),
        (
            {"prompt": "a", "scheduler": ""},
            "expected an enum value for type 'sd_generation_schedulers', but found a string",
            f"{ARG}.scheduler",
            "validation-failed",
        ),
        (
            {"prompt": "a", "elements": [None]},
            "expected an object for type 'element_input', but found null",
            f"{ARG}.elements[0]",
            "validation-failed",
        ),
        # Unknown fields come first, then the known ones in the order of the type.
        (
            {"prompt": "a", "elements": [{"weight": "1", "wight": 1}]},
            "field 'wight' not found in type: 'element_input'",
            f"{ARG}.elements[0].wight",
            "validation-failed",
        ),
        (
            {"prompt": "a" * 1501},
            "Invalid prompt, maximum length of 1500 characters exceeded.",
            "$",
            "unexpected",
        ),
        ({"prompt": "a", "width": 28}, "width must be between 32 and 1536", "$", "unexpected"),
        ({"prompt": "a", "height": 3848}, "height must be between 32 and 1536", "$", "unexpected"),
        ({"prompt": "a", "height": 100}, "invalid dimensions", "$", "unexpected"),
        ({"prompt": "a", "num_images": 9}, "Too many images", "$", "unexpected"),
        ({"prompt": "a", "num_images": 0}, "num_images must be between 1 and 8", "$", "unexpected"),
        ({"prompt": "a", "seed": -1}, "seed must be between 0 and 9999999998", "$", "unexpected"),
        (
            {"prompt": "a", "contrast": 2},
            "contrast must be one of 1.0, 1.3, 1.8, 2.5, 3, 3.5, 4, 4.5",
            "$",
            "unexpected",
        ),
        (
            {"prompt": "a", "photoRealVersion": "v3"},
            "photoRealVersion must be one of v1, v2",
            "$",
            "unexpected",
        ),
        # Types are looked at before limits, as GraphQL does.
        (
            {"prompt": "a" * 1501, "alchemy": 1},
            "expected a boolean for type 'Boolean', but found a number",
            f"{ARG}.alchemy",
            "validation-failed",
        ),
    ],
)
def test_create_refuses(body: Any, error: str, path: str, code: str) -> None:
    """Each kind of bad input has its words, its place and its code, and says status 400.

    Holds error:OUT_OF_LIMITS.
    """
    refused = refusal("POST", "/generations", body)
    assert refused.status == 400
    assert refused.body == {"error": error, "path": path, "code": code}
    assert refused.explain.startswith("createGeneration")
    assert refused.explain.endswith(RULE)


@pytest.mark.parametrize(
    ("body", "explain"),
    [
        (
            {"prompt": "a", "sd_Version": 1},
            "createGeneration has no variable 'sd_Version'; did you mean 'sd_version'?",
        ),
        ({"prompt": "a", "zzz": 1}, "createGeneration has no variable 'zzz'"),
        (b"", "createGeneration needs 'prompt'; the request has no body"),
        (
            b"prompt=cat",
            "createGeneration needs 'prompt'; the body is not JSON "
            "(unexpected character, expected a JSON value: line 1 column 1 (char 0)), "
            "so it was read as no variables",
        ),
        (
            b"[]",
            "createGeneration needs 'prompt'; the body is JSON but not an object, "
            "so it was read as no variables",
        ),
        ({"prompt": None}, "createGeneration: 'prompt' must not be null"),
        ({"prompt": "a", "width": 33}, "createGeneration: 'width' is 33; it must be a multiple of 8"),
    ],
)
def test_explain_names_the_rule_and_what_would_work(body: Any, explain: str) -> None:
    """The vendor's words help nobody debug; ours do."""
    assert refusal("POST", "/generations", body).explain == f"{explain} {RULE}"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"[1]", "the body is JSON but not an object, so it was read as no variables"),
        (b"null", "the body is JSON but not an object, so it was read as no variables"),
        (
            b"{",
            "the body is not JSON (unexpected end of data: line 1 column 2 (char 1)), "
            "so it was read as no variables",
        ),
    ],
)
def test_optional_body_that_is_not_an_object_is_refused(body: bytes, why: str) -> None:
    """Holds error:BODY_NOT_AN_OBJECT. A client that sends such a body has a bug; the document forbids it."""
    refused = refusal("GET", "/blueprints", body)
    assert (refused.status, refused.text) == (400, "expected a JSON object as the request body")
    assert refused.explain == (
        f"listBlueprints takes its variables from a JSON object; {why} "
        "(specs/blueprints.json GET /blueprints)"
    )


def test_defaults_fill_what_was_not_sent() -> None:
    """The published defaults hold, also for an explicit null; `given` tells the difference."""
    made = create({"prompt": "a", "width": None, "height": 512})
    assert (made["width"], made["height"], made["num_images"]) == (1024, 512, 4)
    assert made.given("height")
    assert not made.given("width")
    assert not made.given("num_images")
    assert made["seed"] is None


def test_nulls_are_accepted_for_everything_optional() -> None:
    """Clients send null for what is not set."""
    optional = {
        name: None for name, v in SPEC.operations["createGeneration"].variables.items() if not v.required
    }
    assert len(optional) > 40
    assert create({"prompt": "a", **optional})["width"] == 1024


def test_keys_that_real_clients_send_are_accepted() -> None:
    """The guides' `styleUUID`, `contextImages` and `isInitImage` are no unexpected variables."""
    context = [{"type": "UPLOADED", "id": GENERATION}]
    made = create({"prompt": "a", "styleUUID": GENERATION, "contextImages": context, "isInitImage": True})
    assert (made["contextImages"], made["isInitImage"]) == (context, True)


@pytest.mark.parametrize("name", ["num-images", "", "größe", "a b", "1st"])
def test_key_that_is_no_graphql_name_is_refused(name: str) -> None:
    """The document forbids it as it forbids every name that it does not have (chosen)."""
    with pytest.raises(ApiError) as caught:
        create({"prompt": "a", name: 1})
    assert caught.value.text == f"Unexpected variable {name}"


def test_integral_float_is_an_integer() -> None:
    """512.0 is an integer in JSON."""
    width = create(b'{"prompt": "a", "width": 512.0}')["width"]
    assert width == 512
    assert type(width) is int


def test_variables_come_from_path_query_and_body() -> None:
    """One pool: the path outweighs the body, the body outweighs the query."""
    made = create(
        {"height": 256}, "prompt=from+query&width=512&height=512&public=true&tiling&seed=7&negative_prompt="
    )
    assert made["prompt"] == "from query"
    assert (made["width"], made["height"], made["public"], made["tiling"]) == (512, 256, True, True)
    assert made["seed"] == 7
    assert not made.given("negative_prompt")
    read = call("GET", f"/generations/{GENERATION}", {"id": "other"}, "id=third")
    assert read["id"] == GENERATION


def test_list_in_query_is_refused() -> None:
    """Lists come in the body."""
    refused = refusal("POST", "/generations", b"", "prompt=a&elements=x")
    assert refused.text == (
        "List variables are not currently supported in URL or Query parameters. "
        '(Variable elements, with value "x")'
    )


def test_body_on_get_is_read() -> None:
    """A JSON body on GET is as good as a query."""
    made = call("GET", f"/generations/user/{GENERATION}", {"limit": 3, "offset": 2})
    assert (made["limit"], made["offset"]) == (3, 2)
    made = call("GET", f"/generations/user/{GENERATION}", {"limit": None, "offset": None})
    assert (made["limit"], made["offset"]) == (10, 0)


@pytest.mark.parametrize(
    ("query", "error", "path"),
    [
        (
            "limit=x",
            "expected a 32-bit integer for type 'Int', but found a string",
            "$.selectionSet.generations.args.limit",
        ),
        ("offset=-1", "offset must be between 0 and 2147483647", "$"),
        (
            "limit=1.5",
            "The value 1.5 lies outside the bounds or is not an integer. "
            "Maybe it is a float, or is there integer overflow?",
            "$.selectionSet.generations.args.limit",
        ),
        ("page=1", "Unexpected variable page", "$"),
    ],
)
def test_list_refuses(query: str, error: str, path: str) -> None:
    """The page of a list is typed as well."""
    refused = refusal("GET", f"/generations/user/{GENERATION}", query=query)
    assert (refused.text, refused.path) == (error, path)


def test_list_defaults_hold_when_empty() -> None:
    """An empty query value is null."""
    made = call("GET", f"/generations/user/{GENERATION}", query="limit=&offset=0")
    assert (made["limit"], made["offset"]) == (10, 0)


@pytest.mark.parametrize("id", ["x", GENERATION + "0", GENERATION.replace("-", ""), "", "../x", "a\nb"])
def test_id_that_is_no_uuid_is_refused(id: str) -> None:
    """The database says so, in its words."""
    request = Request("GET", ["generations", id], ADDRESSES)
    with pytest.raises(ApiError) as refused:
        parse(SPEC.operations["getGenerationById"], {"id": id}, request)
    assert refused.value.text == f'invalid input syntax for type uuid: "{id}"'
    assert refused.value.wording.code == "data-exception"


def test_id_of_any_version_and_case_is_accepted() -> None:
    """The published pattern admits only v4; real ids are v6 as well."""
    for id in ("1f197fd2-30f6-6e90-a026-b7ffcf2cba29", GENERATION.upper()):
        assert call("GET", f"/generations/{id}")["id"] == id.lower()


NODE = {"nodeId": GENERATION, "settingName": "text", "value": "a"}


def execute(version: Any = GENERATION, **node: Any) -> dict[str, Any]:
    return {
        "blueprintVersionId": version,
        "input": {"public": False, "nodeInputs": [{**NODE, **node}]},
    }


@pytest.mark.parametrize("id", ["x", "", GENERATION + "0", GENERATION.replace("-", "")])
@pytest.mark.parametrize("where", ["at the top", "inside"])
def test_uuid_in_a_body_is_checked_like_one_in_a_path(where: str, id: str) -> None:
    """The same words and the same code, however deep it stands."""
    body = execute(id) if where == "at the top" else execute(nodeId=id)
    refused = refusal("POST", "/blueprint-executions", body)
    assert refused.status == 400
    assert refused.body == {
        "error": f'invalid input syntax for type uuid: "{id}"',
        "path": "$",
        "code": "data-exception",
    }
    assert refused.explain.startswith("executeBlueprint: ")


def test_uuid_in_a_body_is_read_in_small_letters() -> None:
    """As the database writes it, like one in a path; what is inside objects stays as it came."""
    made = call("POST", "/blueprint-executions", execute(GENERATION.upper(), nodeId=GENERATION.upper()))
    assert made["blueprintVersionId"] == GENERATION
    assert made["input"]["nodeInputs"][0]["nodeId"] == GENERATION.upper()


def test_id_of_an_element_is_a_number() -> None:
    """It comes as text in the path."""
    assert call("GET", "/elements/123456")["id"] == 123456


@pytest.mark.parametrize(
    ("id", "error"),
    [
        ("x", "expected a 32-bit integer for type 'Int', but found a string"),
        (GENERATION, "expected a 32-bit integer for type 'Int', but found a string"),
        (
            "1.5",
            "The value 1.5 lies outside the bounds or is not an integer. "
            "Maybe it is a float, or is there integer overflow?",
        ),
        (
            "2147483648",
            "The value 2.147483648e9 lies outside the bounds or is not an integer. "
            "Maybe it is a float, or is there integer overflow?",
        ),
    ],
)
def test_id_of_an_element_that_is_no_number_is_refused(id: str, error: str) -> None:
    """As a number in a query would be."""
    assert refusal("DELETE", f"/elements/{id}").text == error


def test_filters_of_blueprints_come_in_the_body_of_a_get() -> None:
    """There is no query for them; what is not sent has its default."""
    made = call("GET", "/blueprints", {"last": 3, "before": "c", "categories": None, "platforms": ["Web"]})
    assert (made["last"], made["before"], made["platforms"]) == (3, "c", ["Web"])
    assert made["categories"] is None
    assert (made["first"], made.given("first")) == (10, False)
    assert call("GET", "/blueprints")["platforms"] == ["API"]


DATA = "data:image/jpeg;base64,"
ELEMENT = {
    "name": "a",
    "datasetId": GENERATION,
    "lora_focus": "Style",
    "train_text_encoder": True,
    "sd_version": "FLUX_DEV",
    "num_train_epochs": 60,
    "learning_rate": 0.00001,
}


@pytest.mark.parametrize(
    ("method", "path", "body", "error"),
    [
        ("GET", "/blueprints", {"first": 0}, "first must be between 1 and 100"),
        ("GET", "/blueprints", {"filter": {}}, "Unexpected variable filter"),
        (
            "POST",
            "/blueprint-executions",
            execute(1),
            "Invalid input type: expected 'string' for field 'blueprintVersionId'",
        ),
        ("POST", "/blueprint-executions", execute(value=1), "input.nodeInputs[0].value is not valid"),
        ("POST", "/blueprint-executions", execute(x=1), "field 'x' not found in type: 'NodeInput'"),
        ("POST", f"/datasets/{GENERATION}/upload", {"extension": "gif"}, "invalid file extension"),
        ("POST", "/media", {"extension": "png"}, "invalid file extension"),
        (
            "POST",
            "/models-3d/upload",
            {"name": "a"},
            'expecting a value for non-nullable variable: "modelExtension"',
        ),
        (
            "POST",
            "/prompt/improve",
            {"prompt": "a" * 200},
            "Prompt is too long, please keep it under 200 characters",
        ),
        (
            "POST",
            "/elements",
            {**ELEMENT, "lora_focus": "style"},
            "lora_focus must be one of General, Character, Style, Object",
        ),
        (
            "POST",
            "/elements",
            {**ELEMENT, "num_train_epochs": 251},
            "num_train_epochs must be between 1 and 250",
        ),
        (
            "POST",
            "/elements",
            {**ELEMENT, "learning_rate": 0.01},
            "learning_rate must be between 1e-08 and 0.001",
        ),
        ("POST", "/elements", {**ELEMENT, "resolution": 512}, "resolution must be one of 1024"),
        (
            "POST",
            "/models",
            {"name": "a", "datasetId": "b", "instance_prompt": "c", "resolution": 1024},
            "resolution must be one of 512, 768",
        ),
        (
            "POST",
            "/models",
            {"name": "a", "datasetId": "b", "instance_prompt": "c", "sd_version": "v3"},
            "expected one of the values ['v1_5', 'v2'] for type 'sd_versions', but found 'v3'",
        ),
        (
            "POST",
            "/generations-lcm",
            {"imageDataUrl": "data:image/png;base64,", "prompt": "a"},
            "image data must begin with data:image/jpeg;base64,",
        ),
        (
            "POST",
            "/lcm-inpainting",
            {"imageDataUrl": DATA, "maskDataUrl": DATA, "prompt": "a", "steps": 17},
            "steps must be between 4 and 16",
        ),
        (
            "POST",
            "/lcm-instant-refine",
            {"imageDataUrl": DATA, "prompt": "a", "width": 768},
            "width must be one of 512, 640, 1024",
        ),
        (
            "POST",
            "/lcm-upscale",
            {"imageDataUrl": DATA, "prompt": "a", "refineStrength": 0.4},
            "refineStrength must be between 0.5 and 0.9",
        ),
        ("POST", "/variations/unzoom", {}, 'expecting a value for non-nullable variable: "id"'),
        (
            "POST",
            "/variations/universal-upscaler",
            {"upscaleMultiplier": 2.1},
            "upscaleMultiplier must be between 1.0 and 2.0",
        ),
        (
            "POST",
            "/generations-motion-svd",
            {"imageId": "a", "motionStrength": 11},
            "motionStrength must be between 1 and 10",
        ),
        (
            "POST",
            "/generations-text-to-video",
            {"prompt": "a", "duration": 7},
            "duration must be one of 4, 5, 6, 8, 10",
        ),
        (
            "POST",
            "/generations-text-to-video",
            {"prompt": "a", "model": "SORA"},
            "model must be one of MOTION2, VEO3, MOTION2FAST, VEO3FAST, KLING2_1, KLING2_5, VEO3_1, "
            "VEO3_1FAST, VEO3_0, Kling2_5",
        ),
        (
            "POST",
            "/generations-text-to-video",
            {"prompt": "a", "model": 1},
            "expected a string for type 'String', but found a number",
        ),
        (
            "POST",
            "/pricing-calculator",
            {"service": "LCM_GENERATION"},
            'expecting a value for non-nullable variable: "serviceParams"',
        ),
        (
            "POST",
            "/pricing-calculator",
            {"service": "LCM_GENERATION", "serviceParams": {"LCM_GENERATION": {"width": 513}}},
            "serviceParams.LCM_GENERATION.width must be one of 512, 640, 1024",
        ),
        (
            "POST",
            "/generations-video-upscale",
            {"sourceGenerationId": "a", "resolution": "RESOLUTION_1080"},
            "resolution must be one of RESOLUTION_720",
        ),
        (
            "POST",
            "/generations-texture",
            {"modelAssetId": "a"},
            'expecting a value for non-nullable variable: "prompt"',
        ),
    ],
)
def test_limit_that_stood_only_in_prose_is_held(method: str, path: str, body: Any, error: str) -> None:
    """The refusals of the other groups."""
    refused = refusal(method, path, body)
    assert (refused.status, refused.text) == (400, error)


@pytest.mark.parametrize("operation", SPEC.operations.values(), ids=lambda operation: operation.id)
def test_nulls_are_accepted_for_everything_optional_in_a_body(operation: Operation) -> None:
    """Of every operation: an optional GraphQL argument accepts an explicit null."""
    optional = {v.name: None for v in operation.variables.values() if not v.required and v.location == "body"}
    found = operation.validator.iter_errors(optional)
    assert [error.message for error in found if type(error.kind).__name__ != "Required"] == []


@pytest.mark.parametrize("extension", ["gif", "photo.png", "", "PNG"])
def test_extension_of_an_upload_is_checked(extension: str) -> None:
    """`extension` is not a file name."""
    assert refusal("POST", "/init-image", {"extension": extension}).text == "invalid file extension"


@pytest.mark.parametrize("size", [10**6, 10**7])
def test_prompt_of_a_million_characters_is_refused(size: int) -> None:
    """A huge value is refused like a large one, and its explanation stays short."""
    refused = refusal("POST", "/generations", {"prompt": "x" * size})
    assert refused.text == "Invalid prompt, maximum length of 1500 characters exceeded."
    assert len(refused.explain) < 500


def test_deeply_nested_body_is_no_variables() -> None:
    """A body that the reader refuses is one that is not JSON."""
    body = b'{"prompt": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    assert (
        refusal("POST", "/generations", body).text == 'expecting a value for non-nullable variable: "prompt"'
    )


def test_route_unknown_names_the_nearest() -> None:
    """404 in the real words, the help in ours."""
    refused = refusal("POST", "/generation", {})
    assert refused.status == 404
    assert refused.body == {"error": "Endpoint not found", "path": "$", "code": "not-found"}
    assert refused.explain == (
        "POST /generation: no such operation; the nearest is POST /generations (createGeneration)"
    )


def test_method_wrong_lists_the_right_ones() -> None:
    """405 with `Allow`."""
    refused = refusal("PUT", f"/generations/{GENERATION}", {})
    assert refused.status == 405
    assert refused.body == {
        "error": "Allowed methods: GET, DELETE",
        "path": "$",
        "code": "method-not-allowed",
    }
    assert refused.headers == {"Allow": "GET, DELETE"}


def test_literal_path_goes_before_a_variable() -> None:
    """`/generations/user/{userId}` is not a generation called user."""
    operation, captured = SPEC.route("GET", ["generations", "user", "u"])
    assert (operation.id, captured) == ("getGenerationsByUserId", {"userId": "u"})

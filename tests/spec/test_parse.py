"""What a call may say, and the words of each refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from leomock.addresses import Addresses
from leomock.errors import ApiError
from leomock.spec.compile import Spec
from leomock.spec.parse import Call, Request, parse

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
            f"{ARG}.elements[0]",
            "validation-failed",
        ),
        (
            {"prompt": "a" * 1501},
            "Invalid prompt, maximum length of 1500 characters exceeded.",
            "$",
            "unexpected",
        ),
        ({"prompt": "a", "width": 28}, "width must be between 32 and 1536", "$", "unexpected"),
        ({"prompt": "a", "height": 1544}, "height must be between 32 and 1536", "$", "unexpected"),
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
        ({"prompt": "a", "width": 33}, "createGeneration: 'width' is 33; it is not a multiple of 8"),
    ],
)
def test_explain_names_the_rule_and_what_would_work(body: Any, explain: str) -> None:
    """The vendor's words help nobody debug; ours do."""
    assert refusal("POST", "/generations", body).explain == f"{explain} {RULE}"


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
    """The guides' `styleUUID` and `contextImages` are no unexpected variables."""
    context = [{"type": "UPLOADED", "id": GENERATION}]
    made = create({"prompt": "a", "styleUUID": GENERATION, "contextImages": context})
    assert made["contextImages"] == context


def test_key_that_is_no_graphql_name_is_passed_over() -> None:
    """As Hasura does."""
    assert create({"prompt": "a", "foo-bar": 1, "": 2})["prompt"] == "a"


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

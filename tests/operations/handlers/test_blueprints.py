"""Blueprints: the list, versions, executions and their generations."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from PIL import Image

from leomock import Fake
from leomock.leonardo.catalogue import blueprints
from tests.fixtures import client_of

RECIPE = "b3ec7ecf-fc63-4efc-8745-fdcfd059f03a"
UNKNOWN = "6163f776-ad40-47fc-acd4-c04b22590ada"


def listed(client: httpx.Client, **filters: Any) -> dict[str, Any]:
    """A page of the list; filters travel in the body of the GET, as the SDKs send them."""
    answer = client.request("GET", "/blueprints", json=filters) if filters else client.get("/blueprints")
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()["blueprints"]
    return page


def names(page: dict[str, Any]) -> list[str]:
    return [edge["node"]["name"] for edge in page["edges"]]


def version_of(client: httpx.Client, id: str) -> dict[str, Any]:
    """The newest version."""
    answer = client.get(f"/blueprints/{id}/versions").json()["blueprintVersions"]
    node: dict[str, Any] = answer["edges"][0]["node"]
    return node


def execution_of(client: httpx.Client, value: Any = "ramen", **changes: Any) -> httpx.Response:
    """Execute the newest version of the recipe."""
    version = version_of(client, RECIPE)
    (asked,) = version["uiMetadata"]["inputs"]
    given = {"nodeId": asked["nodeId"], "settingName": asked["settingName"], "value": value, **changes}
    return client.post(
        "/blueprint-executions",
        json={"blueprintVersionId": version["akUUID"], "input": {"nodeInputs": [given], "public": False}},
    )


def test_list_has_ten_to_a_page(client: httpx.Client) -> None:
    """And leads on with a cursor in both directions."""
    page = listed(client)
    assert len(page["edges"]) == 10
    assert page["totalCount"] == 12
    assert (page["pageInfo"]["hasNextPage"], page["pageInfo"]["hasPreviousPage"]) == (True, False)
    assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
    rest = listed(client, first=10, after=page["pageInfo"]["endCursor"])
    assert len(rest["edges"]) == 2
    assert (rest["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasPreviousPage"]) == (False, True)
    back = listed(client, last=3, before=rest["edges"][0]["cursor"])
    assert names(back) == names(page)[-3:]


def test_list_is_newest_first(client: httpx.Client) -> None:
    """With ten to a page, and beside the three of the published examples those that leomock made up.

    Holds operation:listBlueprints
    and code:blueprints.
    """
    page = listed(client)
    created = [edge["node"]["createdAt"] for edge in page["edges"]]
    assert created == sorted(created, reverse=True)
    assert len(created) == 10
    published = [blueprint.name for blueprint in blueprints().values() if blueprint.basis == "documented"]
    assert published == ["Detailed Recipe with Tags", "Golden Hour Relight", "Instant Translate"]
    assert {blueprint.basis for blueprint in blueprints().values()} == {"documented", "chosen"}


def test_list_is_filtered(client: httpx.Client) -> None:
    """By categories and platforms; those for the API alone unless told otherwise."""
    found = names(listed(client, categories=["social-media"]))
    assert found == ["Detailed Recipe with Tags", "Instant Translate", "City Poster"]
    everything = listed(client, platforms=["API", "Web", "iOS"], first=100)
    assert everything["totalCount"] == len(blueprints()) == 13
    assert listed(client, categories=["no-such"])["edges"] == []


def test_published_recipe_translates_the_texts_of_a_picture(client: httpx.Client) -> None:
    """The recipe Instant Translate runs with the ids and the inputs of its page."""
    inputs = [
        {
            "nodeId": "7f9c1c8a-7d16-4bc8-bc4c-5b72d7653c12",
            "settingName": "imageUrl",
            "value": "https://example.com/menu.jpg",
        },
        {
            "nodeId": "16c99a94-9b47-4f2d-b3ff-7e6a82d7d891",
            "settingName": "textVariables",
            "value": [{"name": "language", "value": "French"}],
        },
    ]
    body = {
        "blueprintVersionId": "7ebfcc4c-503f-4bc3-8efd-a64338e9315c",
        "input": {"nodeInputs": inputs, "public": False},
    }
    answer = client.post("/blueprint-executions", json=body).json()
    assert answer["executeBlueprint"]["akUUID"]


def test_list_in_both_directions_at_once_is_refused(client: httpx.Client) -> None:
    """As a list of GraphQL errors on 200, in the documented words."""
    answer = client.request("GET", "/blueprints", json={"first": 1, "last": 1})
    assert answer.status_code == 200
    assert answer.json() == [
        {
            "message": "An error occurred.",
            "path": ["blueprints"],
            "locations": [],
            "extensions": {
                "code": "BadRequestException",
                "details": {"message": "Bad request. Please check your input.", "statusCode": 400},
            },
        }
    ]
    assert answer.headers["x-leomock-explain"] == ("listBlueprints: use first/after or last/before, not both")


def test_page_of_generations_in_both_directions_is_refused(client: httpx.Client) -> None:
    """With 400: this operation documents no errors on 200.

    Holds code:_bad_page.
    """
    id = execution_of(client).json()["executeBlueprint"]["akUUID"]
    answer = client.get(f"/blueprint-executions/{id}/generations", params={"first": 1, "last": 1})
    assert answer.status_code == 400
    assert answer.json()["error"] == "use first/after or last/before, not both"


def test_blueprint_is_found_again_with_its_thumbnails(client: httpx.Client, fake: Fake) -> None:
    """Each picture is there, in the form that its name says.

    Holds code:thumbnail.
    """
    node = client.get(f"/blueprints/{RECIPE}").json()["blueprint"]
    assert node == listed(client)["edges"][0]["node"]
    sizes = {}
    for thumbnail in node["thumbnails"]:
        content = client.get(thumbnail["url"]).content
        sizes[thumbnail["name"]] = Image.open(io.BytesIO(content)).size
    assert sizes["thumbnailUrl"] == (512, 512)
    assert sizes["thumbnailUrlBanner"] == (1024, 384)
    missing = node["thumbnails"][0]["url"].replace(RECIPE, UNKNOWN)
    assert client.get(missing).status_code == 403


@pytest.mark.parametrize(
    ("path", "envelope", "message"),
    [
        (f"/blueprints/{UNKNOWN}", "blueprint", "Blueprint not found"),
        (f"/blueprints/{UNKNOWN}/versions", "blueprintVersions", "Blueprint not found"),
        (f"/blueprint-executions/{UNKNOWN}", "blueprintExecution", "Blueprint execution not found"),
    ],
)
def test_unknown_id_is_an_error_on_200(client: httpx.Client, path: str, envelope: str, message: str) -> None:
    """In the documented words."""
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.json() == [
        {
            "message": message,
            "path": [envelope],
            "locations": [],
            "extensions": {"code": "NOT_FOUND", "errorCode": 0, "statusCode": 404},
        }
    ]


def test_generations_of_an_unknown_execution_are_none(client: httpx.Client) -> None:
    """An empty page, as documented."""
    answer = client.get(f"/blueprint-executions/{UNKNOWN}/generations").json()
    assert answer["blueprintExecutionGenerations"] == {
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
        "edges": [],
    }


def test_execution_becomes_pictures(client: httpx.Client, fake: Fake) -> None:
    """Its generation is one like any other, and costs what the version says.

    Holds operation:executeBlueprint.
    """
    before = client.get("/me").json()["user_details"][0]["apiPaidTokens"]
    id = execution_of(client).json()["executeBlueprint"]["akUUID"]
    assert client.get("/me").json()["user_details"][0]["apiPaidTokens"] == before - 80
    statuses = [
        client.get(f"/blueprint-executions/{id}").json()["blueprintExecution"]["status"] for _ in "12"
    ]
    assert statuses == ["PENDING", "COMPLETED"]
    found = client.get(f"/blueprint-executions/{id}/generations").json()["blueprintExecutionGenerations"]
    (edge,) = found["edges"]
    assert edge["cursor"] == "YXJyYXljb25uZWN0aW9uOjA="
    assert edge["node"]["status"] == "COMPLETED"
    row = client.get(f"/generations/{edge['node']['generationId']}").json()["generations_by_pk"]
    assert row["prompt"] == "Detailed Recipe with Tags: ramen"
    assert len(row["generated_images"]) == len(version_of(client, RECIPE)["uiMetadata"]["outputs"]) == 2


def test_execution_whose_generation_was_deleted(client: httpx.Client) -> None:
    """It is COMPLETED, and has no generations any more.

    Holds operation:getBlueprintExecution#2.
    """
    id = execution_of(client).json()["executeBlueprint"]["akUUID"]
    path = f"/blueprint-executions/{id}/generations"
    (edge,) = client.get(path).json()["blueprintExecutionGenerations"]["edges"]
    client.delete(f"/generations/{edge['node']['generationId']}")
    status = client.get(f"/blueprint-executions/{id}").json()["blueprintExecution"]["status"]
    assert status == "COMPLETED"
    assert client.get(path).json()["blueprintExecutionGenerations"]["edges"] == []


def test_execution_without_credits_is_refused_in_a_list(client: httpx.Client, fake: Fake) -> None:
    """On 200, as the document has its errors; nothing is kept."""
    with fake.scenario("out_of_credits"):
        answer = execution_of(client)
    assert answer.status_code == 200
    [error] = answer.json()
    assert error["extensions"]["details"] == {
        "message": f"not enough api tokens userId: {fake.user_id}",
        "statusCode": 400,
    }
    assert not fake.world.blueprint_executions


def test_execution_that_moderation_stops_says_why(client: httpx.Client, fake: Fake) -> None:
    """It is FAILED, its generation has the documented reason, and the credits are back.

    Holds operation:getBlueprintExecutionGenerations.
    """
    before = client.get("/me").json()["user_details"][0]["apiPaidTokens"]
    with fake.scenario("moderation_failed"):
        id = execution_of(client).json()["executeBlueprint"]["akUUID"]
    client.get(f"/blueprint-executions/{id}")
    assert client.get(f"/blueprint-executions/{id}").json()["blueprintExecution"]["status"] == "FAILED"
    found = client.get(f"/blueprint-executions/{id}/generations").json()["blueprintExecutionGenerations"]
    assert found["edges"][0]["node"]["failedReason"]["type"] == "PROMPT_MODERATION_BLOCKED"
    assert found["edges"][0]["node"]["failedReason"]["affectedOutputCount"] == 2
    assert client.get("/me").json()["user_details"][0]["apiPaidTokens"] == before


@pytest.mark.parametrize(
    ("changes", "explain"),
    [
        ({"nodeId": UNKNOWN}, f"the version asks for no input text at node {UNKNOWN}"),
        ({"value": [{"name": "a", "value": "b"}]}, "the value at node {node} does not fit text"),
    ],
)
def test_execution_with_inputs_that_the_version_has_not_is_refused(
    client: httpx.Client, changes: dict[str, Any], explain: str
) -> None:
    """In the documented words; the explanation says which.

    Holds code:_check_inputs.
    """
    node = version_of(client, RECIPE)["uiMetadata"]["inputs"][0]["nodeId"]
    answer = execution_of(client, **changes)
    assert answer.status_code == 200
    assert answer.json()[0]["extensions"]["code"] == "BadRequestException"
    assert answer.headers["x-leomock-explain"] == f"executeBlueprint: {explain.format(node=node)}"


def test_execution_waits_for_a_slot() -> None:
    """QUEUED while ten others run.

    Holds operation:getBlueprintExecution.
    """
    fake = Fake(limits="real", jobs="seconds:10", clock="frozen")
    with client_of(fake) as client:
        ids = [execution_of(client).json()["executeBlueprint"]["akUUID"] for _ in range(11)]

        def statuses() -> list[str]:
            answers = [client.get(f"/blueprint-executions/{id}").json() for id in (ids[0], ids[-1])]
            return [answer["blueprintExecution"]["status"] for answer in answers]

        assert statuses() == ["PENDING", "QUEUED"]
        fake.advance(10)
        assert statuses() == ["COMPLETED", "PENDING"]
        fake.restore(fake.snapshot())
        fake.advance(10)
        assert statuses() == ["COMPLETED", "COMPLETED"]
    fake.close()

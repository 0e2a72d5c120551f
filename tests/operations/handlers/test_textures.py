"""Textures, from the mesh to the maps painted for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from leomock import Fake
from tests.fixtures import BEFORE_RETIREMENTS, client_of, failing, inside, refused, upload

NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"
KINDS = ["ALBEDO", "NORMAL", "DISPLACEMENT", "ROUGHNESS"]


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A fake of a day when textures, Motion 1.0 and Veo 3 still worked; its time stands still."""
    with closing(Fake(clock="frozen", as_of=BEFORE_RETIREMENTS)) as fake:
        yield fake


def mesh(client: httpx.Client) -> str:
    """Upload a mesh and return the id of its model."""
    given = inside(client.post("/models-3d/upload", json={"modelExtension": "obj"}))
    assert upload(client, given["modelUrl"], given["modelFields"], b"v 0 0 0\n").status_code == 204
    id: str = given["modelId"]
    return id


def paint(client: httpx.Client, model: str | None = None, **body: Any) -> str:
    """Start a texture, of a new mesh unless told otherwise, and return its id."""
    asked = {"modelAssetId": model or mesh(client), "prompt": "mossy stone", **body}
    id: str = inside(client.post("/generations-texture", json=asked))["id"]
    return id


def read(client: httpx.Client, id: str) -> dict[str, Any]:
    row: dict[str, Any] = inside(client.get(f"/generations-texture/{id}"))
    return row


def painted(client: httpx.Client, **body: Any) -> dict[str, Any]:
    """Start a texture and read it until it is COMPLETE."""
    id = paint(client, **body)
    read(client, id)
    row = read(client, id)
    assert row["status"] == "COMPLETE"
    return row


def opened(client: httpx.Client, url: str) -> Image.Image:
    answer = client.get(url)
    assert answer.headers["content-type"] == "image/png"
    return Image.open(BytesIO(answer.content))


def test_texture_goes_from_pending_to_complete(client: httpx.Client, fake: Fake) -> None:
    """The maps are there at the end; it costs what the pricing calculator says.

    Holds code:_kinds.
    """
    model = mesh(client)
    before = fake.world.account.balance
    body = {"modelAssetId": model.upper(), "prompt": "mossy stone", "negative_prompt": "snow", "seed": 5}
    job = inside(client.post("/generations-texture", json=body))
    asked = {"service": "TEXTURE_GENERATION", "serviceParams": {"TEXTURE_GENERATION": {"preview": False}}}
    cost = inside(client.post("/pricing-calculator", json=asked))["cost"]
    id = job["id"]
    assert job == {"apiCreditCost": cost, "cost": {"amount": str(cost), "unit": "CREDITS"}, "id": id}
    assert fake.world.account.balance == before - cost
    pending = {
        "createdAt": "2024-04-20T14:33:28.258",
        "id": id,
        "model_asset_texture_images": [],
        "negativePrompt": "snow",
        "prompt": "mossy stone",
        "seed": 5,
        "status": "PENDING",
    }
    assert read(client, id) == pending
    row = read(client, id)
    maps = row["model_asset_texture_images"]
    assert row == pending | {"status": "COMPLETE", "model_asset_texture_images": maps}
    assert [each["type"] for each in maps] == KINDS
    assert len({each["id"] for each in maps}) == 4


def test_maps_are_pictures_of_their_kinds(client: httpx.Client) -> None:
    """Colours for ALBEDO, mostly blue for NORMAL, grey for the others; all of one size."""
    maps = [opened(client, each["url"]) for each in painted(client, seed=5)["model_asset_texture_images"]]
    assert [each.mode for each in maps] == ["RGB", "RGB", "L", "L"]
    assert {each.size for each in maps} == {(1024, 1024)}
    pixel = maps[1].resize((1, 1)).getpixel((0, 0))
    assert isinstance(pixel, tuple)
    assert pixel[2] > 200 > max(pixel[:2])


def test_preview_has_one_map_and_costs_less(client: httpx.Client, fake: Fake) -> None:
    """Only the colours.

    Holds code:_kinds.
    """
    before = fake.world.account.balance
    row = painted(client, preview=True)
    assert [each["type"] for each in row["model_asset_texture_images"]] == ["ALBEDO"]
    (url,) = (each["url"] for each in row["model_asset_texture_images"])
    assert client.get(url).status_code == 200
    assert client.get(url.replace("ALBEDO", "NORMAL")).status_code == 403
    assert before - fake.world.account.balance == 5


def test_maps_are_not_there_before_the_end(client: httpx.Client, fake: Fake) -> None:
    """Neither listed nor at their addresses, nor under other names.

    Holds code:_shown.
    """
    id = paint(client)
    url = f"{fake.url}/cdn/users/{fake.user_id}/textures/{id}/ALBEDO.png"
    assert client.get(url).status_code == 403
    fake.finish(id)
    assert client.get(url).status_code == 200
    assert client.get(url.replace("ALBEDO", "COLOUR")).status_code == 403
    assert client.get(url.replace(id, NOBODY)).status_code == 403


def test_texture_that_fails_gives_the_credits_back(client: httpx.Client, fake: Fake, tmp_path: Path) -> None:
    """And has no maps."""
    before = fake.world.account.balance
    with fake.scenario(failing(tmp_path, "textures")):
        id = paint(client)
    assert fake.world.account.balance < before
    assert [read(client, id)["status"] for _ in range(2)] == ["PENDING", "FAILED"]
    assert read(client, id)["model_asset_texture_images"] == []
    assert fake.world.account.balance == before
    assert client.get(f"{fake.url}/cdn/users/{fake.user_id}/textures/{id}/ALBEDO.png").status_code == 403


def test_texture_for_a_mesh_that_is_not_there_is_refused(client: httpx.Client, fake: Fake) -> None:
    """An unknown one, another key's, and one that was never uploaded."""
    with client_of(fake, "another") as another:
        foreign = mesh(another)
    empty = inside(client.post("/models-3d/upload", json={"modelExtension": "obj"}))["modelId"]
    for id in (NOBODY, "none", foreign, empty):
        answer = client.post("/generations-texture", json={"modelAssetId": id, "prompt": "stone"})
        assert refused(answer) == (
            "invalid model asset id",
            "createTextureGeneration: modelAssetId is not the id of a 3D model of this API key whose file "
            "was uploaded (POST /models-3d/upload, then the form)",
        )


def test_textures_of_a_model_are_listed_newest_first(client: httpx.Client, fake: Fake) -> None:
    """Page by page; only those on the page count as read.

    Holds operation:getTextureGenerationsByModelId.
    """
    model, other = mesh(client), mesh(client)
    first, second, third = (paint(client, model, prompt=str(number)) for number in range(3))
    elsewhere = paint(client, other)
    path = f"/generations-texture/model/{model}"
    for status in ("PENDING", "COMPLETE"):
        page = inside(client.get(path, params={"limit": 1, "offset": 1}))
        assert [(row["id"], row["status"]) for row in page] == [(second, status)]
    assert [row["id"] for row in inside(client.get(path))] == [third, second, first]
    statuses = [row["status"] for row in inside(client.get(path))]
    assert statuses == ["COMPLETE"] * 3
    assert read(client, elsewhere)["status"] == "PENDING"
    assert inside(client.get(f"/generations-texture/model/{NOBODY}")) == []
    with client_of(fake, "another") as another:
        assert inside(another.get(path)) == []


def test_texture_of_another_key_is_unknown(client: httpx.Client, fake: Fake) -> None:
    """It can be neither read nor deleted."""
    id = paint(client)
    unknown = {"model_asset_texture_generations_by_pk": None}
    with client_of(fake, "another") as another:
        assert another.get(f"/generations-texture/{id}").json() == unknown
        assert another.delete(f"/generations-texture/{id}").json() == {
            "delete_model_asset_texture_generations_by_pk": None
        }
    assert read(client, id)["status"] == "PENDING"


def test_texture_is_deleted_once(client: httpx.Client, fake: Fake) -> None:
    """With its maps or its job; then it is null, as an unknown one is."""
    row, pending = painted(client), paint(client)
    envelope = "delete_model_asset_texture_generations_by_pk"
    for id in (row["id"], pending):
        assert client.delete(f"/generations-texture/{id}").json() == {envelope: {"id": id}}
        assert client.delete(f"/generations-texture/{id}").json() == {envelope: None}
        assert inside(client.get(f"/generations-texture/{id}")) is None
    assert client.get(row["model_asset_texture_images"][0]["url"]).status_code == 403
    assert client.get(f"{fake.url}/_leomock/jobs").json()["pending"] == []
    assert inside(client.get(f"/generations-texture/{NOBODY}")) is None


def test_textures_go_with_their_model(client: httpx.Client, fake: Fake) -> None:
    """Finished or not; those of other models stay.

    Holds operation:delete3DModelById.
    """
    model, other = mesh(client), paint(client)
    done, pending = paint(client, model), paint(client, model)
    fake.finish(done)
    client.delete(f"/models-3d/{model}")
    assert [inside(client.get(f"/generations-texture/{id}")) for id in (done, pending)] == [None, None]
    assert read(client, other)["status"] == "PENDING"
    assert client.get(f"{fake.url}/_leomock/jobs").json()["pending"] == [other]


def test_ten_textures_are_painted_at_a_time() -> None:
    """The eleventh waits; a snapshot keeps that."""
    fake = Fake(clock="frozen", jobs="seconds:2", limits="real", as_of=BEFORE_RETIREMENTS)
    with client_of(fake) as client:
        model = mesh(client)
        ids = [paint(client, model) for _ in range(11)]
        fake.restore(fake.snapshot())
        fake.advance(2)
        assert [read(client, id)["status"] for id in ids] == [*["COMPLETE"] * 10, "PENDING"]
        fake.advance(2)
        assert read(client, ids[10])["status"] == "COMPLETE"
    fake.close()

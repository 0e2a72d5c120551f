"""3D models, from the presigned form to the mesh that comes back."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.media.mesh import Mesh
from tests.fixtures import client_of, inside, refused, upload

NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"
OBJ = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"


def form(client: httpx.Client, extension: str = "obj", **body: Any) -> dict[str, Any]:
    """Ask for a form for a mesh."""
    asked = {"modelExtension": extension, **body}
    answer: dict[str, Any] = inside(client.post("/models-3d/upload", json=asked))
    return answer


def uploaded(client: httpx.Client, content: bytes = OBJ, **body: Any) -> str:
    """Upload a mesh and return the id of its model."""
    given = form(client, **body)
    assert upload(client, given["modelUrl"], given["modelFields"], content).status_code == 204
    id: str = given["modelId"]
    return id


def read(client: httpx.Client, id: str) -> dict[str, Any]:
    row: dict[str, Any] = inside(client.get(f"/models-3d/{id}"))
    return row


def test_form_for_a_mesh(client: httpx.Client, fake: Fake) -> None:
    """`modelFields` is a JSON string; the key names the user and the model, and ends as the file does."""
    given = form(client, "OBJ", name="A cat")
    assert list(given) == ["modelFields", "modelId", "modelKey", "modelUrl"]
    assert given["modelKey"] == f"users/{fake.user_id}/models3D/{given['modelId']}/mesh.obj"
    assert json.loads(given["modelFields"])["Content-Type"] == "model/obj"


@pytest.mark.parametrize(
    ("extension", "content", "type"),
    [
        ("obj", OBJ, "model/obj"),
        ("glb", Mesh("a cat", 1).render(), "model/gltf-binary"),
        ("fbx", b"Kaydara FBX Binary", "application/octet-stream"),
    ],
)
def test_mesh_comes_back_byte_for_byte(
    client: httpx.Client, fake: Fake, extension: str, content: bytes, type: str
) -> None:
    """At the model's URL, with the type of its extension, as far as that is known.

    Holds operation:uploadModelAsset.
    """
    id = uploaded(client, content, extension=extension, name="A cat")
    model = read(client, id)
    assert model == {
        "createdAt": "2024-04-20T14:33:28.258",
        "id": id,
        "meshUrl": f"http://leomock.invalid/cdn/users/{fake.user_id}/models3D/{id}/mesh.{extension}",
        "name": "A cat",
        "updatedAt": "2024-04-20T14:33:28.258",
        "userId": fake.user_id,
    }
    answer = client.get(model["meshUrl"])
    assert (answer.content, answer.headers["content-type"]) == (content, type)


def test_model_is_known_before_its_mesh_is_uploaded(client: httpx.Client) -> None:
    """Its URL answers as S3 does where nothing is."""
    model = read(client, form(client)["modelId"])
    assert model["name"] is None
    assert client.get(model["meshUrl"]).status_code == 403


@pytest.mark.parametrize("extension", ["", "a/../b", "mesh.obj", "o bj", "x" * 11])
def test_extension_that_is_none_is_refused(client: httpx.Client, extension: str) -> None:
    """In the words for images; it would become a part of an address."""
    answer = client.post("/models-3d/upload", json={"modelExtension": extension})
    assert refused(answer)[0] == "invalid file extension"


def test_models_are_listed_newest_first(client: httpx.Client, fake: Fake) -> None:
    """Page by page, ten to a page unless told otherwise."""
    ids = [uploaded(client, name=str(number)) for number in range(12)][::-1]
    path = f"/models-3d/user/{fake.user_id}"
    assert [row["id"] for row in inside(client.get(path))] == ids[:10]
    page = inside(client.get(path, params={"offset": 9, "limit": 2}))
    assert [row["id"] for row in page] == ids[9:11]
    assert page[0] == read(client, ids[9])


def test_model_of_another_key_is_unknown(client: httpx.Client, fake: Fake) -> None:
    """It can be neither read nor listed nor deleted."""
    id = uploaded(client)
    with client_of(fake, "another") as another:
        assert another.get(f"/models-3d/{id}").json() == {"model_assets_by_pk": None}
        assert another.get(f"/models-3d/user/{fake.user_id}").json() == {"model_assets": []}
        assert another.delete(f"/models-3d/{id}").json() == {"delete_model_assets_by_pk": None}
    assert client.get(read(client, id)["meshUrl"]).content == OBJ


def test_model_is_deleted_once(client: httpx.Client) -> None:
    """With its mesh; then it is null, as an unknown one is."""
    id = uploaded(client)
    url = read(client, id)["meshUrl"]
    assert client.delete(f"/models-3d/{id}").json() == {"delete_model_assets_by_pk": {"id": id}}
    assert client.delete(f"/models-3d/{id}").json() == {"delete_model_assets_by_pk": None}
    assert client.get(f"/models-3d/{id}").json() == {"model_assets_by_pk": None}
    assert client.get(f"/models-3d/{NOBODY}").json() == {"model_assets_by_pk": None}
    assert client.get(url).status_code == 403

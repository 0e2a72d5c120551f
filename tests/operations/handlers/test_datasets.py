"""Datasets, from the empty one to the pictures in it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from leomock import Fake
from tests.fixtures import client_of, completed, inside, refused, upload

NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"
CREATED = "2024-04-20T14:33:28.258"


def dataset(client: httpx.Client, **body: Any) -> str:
    """Make a dataset and return its id."""
    id: str = inside(client.post("/datasets", json={"name": "cats", **body}))["id"]
    return id


def read(client: httpx.Client, id: str) -> dict[str, Any]:
    row: dict[str, Any] = inside(client.get(f"/datasets/{id}"))
    return row


def add(client: httpx.Client, id: str, content: bytes = b"picture", extension: str = "png") -> str:
    """Upload a picture into a dataset and return the picture's id."""
    form = inside(client.post(f"/datasets/{id}/upload", json={"extension": extension}))
    assert upload(client, form["url"], form["fields"], content).status_code == 204
    added: str = form["id"]
    return added


def test_dataset_is_found_again(client: httpx.Client) -> None:
    """Empty, as it was described."""
    id = dataset(client, description="All sorts.")
    assert read(client, id) == {
        "createdAt": CREATED,
        "dataset_images": [],
        "description": "All sorts.",
        "id": id,
        "name": "cats",
        "updatedAt": CREATED,
    }
    assert read(client, dataset(client))["description"] is None


def test_form_for_a_picture(client: httpx.Client, fake: Fake) -> None:
    """The key names the user, the dataset and the picture, as documented.

    Holds operation:uploadDatasetImage.
    """
    id = dataset(client)
    form = inside(client.post(f"/datasets/{id}/upload", json={"extension": "jpg"}))
    assert list(form) == ["fields", "id", "key", "url"]
    assert form["key"] == f"users/{fake.user_id}/datasets/{id}/images/{form['id']}/image.jpg"


def test_picture_is_in_the_dataset_once_it_is_uploaded(client: httpx.Client, fake: Fake) -> None:
    """Byte for byte, with the type of its extension; a form that nobody used is not a picture.

    Holds operation:getDatasetById.
    """
    id = dataset(client)
    inside(client.post(f"/datasets/{id}/upload", json={"extension": "png"}))
    fake.advance(1)
    added = add(client, id.upper(), b"cat", "webp")
    row = read(client, id)
    (image,) = row["dataset_images"]
    assert (image["id"], image["createdAt"]) == (added, "2024-04-20T14:33:29.258")
    assert row["updatedAt"] == "2024-04-20T14:33:29.258"
    answer = client.get(image["url"])
    assert (answer.content, answer.headers["content-type"]) == (b"cat", "image/webp")


def test_generated_picture_in_the_dataset_is_that_of_the_generation(client: httpx.Client) -> None:
    """The same file at the same address, until the generation is deleted.

    Holds operation:uploadDatasetImageFromGen.
    """
    generation = completed(client, width=64, height=64, num_images=2)
    picture = generation["generated_images"][1]
    id = dataset(client)
    kept = add(client, id)
    added = inside(client.post(f"/datasets/{id}/upload/gen", json={"generatedImageId": picture["id"]}))
    assert list(added) == ["id"]
    assert added["id"] != picture["id"]
    found = read(client, id)["dataset_images"]
    assert [image["id"] for image in found] == [kept, added["id"]]
    assert found[1]["url"] == picture["url"]
    assert Image.open(BytesIO(client.get(found[1]["url"]).content)).size == (64, 64)
    client.delete(f"/generations/{generation['id']}")
    assert [image["id"] for image in read(client, id)["dataset_images"]] == [kept]


def test_delete_takes_the_uploads_along(client: httpx.Client) -> None:
    """Deleted once, null the second time; generated pictures stay where they were."""
    generation = completed(client, width=64, height=64, num_images=1)
    (picture,) = generation["generated_images"]
    id = dataset(client)
    add(client, id)
    inside(client.post(f"/datasets/{id}/upload/gen", json={"generatedImageId": picture["id"]}))
    url = read(client, id)["dataset_images"][0]["url"]
    assert client.delete(f"/datasets/{id}").json() == {"delete_datasets_by_pk": {"id": id}}
    assert client.delete(f"/datasets/{id}").json() == {"delete_datasets_by_pk": None}
    assert client.get(f"/datasets/{id}").json() == {"datasets_by_pk": None}
    assert client.get(url).status_code == 403
    assert client.get(picture["url"]).status_code == 200


def test_unknown_id_is_null(client: httpx.Client) -> None:
    """200 with null, for read and delete."""
    assert client.get(f"/datasets/{NOBODY}").json() == {"datasets_by_pk": None}
    assert client.delete(f"/datasets/{NOBODY}").json() == {"delete_datasets_by_pk": None}


@pytest.mark.parametrize(
    ("path", "body", "operation"),
    [
        ("upload", {"extension": "png"}, "uploadDatasetImage"),
        ("upload/gen", {"generatedImageId": NOBODY}, "uploadDatasetImageFromGen"),
    ],
)
@pytest.mark.parametrize("id", [NOBODY, "none"])
def test_picture_for_an_unknown_dataset_is_refused(
    client: httpx.Client, path: str, body: dict[str, Any], operation: str, id: str
) -> None:
    """The explanation says where ids come from."""
    assert refused(client.post(f"/datasets/{id}/{path}", json=body)) == (
        "invalid dataset id",
        f"{operation}: datasetId is not an id that POST /datasets returned for this API key",
    )


def test_picture_that_was_not_generated_is_refused(client: httpx.Client) -> None:
    """In the words for pictures that cannot be had; nothing is added."""
    id = dataset(client)
    assert refused(client.post(f"/datasets/{id}/upload/gen", json={"generatedImageId": NOBODY})) == (
        "couldn't access image",
        "generatedImageId is not the id of a finished picture of this API key (generated_images[].id, "
        "not the generation's id)",
    )
    assert read(client, id)["dataset_images"] == []


def test_file_that_is_no_picture_is_refused(client: httpx.Client) -> None:
    """By its extension."""
    answer = client.post(f"/datasets/{dataset(client)}/upload", json={"extension": "gif"})
    assert refused(answer)[0] == "invalid file extension"


def test_dataset_of_another_key_is_unknown(client: httpx.Client, fake: Fake) -> None:
    """It can be neither read nor filled nor deleted."""
    id = dataset(client)
    with client_of(fake, "another") as another:
        assert another.get(f"/datasets/{id}").json() == {"datasets_by_pk": None}
        assert another.delete(f"/datasets/{id}").json() == {"delete_datasets_by_pk": None}
        answer = another.post(f"/datasets/{id}/upload", json={"extension": "png"})
        assert refused(answer)[0] == "invalid dataset id"
    assert read(client, id)["id"] == id


def test_snapshot_has_the_pictures_of_its_moment(client: httpx.Client, fake: Fake) -> None:
    """What was added later is gone after a restore."""
    id = dataset(client)
    first = add(client, id)
    snapshot = fake.snapshot()
    add(client, id)
    assert len(read(client, id)["dataset_images"]) == 2
    fake.restore(snapshot)
    assert [image["id"] for image in read(client, id)["dataset_images"]] == [first]

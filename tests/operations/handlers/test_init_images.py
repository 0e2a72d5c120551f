"""Init images, from the presigned form to the picture that shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from leomock import Fake
from leomock.state.render_cache import RENDERED
from tests import fixtures
from tests.fixtures import client_of, completed, init_image, inside

NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"


def png(color: tuple[int, int, int] = (255, 0, 0), size: int = 64) -> bytes:
    stream = BytesIO()
    Image.new("RGB", (size, size), color).save(stream, "PNG")
    return stream.getvalue()


def presigned(client: httpx.Client, extension: str = "png") -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/init-image", json={"extension": extension}).json()[
        "uploadInitImage"
    ]
    return answer


def upload(client: httpx.Client, form: dict[str, Any], content: bytes) -> httpx.Response:
    return fixtures.upload(client, form["url"], form["fields"], content)


def test_presign_answers_a_form(client: httpx.Client, fake: Fake) -> None:
    """`fields` is a JSON string; the key contains the ids of the user and the image.

    Holds code:presigned
    and code:_upload.
    """
    form = presigned(client, "jpg")
    assert list(form) == ["fields", "id", "key", "url"]
    assert form["key"] == f"users/{fake.world.user_id}/initImages/{form['id']}.jpg"
    fields = json.loads(form["fields"])
    assert list(fields) == [
        *("Content-Type", "bucket", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date"),
        *("X-Amz-Security-Token", "key", "Policy", "X-Amz-Signature"),
    ]
    assert (fields["Content-Type"], fields["key"]) == ("image/jpeg", form["key"])
    assert form["url"] == f"{fake.url}/s3/{fake.world.bucket.name}/"


def test_form_allows_what_the_setting_allows() -> None:
    """The policy has a range of sizes.

    Holds code:presigned#2.
    """
    with Fake(max_upload=100) as fake, client_of(fake) as client:
        form = presigned(client)
        for size, status in ((100, 204), (101, 400)):
            files = {"file": b"x" * size}
            answer = httpx.post(form["url"], data=json.loads(form["fields"]), files=files)
            assert answer.status_code == status


def test_upload_comes_back_byte_for_byte(client: httpx.Client) -> None:
    """At the image's URL, with its type and ETag."""
    content = png()
    id = init_image(client, content)
    image = client.get(f"/init-image/{id}").json()["init_images_by_pk"]
    assert list(image) == ["createdAt", "id", "url"]
    assert (image["id"], image["createdAt"]) == (id, "2024-04-20T14:33:28.258")
    got = client.get(image["url"])
    assert got.content == content
    assert got.headers["content-type"] == "image/png"
    assert client.head(image["url"]).headers["etag"] == got.headers["etag"]
    assert client.get(image["url"], headers={"range": "bytes=0-3"}).content == b"\x89PNG"


def test_url_before_the_upload_is_denied(client: httpx.Client) -> None:
    """An id that was never uploaded answers what S3 answers.

    Holds operation:getInitImageById.
    """
    form = presigned(client)
    image = client.get(f"/init-image/{form['id']}").json()["init_images_by_pk"]
    answer = client.get(image["url"])
    assert answer.status_code == 403
    assert b"<Code>AccessDenied</Code><Message>Access Denied</Message>" in answer.content


def test_form_is_good_for_two_minutes(client: httpx.Client, fake: Fake) -> None:
    """By the world's clock."""
    early, late = presigned(client), presigned(client)
    fake.advance(119)
    assert upload(client, early, png()).status_code == 204
    fake.advance(2)
    answer = upload(client, late, png())
    assert answer.status_code == 403
    assert b"Invalid according to Policy: Policy expired." in answer.content
    assert client.get(f"/init-image/{late['id']}").json()["init_images_by_pk"]["id"] == late["id"]


def test_delete_takes_the_file_along(client: httpx.Client) -> None:
    """Deleted once, null the second time."""
    id = init_image(client, png())
    url = client.get(f"/init-image/{id}").json()["init_images_by_pk"]["url"]
    assert client.delete(f"/init-image/{id}").json() == {"delete_init_images_by_pk": {"id": id}}
    assert client.delete(f"/init-image/{id}").json() == {"delete_init_images_by_pk": None}
    assert client.get(f"/init-image/{id}").json() == {"init_images_by_pk": None}
    assert client.get(url).status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/generations", {"prompt": "a", "width": 256, "height": 256}, "init_image_id"),
        ("/generations", {"prompt": "a", "width": 256, "height": 256}, "canvasInitId"),
        ("/generations-text-to-video", {"prompt": "a"}, ""),
        ("/generations-image-to-video", {"prompt": "a", "imageType": "UPLOADED"}, "imageId"),
        ("/variations/universal-upscaler", {}, "initImageId"),
    ],
)
@pytest.mark.parametrize("spelled", [str.lower, str.upper])
def test_delete_leaves_results_as_they_are(
    client: httpx.Client,
    fake: Fake,
    path: str,
    body: dict[str, Any],
    name: str,
    spelled: Callable[[str], str],
) -> None:
    """What was made from an image shows it still; what was not needs no file of it.

    Holds code:keep_for_results.
    """
    id = init_image(client, png())
    job = inside(client.post(path, json={**body, **({name: spelled(id)} if name else {})}))
    fake.finish()
    if path.startswith("/variations"):
        (shown,) = inside(client.get(f"/variations/{job['id']}"))
    else:
        shown = inside(client.get(f"/generations/{job['generationId']}"))["generated_images"][0]
    before = client.get(shown["url"])
    RENDERED.clear()
    client.delete(f"/init-image/{id}")
    assert client.get(shown["url"]).content == before.content
    assert len(fake.world.bucket.objects) == (1 if name else 0)


def test_upload_after_delete_is_not_used(client: httpx.Client) -> None:
    """A form outlives its image: S3 takes the file, the API does not know it."""
    form = presigned(client)
    client.delete(f"/init-image/{form['id']}")
    assert upload(client, form, png()).status_code == 204
    answer = client.post("/generations", json={"prompt": "a", "init_image_id": form["id"]})
    assert answer.json()["error"] == "invalid init image id"


def test_generation_needs_the_upload_done(client: httpx.Client) -> None:
    """A form alone is not a picture.

    Holds code:uploaded_picture.
    """
    form = presigned(client)
    answer = client.post("/generations", json={"prompt": "a", "init_image_id": form["id"]})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid init image id"
    assert answer.headers["x-leomock-explain"] == (
        "init_image_id is known, but nothing was uploaded for it yet: POST the form with the file first"
    )


def test_init_image_is_visible_in_the_picture(client: httpx.Client) -> None:
    """A red init image makes a redder picture, a blue one a bluer."""

    def mean(color: tuple[int, int, int]) -> tuple[float, ...]:
        id = init_image(client, png(color))
        body: dict[str, Any] = {"width": 256, "height": 256, "num_images": 1, "seed": 1, "init_strength": 0.9}
        row = completed(client, "a cat", init_image_id=id, **body)
        with Image.open(BytesIO(client.get(row["generated_images"][0]["url"]).content)) as picture:
            pixel = picture.resize((1, 1)).getpixel((0, 0))
        assert isinstance(pixel, tuple)
        return pixel

    red, blue = mean((255, 0, 0)), mean((0, 0, 255))
    assert red[0] > blue[0] + 60
    assert blue[2] > red[2] + 60


def test_init_image_that_is_no_picture_is_drawn_without(client: httpx.Client) -> None:
    """S3 does not look into a file."""
    row = completed(client, init_image_id=init_image(client, b"no picture"), num_images=1)
    assert client.get(row["generated_images"][0]["url"]).status_code == 200


def test_init_image_of_another_key_is_unknown(client: httpx.Client, fake: Fake) -> None:
    """Uploads belong to a key."""
    id = init_image(client, png())
    with client_of(fake, "another") as another:
        assert another.get(f"/init-image/{id}").json() == {"init_images_by_pk": None}
        answer = another.post("/generations", json={"prompt": "a", "init_image_id": id})
        assert answer.json()["error"] == "invalid init image id"


def test_canvas_answers_both_spellings(client: httpx.Client) -> None:
    """The recipe reads `masks…`, the SDKs `mask…`."""
    answer = client.post("/canvas-init-image", json={"initExtension": "png", "maskExtension": "jpg"}).json()
    canvas = answer["uploadCanvasInitImage"]
    for part in ("ImageId", "Fields", "Key", "Url"):
        assert canvas[f"mask{part}"] == canvas[f"masks{part}"]
    assert canvas["initImageId"] != canvas["maskImageId"]
    ids = {}
    for part, mask in (("init", png()), ("mask", png((0, 0, 0)))):
        form = {"url": canvas[f"{part}Url"], "fields": canvas[f"{part}Fields"]}
        assert upload(client, form, mask).status_code == 204
        ids[part] = canvas[f"{part}ImageId"]
    row = completed(
        client,
        canvasRequest=True,
        canvasRequestType="INPAINT",
        canvasInitId=ids["init"],
        canvasMaskId=ids["mask"],
    )
    assert row["status"] == "COMPLETE"


@pytest.mark.parametrize("extension", ["png", "jpg", "jpeg", "webp"])
def test_every_extension_has_its_type(client: httpx.Client, extension: str) -> None:
    """The stored file has the content type of its extension."""
    id = init_image(client, b"x", extension)
    url = client.get(f"/init-image/{id}").json()["init_images_by_pk"]["url"]
    assert url.endswith(f".{extension}")
    assert client.get(url).headers["content-type"] == f"image/{extension.replace('jpg', 'jpeg')}"


def test_unknown_id_is_null(client: httpx.Client) -> None:
    """200 with null, for read and delete."""
    assert client.get(f"/init-image/{NOBODY}").json() == {"init_images_by_pk": None}
    assert client.delete(f"/init-image/{NOBODY}").json() == {"delete_init_images_by_pk": None}


def test_id_in_capitals_is_the_same(client: httpx.Client) -> None:
    """A UUID has no case."""
    id = init_image(client, png())
    assert client.get(f"/init-image/{id.upper()}").json()["init_images_by_pk"]["id"] == id
    assert completed(client, init_image_id=id.upper())["status"] == "COMPLETE"

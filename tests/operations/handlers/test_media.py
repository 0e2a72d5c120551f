"""Media, from the presigned form to what the file says of itself."""

from __future__ import annotations

import io
import json
import wave
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from leomock import Fake
from leomock.media.image import Picture
from leomock.media.video import Video
from tests.fixtures import client_of, inside, refused, upload

NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"
CREATED = "2024-04-20T14:33:28.258"


def film() -> bytes:
    """Two seconds of 96x64 pixels."""
    return Video(Picture("a cat", 1, 0, 96, 64), 2, 96, 64).render()


def sound() -> bytes:
    """Three quarters of a second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, 8000, 0, "NONE", ""))
        written.writeframes(bytes(2 * 6000))
    return file.getvalue()


def form(client: httpx.Client, extension: str, **body: Any) -> dict[str, Any]:
    answer: dict[str, Any] = inside(
        client.post("/media", json={"extension": extension, "originalFilename": f"a.{extension}", **body})
    )
    return answer


def uploaded(client: httpx.Client, extension: str, content: bytes) -> str:
    """Upload a file and return its id."""
    given = form(client, extension)
    assert upload(client, given["url"], given["fields"], content).status_code == 204
    id: str = given["uploadId"]
    return id


def read(client: httpx.Client, id: str) -> dict[str, Any]:
    row: dict[str, Any] = inside(client.get(f"/media/{id}"))
    return row


def test_form_for_a_film(client: httpx.Client, fake: Fake) -> None:
    """`fields` is a JSON string; there is no key but in it.

    Holds operation:uploadMedia.
    """
    given = form(client, "mp4", originalFilename=None, teamId=None)
    assert list(given) == ["uploadId", "url", "fields"]
    fields = json.loads(given["fields"])
    assert fields["Content-Type"] == "video/mp4"
    assert fields["key"] == f"users/{fake.user_id}/media/{given['uploadId']}.mp4"


def test_upload_that_is_awaited(client: httpx.Client, fake: Fake) -> None:
    """PENDING, with nothing but the address where the file will be.

    Holds operation:getUploadedMediaById.
    """
    id = form(client, "mp4")["uploadId"]
    row = read(client, id)
    assert row == {
        "createdAt": CREATED,
        "duration": None,
        "height": None,
        "id": id,
        "mediaType": "VIDEO",
        "status": "PENDING",
        "statusReason": None,
        "thumbnailUrl": None,
        "url": f"http://leomock.invalid/cdn/users/{fake.user_id}/media/{id}.mp4",
        "video_fps": None,
        "width": None,
    }
    assert client.get(row["url"]).status_code == 403
    assert client.get(row["url"].replace(".mp4", "/thumbnail.jpg")).status_code == 403


@pytest.mark.parametrize(("extension", "type"), [("mp4", "video/mp4"), ("mov", "video/quicktime")])
def test_film_tells_of_itself(client: httpx.Client, extension: str, type: str) -> None:
    """Length, size and rate; it comes back byte for byte, and a picture stands for it.

    Holds operation:getUploadedMediaById
    and operation:getUploadedMediaById#2.
    """
    content = film()
    id = uploaded(client, extension, content)
    row = read(client, id)
    facts = ("status", "mediaType", "duration", "width", "height", "video_fps", "statusReason")
    assert [row[name] for name in facts] == ["COMPLETE", "VIDEO", 2.0, 96, 64, 24.0, None]
    answer = client.get(row["url"])
    assert (answer.content, answer.headers["content-type"]) == (content, type)
    thumbnail = Image.open(BytesIO(client.get(row["thumbnailUrl"]).content))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (640, 360))


@pytest.mark.parametrize(
    ("extension", "content", "seconds"), [("wav", sound(), 0.75), ("mp3", b"ID3\x04" + bytes(64), None)]
)
def test_sound_tells_of_itself(
    client: httpx.Client, extension: str, content: bytes, seconds: float | None
) -> None:
    """Its length, where the file says it; it has no picture.

    Holds operation:getUploadedMediaById#2.
    """
    row = read(client, uploaded(client, extension, content))
    facts = ("status", "mediaType", "duration", "width", "height", "video_fps", "thumbnailUrl")
    assert [row[name] for name in facts] == ["COMPLETE", "AUDIO", seconds, None, None, None, None]
    assert client.get(row["url"]).content == content


@pytest.mark.parametrize("extension", ["mp4", "mov", "mp3", "wav"])
def test_file_of_another_kind_has_failed(client: httpx.Client, extension: str) -> None:
    """And says why.

    Holds operation:getUploadedMediaById.
    """
    row = read(client, uploaded(client, extension, b"rubbish"))
    assert (row["status"], row["statusReason"]) == ("FAILED", f"not a readable {extension} file")
    assert (row["duration"], row["thumbnailUrl"]) == (None, None)


def test_sound_without_a_name_is_refused(client: httpx.Client) -> None:
    """A film needs none."""
    for extension in ("mp3", "wav"):
        rule = "originalFilename is required for audio (mp3, wav)"
        assert refused(client.post("/media", json={"extension": extension})) == (
            rule,
            f"uploadMedia: {rule} (specs/media.json POST /media)",
        )
    assert inside(client.post("/media", json={"extension": "mov"}))["uploadId"]


def test_file_of_no_known_kind_is_refused(client: httpx.Client) -> None:
    """In the words for images."""
    assert refused(client.post("/media", json={"extension": "avi"}))[0] == "invalid file extension"


def test_upload_of_another_key_is_unknown(client: httpx.Client, fake: Fake) -> None:
    """It can be neither read nor deleted."""
    id = uploaded(client, "wav", sound())
    with client_of(fake, "another") as another:
        assert another.get(f"/media/{id}").json() == {"uploaded_media_by_pk": None}
        assert another.delete(f"/media/{id}").json() == {"delete_uploaded_media_by_pk": None}
    assert read(client, id)["status"] == "COMPLETE"


def test_upload_is_deleted_once(client: httpx.Client) -> None:
    """With its file and picture; then it is null, as an unknown one is."""
    id = uploaded(client, "mp4", film())
    row = read(client, id)
    assert client.delete(f"/media/{id}").json() == {"delete_uploaded_media_by_pk": {"id": id}}
    assert client.delete(f"/media/{id}").json() == {"delete_uploaded_media_by_pk": None}
    assert client.get(f"/media/{id}").json() == {"uploaded_media_by_pk": None}
    assert client.get(f"/media/{NOBODY}").json() == {"uploaded_media_by_pk": None}
    assert [client.get(row[name]).status_code for name in ("url", "thumbnailUrl")] == [403, 403]


def test_snapshot_has_the_file(client: httpx.Client, fake: Fake) -> None:
    """After a restore it is there again."""
    id = uploaded(client, "wav", sound())
    snapshot = fake.snapshot()
    client.delete(f"/media/{id}")
    fake.restore(snapshot)
    row = read(client, id)
    assert row["duration"] == 0.75
    assert client.get(row["url"]).content == sound()

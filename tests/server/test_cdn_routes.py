"""The picture CDN."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from leomock import Fake
from tests.fixtures import completed, generate


@pytest.fixture
def url(client: httpx.Client) -> str:
    row: dict[str, Any] = completed(client, width=64, height=64, num_images=1)
    picture: str = row["generated_images"][0]["url"]
    return picture


def test_picture_needs_no_key(client: httpx.Client, url: str) -> None:
    """With any Authorization header or none, the same bytes."""
    with_key = client.get(url)
    other = client.get(url, headers={"authorization": "Bearer somebody-else"})
    del client.headers["authorization"]
    assert client.get(url).content == with_key.content == other.content


def test_picture_head_has_the_length(client: httpx.Client, url: str) -> None:
    """HEAD answers the headers of GET and no body."""
    got, head = client.get(url), client.head(url)
    assert head.content == b""
    for name in ("content-length", "content-type", "etag", "accept-ranges", "cache-control"):
        assert head.headers[name] == got.headers[name]
    assert int(got.headers["content-length"]) == len(got.content)
    assert got.headers["etag"] == f'"{hashlib.md5(got.content).hexdigest()}"'


@pytest.mark.parametrize(
    ("width", "size"),
    [("32", (32, 32)), ("64", (64, 64)), ("512", (64, 64)), ("0", (64, 64)), ("a", (64, 64))],
)
def test_picture_of_a_width_in_the_query(
    client: httpx.Client, url: str, width: str, size: tuple[int, int]
) -> None:
    """It is never larger than the picture itself.

    Holds code:narrowed#2.
    """
    answer = client.get(url, params={"w": width})
    with Image.open(BytesIO(answer.content)) as decoded:
        assert (decoded.format, decoded.size) == ("JPEG", size)
    assert (answer.content == client.get(url).content) is (size == (64, 64))


def test_video_has_no_width_in_the_query(client: httpx.Client) -> None:
    """Only pictures are made smaller."""
    answer = client.post("/generations-text-to-video", json={"prompt": "a cat", "width": 64, "height": 64})
    id = answer.json()["motionVideoGenerationJob"]["generationId"]
    for _ in range(2):
        row = client.get(f"/generations/{id}").json()["generations_by_pk"]
    film = row["generated_images"][0]["motionMP4URL"]
    assert client.get(film, params={"w": "32"}).content == client.get(film).content


def test_picture_is_given_in_part(client: httpx.Client, url: str) -> None:
    """Range answers 206 with the piece."""
    whole = client.get(url).content
    part = client.get(url, headers={"range": "bytes=2-5"})
    assert part.status_code == 206
    assert part.content == whole[2:6]
    assert part.headers["content-range"] == f"bytes 2-5/{len(whole)}"
    assert client.get(url, headers={"range": f"bytes={len(whole)}-"}).status_code == 416


def test_picture_is_not_sent_again_to_who_has_it(client: httpx.Client, url: str) -> None:
    """If-None-Match answers 304."""
    etag = client.get(url).headers["etag"]
    again = client.get(url, headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "change", [("_0.jpg", "_1.jpg"), ("_0.jpg", "_0.png"), ("a_cat", "a_dog"), ("/cdn/", "/cdn//")]
)
def test_picture_that_is_not_there_is_denied(client: httpx.Client, url: str, change: tuple[str, str]) -> None:
    """S3's XML, as for any missing key."""
    answer = client.get(url.replace(*change))
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/xml"
    assert b"<Code>AccessDenied</Code>" in answer.content
    assert answer.headers["x-leomock-explain"] == (
        "there is no file at this address: results of a job exist once the job is COMPLETE, an uploaded "
        "file exists once the upload was accepted, both until they are deleted; an ephemeral result exists "
        "for half an hour under its complete URL, and a thumbnail as long as what it shows"
    )


def test_picture_is_not_there_while_pending(client: httpx.Client, fake: Fake) -> None:
    """Nobody can look ahead."""
    done = completed(client)
    id = generate(client)
    url = done["generated_images"][0]["url"].replace(done["id"], id)
    assert client.get(url).status_code == 403


def test_cdn_answers_get_only(client: httpx.Client, url: str) -> None:
    """405 with Allow."""
    answer = client.post(url)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_result_has_a_date_and_conditions(client: httpx.Client) -> None:
    """Holds code:modified_at."""
    url = completed(client, width=32, height=32)["generated_images"][0]["url"]
    first = client.get(url)
    date = first.headers["last-modified"]
    assert date.endswith(" GMT")
    assert client.get(url, headers={"if-modified-since": date}).status_code == 304
    assert client.get(url, headers={"if-unmodified-since": date}).status_code == 200
    assert client.get(url, headers={"if-match": first.headers["etag"]}).status_code == 200
    refused = client.get(url, headers={"if-match": '"other"'})
    assert refused.status_code == 412
    assert "<Code>PreconditionFailed</Code>" in refused.text
    assert "<Condition>If-Match</Condition>" in refused.text

"""Videos made larger, from the video to the larger film."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from leomock import Fake
from tests.fixtures import client_of, completed, failing, inside, refused

NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"


def video(client: httpx.Client, **body: Any) -> str:
    """The id of the generation of a finished video."""
    asked = {"prompt": "a cat", "width": 64, "height": 32, **body}
    id: str = inside(client.post("/generations-text-to-video", json=asked))["generationId"]
    rows = [inside(client.get(f"/generations/{id}")) for _ in range(2)]
    assert rows[1]["status"] == "COMPLETE"
    return id


def asked(client: httpx.Client, id: str) -> httpx.Response:
    body = {"sourceGenerationId": id, "resolution": "RESOLUTION_720"}
    return client.post("/generations-video-upscale", json=body)


def upscale(client: httpx.Client, id: str | None = None) -> str:
    """Start to upscale a video, a new one unless told otherwise, and return the variation's id."""
    started: str = inside(asked(client, id or video(client)))["variationId"]
    return started


def read(client: httpx.Client, id: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = inside(client.get(f"/motion-variations/{id}"))
    return rows


def test_upscale_goes_from_pending_to_complete(client: httpx.Client, fake: Fake) -> None:
    """The answer to a read is a list of one; the film is there at the end.

    Holds operation:createVideoUpscale#2.
    """
    source = video(client)
    before = fake.world.account.balance
    job = inside(asked(client, source.upper()))
    id = job["variationId"]
    assert job == {
        "apiCreditCost": 100,
        "cost": {"amount": "100", "unit": "CREDITS"},
        "generationId": source,
        "variationId": id,
    }
    assert fake.world.account.balance == before - 100
    pending = {
        "createdAt": "2024-04-20T14:33:28.258",
        "id": id,
        "motionTransformType": "UPSCALE",
        "resolution": "RESOLUTION_720",
        "status": "PENDING",
        "url": None,
    }
    assert read(client, id) == [pending]
    url = f"http://leomock.invalid/cdn/users/{fake.user_id}/motion-variations/{id}/motion2_a_cat_{id}_0.mp4"
    assert read(client, id) == [pending | {"status": "COMPLETE", "url": url}]
    assert client.get(url.replace("motion2_a_cat_", "")).status_code == 403


@pytest.mark.parametrize(
    ("sides", "size"), [((64, 32), (1280, 720)), ((32, 64), (720, 1280)), ((64, 64), (1280, 720))]
)
def test_film_is_larger_and_as_long(
    client: httpx.Client, sides: tuple[int, int], size: tuple[int, int]
) -> None:
    """It stands where its source stands.

    Holds operation:createVideoUpscale.
    """
    id = upscale(client, video(client, width=sides[0], height=sides[1], model="VEO3_1", duration=4))
    read(client, id)
    answer = client.get(read(client, id)[0]["url"])
    assert answer.headers["content-type"] == "video/mp4"
    with av.open(BytesIO(answer.content), "r") as film:
        track = film.streams.video[0]
        frame = next(film.decode(track))
        assert (frame.width, frame.height) == size
        assert track.duration
        assert track.time_base
        assert track.duration * track.time_base == 4


def test_upscale_without_a_finished_video_is_refused(client: httpx.Client, fake: Fake) -> None:
    """Unknown, of pictures, still pending, or another key's."""
    pending = inside(client.post("/generations-text-to-video", json={"prompt": "a"}))["generationId"]
    picture = completed(client, width=64, height=64, num_images=1)
    with client_of(fake, "another") as another:
        foreign = video(another)
    wrong = (NOBODY, "none", pending, picture["id"], picture["generated_images"][0]["id"], foreign)
    for id in wrong:
        assert refused(asked(client, id)) == (
            "invalid source generation id",
            "createVideoUpscale: sourceGenerationId is not the id of a finished video of this API key",
        )


def test_upscale_that_fails_gives_the_credits_back(client: httpx.Client, fake: Fake, tmp_path: Path) -> None:
    """And has no film."""
    source = video(client)
    before = fake.world.account.balance
    with fake.scenario(failing(tmp_path, "video_upscale")):
        id = upscale(client, source)
    assert fake.world.account.balance == before - 100
    assert [read(client, id)[0]["status"] for _ in range(2)] == ["PENDING", "FAILED"]
    assert read(client, id)[0]["url"] is None
    assert fake.world.account.balance == before
    path = f"{fake.url}/cdn/users/{fake.user_id}/motion-variations/{id}/motion2_a_cat_{id}_0.mp4"
    assert client.get(path).status_code == 403


def test_upscale_takes_as_long_as_a_video() -> None:
    """Ten times as long as a picture; a snapshot keeps the time that is left.

    Holds operation:createVideoUpscale.
    """
    fake = Fake(clock="frozen", jobs="seconds:2")
    with client_of(fake) as client:
        source = inside(client.post("/generations-text-to-video", json={"prompt": "a"}))["generationId"]
        fake.advance(20)
        id = upscale(client, source)
        fake.advance(10)
        fake.restore(fake.snapshot())
        fake.advance(9)
        assert read(client, id)[0]["status"] == "PENDING"
        fake.advance(1)
        assert read(client, id)[0]["status"] == "COMPLETE"
    fake.close()


def test_upscale_of_another_key_is_unknown(client: httpx.Client, fake: Fake) -> None:
    """An empty list, as for an id that nobody has."""
    id = upscale(client)
    with client_of(fake, "another") as another:
        assert read(another, id) == read(client, NOBODY) == []


def test_upscale_goes_with_its_video(client: httpx.Client, fake: Fake) -> None:
    """Finished or not, as variations of pictures do; those of other videos stay."""
    source = video(client)
    done, pending, other = upscale(client, source), upscale(client, source), upscale(client)
    fake.finish(done)
    url = read(client, done)[0]["url"]
    assert client.get(url).status_code == 200
    client.delete(f"/generations/{source}")
    assert [read(client, id) for id in (done, pending)] == [[], []]
    assert client.get(url).status_code == 403
    assert read(client, other)[0]["status"] == "PENDING"
    assert client.get(f"{fake.url}/_leomock/jobs").json()["pending"] == [other]

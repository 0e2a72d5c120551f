"""What an account already has: elements, models, datasets, uploads and generations with fixed ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.media.image import Picture
from leomock.state.settings import SettingError
from tests.fixtures import client_of

MODEL = "aaaaaaaa-0000-4000-8000-000000000001"
DATASET = "aaaaaaaa-0000-4000-8000-000000000002"
UPLOAD = "aaaaaaaa-0000-4000-8000-000000000003"
PICTURE = "aaaaaaaa-0000-4000-8000-000000000004"
VIDEO = "aaaaaaaa-0000-4000-8000-000000000005"
IMAGE = "aaaaaaaa-0000-4000-8000-000000000006"

FILE = f"""\
elements:
  - {{id: 4711, name: House style, base_model: SDXL_1_0}}
models:
  - {{id: {MODEL}, name: Our mascot, sd_version: SDXL_1_0}}
datasets:
  - {{id: {DATASET}, name: Mascots, images: [cat.png]}}
init_images:
  - {{id: {UPLOAD}, file: cat.png}}
generations:
  - id: {PICTURE}
    prompt: a lighthouse
    images: [{{id: {IMAGE}, file: cat.png}}, {{}}]
  - {{id: {VIDEO}, kind: video, prompt: waves, width: 64, height: 64}}
keys:
  another:
    elements: [{{id: 12}}]
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that declares one of everything, with a picture beside it."""
    folder = tmp_path_factory.mktemp("account")
    (folder / "cat.png").write_bytes(Picture("a cat", 1, 0, 64, 64, format="png").render())
    path = folder / "account.yaml"
    path.write_text(FILE, "utf-8")
    return path


def read(client: httpx.Client, path: str) -> Any:
    return next(iter(client.get(path).json().values()))


def test_everything_is_there_with_its_id(file: Path) -> None:
    """Before the first call, and free of charge. Holds code:furnish#2."""
    with Fake(has=file) as fake, client_of(fake) as client:
        assert read(client, "/elements/4711")["name"] == "House style"
        assert read(client, f"/models/{MODEL}")["sdVersion"] == "SDXL_1_0"
        assert len(read(client, f"/datasets/{DATASET}")["dataset_images"]) == 1
        assert read(client, f"/init-image/{UPLOAD}")["id"] == UPLOAD
        generation = read(client, f"/generations/{PICTURE}")
        assert (generation["status"], generation["prompt"]) == ("COMPLETE", "a lighthouse")
        assert generation["generated_images"][0]["id"] == IMAGE
        [video] = read(client, f"/generations/{VIDEO}")["generated_images"]
        assert video["motionMP4URL"].endswith(".mp4")
        assert httpx.get(video["motionMP4URL"]).content[4:8] == b"ftyp"
        assert {each.method for each in fake.requests} == {"GET"}


def test_programs_can_name_what_is_there(file: Path) -> None:
    """As what they made themselves. Holds code:furnish."""
    with Fake(has=file) as fake, client_of(fake) as client:
        for more in (
            {"userElements": [{"userLoraId": 4711, "weight": 1}]},
            {"modelId": MODEL},
            {"init_image_id": UPLOAD},
            {"init_generation_image_id": IMAGE},
        ):
            answer = client.post("/generations", json={"prompt": "a cat", "width": 64, "height": 64, **more})
            assert answer.status_code == 200, (more, answer.text)
        varied = client.post("/variations/upscale", json={"id": IMAGE})
        assert varied.status_code == 200


def test_picture_is_the_user_s_file(file: Path) -> None:
    """The CDN serves its bytes; one without a file is drawn. A deleted generation takes it along."""
    content = (file.parent / "cat.png").read_bytes()
    with Fake(has=file) as fake, client_of(fake) as client:
        first, second = read(client, f"/generations/{PICTURE}")["generated_images"]
        assert httpx.get(first["url"]).content == content
        assert httpx.get(second["url"]).content != content
        assert httpx.get(read(client, f"/init-image/{UPLOAD}")["url"]).content == content
        client.delete(f"/generations/{PICTURE}")
        assert httpx.get(first["url"]).status_code == 403


def test_reset_brings_back_what_is_there(file: Path) -> None:
    """Since the account has it from the start."""
    with Fake(has=file) as fake, client_of(fake) as client:
        client.delete(f"/generations/{PICTURE}")
        assert read(client, f"/generations/{PICTURE}") is None
        fake.reset()
        assert read(client, f"/generations/{PICTURE}")["id"] == PICTURE


def test_key_has_more_than_the_others(file: Path) -> None:
    """What stands under its name, besides what all have."""
    with Fake(has=file) as fake, httpx.Client(base_url=fake.base_url) as client:
        for key, there in (("another", True), ("third", False)):
            headers = {"Authorization": f"Bearer {key}"}
            found = client.get("/elements/12", headers=headers).json()
            assert (next(iter(found.values())) is not None) is there
            assert next(iter(client.get("/elements/4711", headers=headers).json().values()))


def test_keyword_takes_values() -> None:
    """A dict instead of a file, for a fake and for one of its accounts."""
    has = {"elements": [{"id": 5, "name": "Ink"}]}
    with Fake(has=has) as fake, client_of(fake) as client:
        assert read(client, "/elements/5")["name"] == "Ink"
        tenant = fake.new_tenant("other", has={"elements": [{"id": 6}]})
        headers = {"Authorization": f"Bearer {tenant.api_key}"}
        assert client.get("/elements/6", headers=headers).json()
        assert next(iter(client.get("/elements/5", headers=headers).json().values())) is None


@pytest.mark.parametrize(
    ("has", "text"),
    [
        ({"elements": [{"name": "Ink"}]}, "elements[0].id: is missing"),
        ({"pictures": []}, "pictures: not known here"),
        ({"init_images": [{"id": UPLOAD, "file": "none.png"}]}, "has: there is no file none.png"),
        (7, "has=7: use a file, or its contents as a dict"),
    ],
)
def test_mistake_is_named(has: Any, text: str) -> None:
    """With the place where it is."""
    with pytest.raises(SettingError) as caught:
        Fake(has=has).close()
    assert text in str(caught.value)


def test_json_file_works(tmp_path: Path) -> None:
    """YAML includes JSON."""
    path = tmp_path / "account.json"
    path.write_text(json.dumps({"elements": [{"id": 5}]}))
    with Fake(has=str(path)) as fake, client_of(fake) as client:
        assert read(client, "/elements/5")["id"] == 5


def test_fixed_ids_of_images_are_in_snapshots(file: Path) -> None:
    """A fake without the file restores them; a snapshot that was taken before they existed has none."""
    with Fake(has=file) as fake:
        snapshot = json.loads(json.dumps(fake.snapshot()))
    with Fake() as plain, client_of(plain) as client:
        before = plain.snapshot()
        plain.restore(snapshot)
        assert read(client, f"/generations/{PICTURE}")["generated_images"][0]["id"] == IMAGE
        assert client.post("/variations/upscale", json={"id": IMAGE}).status_code == 200
        plain.restore(before)
        assert client.post("/variations/upscale", json={"id": IMAGE}).status_code == 400

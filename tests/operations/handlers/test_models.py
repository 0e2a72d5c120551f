"""Custom models, from the dataset to the pictures made with them; platform models."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from leomock import Fake
from leomock.leonardo.catalogue import platform_models, seen_models
from tests.fixtures import client_of, completed, failing, inside, refused

NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"


def train(client: httpx.Client, **body: Any) -> dict[str, Any]:
    """Start a training from a new dataset; what it answers."""
    dataset = inside(client.post("/datasets", json={"name": "cats"}))["id"]
    asked = {"name": "Tom", "datasetId": dataset, "instance_prompt": "tomthecat", **body}
    job: dict[str, Any] = inside(client.post("/models", json=asked))
    return job


def read(client: httpx.Client, id: str) -> dict[str, Any]:
    row: dict[str, Any] = inside(client.get(f"/models/{id}"))
    return row


def trained(client: httpx.Client, **body: Any) -> str:
    """The id of a model whose training is done."""
    id: str = train(client, **body)["customModelId"]
    read(client, id)
    assert read(client, id)["status"] == "COMPLETE"
    return id


def test_training_goes_from_pending_to_complete(client: httpx.Client, fake: Fake) -> None:
    """With all that was said of it; it costs what the pricing calculator says."""
    before = fake.world.account.balance
    job = train(client, description="A cat.", resolution=768, sd_version="v2", modelType="CHARACTERS")
    asked = {"service": "MODEL_TRAINING", "serviceParams": {"MODEL_TRAINING": {"resolution": 768}}}
    cost = inside(client.post("/pricing-calculator", json=asked))["cost"]
    assert job == {
        "apiCreditCost": cost,
        "cost": {"amount": str(cost), "unit": "CREDITS"},
        "customModelId": job["customModelId"],
    }
    assert fake.world.account.balance == before - cost
    expected = {
        "createdAt": "2024-04-20T14:33:28.258",
        "description": "A cat.",
        "id": job["customModelId"],
        "instancePrompt": "tomthecat",
        "modelHeight": 768,
        "modelWidth": 768,
        "name": "Tom",
        "public": False,
        "sdVersion": "v2",
        "status": "PENDING",
        "type": "CHARACTERS",
        "updatedAt": "2024-04-20T14:33:28.258",
    }
    assert read(client, job["customModelId"]) == expected
    fake.advance(1)
    ended = {"status": "COMPLETE", "updatedAt": "2024-04-20T14:33:29.258"}
    assert read(client, job["customModelId"]) == expected | ended


def test_training_with_defaults(client: httpx.Client) -> None:
    """A general model of 512 pixels upon version 1.5; nulls are as nothing said.

    Holds operation:createModel#2.
    """
    for nothing in ({}, {"sd_version": None, "resolution": None, "modelType": None, "description": None}):
        row = read(client, train(client, **nothing)["customModelId"])
        assert [row[name] for name in ("sdVersion", "modelWidth", "modelHeight", "type", "description")] == [
            *("v1_5", 512, 512, "GENERAL", "")
        ]


@pytest.fixture
def slow() -> Iterator[Fake]:
    """A fake whose pictures take two seconds."""
    fake = Fake(clock="frozen", jobs="seconds:2", limits="real")
    yield fake
    fake.close()


def test_training_takes_longer_than_a_picture(slow: Fake) -> None:
    """A minute where that takes two seconds; reading does not hasten it.

    Holds operation:createModel.
    """
    with client_of(slow) as client:
        id = train(client)["customModelId"]
        slow.advance(59)
        assert [read(client, id)["status"] for _ in range(3)] == ["PENDING"] * 3
        slow.advance(1)
        assert read(client, id)["status"] == "COMPLETE"


def test_five_trainings_run_at_a_time(slow: Fake) -> None:
    """The sixth begins when one is done."""
    with client_of(slow) as client:
        ids = [train(client)["customModelId"] for _ in range(6)]
        slow.advance(60)
        assert [read(client, id)["status"] for id in ids] == [*["COMPLETE"] * 5, "PENDING"]
        slow.advance(60)
        assert read(client, ids[5])["status"] == "COMPLETE"


def test_a_hundred_trainings_wait() -> None:
    """Beside the five that run; the next one is refused.

    Holds code:Limits#2.
    """
    fake = Fake(clock="frozen", jobs="manual", limits="real")
    with client_of(fake) as client:
        for _ in range(105):
            train(client)
        dataset = inside(client.post("/datasets", json={"name": "cats"}))["id"]
        asked = {"name": "Tom", "datasetId": dataset, "instance_prompt": "tomthecat"}
        answer = client.post("/models", json=asked)
        assert (answer.status_code, answer.json()["error"]) == (429, "too many pending jobs")
    fake.close()


def test_training_that_fails_gives_the_credits_back(client: httpx.Client, fake: Fake, tmp_path: Path) -> None:
    """And there is no model to make pictures with.

    Holds code:Account.give_back.
    """
    before = fake.world.account.balance
    with fake.scenario(failing(tmp_path, "models")):
        id = train(client)["customModelId"]
    assert fake.world.account.balance < before
    assert [read(client, id)["status"] for _ in range(2)] == ["PENDING", "FAILED"]
    assert fake.world.account.balance == before
    answer = client.post("/generations", json={"prompt": "a cat", "modelId": id})
    assert refused(answer)[0].startswith(f"{id} is not supported")


def test_training_from_an_unknown_dataset_is_refused(client: httpx.Client, fake: Fake) -> None:
    """Nothing is begun and nothing spent; another key's dataset is unknown as well."""
    before = fake.world.account.balance
    body = {"name": "Tom", "instance_prompt": "tomthecat"}
    with client_of(fake, "another") as another:
        foreign = inside(another.post("/datasets", json={"name": "x"}))["id"]
    for id in (NOBODY, foreign):
        assert refused(client.post("/models", json={**body, "datasetId": id})) == (
            "invalid dataset id",
            "createModel: datasetId is not an id that POST /datasets returned for this API key",
        )
    assert fake.world.account.balance == before
    assert inside(client.get(f"/models/user/{fake.user_id}")) == []


def test_pictures_are_made_with_a_trained_model(client: httpx.Client) -> None:
    """By its id, with its family; before the training is done it is not there."""
    id = train(client, sd_version="v2")["customModelId"]
    pending = client.post("/generations", json={"prompt": "a cat", "modelId": id})
    assert refused(pending) == (
        f"{id} is not supported within the Production API. Please try again with a different model ID.",
        "modelId names no platform model that this fake knows, nor a trained one of this API key; "
        "--model ID=NAME or --catalogue FILE adds one, --unknown-models allow accepts all",
    )
    read(client, id)
    assert read(client, id)["status"] == "COMPLETE"
    body = {"prompt": "a cat", "modelId": id.upper(), "num_images": 1, "width": 64, "height": 64}
    job = inside(client.post("/generations", json=body))
    assert job["apiCreditCost"] == 9  # one more than with a model of the platform
    row = completed(client, **body)
    assert (row["modelId"], row["sdVersion"]) == (id, "v2")
    picture = Image.open(BytesIO(client.get(row["generated_images"][0]["url"]).content))
    assert (picture.format, picture.size) == ("JPEG", (64, 64))
    client.delete(f"/models/{id}")
    assert refused(client.post("/generations", json=body))[0].startswith(f"{id.upper()} is not supported")


def test_models_are_listed_newest_first(client: httpx.Client, fake: Fake) -> None:
    """All of the user's, each as it is; listing counts as reading."""
    ids = [train(client, name=name)["customModelId"] for name in ("one", "two", "three")]
    listed = [inside(client.get(f"/models/user/{fake.user_id}")) for _ in range(2)]
    assert [[row["id"] for row in rows] for rows in listed] == [ids[::-1]] * 2
    assert [[row["status"] for row in rows] for rows in listed] == [["PENDING"] * 3, ["COMPLETE"] * 3]
    assert listed[1][0] == read(client, ids[2])


def test_model_of_another_key_is_unknown(client: httpx.Client, fake: Fake) -> None:
    """It can be neither read nor listed nor deleted nor used."""
    id = trained(client)
    with client_of(fake, "another") as another:
        assert another.get(f"/models/{id}").json() == {"custom_models_by_pk": None}
        assert another.get(f"/models/user/{fake.user_id}").json() == {"custom_models": []}
        assert another.delete(f"/models/{id}").json() == {"delete_custom_models_by_pk": None}
        answer = another.post("/generations", json={"prompt": "a cat", "modelId": id})
        assert refused(answer)[0].startswith(f"{id} is not supported")
    assert read(client, id)["status"] == "COMPLETE"


def test_model_is_deleted_once(client: httpx.Client, fake: Fake) -> None:
    """With its training, where that is not done; then it is null."""
    id = train(client)["customModelId"]
    assert client.delete(f"/models/{id}").json() == {"delete_custom_models_by_pk": {"id": id}}
    assert client.delete(f"/models/{id}").json() == {"delete_custom_models_by_pk": None}
    assert client.get(f"/models/{id}").json() == {"custom_models_by_pk": None}
    assert client.get(f"/models/user/{fake.user_id}").json() == {"custom_models": []}
    assert client.get(f"{fake.url}/_leomock/jobs").json()["pending"] == []


def test_dataset_may_go_while_a_training_runs(client: httpx.Client) -> None:
    """The model is trained all the same."""
    dataset = inside(client.post("/datasets", json={"name": "cats"}))["id"]
    id = train(client, datasetId=dataset)["customModelId"]
    client.delete(f"/datasets/{dataset}")
    assert [read(client, id)["status"] for _ in range(2)] == ["PENDING", "COMPLETE"]


def test_snapshot_has_the_pending_training(slow: Fake) -> None:
    """After a restore it ends when it would have ended."""
    with client_of(slow) as client:
        id = train(client)["customModelId"]
        slow.advance(30)
        snapshot = slow.snapshot()
        slow.advance(60)
        assert read(client, id)["status"] == "COMPLETE"
        slow.restore(snapshot)
        slow.advance(29)
        assert read(client, id)["status"] == "PENDING"
        slow.advance(1)
        assert read(client, id)["status"] == "COMPLETE"


def test_platform_models_are_listed_with_pictures(client: httpx.Client) -> None:
    """Those of the catalogue, in the fields that were seen; the newer ones have no picture.

    Holds operation:listPlatformModels#3.
    """
    rows = inside(client.get("/platformModels"))
    assert [row["id"] for row in rows] == list(platform_models())
    lightning = next(row for row in rows if row["name"] == "Leonardo Lightning XL")
    assert list(lightning) == ["description", "featured", "generated_image", "id", "name", "nsfw"]
    pictures = [row["generated_image"]["id"] for row in rows if row["generated_image"]]
    assert len(set(pictures)) == len(pictures) > 10
    without = {row["name"] for row in rows if row["generated_image"] is None}
    assert {"Lucid Origin", "Leonardo Phoenix 1.0", "Flux Dev"} < without
    answer = client.get(lightning["generated_image"]["url"])
    picture = Image.open(BytesIO(answer.content))
    assert (picture.format, picture.size) == ("JPEG", (768, 768))
    assert client.get(lightning["generated_image"]["url"].replace(lightning["id"], NOBODY)).status_code == 403
    assert inside(client.get("/platformModels")) == rows


def test_platform_model_is_described_by_its_name(client: httpx.Client) -> None:
    """Its picture has an address of its own.

    Holds operation:listPlatformModels.
    """
    row = next(each for each in inside(client.get("/platformModels")) if each["generated_image"])
    assert row["description"] == f"The platform model {row['name']}."
    assert row["generated_image"]["url"] == f"http://leomock.invalid/cdn/platform_models/{row['id']}.jpg"


NOBODYS = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize(("id", "seen"), seen_models().items(), ids=lambda each: str(each)[:40])
def test_model_that_was_only_seen_is_accepted(fake: Fake, client: httpx.Client, id: str, seen: Any) -> None:
    """The explanation says where; the list of platform models lacks it. Holds code:seen_models.

    Holds code:seen_models#2. Holds code:seen_models#3.
    """
    created = client.post("/generations", json={"prompt": "a cat", "modelId": id})
    assert created.status_code == 200
    explain = f"modelId is {seen.model.name}, which no page lists ({seen.source})"
    assert fake.requests[-1].explain == explain
    listed = client.get("/platformModels").json()["custom_models"]
    assert id not in {model["id"] for model in listed}


def test_model_that_nobody_knows_is_refused_and_the_setting_named(client: httpx.Client) -> None:
    """The explanation names both ways out."""
    refused = client.post("/generations", json={"prompt": "a cat", "modelId": NOBODYS})
    assert refused.status_code == 400
    assert refused.headers["x-leomock-explain"] == (
        "modelId names no platform model that this fake knows, nor a trained one of this API key; "
        "--model ID=NAME or --catalogue FILE adds one, --unknown-models allow accepts all"
    )


def test_model_that_nobody_knows_is_allowed_by_the_setting() -> None:
    """In version 1 as in version 2; what is no UUID is still refused."""
    with Fake(unknown_models="allow") as fake, client_of(fake) as client:
        created = client.post("/generations", json={"prompt": "a cat", "modelId": NOBODYS})
        assert created.status_code == 200
        assert created.headers["x-leomock-explain"] == (
            f"createGeneration: modelId is {NOBODYS}, which leomock does not know; "
            "accepted (--unknown-models allow)"
        )
        assert client.post("/generations", json={"prompt": "a", "modelId": "cat"}).status_code == 400


def test_model_that_the_user_adds() -> None:
    """Its id may be written in capitals."""
    with Fake(models=(f"{NOBODYS.upper()}=My Model",)) as fake, client_of(fake) as client:
        assert client.post("/generations", json={"prompt": "a", "modelId": NOBODYS}).status_code == 200

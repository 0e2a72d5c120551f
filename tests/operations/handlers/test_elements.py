"""Elements: those of the platform, and custom ones from the dataset to the pictures made with them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from leomock import Fake
from leomock.leonardo.catalogue import elements
from tests.fixtures import client_of, completed, failing, inside, refused

NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"
NOBODYS_NUMBER = 7
CELTIC_PUNK = "01b6184e-3905-4dc7-9ec6-4f09982536d5"
# What FLUX_DEV takes for a style, and the other families for anything.
FLUX: dict[str, Any] = {"lora_focus": "Style", "num_train_epochs": 60, "learning_rate": 0.00001}
SDXL: dict[str, Any] = {
    "sd_version": "SDXL_1_0",
    "lora_focus": "General",
    "instance_prompt": "tomthecat",
    "num_train_epochs": 100,
    "learning_rate": 0.000001,
}
SMALL: dict[str, Any] = {"width": 64, "height": 64, "num_images": 1}


def asked(client: httpx.Client, **body: Any) -> httpx.Response:
    """Ask for a training from a new dataset, with FLUX_DEV unless told otherwise."""
    dataset = inside(client.post("/datasets", json={"name": "cats"}))["id"]
    start = {"name": "Tom", "datasetId": dataset, "sd_version": "FLUX_DEV", "train_text_encoder": True}
    return client.post("/elements", json={**start, **FLUX, **body})


def train(client: httpx.Client, **body: Any) -> int:
    """Start a training and return the element's id."""
    id: int = inside(asked(client, **body))["userLoraId"]
    return id


def read(client: httpx.Client, id: int) -> dict[str, Any]:
    row: dict[str, Any] = inside(client.get(f"/elements/{id}"))
    return row


def trained(client: httpx.Client, **body: Any) -> int:
    """The id of an element whose training is done."""
    id = train(client, **body)
    read(client, id)
    assert read(client, id)["status"] == "COMPLETE"
    return id


@pytest.mark.parametrize(("body", "priced"), [(FLUX, {"sd_version": "FLUX_DEV"}), (SDXL, {})])
def test_training_goes_from_pending_to_complete(
    client: httpx.Client, fake: Fake, body: dict[str, Any], priced: dict[str, str]
) -> None:
    """With all that was said of it; it costs what the pricing calculator says."""
    before = fake.world.account.balance
    job = inside(asked(client, description="A cat.", **body))
    params = {"MODEL_TRAINING": {"resolution": 1024, **priced}}
    calculated = client.post(
        "/pricing-calculator", json={"service": "MODEL_TRAINING", "serviceParams": params}
    )
    cost = inside(calculated)["cost"]
    id = job["userLoraId"]
    assert isinstance(id, int)
    assert job == {
        "apiCreditCost": cost,
        "cost": {"amount": str(cost), "unit": "CREDITS"},
        "userLoraId": id,
    }
    assert fake.world.account.balance == before - cost
    expected = {
        "baseModel": body.get("sd_version", "FLUX_DEV"),
        "createdAt": "2024-04-20T14:33:28.258",
        "description": "A cat.",
        "focus": body["lora_focus"],
        "id": id,
        "instancePrompt": body.get("instance_prompt"),
        "learningRate": body["learning_rate"],
        "name": "Tom",
        "resolution": 1024,
        "status": "PENDING",
        "trainTextEncoder": True,
        "trainingEpoch": body["num_train_epochs"],
        "updatedAt": "2024-04-20T14:33:28.258",
    }
    assert read(client, id) == expected | {"instancePrompt": expected["instancePrompt"] or ""}
    assert read(client, id)["status"] == "COMPLETE"


def test_id_is_a_number_everywhere(client: httpx.Client, fake: Fake) -> None:
    """In the path, in the list of jobs and in the word that ends one."""
    id = train(client)
    assert client.get(f"{fake.url}/_leomock/jobs").json()["pending"] == [str(id)]
    assert client.post(f"{fake.url}/_leomock/jobs/{id}/finish").json() == {"finished": [str(id)]}
    assert read(client, id)["status"] == "COMPLETE"
    error = refused(client.get("/elements/none"))[0]
    assert error == "expected a 32-bit integer for type 'Int', but found a string"


def test_training_takes_longer_than_a_picture() -> None:
    """A minute where that takes two seconds; a snapshot keeps the time that is left."""
    fake = Fake(clock="frozen", jobs="seconds:2")
    with client_of(fake) as client:
        id = train(client)
        fake.advance(30)
        fake.restore(fake.snapshot())
        fake.advance(29)
        assert read(client, id)["status"] == "PENDING"
        fake.advance(1)
        assert read(client, id)["status"] == "COMPLETE"
    fake.close()


def test_training_that_fails_gives_the_credits_back(client: httpx.Client, fake: Fake, tmp_path: Path) -> None:
    """And the element cannot be used."""
    before = fake.world.account.balance
    with fake.scenario(failing(tmp_path, "elements")):
        id = train(client)
    assert fake.world.account.balance < before
    assert [read(client, id)["status"] for _ in range(2)] == ["PENDING", "FAILED"]
    assert fake.world.account.balance == before
    body = {"prompt": "a cat", "userElements": [{"userLoraId": id}]}
    assert refused(client.post("/generations", json=body))[0] == "invalid user element id"


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (
            {"lora_focus": "General", "num_train_epochs": 100, "learning_rate": 0.00001},
            "FLUX_DEV does not support the General category",
        ),
        ({**FLUX, "num_train_epochs": 29}, "num_train_epochs must be between 30 and 120 for FLUX_DEV Style"),
        (
            {**FLUX, "lora_focus": "Object", "num_train_epochs": 221},
            "num_train_epochs must be between 120 and 220 for FLUX_DEV Object",
        ),
        (
            {**FLUX, "learning_rate": 0.0001},
            "learning_rate must be between 1e-06 and 3e-05 for FLUX_DEV Style",
        ),
        (
            {"lora_focus": "Character", "num_train_epochs": 135, "learning_rate": 0.0005},
            "instance_prompt is required for FLUX_DEV Character",
        ),
        ({**SDXL, "instance_prompt": ""}, "instance_prompt is required for SDXL_1_0 General"),
        (
            {**SDXL, "learning_rate": 0.0001},
            "learning_rate must be between 1e-08 and 1e-05 for SDXL_1_0 General",
        ),
    ],
)
def test_training_that_breaks_the_documented_table_is_refused(
    client: httpx.Client, fake: Fake, body: dict[str, Any], rule: str
) -> None:
    """What each family takes for each focus; nothing is spent."""
    before = fake.world.account.balance
    assert refused(asked(client, **body)) == (
        rule,
        f"createElement: {rule} (specs/elements.json POST /elements)",
    )
    assert fake.world.account.balance == before


def test_training_from_an_unknown_dataset_is_refused(client: httpx.Client) -> None:
    """The explanation says where ids come from."""
    assert refused(asked(client, datasetId=NOBODY)) == (
        "invalid dataset id",
        "createElement: datasetId is not an id that POST /datasets returned for this API key",
    )


def test_elements_are_listed_newest_first(client: httpx.Client, fake: Fake) -> None:
    """All of the user's, each as it is; listing counts as reading."""
    ids = [train(client, name=name) for name in ("one", "two")]
    listed = [inside(client.get(f"/elements/user/{fake.user_id}")) for _ in range(2)]
    assert [[row["id"] for row in rows] for rows in listed] == [ids[::-1]] * 2
    assert [[row["status"] for row in rows] for rows in listed] == [["PENDING"] * 2, ["COMPLETE"] * 2]
    assert listed[1][1] == read(client, ids[0])


def test_element_of_another_key_is_unknown(client: httpx.Client, fake: Fake) -> None:
    """It can be neither read nor listed nor deleted nor used."""
    id = trained(client)
    with client_of(fake, "another") as another:
        assert another.get(f"/elements/{id}").json() == {"user_loras_by_pk": None}
        assert another.get(f"/elements/user/{fake.user_id}").json() == {"user_loras": []}
        assert another.delete(f"/elements/{id}").json() == {"delete_user_loras_by_pk": None}
        body = {"prompt": "a cat", "userElements": [{"userLoraId": id}]}
        assert refused(another.post("/generations", json=body))[0] == "invalid user element id"
    assert read(client, id)["status"] == "COMPLETE"


def test_element_is_deleted_once(client: httpx.Client, fake: Fake) -> None:
    """With its training, where that is not done; then it is null, as an unknown one is."""
    id = train(client)
    assert client.delete(f"/elements/{id}").json() == {"delete_user_loras_by_pk": {"id": id}}
    assert client.delete(f"/elements/{id}").json() == {"delete_user_loras_by_pk": None}
    assert client.get(f"/elements/{id}").json() == {"user_loras_by_pk": None}
    assert client.get(f"/elements/{NOBODYS_NUMBER}").json() == {"user_loras_by_pk": None}
    assert client.get(f"{fake.url}/_leomock/jobs").json()["pending"] == []


# --- pictures made with elements ------------------------------------------------------------------------


def test_trained_element_is_told_of_by_the_generation(client: httpx.Client) -> None:
    """Beside those of the platform, and it costs a credit as they do.

    Holds code:_elements.
    """
    id = trained(client)
    plain = inside(client.post("/generations", json={"prompt": "a cat", **SMALL}))["apiCreditCost"]
    body = {
        "prompt": "a cat",
        "elements": [{"akUUID": CELTIC_PUNK, "weight": 0.5}],
        "userElements": [{"userLoraId": id, "weight": 0}, {"userLoraId": id}],
        **SMALL,
    }
    assert inside(client.post("/generations", json=body))["apiCreditCost"] == plain + 3
    told = completed(client, **body)["generation_elements"]
    assert [(each["id"], each["weightApplied"]) for each in told] == [(1, 0.5), (2, 0), (3, 1.0)]
    assert [each["lora"] and each["lora"]["name"] for each in told] == ["Celtic Punk", None, None]


def test_element_in_training_cannot_be_used(client: httpx.Client) -> None:
    """Nor one that is unknown."""
    for element in ({"userLoraId": train(client)}, {"userLoraId": NOBODYS_NUMBER}):
        body = {"prompt": "a cat", "userElements": [{"userLoraId": trained(client)}, element]}
        assert refused(client.post("/generations", json=body)) == (
            "invalid user element id",
            "userElements[1].userLoraId is not a trained element of this API key",
        )


def test_element_that_is_not_named_is_taken(client: httpx.Client) -> None:
    """The document lets the id be left out, and so does the fake."""
    body = {**SMALL, "prompt": "a cat", "userElements": [{"weight": 1}]}
    [told] = completed(client, **body)["generation_elements"]
    assert (told["lora"], told["weightApplied"]) == (None, 1)


def test_platform_elements_are_listed_with_pictures(client: httpx.Client) -> None:
    """Those of the catalogue; each picture is there.

    Holds code:shown_element#2.
    """
    rows = inside(client.get("/elements"))
    assert [row["akUUID"] for row in rows] == list(elements())
    punk = rows[0]
    assert punk == {
        "akUUID": CELTIC_PUNK,
        "baseModel": "v1_5",
        "creatorName": "Leonardo",
        "description": "The element Celtic Punk.",
        "name": "Celtic Punk",
        "urlImage": f"http://leomock.invalid/cdn/element_thumbnails/{CELTIC_PUNK}/thumbnail.png",
        "weightDefault": 1,
        "weightMax": 2,
        "weightMin": -1,
    }
    picture = Image.open(BytesIO(client.get(punk["urlImage"]).content))
    assert (picture.format, picture.size) == ("PNG", (512, 512))
    assert client.get(punk["urlImage"].replace(CELTIC_PUNK, NOBODY)).status_code == 403


def test_platform_element_is_told_of_by_the_generation(client: httpx.Client) -> None:
    """As the list describes it; an element that the catalogue has not got by its id alone.

    Holds code:_elements#2.
    """
    known = inside(client.get("/elements"))[0]
    given = [{"akUUID": CELTIC_PUNK, "weight": -0.5}, {"akUUID": NOBODY}]
    one, other = completed(client, elements=given, **SMALL)["generation_elements"]
    assert one["lora"] == {name: value for name, value in known.items() if name != "creatorName"}
    assert (one["weightApplied"], other["weightApplied"]) == (-0.5, 1.0)
    assert (other["lora"]["akUUID"], other["lora"]["name"]) == (NOBODY, None)

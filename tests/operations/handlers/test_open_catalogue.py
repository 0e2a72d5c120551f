"""Models, elements, styles and blueprints that only the user knows, and models that were only seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from leomock import Fake
from leomock.cli.main import main
from leomock.leonardo.catalogue import named_models, platform_models, seen_models
from leomock.state.settings import SettingError
from tests.fixtures import client_of, refused

MODEL = "aaaaaaaa-0000-4000-8000-000000000001"
ELEMENT = "aaaaaaaa-0000-4000-8000-000000000002"
STYLE = "aaaaaaaa-0000-4000-8000-000000000003"
BLUEPRINT = "aaaaaaaa-0000-4000-8000-000000000004"
VERSION = "aaaaaaaa-0000-4000-8000-000000000005"
NODE = "aaaaaaaa-0000-4000-8000-000000000006"

FILE = f"""\
models:
  - {{id: {MODEL}, name: Ink and Wash, sd_version: SDXL_1_0, width: 2048, height: 2048}}
models_v2:
  - {{slug: acme/waves-2, name: Waves 2, kind: video}}
elements:
  - {{id: {ELEMENT}, name: Paper cut, base_model: SDXL_1_0, weight_min: -1, weight_max: 3}}
styles:
  - {{id: {STYLE}, name: Woodcut}}
blueprints:
  - id: {BLUEPRINT}
    name: Postcard
    versions:
      - {{id: {VERSION}, cost: 30, outputs: 2, inputs: [{{node: {NODE}, setting: text, label: The place}}]}}
"""

# The ids of a widely used workflow node and of a client library's dump, which leomock has not all listed.
NODE_AND_DUMP = [
    "e316348f-7773-490e-adcd-46757c738eb7",
    "2067ae52-33fd-4a82-bb92-c2c55e7d2786",
    "ff883b60-9040-4c18-8d4e-ba7522c6b71d",
    "1aa0f478-51be-4efd-94e8-76bfc8f533af",
    "47a6232a-1d49-4c95-83c3-2cc5342f82c7",
    "6c95de60-a0bc-4f90-b637-ee8971caf3b0",
    "302e258f-29b5-4dd8-9a7c-0cd898cb2143",
    "4b2e0f95-f15e-48d8-ada3-c071d6104db8",
    "102a8ee0-cf16-477c-8477-c76963a0d766",
    "5fce4543-8e23-4b77-9c3f-202b3f1c211e",
    "6908bfaf-8cf2-4fda-8c46-03f892d82e06",
    "50c4f43b-f086-4838-bcac-820406244cec",
    "458ecfff-f76c-402c-8b85-f09f6fb198de",
    "f3296a34-9aef-4370-ad18-88daf26862c3",
    "d2fb9cf9-7999-4ae5-8bfe-f0df2d32abf8",
    "b7aa9939-abed-4d4e-96c4-140b8c65dd92",
    "ac614f96-1082-45bf-be9d-757f2d31c174",
    "756be0a8-38b1-4946-ad62-c0ac832422e3",
    "ab200606-5d09-4e1e-9050-0b05b839e944",
    "7a65f0ab-64a7-4be2-bcf3-64a1cc56f627",
    "e71a1c2f-4f80-4800-934f-2c68979d8cc8",
    "6bef9f1b-29cb-40c7-b9df-32b51c1f67d3",
    "b820ea11-02bf-4652-97ae-9ac0cc00593d",
    "1e60896f-3c26-4296-8ecc-53e2afecc132",
    "aa77f04e-3eec-4034-9c07-d0f619684628",
    "b24e16ff-06e3-43eb-8d33-4416c2d75876",
    "6b645e3a-d64f-4341-a6d8-7a3690fbf042",
    "cd2b2a15-9760-4174-a5ff-4d2925057376",
    "291be633-cb24-434f-898f-e662799936ad",
    "5c232a9e-9061-4777-980a-ddc8e65647c6",
    "2d18c0af-374e-4391-9ca2-639f59837c85",
    "45ab2421-87de-44c8-a07c-3b87e3bfdf84",
    "e5a291b6-3990-495a-b1fa-7bd1864510a6",
    "a097c2df-8f0c-4029-ae0f-8fd349055e61",
    "f1929ea3-b169-4c18-a16c-5d58b4292c69",
    "b63f7119-31dc-4540-969b-2a9df997e173",
    "16e7060a-803e-4df3-97ee-edcfa5dc9cc8",
    "ee0fc1a3-aacb-48bf-9234-ada3cc02748f",
    "5fdadebb-17ae-472c-bf76-877e657f97de",
    "17e4edbf-690b-425d-a466-53c816f0de8a",
    "d69c8273-6b17-4a30-a13e-d6637ae1c644",
]


def read(client: httpx.Client, path: str) -> Any:
    return next(iter(client.get(path).json().values()))


def begin_v2(fake: Fake, model: str, **parameters: Any) -> Any:
    url = fake.base_url.replace("/v1", "/v2")
    headers = {"authorization": f"Bearer {fake.api_key}"}
    with httpx.Client(transport=fake.transport, headers=headers) as client:
        body = {"model": model, "parameters": {"prompt": "a fox", **parameters}}
        return client.post(f"{url}/generations", json=body).json()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that adds one of everything."""
    path = tmp_path_factory.mktemp("catalogue") / "catalogue.yaml"
    path.write_text(FILE, "utf-8")
    return path


@pytest.mark.parametrize("id", NODE_AND_DUMP)
def test_model_that_public_programs_have_is_accepted(client: httpx.Client, id: str) -> None:
    """Listed or not; the explanation names the source of one that is not. Holds code:seen_models."""
    answer = client.post("/generations", json={"prompt": "a fox", "modelId": id, "width": 64, "height": 64})
    assert answer.status_code == 200
    seen = seen_models().get(id)
    expected = f"modelId is {seen.model.name}, which no page lists ({seen.source})" if seen else None
    assert answer.headers.get("x-leomock-explain") == expected
    assert (id in platform_models()) is (seen is None)


def test_seen_models_are_no_platform_models() -> None:
    assert not platform_models().keys() & seen_models().keys()
    assert len(named_models()) == len(platform_models()) + len(seen_models())


def test_everything_in_the_file_is_listed(file: Path) -> None:
    """With the platform's own. Holds code:catalogue_of."""
    with Fake(catalogue=file) as fake, client_of(fake) as client:
        models = {each["id"]: each for each in read(client, "/platformModels")}
        assert models.keys() == {*platform_models(), MODEL}
        assert (models[MODEL]["name"], models[MODEL]["generated_image"]) == ("Ink and Wash", None)
        elements = {each["akUUID"]: each for each in read(client, "/elements")}
        assert (elements[ELEMENT]["weightMax"], elements[ELEMENT]["urlImage"]) == (3, None)
        [blueprint] = [
            edge["node"]
            for edge in read(client, "/blueprints?first=20")["edges"]
            if edge["node"]["akUUID"] == BLUEPRINT
        ]
        assert (blueprint["name"], blueprint["thumbnails"]) == ("Postcard", [])
        assert read(client, f"/blueprints/{BLUEPRINT}/versions")["edges"][0]["node"]["cost"] == 30
        url = fake.base_url.replace("/v1", "/v2")
        names = [each["name"] for each in next(iter(client.get(f"{url}/models").json().values()))]
        assert "Waves 2" in names


def test_everything_in_the_file_can_be_used(file: Path) -> None:
    """The model with its own sizes, the style with every model that has styles."""
    with Fake(catalogue=file) as fake, client_of(fake) as client:
        body = {"prompt": "a fox", "modelId": MODEL.upper(), "width": 2048, "height": 2048, "num_images": 1}
        body["elements"] = [{"akUUID": ELEMENT, "weight": 3}]
        id = client.post("/generations", json=body).json()["sdGenerationJob"]["generationId"]
        fake.finish()
        row = read(client, f"/generations/{id}")
        assert (row["modelId"], row["sdVersion"]) == (MODEL, "SDXL_1_0")
        assert row["generation_elements"][0]["lora"]["name"] == "Paper cut"
        inputs = [{"nodeId": NODE, "settingName": "text", "value": "Lisbon"}]
        asked = {"blueprintVersionId": VERSION, "input": {"nodeInputs": inputs, "public": False}}
        assert "akUUID" in read_post(client, "/blueprint-executions", asked)
        assert "generate" in begin_v2(fake, "acme/waves-2", duration=3)
        assert "generate" in begin_v2(fake, "lucid-origin", style_ids=[STYLE])
        refusal = begin_v2(fake, "lucid-origin", style_ids=[MODEL])
        assert "style_ids" in refusal[0]["extensions"]["details"]["message"]


def read_post(client: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    return next(iter(client.post(path, json=body).json().values()))


def test_what_the_file_leaves_out_is_filled_in() -> None:
    """Holds code:catalogue_of#2."""
    catalogue = {
        "models": [{"id": MODEL}],
        "elements": [{"id": ELEMENT}],
        "blueprints": [{"id": BLUEPRINT, "versions": [{"id": VERSION}]}],
    }
    with Fake(catalogue=catalogue) as fake, client_of(fake) as client:
        body = {"prompt": "a fox", "modelId": MODEL}
        id = client.post("/generations", json=body).json()["sdGenerationJob"]["generationId"]
        assert read(client, f"/generations/{id}")["sdVersion"] == "v1_5"
        [element] = [each for each in read(client, "/elements") if each["akUUID"] == ELEMENT]
        weights = [element[name] for name in ("weightDefault", "weightMin", "weightMax")]
        assert (element["name"], element["baseModel"], weights) == (ELEMENT, "v1_5", [1, -1, 2])
        [version] = read(client, f"/blueprints/{BLUEPRINT}/versions")["edges"]
        assert version["node"]["cost"] == 50
        assert version["node"]["uiMetadata"] == {"inputs": [], "outputs": [{"type": "image"}]}


def test_model_of_an_option_is_one_of_the_platform() -> None:
    """`--model ID=NAME`, in both versions and both lists."""
    with Fake(models=(f"{MODEL}=Ink", "acme/waves-2=Waves")) as fake, client_of(fake) as client:
        assert MODEL in {each["id"] for each in read(client, "/platformModels")}
        assert "generate" in begin_v2(fake, MODEL)
        assert "generate" in begin_v2(fake, "acme/waves-2")
        answer = client.post("/generations", json={"prompt": "a fox", "modelId": MODEL})
        assert answer.status_code == 200


def test_unknown_model_names_the_settings(client: httpx.Client) -> None:
    answer = client.post("/generations", json={"prompt": "a fox", "modelId": MODEL})
    text, explain = refused(answer)
    assert text == (
        f"{MODEL} is not supported within the Production API. Please try again with a different model ID."
    )
    assert explain == (
        "modelId names no platform model that this fake knows, nor a trained one of this API key; "
        "--model ID=NAME or --catalogue FILE adds one, --unknown-models allow accepts all"
    )


def test_keyword_takes_values() -> None:
    """A dict instead of a file, for a fake and for one of its accounts."""
    with Fake(catalogue={"models": [{"id": MODEL}]}) as fake, client_of(fake) as client:
        assert MODEL in {each["id"] for each in read(client, "/platformModels")}
        tenant = fake.new_tenant("other", catalogue={"models": [{"id": VERSION}]})
        headers = {"Authorization": f"Bearer {tenant.api_key}"}
        listed = next(iter(client.get("/platformModels", headers=headers).json().values()))
        assert {MODEL, VERSION} & {each["id"] for each in listed} == {VERSION}


@pytest.mark.parametrize(
    ("catalogue", "text"),
    [
        ({"models": [{"name": "Ink"}]}, "models[0].id: is missing"),
        ({"pictures": []}, "pictures: not known here"),
        ({"blueprints": [{"id": BLUEPRINT, "versions": []}]}, "blueprints[0].versions"),
        (7, "catalogue=7: use a file, or its contents as a dict"),
        ("none.yaml", "none.yaml"),
    ],
)
def test_mistake_is_named(catalogue: Any, text: str) -> None:
    with pytest.raises(SettingError) as caught:
        Fake(catalogue=catalogue)
    assert text in str(caught.value)


def test_command_refuses_a_wrong_file(tmp_path: Path) -> None:
    """Before it serves, with the line."""
    path = tmp_path / "catalogue.yaml"
    path.write_text("models:\n  - {name: Ink}\n", "utf-8")
    result = CliRunner().invoke(main, ["serve", "--catalogue", str(path)])
    assert result.exit_code == 2
    assert f"{path}:2: id: is missing" in result.output

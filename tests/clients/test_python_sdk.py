"""The official Python SDK, leonardo-ai-sdk 7.0.0, against the fake on a port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from leonardo_ai_sdk import LeonardoAiSDK
from leonardo_ai_sdk.models import errors, operations, shared
from PIL import Image

from leomock import Fake

PROMPT = "An oil painting of a cat"
NOBODYS_ID = "00000000-0000-4000-8000-000000000000"
PHOENIX = "de7d3faf-762f-48e0-b3b7-9d0ac3a3fcf3"
CELTIC_PUNK = "01b6184e-3905-4dc7-9ec6-4f09982536d5"

Request = operations.CreateGenerationRequestBody
Upload = Callable[[str, dict[str, str], bytes], int]


@dataclass
class Sdk:
    """The two groups of the SDK's methods that the fake answers with state, under their sync names.

    They are typed as Any, since nearly every field of the SDK's models may be missing, null or unset.
    """

    image: Any
    init_images: Any


class Awaited:
    """A group whose async methods are called, and waited for, under their sync names."""

    def __init__(self, group: object, runner: asyncio.Runner) -> None:
        self._group = group
        self._runner = runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._group, f"{name}_async")
        return lambda **arguments: self._runner.run(method(**arguments))


@pytest.fixture(params=["sync", "async"])
def make_sdk(request: pytest.FixtureRequest) -> Iterator[Callable[..., Sdk]]:
    """Makes SDKs; each test runs once with their sync and once with their async methods."""
    with asyncio.Runner() as runner, ExitStack() as made:

        def make_sync(api_key: str, server_url: str) -> Sdk:
            sdk = made.enter_context(LeonardoAiSDK(bearer_auth=api_key, server_url=server_url))
            return Sdk(sdk.image, sdk.init_images)

        def make_async(api_key: str, server_url: str) -> Sdk:
            sdk: Any = LeonardoAiSDK(bearer_auth=api_key, server_url=server_url)
            made.callback(lambda: runner.run(sdk.__aexit__(None, None, None)))
            return Sdk(Awaited(sdk.image, runner), Awaited(sdk.init_images, runner))

        yield make_sync if request.param == "sync" else make_async


@pytest.fixture
def sdk(fake: Fake, make_sdk: Callable[..., Sdk]) -> Sdk:
    return make_sdk(fake.api_key, fake.base_url)


def _upload_with_requests(url: str, fields: dict[str, str], content: bytes) -> int:
    # The official recipe.
    return requests.post(url, data=fields, files={"file": BytesIO(content)}, timeout=10).status_code


def _upload_with_httpx(url: str, fields: dict[str, str], content: bytes) -> int:
    return httpx.post(url, data=fields, files={"file": content}).status_code


def _upload_with_httpx_async(url: str, fields: dict[str, str], content: bytes) -> int:
    async def upload() -> int:
        async with httpx.AsyncClient() as client:
            return (await client.post(url, data=fields, files={"file": content})).status_code

    return asyncio.run(upload())


@pytest.fixture(params=[_upload_with_requests, _upload_with_httpx, _upload_with_httpx_async])
def upload(request: pytest.FixtureRequest) -> Upload:
    way: Upload = request.param
    return way


def _add_init_image(sdk: Sdk, content: bytes, upload: Upload = _upload_with_requests) -> str:
    """Upload an init image the documented way, and return its id."""
    form = sdk.init_images.upload_init_image(request={"extension": "png"}).object.upload_init_image
    assert upload(form.url, json.loads(form.fields), content) == 204
    id: str = form.id
    return id


def _create(sdk: Sdk, **request: Any) -> str:
    """Start a generation, and return its id."""
    answer = sdk.image.create_generation(request=Request(**{"prompt": PROMPT, **request}))
    id: str = answer.object.sd_generation_job.generation_id
    return id


def _read(sdk: Sdk, id: str) -> Any:
    return sdk.image.get_generation_by_id(id=id).object.generations_by_pk


def _complete(sdk: Sdk, id: str) -> Any:
    """Read a generation until it is no longer PENDING, as every client does, but without a pause."""
    while (generation := _read(sdk, id)).status is shared.JobStatus.PENDING:
        pass
    return generation


def _opened(url: str) -> Image.Image:
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 200
    image = Image.open(BytesIO(answer.content))
    image.load()
    return image


def _refused(call: Callable[..., Any], **arguments: Any) -> tuple[int, dict[str, str]]:
    """The status and the body that an SDKError carries."""
    with pytest.raises(errors.SDKError) as caught:
        call(**arguments)
    body: dict[str, str] = json.loads(caught.value.body)
    return caught.value.status_code, body


def _said(error: str, code: str = "unexpected", path: str = "$") -> dict[str, str]:
    return {"error": error, "path": path, "code": code}


# --- the journey ------------------------------------------------------------------------------------------


def test_journey_from_upload_to_deletion(fake: Fake, sdk: Sdk, picture: bytes, upload: Upload) -> None:
    """A product uploads, generates, polls, downloads, lists and deletes as it would at the real service."""
    init_image_id = _add_init_image(sdk, picture, upload)
    init_image = sdk.init_images.get_init_image_by_id(id=init_image_id).object.init_images_by_pk
    assert requests.get(init_image.url, timeout=10).content == picture

    id = _create(sdk, init_image_id=init_image_id, init_strength=0.5, width=64, height=96, num_images=2)
    pending = _read(sdk, id)
    assert (pending.status, pending.generated_images) == (shared.JobStatus.PENDING, [])
    complete = _read(sdk, id)
    assert (complete.status, complete.init_strength) == (shared.JobStatus.COMPLETE, 0.5)
    assert [_opened(image.url).size for image in complete.generated_images] == [(64, 96), (64, 96)]

    user_id = urlsplit(complete.generated_images[0].url).path.split("/users/")[1].split("/")[0]
    assert user_id == fake.world.user_id
    listed = sdk.image.get_generations_by_user_id(user_id=user_id).object.generations
    assert [generation.id for generation in listed] == [id]

    assert sdk.image.delete_generation_by_id(id=id).object.delete_generations_by_pk.id == id
    deleted = sdk.init_images.delete_init_image_by_id(id=init_image_id).object.delete_init_images_by_pk
    assert deleted.id == init_image_id
    assert sdk.image.get_generations_by_user_id(user_id=user_id).object.generations == []


def test_journey_of_many_at_once(fake: Fake) -> None:
    """Twelve generations asked for at the same time are twelve, each PENDING once and then COMPLETE."""

    async def journey() -> list[tuple[Any, ...]]:
        sdk: Any
        async with LeonardoAiSDK(bearer_auth=fake.api_key, server_url=fake.base_url) as sdk:

            async def one(number: int) -> tuple[Any, ...]:
                started = await sdk.image.create_generation_async(
                    request=Request(prompt=f"cat {number}", width=32, height=32, num_images=1)
                )
                id = started.object.sd_generation_job.generation_id
                reads = [await sdk.image.get_generation_by_id_async(id=id) for _ in range(2)]
                first, second = (read.object.generations_by_pk for read in reads)
                return second.prompt, first.status.value, second.status.value, len(second.generated_images)

            return await asyncio.gather(*map(one, range(12)))

    assert asyncio.run(journey()) == [(f"cat {number}", "PENDING", "COMPLETE", 1) for number in range(12)]


# --- init images -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", ["png", "jpg", "jpeg", "webp"])
def test_init_image_of_every_extension(sdk: Sdk, picture: bytes, extension: str) -> None:
    """Each documented extension gets a form that the bucket takes, and the file is what was uploaded."""
    request = operations.UploadInitImageRequestBody(extension=extension)
    form = sdk.init_images.upload_init_image(request=request).object.upload_init_image
    assert form.key.endswith(f"/initImages/{form.id}.{extension}")
    assert _upload_with_requests(form.url, json.loads(form.fields), picture) == 204
    url = sdk.init_images.get_init_image_by_id(id=form.id).object.init_images_by_pk.url
    assert url.endswith(f"/{form.key}")
    assert requests.get(url, timeout=10).content == picture


def test_init_image_read_tells_when_it_was_asked_for(sdk: Sdk, picture: bytes) -> None:
    """The SDK reads the time stamp, which has milliseconds and no zone."""
    id = _add_init_image(sdk, picture)
    read = sdk.init_images.get_init_image_by_id(id=id).object.init_images_by_pk
    assert (read.id, read.created_at) == (id, "2024-04-20T14:33:28.258")


def test_init_image_deleted_twice(sdk: Sdk, picture: bytes) -> None:
    """The first deletion names the id, the second is null, and so is reading; the file is gone."""
    id = _add_init_image(sdk, picture)
    url = sdk.init_images.get_init_image_by_id(id=id).object.init_images_by_pk.url
    assert sdk.init_images.delete_init_image_by_id(id=id).object.delete_init_images_by_pk.id == id
    assert sdk.init_images.delete_init_image_by_id(id=id).object.delete_init_images_by_pk is None
    assert sdk.init_images.get_init_image_by_id(id=id).object.init_images_by_pk is None
    assert requests.get(url, timeout=10).status_code == 403


def test_canvas_forms_take_picture_and_mask(sdk: Sdk, picture: bytes) -> None:
    """Both forms of a canvas upload are good, and an inpainting can be asked for with their ids."""
    request = operations.UploadCanvasInitImageRequestBody(init_extension="png", mask_extension="png")
    forms = sdk.init_images.upload_canvas_init_image(request=request).object.upload_canvas_init_image
    mask = picture[::-1]
    assert _upload_with_requests(forms.init_url, json.loads(forms.init_fields), picture) == 204
    assert _upload_with_requests(forms.mask_url, json.loads(forms.mask_fields), mask) == 204
    for id, content in ((forms.init_image_id, picture), (forms.mask_image_id, mask)):
        url = sdk.init_images.get_init_image_by_id(id=id).object.init_images_by_pk.url
        assert requests.get(url, timeout=10).content == content
    id = _create(
        sdk,
        canvas_request=True,
        canvas_request_type=shared.CanvasRequestType.INPAINT,
        canvas_init_id=forms.init_image_id,
        canvas_mask_id=forms.mask_image_id,
    )
    assert _complete(sdk, id).status is shared.JobStatus.COMPLETE


def test_canvas_forms_have_the_names_of_the_recipe(sdk: Sdk) -> None:
    """The SDK reads mask..., the official recipe masks...; both are in the answer and say the same."""
    request = {"init_extension": "png", "mask_extension": "jpg"}
    answer = sdk.init_images.upload_canvas_init_image(request=request)
    raw = answer.raw_response.json()["uploadCanvasInitImage"]
    read = answer.object.upload_canvas_init_image
    assert (raw["masksImageId"], raw["masksFields"]) == (read.mask_image_id, read.mask_fields)
    assert (raw["masksKey"], raw["masksUrl"]) == (read.mask_key, read.mask_url)


# --- generations -------------------------------------------------------------------------------------------


def test_generation_with_the_defaults_of_the_sdk(sdk: Sdk) -> None:
    """The SDK sends the documented defaults itself, and the generation has them."""
    answer = sdk.image.create_generation(request={"prompt": PROMPT})
    assert json.loads(answer.raw_response.request.content) == {
        "alchemy": True,
        "height": 768,
        "modelId": "b24e16ff-06e3-43eb-8d33-4416c2d75876",
        "num_images": 4,
        "presetStyle": "DYNAMIC",
        "prompt": PROMPT,
        "width": 1024,
    }
    generation = _complete(sdk, answer.object.sd_generation_job.generation_id)
    assert (generation.image_width, generation.image_height) == (1024, 768)
    assert len(generation.generated_images) == 4
    assert generation.sd_version is shared.SdVersions.SDXL_LIGHTNING
    assert generation.preset_style is shared.SdGenerationStyle.DYNAMIC
    assert generation.scheduler is shared.SdGenerationSchedulers.EULER_DISCRETE
    assert (generation.inference_steps, generation.guidance_scale) == (15, 7)
    assert (generation.negative_prompt, generation.public) == ("", False)


def test_generation_names_its_cost_twice(sdk: Sdk) -> None:
    """The cost is read under the new and the deprecated name, of which the SDK itself warns."""
    job = sdk.image.create_generation(request={"prompt": PROMPT}).object.sd_generation_job
    assert job.cost.unit is shared.Unit.CREDITS
    with pytest.warns(DeprecationWarning, match="This will be removed in a future release"):
        assert str(job.api_credit_cost) == job.cost.amount


def test_generation_with_the_enums_of_the_sdk(sdk: Sdk) -> None:
    """What was asked for with members of the SDK's enums comes back as the same members."""
    id = _create(
        sdk,
        model_id=PHOENIX,
        contrast=3.5,
        negative_prompt="dogs",
        num_images=1,
        width=512,
        height=512,
        num_inference_steps=30,
        guidance_scale=9,
        seed=42,
        public=True,
        preset_style=shared.SdGenerationStyle.PHOTOGRAPHY,
        scheduler=shared.SdGenerationSchedulers.LEONARDO,
        sd_version=shared.SdVersions.PHOENIX,
        elements=[shared.ElementInput(ak_uuid=CELTIC_PUNK, weight=0.5)],
    )
    read = _complete(sdk, id)
    assert read.preset_style is shared.SdGenerationStyle.PHOTOGRAPHY
    assert read.scheduler is shared.SdGenerationSchedulers.LEONARDO
    assert read.sd_version is shared.SdVersions.PHOENIX
    assert (read.model_id, read.negative_prompt, read.seed, read.public) == (PHOENIX, "dogs", 42, True)
    assert (read.inference_steps, read.guidance_scale) == (30, 9)
    [element] = read.generation_elements
    assert (element.lora.ak_uuid, element.weight_applied) == (CELTIC_PUNK, 0.5)


@pytest.mark.parametrize(
    ("field", "members"),
    [
        ("preset_style", list(shared.SdGenerationStyle)),
        ("scheduler", list(shared.SdGenerationSchedulers)),
        ("sd_version", list(shared.SdVersions)),
    ],
)
def test_generation_with_every_member_of_an_enum(sdk: Sdk, field: str, members: list[Enum]) -> None:
    """No member of the SDK's enums is refused, and none comes back as something else."""
    read = [getattr(_read(sdk, _create(sdk, **{field: member})), field) for member in members]
    assert read == members


def test_generation_with_controlnets(sdk: Sdk, picture: bytes) -> None:
    """An uploaded and a generated picture serve as image guidance."""
    generated = _complete(sdk, _create(sdk, num_images=1)).generated_images[0].id
    guidance = [
        shared.ControlnetInput(
            init_image_id=_add_init_image(sdk, picture),
            init_image_type=shared.InitImageType.UPLOADED,
            preprocessor_id=67,
            strength_type=shared.StrengthType.MAX,
        ),
        shared.ControlnetInput(
            init_image_id=generated,
            init_image_type=shared.InitImageType.GENERATED,
            preprocessor_id=133,
            weight=0.8,
        ),
    ]
    id = _create(sdk, controlnets=guidance)
    assert _complete(sdk, id).status is shared.JobStatus.COMPLETE


def test_generation_from_a_generated_picture(sdk: Sdk) -> None:
    """The id of a picture in an answer is good as init_generation_image_id."""
    first = _complete(sdk, _create(sdk, num_images=1, width=64, height=64)).generated_images[0]
    id = _create(sdk, init_generation_image_id=first.id, num_images=1, width=64, height=64)
    assert _opened(_complete(sdk, id).generated_images[0].url).size == (64, 64)


def test_generation_with_transparency(sdk: Sdk) -> None:
    """A transparent picture is a PNG with an alpha channel."""
    id = _create(
        sdk, transparency=operations.TransparencyType.FOREGROUND_ONLY, num_images=1, width=64, height=64
    )
    image = _opened(_complete(sdk, id).generated_images[0].url)
    assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (64, 64))


def test_photo_real_without_the_model_of_the_sdk(sdk: Sdk) -> None:
    """PhotoReal v1 may not come with a modelId; None takes the SDK's own default out, as an explicit null."""
    answer = sdk.image.create_generation(request=Request(prompt=PROMPT, photo_real=True, model_id=None))
    assert json.loads(answer.raw_response.request.content)["modelId"] is None
    read = _complete(sdk, answer.object.sd_generation_job.generation_id)
    assert (read.photo_real, read.model_id) == (True, None)


@pytest.mark.parametrize(("width", "height"), [(32, 32), (512, 768), (1536, 1536), (1024, 40)])
def test_pictures_have_the_size_asked_for(sdk: Sdk, width: int, height: int) -> None:
    """A picture is a JPEG that decodes, of just the size asked for."""
    image = _opened(
        _complete(sdk, _create(sdk, num_images=1, width=width, height=height)).generated_images[0].url
    )
    assert (image.format, image.size) == ("JPEG", (width, height))


def test_pictures_are_given_with_and_without_the_key(fake: Fake, sdk: Sdk) -> None:
    """A client that sends its API key to the CDN as well gets the same bytes."""
    url = _complete(sdk, _create(sdk, num_images=1, width=64, height=64)).generated_images[0].url
    with_key = requests.get(url, headers={"Authorization": f"Bearer {fake.api_key}"}, timeout=10)
    assert with_key.headers["Content-Type"] == "image/jpeg"
    assert with_key.content == httpx.get(url).content


def test_generation_deleted_twice(sdk: Sdk) -> None:
    """The first deletion names the id, the second is null, and so is reading; the pictures are gone."""
    id = _create(sdk, num_images=1, width=64, height=64)
    url = _complete(sdk, id).generated_images[0].url
    assert sdk.image.delete_generation_by_id(id=id).object.delete_generations_by_pk.id == id
    assert sdk.image.delete_generation_by_id(id=id).object.delete_generations_by_pk is None
    assert _read(sdk, id) is None
    assert requests.get(url, timeout=10).status_code == 403


def test_list_by_user_in_pages(fake: Fake, sdk: Sdk) -> None:
    """The newest come first, ten at once unless told otherwise; limit and offset choose the page."""
    ids = [_create(sdk) for _ in range(12)][::-1]

    def listed(**page: int) -> list[str]:
        answer = sdk.image.get_generations_by_user_id(user_id=fake.world.user_id, **page)
        return [generation.id for generation in answer.object.generations]

    assert listed() == ids[:10]
    assert listed(offset=10) == ids[10:]
    assert listed(offset=2, limit=3) == ids[2:5]
    assert listed(offset=12) == []


def test_list_of_another_user(sdk: Sdk) -> None:
    """The generations of somebody else are an empty list."""
    _create(sdk)
    assert sdk.image.get_generations_by_user_id(user_id=NOBODYS_ID).object.generations == []


def test_two_keys_see_nothing_of_each_other(
    fake: Fake, sdk: Sdk, make_sdk: Callable[..., Sdk], picture: bytes
) -> None:
    """What one API key made is null for another, and its init image no init image."""
    other = make_sdk("another-key", fake.base_url)
    generation, init_image = _create(sdk), _add_init_image(sdk, picture)
    assert _read(other, generation) is None
    assert other.image.delete_generation_by_id(id=generation).object.delete_generations_by_pk is None
    assert other.init_images.get_init_image_by_id(id=init_image).object.init_images_by_pk is None
    assert other.init_images.delete_init_image_by_id(id=init_image).object.delete_init_images_by_pk is None
    request = {"prompt": PROMPT, "init_image_id": init_image}
    assert _refused(other.image.create_generation, request=request) == (400, _said("invalid init image id"))
    assert _read(sdk, generation).id == generation


def test_server_url_with_a_slash_at_its_end(fake: Fake, make_sdk: Callable[..., Sdk]) -> None:
    """It does not matter how the base URL ends."""
    assert _create(make_sdk(fake.api_key, f"{fake.base_url}/"))


def test_server_url_given_with_one_call(fake: Fake, make_sdk: Callable[..., Sdk]) -> None:
    """A call may name the server itself."""
    sdk = make_sdk(fake.api_key, "http://leomock.invalid")
    answer = sdk.image.create_generation(request={"prompt": PROMPT}, server_url=fake.base_url)
    assert answer.status_code == 200


# --- what is refused ---------------------------------------------------------------------------------------


def test_wrong_key_in_strict_mode(strict_fake: Fake, make_sdk: Callable[..., Sdk]) -> None:
    """A key that the fake was not started with is the vendor's 401, for every method."""
    sdk = make_sdk(NOBODYS_ID, strict_fake.base_url)
    unauthorized = 401, _said("Authentication hook unauthorized this request", "access-denied")
    canvas = {"init_extension": "png", "mask_extension": "png"}
    assert _refused(sdk.image.create_generation, request={"prompt": PROMPT}) == unauthorized
    assert _refused(sdk.image.get_generation_by_id, id=NOBODYS_ID) == unauthorized
    assert _refused(sdk.image.get_generations_by_user_id, user_id=NOBODYS_ID) == unauthorized
    assert _refused(sdk.image.delete_generation_by_id, id=NOBODYS_ID) == unauthorized
    assert _refused(sdk.init_images.upload_init_image, request={"extension": "png"}) == unauthorized
    assert _refused(sdk.init_images.upload_canvas_init_image, request=canvas) == unauthorized
    assert _refused(sdk.init_images.get_init_image_by_id, id=NOBODYS_ID) == unauthorized
    assert _refused(sdk.init_images.delete_init_image_by_id, id=NOBODYS_ID) == unauthorized


def test_right_key_in_strict_mode(strict_fake: Fake, make_sdk: Callable[..., Sdk]) -> None:
    """The fake's own key is let in."""
    assert _create(make_sdk(strict_fake.api_key, strict_fake.base_url))


def test_key_that_is_no_uuid_in_real_mode(make_sdk: Callable[..., Sdk]) -> None:
    """A key that is not a UUID gets the 500 of the vendor's authorization hook."""
    with Fake(auth="real") as fake:
        sdk = make_sdk("my-key", fake.base_url)
        refused = _refused(sdk.image.get_generation_by_id, id=NOBODYS_ID)
    assert refused == (500, _said("Invalid response from authorization hook"))


def test_error_reads_as_the_vendors(sdk: Sdk) -> None:
    """The message of an SDKError, which is what people see and search for, is the whole of it."""
    with pytest.raises(errors.SDKError) as caught:
        sdk.image.create_generation(request={"prompt": "x" * 1501})
    assert str(caught.value) == (
        'API error occurred: Status 400 Content-Type "application/json; charset=utf-8". Body: '
        '{"error":"Invalid prompt, maximum length of 1500 characters exceeded."'
        ',"path":"$","code":"unexpected"}'
    )


REFUSED_REQUESTS = {
    # Without a word on it the SDK sends a prompt of its own.
    "no prompt": (
        {"prompt": None},
        _said('expecting a value for non-nullable variable: "prompt"', "validation-failed"),
    ),
    "unknown model": (
        {"prompt": PROMPT, "model_id": NOBODYS_ID},
        _said(
            f"{NOBODYS_ID} is not supported within the Production API. "
            "Please try again with a different model ID."
        ),
    ),
    "model that is not an id": ({"prompt": PROMPT, "model_id": "LEONARDO"}, _said("internal error")),
    "unknown init image": (
        {"prompt": PROMPT, "init_image_id": NOBODYS_ID},
        _said("invalid init image id"),
    ),
    "unknown generated picture": (
        {"prompt": PROMPT, "init_generation_image_id": NOBODYS_ID},
        _said("couldn't access image"),
    ),
    "too many images": ({"prompt": PROMPT, "num_images": 5}, _said("Too many images")),
}


@pytest.mark.parametrize(("request_body", "said"), REFUSED_REQUESTS.values(), ids=REFUSED_REQUESTS.keys())
def test_generation_refused(sdk: Sdk, request_body: dict[str, Any], said: dict[str, str]) -> None:
    """A request that the vendor refuses is an SDKError with status 400 and the vendor's body."""
    assert _refused(sdk.image.create_generation, request=request_body) == (400, said)


def test_generation_refused_for_its_height(sdk: Sdk) -> None:
    """The text was seen at the real service."""
    status, body = _refused(sdk.image.create_generation, request={"prompt": PROMPT, "height": 2048})
    assert (status, body["error"]) == (400, "height must be between 32 and 1536")


def test_init_image_of_another_extension(sdk: Sdk) -> None:
    """A file's name is not an extension."""
    refused = _refused(sdk.init_images.upload_init_image, request={"extension": "cat.png"})
    assert (refused[0], refused[1]["error"]) == (400, "invalid file extension")


def test_init_image_that_was_never_uploaded(sdk: Sdk) -> None:
    """The id of a form that nobody sent is not an init image yet."""
    form = sdk.init_images.upload_init_image(request={"extension": "png"}).object.upload_init_image
    request = {"prompt": PROMPT, "init_image_id": form.id}
    assert _refused(sdk.image.create_generation, request=request) == (400, _said("invalid init image id"))


def test_upload_after_the_form_has_expired(fake: Fake, sdk: Sdk, picture: bytes, upload: Upload) -> None:
    """Two minutes and a second later the form is refused, and there is nothing to generate from."""
    form = sdk.init_images.upload_init_image(request={"extension": "png"}).object.upload_init_image
    fake.advance(121)
    assert upload(form.url, json.loads(form.fields), picture) == 403
    request = {"prompt": PROMPT, "init_image_id": form.id}
    assert _refused(sdk.image.create_generation, request=request) == (400, _said("invalid init image id"))
    read = sdk.init_images.get_init_image_by_id(id=form.id).object.init_images_by_pk
    assert requests.get(read.url, timeout=10).status_code == 403


def test_upload_just_before_the_form_expires(fake: Fake, sdk: Sdk, picture: bytes) -> None:
    """A second before its two minutes are over the form is good."""
    form = sdk.init_images.upload_init_image(request={"extension": "png"}).object.upload_init_image
    fake.advance(119)
    assert _upload_with_requests(form.url, json.loads(form.fields), picture) == 204


@pytest.mark.parametrize("id", ["not-an-id", "1234"])
def test_id_that_is_no_uuid(sdk: Sdk, id: str) -> None:
    """Where an id must be a UUID, another text is refused by status and not as null."""
    said = _said(f'invalid input syntax for type uuid: "{id}"', "data-exception")
    assert _refused(sdk.image.get_generation_by_id, id=id) == (400, said)
    assert _refused(sdk.image.delete_generation_by_id, id=id) == (400, said)
    assert _refused(sdk.init_images.get_init_image_by_id, id=id) == (400, said)
    assert _refused(sdk.init_images.delete_init_image_by_id, id=id) == (400, said)
    assert _refused(sdk.image.get_generations_by_user_id, user_id=id) == (400, said)

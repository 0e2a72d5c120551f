"""Uploads as clients without an SDK send them, mistakes included, to the fake on a port."""

from __future__ import annotations

import base64
import json
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import boto3
import httpx
import pytest
import requests
import urllib3
from botocore.config import Config

from leomock import Fake


class Form(NamedTuple):
    """A presigned form, and where its file will be found."""

    id: str
    url: str
    fields: dict[str, str]
    address: str


Ask = Callable[..., Form]


@pytest.fixture
def ask(fake: Fake) -> Ask:
    """Asks the fake for a form."""
    key = {"Authorization": f"Bearer {fake.api_key}"}

    def ask(extension: str = "png") -> Form:
        said = requests.post(
            f"{fake.base_url}/init-image", json={"extension": extension}, headers=key, timeout=10
        ).json()["uploadInitImage"]
        read = requests.get(f"{fake.base_url}/init-image/{said['id']}", headers=key, timeout=10).json()
        return Form(said["id"], said["url"], json.loads(said["fields"]), read["init_images_by_pk"]["url"])

    return ask


def _stored(form: Form) -> bytes | None:
    """What lies at the form's address: the file, or None where nothing does."""
    answer = requests.get(form.address, timeout=10)
    return answer.content if answer.status_code == 200 else None


def _said(answer: requests.Response | httpx.Response) -> tuple[int, dict[str, str]]:
    """Status and elements of an S3 error, without the two names that are new with each answer."""
    root = ElementTree.fromstring(answer.content)
    elements = {element.tag: element.text or "" for element in root}
    assert root.tag == "Error"
    assert elements.pop("RequestId")
    assert elements.pop("HostId")
    return answer.status_code, elements


def _post(form: Form, **request: Any) -> requests.Response:
    return requests.post(form.url, timeout=10, **request)


# --- what works -------------------------------------------------------------------------------------------


def test_upload_as_in_the_official_recipe(ask: Ask, picture: bytes, tmp_path: Path) -> None:
    """Fields as data and an open file as files: an empty 204 with the MD5 and the place of the object."""
    form = ask()
    path = tmp_path / "cat.png"
    path.write_bytes(picture)
    with path.open("rb") as file:
        answer = _post(form, data=form.fields, files={"file": file})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Location"].startswith(form.url)
    assert _stored(form) == picture


def test_upload_of_raw_bytes_with_requests(ask: Ask, picture: bytes) -> None:
    """The filename is then "file" (griptape)."""
    form = ask()
    assert _post(form, data=form.fields, files={"file": picture}).status_code == 204
    assert _stored(form) == picture


def test_upload_with_all_parts_as_files(ask: Ask, picture: bytes) -> None:
    """Fields may be given as files without a name (krita-leonardo-ai)."""
    form = ask()
    parts = {name: (None, value) for name, value in form.fields.items()}
    answer = _post(form, files={**parts, "file": (None, picture)})
    assert answer.status_code == 204
    assert _stored(form) == picture


def test_upload_with_a_filename_on_every_part(ask: Ask, picture: bytes) -> None:
    """A field with a filename is still a field; only the part that is named file is the content."""
    form = ask()
    parts = {name: (name, value.encode()) for name, value in form.fields.items()}
    answer = _post(form, files={**parts, "file": ("cat.png", picture)})
    assert answer.status_code == 204
    assert _stored(form) == picture


@pytest.mark.parametrize("seed", range(6))
def test_upload_with_the_fields_in_any_order(ask: Ask, picture: bytes, seed: int) -> None:
    """A client that keeps the fields in a hash map sends them in a random order, and file last (litegen)."""
    form = ask()
    fields = list(form.fields.items())
    random.Random(seed).shuffle(fields)
    answer = _post(form, data=fields, files={"file": ("image.png", picture, "image/png")})
    assert answer.status_code == 204
    assert _stored(form) == picture


@pytest.mark.parametrize("spelling", [str.lower, str.upper])
def test_upload_with_fields_in_another_case(ask: Ask, picture: bytes, spelling: Callable[[str], str]) -> None:
    """The names of fields are read whatever their case."""
    form = ask()
    fields = {spelling(name): value for name, value in form.fields.items()}
    assert _post(form, data=fields, files={"file": picture}).status_code == 204
    assert _stored(form) == picture


@pytest.mark.parametrize("file_type", ["image/jpg", "image/png", "application/octet-stream"])
def test_upload_with_another_type_on_the_file(ask: Ask, picture: bytes, file_type: str) -> None:
    """Only the field Content-Type counts, not the type of the part, which may be image/jpg."""
    form = ask("jpg")
    answer = _post(form, data=form.fields, files={"file": ("photo.jpg", picture, file_type)})
    assert answer.status_code == 204
    stored = requests.get(form.address, timeout=10)
    assert (stored.headers["Content-Type"], stored.content) == ("image/jpeg", picture)


def test_upload_of_a_base64_text(ask: Ask, picture: bytes) -> None:
    """A body in base64 is a mistake that S3 does not see: it is stored just as it was sent."""
    form = ask()
    text = base64.b64encode(picture)
    assert _post(form, data=form.fields, files={"file": text}).status_code == 204
    assert _stored(form) == text


def test_generation_from_a_base64_text(fake: Fake, ask: Ask, picture: bytes) -> None:
    """An init image that is not a picture still leads to a picture of its own."""
    form = ask()
    _post(form, data=form.fields, files={"file": base64.b64encode(picture)})
    with httpx.Client(headers={"Authorization": f"Bearer {fake.api_key}"}) as client:
        body = {"prompt": "a cat", "init_image_id": form.id, "width": 32, "height": 32}
        started = client.post(f"{fake.base_url}/generations", json=body).json()
        address = f"{fake.base_url}/generations/{started['sdGenerationJob']['generationId']}"
        [_, complete] = [client.get(address).json()["generations_by_pk"] for _ in range(2)]
        answer = client.get(complete["generated_images"][0]["url"])
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/jpeg")


def test_upload_with_httpx(ask: Ask, picture: bytes) -> None:
    """httpx writes the fields before the file as well."""
    form = ask()
    assert httpx.post(form.url, data=form.fields, files={"file": picture}).status_code == 204
    assert _stored(form) == picture


def test_upload_with_urllib3(ask: Ask, picture: bytes) -> None:
    """urllib3 alone writes a form too."""
    form = ask()
    fields: dict[str, Any] = {**form.fields, "file": ("cat.png", picture, "image/png")}
    assert urllib3.PoolManager().request("POST", form.url, fields=fields).status == 204
    assert _stored(form) == picture


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on the PATH")
def test_upload_with_curl(ask: Ask, picture: bytes, tmp_path: Path) -> None:
    """curl asks before it sends a body of more than a megabyte, and its content arrives whole."""
    form = ask()
    content = picture + bytes(3 * 2**20)
    path = tmp_path / "cat.png"
    path.write_bytes(content)
    fields = [part for name, value in form.fields.items() for part in ("--form-string", f"{name}={value}")]
    wanted = ["--write-out", "%{http_code}", "--form", f"file=@{path}", form.url]
    command = ["curl", "--silent", "--noproxy", "*", *fields, *wanted]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout == "204"
    assert _stored(form) == content


def test_upload_twice_with_one_form(ask: Ask, picture: bytes) -> None:
    """A form is good until it expires, and the last content counts."""
    form = ask()
    assert _post(form, data=form.fields, files={"file": picture}).status_code == 204
    assert _post(form, data=form.fields, files={"file": picture[::-1]}).status_code == 204
    assert _stored(form) == picture[::-1]


def test_upload_of_an_empty_file(ask: Ask) -> None:
    """The form sets no least size."""
    form = ask()
    assert _post(form, data=form.fields, files={"file": ("empty.png", b"")}).status_code == 204
    assert _stored(form) == b""


def test_upload_with_a_field_after_the_file(ask: Ask, picture: bytes) -> None:
    """What comes after the file is ignored, as it is at S3."""
    form = ask()
    parts = [(name, (None, value)) for name, value in form.fields.items()]
    answer = _post(form, files=[*parts, ("file", ("cat.png", picture)), ("submit", (None, "Upload"))])
    assert answer.status_code == 204
    assert _stored(form) == picture


# --- frequent mistakes -------------------------------------------------------------------------------------

MISSING = {
    "Code": "InvalidArgument",
    "Message": (
        "Bucket POST must contain a field named 'key'.  "
        "If it is specified, please check the order of the fields."
    ),
    "ArgumentName": "key",
    "ArgumentValue": "",
}
NO_FILE = {
    "Code": "InvalidArgument",
    "Message": "POST requires exactly one file upload per request.",
    "ArgumentName": "file",
    "ArgumentValue": "0",
}
NO_FORM = {
    "Code": "PreconditionFailed",
    "Message": "At least one of the pre-conditions you specified did not hold",
    "Condition": "Bucket POST must be of the enclosure-type multipart/form-data",
}


def test_upload_without_multipart(ask: Ask) -> None:
    """Fields alone are sent urlencoded, which is not an upload."""
    form = ask()
    assert _said(_post(form, data=form.fields)) == (412, NO_FORM)
    assert _stored(form) is None


def test_upload_of_the_bare_file(ask: Ask, picture: bytes) -> None:
    """A picture as the body is not a form."""
    form = ask()
    answer = _post(form, data=picture, headers={"Content-Type": "image/png"})
    assert _said(answer) == (412, NO_FORM)
    assert _stored(form) is None


def test_upload_with_the_api_key(fake: Fake, ask: Ask, picture: bytes) -> None:
    """The API key's header, sent to the bucket as well, is a 403; without it the same form is good."""
    form = ask()
    headers = {"Authorization": f"Bearer {fake.api_key}"}
    answer = _post(form, data=form.fields, files={"file": picture}, headers=headers)
    assert _said(answer) == (403, {"Code": "AccessDenied", "Message": "Access Denied"})
    assert _stored(form) is None
    assert _post(form, data=form.fields, files={"file": picture}).status_code == 204


def test_upload_with_the_file_before_the_fields(ask: Ask, picture: bytes) -> None:
    """Fields after the file do not count."""
    form = ask()
    parts = [(name, (None, value)) for name, value in form.fields.items()]
    answer = _post(form, files=[("file", ("cat.png", picture)), *parts])
    assert _said(answer) == (400, MISSING)
    assert _stored(form) is None


def test_upload_with_the_file_in_between(ask: Ask, picture: bytes) -> None:
    """Of the fields, those before the file are read, and the signature is not among them."""
    form = ask()
    parts = [(name, (None, value)) for name, value in form.fields.items()]
    answer = _post(form, files=[*parts[:-1], ("file", ("cat.png", picture)), parts[-1]])
    message = MISSING["Message"].replace("'key'", "'X-Amz-Signature'")
    expected = {**MISSING, "Message": message, "ArgumentName": "X-Amz-Signature"}
    assert _said(answer) == (400, expected)
    assert _stored(form) is None


def test_upload_with_fields_that_were_not_parsed(ask: Ask, picture: bytes) -> None:
    """The fields are a JSON string; sent as one field they are no fields."""
    form = ask()
    answer = _post(form, data={"fields": json.dumps(form.fields)}, files={"file": picture})
    assert _said(answer) == (400, MISSING)
    assert "Parse it (json.loads, JSON.parse)" in answer.headers["X-Leomock-Explain"]


def test_upload_without_a_file(ask: Ask) -> None:
    """A multipart form of fields alone uploads nothing."""
    form = ask()
    answer = _post(form, files={name: (None, value) for name, value in form.fields.items()})
    assert _said(answer) == (400, NO_FILE)


def test_upload_of_a_file_under_another_name(ask: Ask) -> None:
    """A part named image is not a file, whatever its filename."""
    form = ask()
    answer = _post(form, data=form.fields, files={"image": ("cat.svg", b"<svg/>")})
    assert _said(answer) == (400, NO_FILE)
    assert _stored(form) is None


def test_upload_of_a_large_file_under_another_name(ask: Ask, picture: bytes) -> None:
    """Before the part named file stand at most 20 kB."""
    form = ask()
    answer = _post(form, data=form.fields, files={"image": ("cat.png", picture * 100)})
    assert _said(answer) == (
        400,
        {
            "Code": "MaxPostPreDataLengthExceeded",
            "Message": "Your POST request fields preceeding the upload file was too large.",
            "MaxPostPreDataLengthBytes": "20480",
        },
    )


def test_upload_with_a_field_of_ones_own(ask: Ask, picture: bytes) -> None:
    """A field that the policy does not know is refused."""
    form = ask()
    answer = _post(form, data={**form.fields, "acl": "public-read"}, files={"file": picture})
    expected = {"Code": "AccessDenied", "Message": "Invalid according to Policy: Extra input fields: acl"}
    assert _said(answer) == (403, expected)


def test_upload_with_another_content_type_field(ask: Ask, picture: bytes) -> None:
    """The form of a JPEG does not upload a PNG."""
    form = ask("jpg")
    answer = _post(form, data={**form.fields, "Content-Type": "image/png"}, files={"file": picture})
    message = 'Invalid according to Policy: Policy Condition failed: ["eq", "$Content-Type", "image/jpeg"]'
    assert _said(answer) == (403, {"Code": "AccessDenied", "Message": message})


def test_upload_after_two_minutes(fake: Fake, ask: Ask, picture: bytes) -> None:
    """The form expires; a new one works."""
    form = ask()
    fake.advance(121)
    answer = _post(form, data=form.fields, files={"file": picture})
    expected = {"Code": "AccessDenied", "Message": "Invalid according to Policy: Policy expired."}
    assert _said(answer) == (403, expected)
    assert _stored(form) is None
    later = ask()
    assert _post(later, data=later.fields, files={"file": picture}).status_code == 204


def test_upload_that_is_too_big(ask: Ask) -> None:
    """A body that is sent to its end before anybody listens still gets its refusal."""
    form = ask()
    most = 25 * 2**20
    answer = _post(form, data=form.fields, files={"file": bytes(most + 1)})
    assert _said(answer) == (
        400,
        {
            "Code": "EntityTooLarge",
            "Message": "Your proposed upload exceeds the maximum allowed size",
            "ProposedSize": str(most + 1),
            "MaxSizeAllowed": str(most),
        },
    )
    assert _stored(form) is None


def test_upload_of_the_largest_file(ask: Ask) -> None:
    """25 MiB are taken whole."""
    form = ask()
    content = bytes(range(256)) * (25 * 2**20 // 256)
    assert _post(form, data=form.fields, files={"file": content}).status_code == 204
    assert _stored(form) == content


def test_upload_of_a_large_file_with_the_api_key(fake: Fake, ask: Ask) -> None:
    """A refusal that stands in the headers arrives although the client is still sending."""
    form = ask()
    headers = {"Authorization": f"Bearer {fake.api_key}"}
    answer = _post(form, data=form.fields, files={"file": bytes(2**23)}, headers=headers)
    assert _said(answer) == (403, {"Code": "AccessDenied", "Message": "Access Denied"})


# --- policies that boto3 signs -----------------------------------------------------------------------------


class Signed(NamedTuple):
    """A form that boto3 made, for the bucket of a fake."""

    url: str
    fields: dict[str, str]

    def send(self, content: bytes, **changed: str) -> requests.Response:
        """Upload the content with the form, fields changed."""
        return requests.post(
            self.url, data={**self.fields, **changed}, files={"file": ("a.bin", content)}, timeout=10
        )


@pytest.fixture
def sign(fake: Fake) -> Callable[..., Signed]:
    """Signs forms with boto3 and the bucket's credentials, as any client does with those of an account."""
    said = requests.get(
        f"{fake.url}/_leomock/bucket", headers={"Authorization": f"Bearer {fake.api_key}"}, timeout=10
    ).json()
    s3 = boto3.client(
        "s3",
        endpoint_url=said["url"].removesuffix(f"/{said['bucket']}/"),
        region_name=said["region"],
        aws_access_key_id=said["accessKeyId"],
        aws_secret_access_key=said["secretAccessKey"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )

    def sign(key: str, **settings: Any) -> Signed:
        made = s3.generate_presigned_post(said["bucket"], key, **settings)
        return Signed(made["url"], made["fields"])

    return sign


def test_policy_of_boto3(sign: Callable[..., Signed]) -> None:
    """A form that boto3 signed for the bucket is accepted, and the object can be read."""
    signed = sign("in/cat.bin")
    assert signed.send(b"content").status_code == 204
    assert requests.get(f"{signed.url}/in/cat.bin", timeout=10).content == b"content"


def test_policy_of_boto3_with_conditions(sign: Callable[..., Signed]) -> None:
    """Prefixes, sizes, metadata and the status asked for are signed and held to."""
    signed = sign(
        "in/${filename}",
        Fields={"success_action_status": "201", "x-amz-meta-who": "me"},
        Conditions=[
            {"success_action_status": "201"},
            {"x-amz-meta-who": "me"},
            ["starts-with", "$Content-Type", "image/"],
            ["content-length-range", 1, 10],
        ],
    )
    answer = signed.send(b"0123456789", **{"Content-Type": "image/webp"})
    assert answer.status_code == 201
    assert ElementTree.fromstring(answer.content).findtext("Key") == "in/a.bin"
    stored = requests.get(f"{signed.url}/in/a.bin", timeout=10)
    assert (stored.headers["Content-Type"], stored.headers["x-amz-meta-who"]) == ("image/webp", "me")

    too_big = signed.send(b"0123456789+", **{"Content-Type": "image/webp"})
    message = "Your proposed upload exceeds the maximum allowed size"
    sizes = {"ProposedSize": "11", "MaxSizeAllowed": "10"}
    assert _said(too_big) == (400, {"Code": "EntityTooLarge", "Message": message, **sizes})
    wrong = signed.send(b"0", **{"Content-Type": "text/html"})
    message = (
        'Invalid according to Policy: Policy Condition failed: ["starts-with", "$Content-Type", "image/"]'
    )
    assert _said(wrong) == (403, {"Code": "AccessDenied", "Message": message})


def test_policy_of_boto3_tampered_with(fake: Fake, sign: Callable[..., Signed]) -> None:
    """Another policy under the same signature is refused, with what was signed."""
    signed = sign("in/cat.bin", ExpiresIn=60)
    policy = json.loads(base64.b64decode(signed.fields["policy"]))
    policy["expiration"] = "2099-01-01T00:00:00Z"
    tampered = base64.b64encode(json.dumps(policy).encode()).decode()
    assert _said(signed.send(b"content", policy=tampered)) == (
        403,
        {
            "Code": "SignatureDoesNotMatch",
            "Message": (
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method."
            ),
            "AWSAccessKeyId": fake.world.bucket.access_key_id,
            "StringToSign": tampered,
            "SignatureProvided": signed.fields["x-amz-signature"],
            "StringToSignBytes": tampered.encode().hex(" "),
        },
    )
    assert requests.get(f"{signed.url}/in/cat.bin", timeout=10).status_code == 403


def test_policy_of_boto3_with_another_key_field(sign: Callable[..., Signed]) -> None:
    """A form is good for the key that was signed and no other."""
    answer = sign("in/cat.bin").send(b"content", key="in/dog.bin")
    message = 'Invalid according to Policy: Policy Condition failed: ["eq", "$key", "in/cat.bin"]'
    assert _said(answer) == (403, {"Code": "AccessDenied", "Message": message})

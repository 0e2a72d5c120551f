"""Probes of uploads: extensions, sizes, expired forms and images of datasets."""

from __future__ import annotations

from leomock.contract.check.lives import (
    form_of,
    policy_of,
    send_form,
    supply,
)
from leomock.contract.check.media import PICTURE
from leomock.contract.check.visit import Skipped, Tell, Visit, shown

_UPLOAD = "uploadInitImage"

# The form is valid for two minutes (documented).
FORM_SECONDS = 120
# A larger file is not sent to see whether it is refused.
LARGEST_FILE = 32 * 1024 * 1024


def probe_extensions(visit: Visit, tell: Tell) -> None:
    """Check that the form's key ends in the requested extension."""
    for extension in ("png", "jpg", "jpeg", "webp"):
        made = visit.call("POST", "/init-image", {"extension": extension})
        key = form_of(made["fields"]).get("key", "")
        tell(key.endswith(f".{extension}"), _UPLOAD, f"the form for {extension} has the key {shown(key)}")
        kind = form_of(made["fields"]).get("Content-Type", "image/")
        tell(kind.startswith("image/"), _UPLOAD, f"the form for {extension} has the type {shown(kind)}")
    answer = visit.send("POST", "/init-image", {"extension": "exe"})
    tell(400 <= answer.status_code < 500, _UPLOAD, f"the extension exe was answered {answer.status_code}")


def probe_upload_size(visit: Visit, tell: Tell) -> None:
    """Check that a file is refused that is larger than the form allows."""
    made = visit.call("POST", "/init-image", {"extension": "jpg"})
    form = form_of(made["fields"])
    rules = [rule for rule in policy_of(form)["conditions"] if isinstance(rule, list)]
    largest = next((int(most) for name, _, most in rules if name == "content-length-range"), None)
    if largest is None or largest > LARGEST_FILE:
        raise Skipped("the form allows files of any size, or very large ones")
    answer = send_form(visit, made["url"], form, bytes(largest + 1))
    told = f"a file of a byte more than the policy allows was answered {answer.status_code}"
    tell(400 <= answer.status_code < 500, _UPLOAD, told)


def probe_expired(visit: Visit, tell: Tell) -> None:
    """Check that an upload after two minutes is rejected."""
    made = visit.call("POST", "/init-image", {"extension": "jpg"})
    with visit.later(FORM_SECONDS + 1):
        answer = send_form(visit, made["url"], form_of(made["fields"]), PICTURE)
    tell(answer.status_code == 403, _UPLOAD, f"an upload after two minutes was answered {answer.status_code}")


def probe_dataset_images(visit: Visit, tell: Tell) -> None:
    """Check that images added to a dataset appear in it."""
    dataset = visit.call("POST", "/datasets", {"name": "leomock check"})["id"]
    made = visit.call("POST", f"/datasets/{dataset}/upload", {"extension": "jpg"})
    answer = send_form(visit, made["url"], form_of(made["fields"]), PICTURE)
    tell(answer.status_code == 204, "uploadDatasetImage", f"the upload was answered {answer.status_code}")
    image = visit.call(
        "POST", f"/datasets/{dataset}/upload/gen", {"generatedImageId": supply(visit, "image")}
    )
    row = visit.call("GET", f"/datasets/{dataset}")
    ids = [found["id"] for found in row["dataset_images"]]
    tell(made["id"] in ids, "getDatasetById", "an image uploaded to a dataset is not in the dataset")
    tell(image["id"] in ids, "getDatasetById", "a generated image added to a dataset is not in the dataset")
    for found in row["dataset_images"]:
        answer = visit.send("GET", found["url"], client=visit.stranger)
        status = answer.status_code
        tell(status == 200, "getDatasetById", f"an image of a dataset cannot be fetched: {status}")

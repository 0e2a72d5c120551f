"""Rules about what a call uses (models, uploaded files, ids, datasets), read from its explanation."""

from __future__ import annotations

from collections.abc import Iterator

from leomock.state.journal import Exchange
from leomock.state.remarks import (
    EMPTY_DATASET,
    GENERATED_IMAGE,
    NEVER_UPLOADED,
    NO_IMAGE,
    OTHER_FORMAT,
    REPLACED,
    UNKNOWN_ACCEPTED,
)
from leomock.verdict.evidence import Evidence
from leomock.verdict.registry import Seen, rule
from leomock.verdict.wording import count_noun, exchange_numbers


@rule(
    "unknown-model",
    why="leomock does not know the model, so nothing about it was checked; the real service may refuse it.",
    remedy="Check the id against the real service, then name it with --model ID=NAME.",
)
def unknown_model(evidence: Evidence) -> Iterator[Seen]:
    """A model was accepted only because the setting `unknown_models` is `allow`.

    What cannot be seen: whether the real service has it.
    """
    found = _explained(evidence, UNKNOWN_ACCEPTED)
    if found:
        calls = f"{count_noun(len(found), 'call')} ({exchange_numbers(found)})"
        yield Seen(found, f"{calls} with a model that leomock does not know.")


@rule(
    "used-upload-that-is-no-image",
    why="The bucket stores any bytes; the real service cannot use them as an image.",
    remedy="Upload the bytes of the image itself, in the format that the form was requested for.",
)
def used_upload_that_is_no_image(evidence: Evidence) -> Iterator[Seen]:
    """A call used an uploaded file that is not an image, or an image in another format than its name says.

    What cannot be seen: an image that is damaged after its first bytes.
    """
    for exchange in _explained(evidence, NO_IMAGE, OTHER_FORMAT):
        yield Seen([exchange], f"{exchange_numbers([exchange])}: {exchange.explain}.")


@rule(
    "used-upload-that-never-came",
    why="The id from POST /init-image is useless until the file has been posted to the bucket.",
    remedy="Post the form with the file, check for 204, and only then use the id.",
)
def used_upload_that_never_came(evidence: Evidence) -> Iterator[Seen]:
    """A call named an init image whose file was never uploaded.

    What cannot be seen: why the upload is missing.
    """
    for exchange in _explained(evidence, NEVER_UPLOADED):
        yield Seen([exchange], f"{exchange_numbers([exchange])} used an upload before its file arrived.")


@rule(
    "uploaded-twice",
    why="The second file replaces the first, even in results that were made from the first.",
    remedy="Request a separate form for each file, and retry an upload only if it failed.",
)
def uploaded_twice(evidence: Evidence) -> Iterator[Seen]:
    """A form was used for two uploads that were both accepted.

    What cannot be seen: whether the client got the first response.
    """
    for exchange in _explained(evidence, REPLACED):
        if exchange.channel == "upload":
            yield Seen([exchange], f"{exchange_numbers([exchange])} replaced a file uploaded before.")


@rule(
    "used-generated-id-as-upload",
    why="Uploads and generated images have separate ids; the real service does not find the image.",
    remedy="Send generated images as init_generation_image_id, or with initImageType GENERATED.",
)
def used_generated_id_as_upload(evidence: Evidence) -> Iterator[Seen]:
    """A call named a generated image where the id of an upload is expected.

    What cannot be seen: an image of another account.
    """
    for exchange in _explained(evidence, GENERATED_IMAGE):
        yield Seen([exchange], f"{exchange_numbers([exchange])} named a generated image as an upload.")


@rule(
    "trained-on-empty-dataset",
    why="Training costs credits, and a model cannot learn from an empty dataset.",
    remedy="Upload the pictures to the dataset, check that GET /datasets/{id} shows them, then train.",
)
def trained_on_empty_dataset(evidence: Evidence) -> Iterator[Seen]:
    """A model or an element was trained on a dataset without pictures.

    What cannot be seen: uploaded files that are not images.
    """
    for exchange in _explained(evidence, EMPTY_DATASET):
        yield Seen([exchange], f"{exchange_numbers([exchange])} started a training without any pictures.")


def _explained(evidence: Evidence, *words: str) -> list[Exchange]:
    """Return the exchanges whose explanation has one of these words."""
    return [exchange for exchange in evidence.exchanges if any(each in exchange.explain for each in words)]

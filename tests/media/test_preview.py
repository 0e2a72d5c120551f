"""Pictures made small, to be looked at."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from leomock.media.preview import preview


def file_of(image: Image.Image, kind: str) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind", "size", "small"),
    [
        ("RGB", "JPEG", (1024, 768), (512, 384)),
        ("RGBA", "PNG", (300, 1500), (102, 512)),
        ("P", "GIF", (40, 30), (40, 30)),
    ],
)
def test_preview_of_a_picture(mode: str, kind: str, size: tuple[int, int], small: tuple[int, int]) -> None:
    """A JPEG in the same proportions, never larger than the picture is."""
    content = preview(file_of(Image.new(mode, size), kind))
    assert content
    image = Image.open(io.BytesIO(content))
    image.load()
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", small)


def test_preview_of_what_is_no_picture() -> None:
    """Nothing: text, a file that breaks off, and one that says it is huge."""
    whole = file_of(Image.effect_noise((64, 64), 99), "PNG")
    assert preview(b"<html>") is None
    assert preview(whole[:200]) is None
    assert preview(file_of(Image.new("1", (9000, 9000)), "PNG")) is None
    assert preview(whole)

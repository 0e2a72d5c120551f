"""What everything that can be rendered has in common."""

from dataclasses import fields, is_dataclass

import pytest

from leomock.rendering import Renderable
from leomock.rendering.image import Picture
from leomock.rendering.mesh import Mesh
from leomock.rendering.sound import Sound
from leomock.rendering.texture import TextureMap
from leomock.rendering.variation import Variation
from leomock.rendering.video import Video

CAT = Picture("a cat", 1, 0, 64, 64)
ALL: list[Renderable] = [
    CAT,
    Variation(CAT, "UPSCALE"),
    Video(CAT, 0.1, 64, 64),
    Sound("a cat", 1, 0.1),
    Mesh("a cat", 1),
    TextureMap("a cat", 1, "NORMAL", 32),
]


@pytest.mark.parametrize("what", ALL, ids=lambda what: type(what).__name__)
def test_renderable_is_a_value(what: Renderable) -> None:
    """A renderable can be a key, cannot be changed, and gives the bytes of any equal one."""
    assert is_dataclass(what)
    assert not hasattr(what, "__dict__")
    name = fields(what)[0].name
    with pytest.raises(AttributeError):
        setattr(what, name, getattr(what, name))
    twin = type(what)(*(getattr(what, field.name) for field in fields(what)))
    assert hash(what) == hash(twin)
    assert what.render() == twin.render()


@pytest.mark.parametrize(
    ("what", "media_type", "magic"),
    zip(
        ALL,
        ("image/jpeg", "image/jpeg", "video/mp4", "audio/wav", "model/gltf-binary", "image/png"),
        (b"\xff\xd8\xff", b"\xff\xd8\xff", b"\0\0\0 ftyp", b"RIFF", b"glTF", b"\x89PNG"),
        strict=True,
    ),
    ids=lambda value: type(value).__name__,
)
def test_media_type_is_that_of_the_bytes(what: Renderable, media_type: str, magic: bytes) -> None:
    """The type is known before rendering, and the bytes begin as that type does."""
    assert what.media_type == media_type
    assert what.render().startswith(magic)

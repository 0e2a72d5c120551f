"""What everything that can be rendered has in common."""

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from leomock.media import Renderable
from leomock.media.image import Picture
from leomock.media.mesh import Mesh
from leomock.media.sound import Sound
from leomock.media.texture import TextureMap
from leomock.media.variation import Variation
from leomock.media.video import Video

CAT = Picture("a cat", 1, 0, 64, 64)
ALL: list[tuple[Renderable, str, bytes]] = [
    (CAT, "image/jpeg", b"\xff\xd8\xff"),
    (Variation(CAT, "UPSCALE"), "image/jpeg", b"\xff\xd8\xff"),
    (Video(CAT, 0.1, 64, 64), "video/mp4", b"\0\0\0 ftyp"),
    (Sound("a cat", 1, 0.1), "audio/wav", b"RIFF"),
    (Mesh("a cat", 1), "model/gltf-binary", b"glTF"),
    (TextureMap("a cat", 1, "NORMAL", 32), "image/png", b"\x89PNG"),
]


@pytest.mark.parametrize(("what", "media_type", "magic"), ALL, ids=lambda value: type(value).__name__)
def test_media_type_is_that_of_the_bytes(what: Renderable, media_type: str, magic: bytes) -> None:
    """The type is known before rendering, and the bytes begin as that type does."""
    assert what.media_type == media_type
    assert what.render().startswith(magic)


@pytest.mark.parametrize("what", [what for what, _, _ in ALL], ids=lambda what: type(what).__name__)
def test_renderable_is_a_value(what: Any) -> None:
    """A renderable can be a key, cannot be changed, and gives the bytes of any equal one."""
    values = {field.name: getattr(what, field.name) for field in fields(what)}
    twin = type(what)(**values)

    assert not hasattr(what, "__dict__")
    with pytest.raises(FrozenInstanceError):
        setattr(what, *next(iter(values.items())))
    assert hash(what) == hash(twin)
    assert what.render() == twin.render()

"""Init images: uploaded images as the start of a drawing."""

import io

from PIL import ExifTags, Image, ImageOps

from leomock.media.paint import Size, thinned

# A file of a few bytes may declare more pixels than fit in memory.
INIT_PIXELS = 25_000_000
# Exif orientations that swap width and height.
_LYING = frozenset({5, 6, 7, 8})


def decode_init(encoded: bytes, side: int) -> Image.Image | None:
    """Decode an init image to RGBA, upright, for use at a given size; None if its bytes cannot be read."""
    try:
        with _open(encoded, side) as source:
            upright = ImageOps.exif_transpose(source)
        if upright.mode.startswith("I"):  # 16 bits, which Pillow would clip to 8 instead of scaling them
            upright = upright.convert("I").point(lambda value: value / 256).convert("L")
        return upright.convert("RGBA")
    # Decoders raise OSError, SyntaxError, struct.error, MemoryError and more for hostile bytes.
    except Exception:
        return None


def init_size(encoded: bytes, side: int) -> Size | None:
    """Return the size to which an init image is decoded, from its header alone; None if unreadable."""
    try:
        with _open(encoded, side) as source:
            # A PNG's own `getexif` would decode all of it, to look for metadata at the end.
            turned = Image.Image.getexif(source).get(ExifTags.Base.Orientation) in _LYING
            return (source.height, source.width) if turned else source.size
    except Exception:  # as in `decode_init`
        return None


def blend_init(image: Image.Image, init: Image.Image, strength: float) -> None:
    """Blend an init image over the whole of a drawing, cropped to cover it."""
    init = ImageOps.fit(init, image.size, Image.Resampling.BILINEAR)
    mask = init.getchannel("A").point(thinned(round(100 * min(max(strength, 0.15), 0.9))))
    image.paste(init.convert("RGB"), (0, 0), mask)


def _open(encoded: bytes, side: int) -> Image.Image:
    """Read the header of an init image for use at a given size. Raises some exception if it is unusable."""
    source = Image.open(io.BytesIO(encoded), formats=("PNG", "JPEG", "WEBP"))
    source.draft("RGB", (side, side))  # lets JPEG skip detail that would be scaled away
    if source.width * source.height > INIT_PIXELS:
        raise ValueError("too many pixels")
    return source

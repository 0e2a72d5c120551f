"""An image painted into the white parts of a mask; the rest stays unchanged."""

from dataclasses import dataclass

from PIL import Image, ImageOps

from leomock.media.image import Picture, encode
from leomock.media.init_image import decode_init


@dataclass(frozen=True, slots=True)
class Inpainted:
    """`picture` where `mask`, an encoded image, is white, and its `init` where the mask is black.

    If the mask or the init cannot be read, the result is `picture` alone.
    """

    picture: Picture
    mask: bytes

    @property
    def media_type(self) -> str:
        """Return the media type of the file."""
        return self.picture.media_type

    def render(self) -> bytes:
        """Draw and encode."""
        drawing = self.picture.draw()
        side = max(self.picture.width, self.picture.height)
        mask, before = decode_init(self.mask, side), self.picture.decoded_init()
        if mask and before:
            size = drawing.image.size
            kept = ImageOps.fit(before.convert("RGB"), size)
            drawing.image = Image.composite(drawing.image, kept, ImageOps.fit(mask.convert("L"), size))
            drawing.changes.append("inpainted")
        return encode(drawing, self.picture.format)

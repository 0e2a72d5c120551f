"""An image painted into the white parts of a mask; the rest stays unchanged."""

from dataclasses import dataclass

from PIL import Image, ImageOps

from leomock.media.files import Format
from leomock.media.image import Picture, encode
from leomock.media.init_image import decode_init
from leomock.media.plate import Drawing


@dataclass(frozen=True, slots=True)
class Inpainted:
    """`picture` where `mask`, an encoded image, is white, and its `init` where the mask is black.

    If the mask or the init cannot be read, the result is `picture` alone.
    """

    picture: Picture
    mask: bytes

    @property
    def format(self) -> Format:
        """Return the format of the file."""
        return self.picture.format

    @property
    def media_type(self) -> str:
        """Return the media type of the file."""
        return self.picture.media_type

    def render(self) -> bytes:
        """Draw and encode."""
        return encode(self.draw(), self.format)

    def draw(self) -> Drawing:
        """Draw the image without its plate."""
        drawing = self.picture.draw()
        side = max(self.picture.width, self.picture.height)
        mask, before = decode_init(self.mask, side), self.picture.decoded_init()
        if mask and before:
            size = drawing.image.size
            kept = ImageOps.fit(before.convert(drawing.image.mode), size)
            drawing.image = Image.composite(drawing.image, kept, ImageOps.fit(mask.convert("L"), size))
            drawing.changes.append("inpainted")
        return drawing

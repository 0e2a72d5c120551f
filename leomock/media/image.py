"""Images as bytes: a scene that depends on prompt, seed and index, with a plate that names them."""

import json
from dataclasses import dataclass

from PIL import Image

from leomock.media import Renderable
from leomock.media.blossom import blossom
from leomock.media.colours import palette
from leomock.media.files import Format, write
from leomock.media.lettering import legible
from leomock.media.paint import oval, radial
from leomock.media.plate import Drawing, Note, overlay
from leomock.media.scenes import backdrop

# The plate considers at most this many characters of a prompt; more would never fit.
PROMPT_SHOWN = 600
# The file's comment keeps at most this many characters of a prompt; a JPEG comment holds 64 kB.
PROMPT_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Picture:
    """An image to draw.

    `seed` is 0 to 2**63; `index` counts from 0 within a generation; `width`, `height` are 1 to 4096 pixels.
    `transparent` leaves the background out and asks for a PNG: JPEG has no alpha, so there it is ignored.
    `init` is an encoded PNG, JPEG or WebP image, or a Renderable of one; `init_strength` is the share of it
    that shows, 0 to 1.
    `label` is drawn small, for example the name of the model.
    """

    prompt: str
    seed: int
    index: int
    width: int
    height: int
    format: Format = "jpeg"
    transparent: bool = False
    init: bytes | Renderable | None = None
    init_strength: float = 0.5
    label: str = ""

    @property
    def media_type(self) -> str:
        """The media type of the file."""
        return f"image/{self.format}"

    def render(self) -> bytes:
        """Draw and encode: the same picture always gives the same bytes with the same Pillow."""
        return encode(self.draw(), self.format)

    def draw(self) -> Drawing:
        """Draw the image without its plate."""
        init = self.decoded_init()
        which, label = f"#{self.index + 1}", legible(self.label[:PROMPT_SHOWN])
        seed = f"seed {self.seed} · {which}"
        drawing = Drawing(
            self._paint(init),
            title=legible(self.prompt.lstrip()[:PROMPT_SHOWN]) or "(no prompt)",
            ink=palette(self.prompt, self.seed, self.index).ink,
            number=self.index + 1,
            notes=[Note((f"{seed} · {label}", seed, which) if label else (seed, which))],
            said={"prompt": self.prompt[:PROMPT_KEPT], "seed": self.seed, "index": self.index},
        )
        if self.init is not None and init is None:
            wordings = ("init image not readable", "init unreadable", "no init", "!")
            drawing.notes.append(Note(wordings, warning=True))
        return drawing

    def decoded_init(self) -> Image.Image | None:
        """Decode the init image; None if it is missing or cannot be read."""
        if self.init is None:
            return None
        from leomock.media.init_image import decode_init  # loads more of Pillow; most images do without

        encoded = self.init if isinstance(self.init, bytes) else self.init.render()
        return decode_init(encoded, max(self.width, self.height))

    def _paint(self, init: Image.Image | None) -> Image.Image:
        size = (self.width, self.height)
        transparent = self.transparent and self.format == "png"
        if transparent and init is None:
            return blossom(self.prompt, self.seed, self.index, size)
        image = backdrop(self.prompt, self.seed, self.index, size)
        if init is not None:
            from leomock.media.init_image import blend_init

            blend_init(image, init, self.init_strength)
        if transparent:
            image.putalpha(radial(oval).resize(size, Image.Resampling.BICUBIC))
        return image


def caption(drawing: Drawing) -> str:
    """Return a file's self-description: a JSON object in ASCII, for a comment."""
    changes = {"changes": drawing.changes} if drawing.changes else {}
    return json.dumps({"software": "leomock", **drawing.said, **changes})


def encode(drawing: Drawing, format: Format) -> bytes:
    """Draw the plate, and encode the drawing with its caption as a file; JPEG drops alpha."""
    overlay(drawing)
    return write(drawing.image, format, caption(drawing))

"""Images made from images: widened, upscaled or cut out; the plate says how."""

from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

from leomock.leonardo.basis import Chosen, based_on
from leomock.media.files import Format, write
from leomock.media.image import Picture, encode
from leomock.media.init_image import decode_init, init_size
from leomock.media.inpaint import Inpainted
from leomock.media.paint import Size, oval, radial
from leomock.media.plate import Drawing, Note

# No image gets more pixels than this per side.
LONGEST_SIDE = 4096
# How much wider UNZOOM makes the view, in each direction.
WIDER = 1.5
# The placeholder for an uploaded file that cannot be read.
UNREADABLE: Size = (512, 512)


@based_on(
    Chosen(
        "how much UNZOOM widens, and that no side grows beyond 4096 pixels: the real sizes are not documented"
    )
)
@dataclass(frozen=True, slots=True)
class Variation:
    """An image made from an image: from a drawn one, another variation, or an uploaded PNG, JPEG or WebP.

    UNZOOM shows 1.5 times as much each way: the source keeps its size, in the middle of a larger
    canvas, and shrinks where that would grow beyond 4096 pixels a side.
    UPSCALE is `factor` times as large, smoothly. NOBG leaves the subject on a transparent PNG.
    UNIVERSAL is `factor` times as large, and `creativity`, 1 to 10, brings out detail and contrast; a JPEG.
    `factor` counts for UPSCALE and UNIVERSAL, up to 4096 pixels a side.
    """

    source: "Source"
    kind: Literal["UNZOOM", "UPSCALE", "NOBG", "UNIVERSAL"]
    factor: float = 2.0
    creativity: int = 5

    @property
    def format(self) -> Format:
        """Return the format of the file: only NOBG and images upscaled from a PNG need alpha."""
        if self.kind == "NOBG":
            return "png"
        if self.kind != "UPSCALE":
            return "jpeg"
        if isinstance(self.source, bytes):
            return "jpeg" if self.source.startswith(b"\xff\xd8") else "png"
        return self.source.format

    @property
    def media_type(self) -> str:
        """Return the media type of the file."""
        return f"image/{self.format}"

    def render(self) -> bytes:
        """Draw and encode: the same variation always gives the same bytes with the same Pillow."""
        return encode(self.draw(), self.format)

    def draw(self) -> Drawing:
        """Draw the variation without its plate."""
        drawing = draw(self.source)
        before = drawing.image
        match self.kind:
            case "UNZOOM":
                drawing.image, did = unzoom(flat(before)), "unzoomed"
            case "UPSCALE":
                drawing.image, did = sharper(larger(before, self.factor), 40), f"upscaled {self.factor:g}x"
            case "NOBG":
                drawing.image, did = cut_out(before), "background removed"
            case "UNIVERSAL":
                drawing.image = enhanced(larger(flat(before), self.factor), self.creativity)
                did = f"universal upscaler {self.factor:g}x, creativity {self.creativity}"
        drawing.changes.append(did)
        return drawing


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """An image without its plate, for a drawing that starts from it and has a plate of its own."""

    source: "Drawable"

    @property
    def media_type(self) -> str:
        """Return the media type of the file."""
        return self.source.media_type

    def render(self) -> bytes:
        """Draw and encode."""
        return write(self.source.draw().image, self.source.format, "")


Drawable = Picture | Variation | Inpainted
Source = Drawable | bytes


def draw(source: Source) -> Drawing:
    """Draw an image or variation, or open an uploaded image, without a plate."""
    if not isinstance(source, bytes):
        return source.draw()
    drawing = Drawing(Image.new("RGB", UNREADABLE, (128, 132, 140)), "(uploaded image)", ink=(24, 26, 34))
    image = decode_init(source, LONGEST_SIDE)
    if image is None:
        drawing.notes.append(Note(("uploaded image not readable", "unreadable", "!"), warning=True))
    else:
        opaque = image.getchannel("A").getextrema() == (255, 255)
        drawing.image = image.convert("RGB") if opaque else image
    return drawing


def size(source: Source) -> Size:
    """Return the size of the result of `draw`; of an uploaded image, only the header is read."""
    if isinstance(source, bytes):
        return init_size(source, LONGEST_SIDE) or UNREADABLE
    return (source.width, source.height) if isinstance(source, Picture) else source.draw().image.size


def flat(image: Image.Image) -> Image.Image:
    """Return an image on white, in RGB, for uses without alpha."""
    if image.mode == "RGB":
        return image
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, (0, 0), image)
    return ground


# --- wider


def unzoom(image: Image.Image) -> Image.Image:
    """Place an image in the middle of a canvas that continues beyond its borders."""
    grow = min(WIDER, LONGEST_SIDE / max(image.size))
    width, height = (max(1, round(side * grow)) for side in image.size)
    inner = image.resize(
        (max(1, round(width / WIDER)), max(1, round(height / WIDER))), Image.Resampling.LANCZOS
    )
    return surrounded(inner, (width, height))


def surrounded(image: Image.Image, size: Size) -> Image.Image:
    """Continue an image beyond its borders: mirrored, and softer the further out.

    `size` is at most three times that of the image each way.
    """
    left, top = ((large - small) // 2 for large, small in zip(size, image.size, strict=True))
    canvas = Image.new("RGB", size)
    for row in (-1, 0, 1):
        for column in (-1, 0, 1):
            tile = ImageOps.mirror(image) if column else image
            tile = ImageOps.flip(tile) if row else tile
            canvas.paste(tile, (left + column * image.width, top + row * image.height))
    # Each round softens the outer area more; from a small copy it costs next to nothing.
    short = min(size)
    for share in (0.02, 0.05, 0.1):
        margin = round(min(left, top) * (0.12 + share * 4))
        mask = Image.new("L", size, 255)
        inside = (left - margin, top - margin, left + image.width + margin, top + image.height + margin)
        mask.paste(0, inside)
        scale = max(1, round(short * share / 6))
        soft = canvas.reduce(scale).filter(ImageFilter.GaussianBlur(short * share / scale))
        fade = mask.reduce(scale).filter(ImageFilter.GaussianBlur(margin / scale / 2))
        canvas.paste(
            soft.resize(size, Image.Resampling.BICUBIC), (0, 0), fade.resize(size, Image.Resampling.BICUBIC)
        )
    canvas.paste(image, (left, top))
    return canvas


# --- larger


def larger(image: Image.Image, factor: float) -> Image.Image:
    """Scale an image up smoothly, to at most 4096 pixels a side."""
    factor = max(1.0, min(factor, LONGEST_SIDE / max(image.size)))
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def sharper(image: Image.Image, percent: int) -> Image.Image:
    """Sharpen the edges of an image mildly."""
    return image.filter(ImageFilter.UnsharpMask(radius=2, percent=percent, threshold=2))


def enhanced(image: Image.Image, creativity: int) -> Image.Image:
    """Bring out detail and contrast; a higher creativity brings out more."""
    image = sharper(image, 30 + 15 * creativity)
    image = ImageEnhance.Contrast(image).enhance(1 + 0.02 * creativity)
    return ImageEnhance.Color(image).enhance(1 + 0.025 * creativity)


# --- without background

# The side of the small copy in which the subject is searched for, in pixels.
LOOK = 128


def cut_out(image: Image.Image) -> Image.Image:
    """Return the subject of an image: everything that differs from the colours its borders suggest.

    If nothing in the middle differs, as in most landscapes, the subject is an oval. Transparent areas
    stay transparent.
    """
    if image.mode == "RGBA":
        return image
    small = image.resize((LOOK, LOOK), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(1))
    different = ImageChops.difference(small, carried_across(small))
    red, green, blue = different.split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    mask = most.point([min(max((value - 20) * 9, 0), 255) for value in range(256)])
    for closing in (ImageFilter.MaxFilter(9), ImageFilter.MinFilter(9), ImageFilter.MedianFilter(5)):
        mask = mask.filter(closing)
    whole = radial(oval).resize((LOOK, LOOK), Image.Resampling.BILINEAR)
    third = LOOK // 3
    middle = mask.crop((third, third, 2 * third, 2 * third))
    if sum(middle.tobytes()) < 0.75 * 255 * third * third:
        mask = ImageChops.lighter(mask, whole)
    mask = mask.filter(ImageFilter.GaussianBlur(1))
    # The border is background by definition; a blur must not reach it.
    frame = Image.new("L", (LOOK, LOOK))
    frame.paste(255, (2, 2, LOOK - 2, LOOK - 2))
    mask = ImageChops.darker(mask, frame.filter(ImageFilter.BoxBlur(1)))
    cut = image.copy()
    cut.putalpha(mask.resize(image.size, Image.Resampling.BICUBIC))
    return cut


def carried_across(image: Image.Image) -> Image.Image:
    """Return the background that the borders of an image suggest: each side's colours, carried across."""
    width, height = image.size
    across = Image.new("RGB", (2, height))
    across.paste(image.crop((0, 0, 1, height)), (0, 0))
    across.paste(image.crop((width - 1, 0, width, height)), (1, 0))
    down = Image.new("RGB", (width, 2))
    down.paste(image.crop((0, 0, width, 1)), (0, 0))
    down.paste(image.crop((0, height - 1, width, height)), (0, 1))
    one, other = (strip.resize(image.size, Image.Resampling.BILINEAR) for strip in (across, down))
    return Image.blend(one, other, 0.5)

"""Pictures as bytes: a scene that follows from prompt, seed and index, and a plate that says so."""

import hashlib
import io
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Literal

from PIL import ExifTags, Image, ImageDraw, ImageFilter, ImageFont, ImageOps
from PIL.PngImagePlugin import PngInfo

RGB = tuple[int, int, int]
Size = tuple[int, int]
Point = tuple[float, float]
Box = tuple[int, int, int, int]
Format = Literal["jpeg", "png"]

# Scenes are painted at about this many pixels and scaled up: softer to look at, and several times faster.
SCENE_PIXELS = 560 * 420
# An init image may declare more pixels than fit in memory in a file of a few bytes.
INIT_PIXELS = 25_000_000
# Orientations (of Exif) in which width and height change places.
LYING = frozenset({5, 6, 7, 8})
# Below this many pixels on the short side nothing but the number can be read.
PLATE_SIDE = 64
# What is looked at of a prompt for drawing, in characters; more would never fit on the plate.
PROMPT_SHOWN = 600
# What is kept of a prompt in the file's comment, in characters; a JPEG comment holds 64 kB.
PROMPT_KEPT = 1000

WHITE: RGB = (255, 255, 255)
WARNING: RGB = (255, 205, 120)


@dataclass(frozen=True, slots=True)
class Picture:
    """What a picture shows.

    `seed` is 0 to 2**63; `index` counts from 0 within a generation; `width`, `height` are 1 to 4096 pixels.
    `transparent` leaves the background out and asks for a PNG: JPEG has no alpha, so there it is ignored.
    `init` is an encoded PNG, JPEG or WebP image; `init_strength` says how much of it shows, 0 to 1.
    `label` is drawn small, for example the name of the model.
    """

    prompt: str
    seed: int
    index: int
    width: int
    height: int
    format: Format = "jpeg"
    transparent: bool = False
    init: bytes | None = None
    init_strength: float = 0.5
    label: str = ""

    @property
    def media_type(self) -> str:
        """The type of the file."""
        return f"image/{self.format}"

    def render(self) -> bytes:
        """Draw and encode: the same picture always gives the same bytes under the same Pillow."""
        return encode(self.draw(), self.format)

    def draw(self) -> "Drawing":
        """Draw what the picture shows, without its plate."""
        init = None if self.init is None else decode_init(self.init, max(self.width, self.height))
        transparent = self.transparent and self.format == "png"
        if transparent and init is None:
            image = blossom(self)
        else:
            image = backdrop(self)
            if init is not None:
                blend_init(image, init, self.init_strength)
            if transparent:
                image.putalpha(radial(oval).resize(image.size, Image.Resampling.BICUBIC))
        seed, which = f"seed {self.seed}", f"#{self.index + 1}"
        label = legible(self.label[:PROMPT_SHOWN])
        longest = (f"{seed} · {which} · {label}",) if label else ()
        drawing = Drawing(
            image,
            title=legible(self.prompt.lstrip()[:PROMPT_SHOWN]) or "(no prompt)",
            ink=palette(self.prompt, self.seed, self.index).ink,
            number=self.index + 1,
            notes=[Note((*longest, f"{seed} · {which}", which))],
            said={"prompt": self.prompt[:PROMPT_KEPT], "seed": self.seed, "index": self.index},
        )
        if self.init is not None and init is None:
            wordings = ("init image not readable", "init unreadable", "no init", "!")
            drawing.notes.append(Note(wordings, warning=True))
        return drawing


@dataclass(frozen=True, slots=True)
class Note:
    """A small line on the plate: several wordings, from long to short; the first that fits is taken."""

    wordings: tuple[str, ...]
    warning: bool = False


@dataclass(slots=True)
class Drawing:
    """An image in RGB or RGBA, and what is said of it: on its plate and in its file.

    `number` stands for all of the plate where nothing else fits. `changes` says what was done to the image,
    in order. `said` is for the file's caption.
    """

    image: Image.Image
    title: str
    ink: RGB
    number: int = 1
    notes: list[Note] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    said: dict[str, object] = field(default_factory=dict)


# --- chance and colour


def rng(*parts: object) -> Random:
    """Give a generator that follows from the parts alone: `hash()` differs from process to process."""
    text = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return Random(int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big"))


def oklch(lightness: float, chroma: float, hue: float) -> RGB:
    """Turn an OKLCH colour into sRGB: equal lightness looks equally light at every hue.

    Lightness is 0 to 1, chroma 0 to about 0.3, hue in degrees. Matrices: https://bottosson.github.io/posts/oklab/
    """
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3

    def channel(linear: float) -> int:
        linear = min(max(linear, 0.0), 1.0)
        return round(255 * (12.92 * linear if linear < 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055))

    return (
        channel(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        channel(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        channel(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def mix(one: RGB, other: RGB, share: float) -> RGB:
    """Mix two colours: share 0 is all `one`, 1 all `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def shade(hue: float) -> float:
    """The hue of a colour's dark side: halfway to blue, as shadows out of channels are."""
    return hue + ((270 - hue + 180) % 360 - 180) / 2


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one picture: a sky from zenith to horizon, what shines in it, land, accents, ink."""

    sky: tuple[RGB, ...]
    light: RGB
    far: RGB
    near: RGB
    accents: tuple[RGB, ...]
    ink: RGB
    dark: bool


def palette(prompt: str, seed: int, index: int) -> Palette:
    """Choose colours by prompt and seed; the pictures of one generation differ by a step around the wheel."""
    chance = rng("palette", prompt, seed)
    # 0, +26, -26, +52 ... degrees: siblings stay near each other, and no two of a generation share a hue.
    turn = 26 * ((index + 1) // 2) * (1 if index % 2 else -1)
    # Skies from violet over rose to gold or over blue to teal; a sky of olive looks ill.
    hue = chance.uniform(195, 420) + turn
    # The sky runs to a neighbouring hue, the land answers from further round the wheel.
    warm = hue + chance.choice((-1, 1)) * chance.uniform(40, 80)
    land = hue + chance.choice((-1, 1)) * chance.uniform(15, 60)
    dark = chance.random() < 0.5
    top, low = (0.27, 0.76) if dark else (0.68, 0.91)
    return Palette(
        sky=tuple(
            oklch(top + (low - top) * fall**1.2, 0.09 + 0.04 * fall, hue + (warm - hue) * fall)
            for fall in (0, 1 / 3, 2 / 3, 1)
        ),
        light=oklch(0.96, 0.06, warm + 15),
        far=oklch(0.58 if dark else 0.76, 0.09, (warm + land) / 2),
        near=oklch(0.22 if dark else 0.34, 0.07, shade(land)),
        accents=(oklch(0.72, 0.15, hue), oklch(0.80, 0.13, warm), oklch(0.70, 0.16, (hue + warm) / 2 + 150)),
        ink=oklch(0.20, 0.03, shade(hue)),
        dark=dark,
    )


# --- paint


def gradient(size: Size, rows: Sequence[Sequence[RGB]]) -> Image.Image:
    """Spread a small grid of colours smoothly over an image."""
    grid = Image.new("RGB", (len(rows[0]), len(rows)))
    grid.putdata([colour for row in rows for colour in row])
    # Along a side with one colour there is nothing to compute: spread the other first, then repeat the line.
    line = grid.resize(
        (1 if grid.width == 1 else size[0], 1 if grid.height == 1 else size[1]), Image.Resampling.BICUBIC
    )
    return line.resize(size, Image.Resampling.NEAREST)


def halo(distance: float) -> float:
    """Light that falls off smoothly."""
    return math.pow(1 - distance, 2.2)


def spot(distance: float) -> float:
    """A disc, its rim just soft enough to be scaled."""
    return (1 - distance) * 64


def lens(distance: float) -> float:
    """A light out of focus: a disc, brighter towards its rim as lenses make it, and a faint halo around."""
    if distance < 0.5:
        return 0.72 + 0.28 * math.pow(2 * distance, 6)
    return max(1 - (distance - 0.5) * 64, 0.6 * (1 - distance))


def oval(distance: float) -> float:
    """What removing the background leaves of any picture: the middle, with a soft edge."""
    return (0.96 - distance) * 10


@lru_cache(maxsize=8)
def radial(strength: Callable[[float], float], side: int = 256) -> Image.Image:
    """A round mask from its strength, 0 to 1, by the distance from the centre, 0 to 1 at the sides."""
    # Pillow's gradient reaches 255 in the corners, and so only 255 / sqrt(2) at the sides.
    distances = [min(1.0, d * math.sqrt(2) / 255) for d in range(256)]
    mask = Image.radial_gradient("L").point([round(255 * min(max(strength(d), 0.0), 1.0)) for d in distances])
    return mask.resize((side, side), Image.Resampling.HAMMING)


@lru_cache(maxsize=256)
def thinned(percent: int) -> list[int]:
    """The table that takes a mask to some percent of its strength."""
    return [min(255, round(value * percent / 100)) for value in range(256)]


def stamp(
    canvas: Image.Image,
    strength: Callable[[float], float],
    centre: Point,
    size: Point,
    colour: RGB | int,
    opacity: float = 1.0,
) -> None:
    """Paint a colour through a round mask of a size around a point."""
    wide, high = max(1, round(size[0])), max(1, round(size[1]))
    mask = radial(strength, 64 if max(wide, high) <= 64 else 256)
    mask = mask.resize((wide, high), Image.Resampling.BILINEAR).point(thinned(round(opacity * 100)))
    canvas.paste(colour, (round(centre[0] - wide / 2), round(centre[1] - high / 2)), mask)


def glow(canvas: Image.Image, centre: Point, radius: float, colour: RGB, opacity: float) -> None:
    """Paint light around a point."""
    stamp(canvas, halo, centre, (radius * 2, radius * 2), colour, opacity)


def disc(canvas: Image.Image, centre: Point, radius: float, colour: RGB | int) -> None:
    """Paint a circle with smooth edges."""
    stamp(canvas, spot, centre, (radius * 2, radius * 2), colour)


def shape(size: Size, polygon: Sequence[Point], margin: float = 0) -> tuple[Image.Image, Box]:
    """A mask of a polygon with smooth edges, and the box of the image, with a margin, that it covers."""
    xs, ys = zip(*polygon, strict=True)
    left, top = (
        min(max(math.floor(min(at) - margin), 0), most - 1) for at, most in zip((xs, ys), size, strict=True)
    )
    right, bottom = (
        min(max(math.ceil(max(at) + margin), least + 1), most)
        for at, least, most in zip((xs, ys), (left, top), size, strict=True)
    )
    # Pillow smooths no edges; drawing twice as large does.
    mask = Image.new("L", ((right - left) * 2, (bottom - top) * 2))
    ImageDraw.Draw(mask).polygon([((x - left) * 2, (y - top) * 2) for x, y in polygon], fill=255)
    return mask.reduce(2), (left, top, right, bottom)


def wave(chance: Random, rough: int = 3) -> Callable[[float], float]:
    """A smooth random curve around 0, of height about 1, for a position counted in wavelengths."""
    parts = [(chance.uniform(0.7, 1.3) * 1.9**k, chance.uniform(0, math.tau), 0.55**k) for k in range(rough)]
    return lambda x: sum(height * math.sin(math.tau * pitch * x + phase) for pitch, phase, height in parts)


def span(length: int, pieces: int = 96) -> Iterator[float]:
    """Positions along a side, a little beyond both ends."""
    return (length * (step / pieces * 1.04 - 0.02) for step in range(pieces + 1))


# --- scenes: each paints one composition; the plate will cover the lowest fifth


def land(canvas: Image.Image, ridge: list[Point], colour: RGB, mist: RGB) -> None:
    """Paint ground below a ridge that fades into mist as it falls."""
    width, height = canvas.size
    ground = gradient(canvas.size, [[colour], [colour], [mix(colour, mist, 0.2)], [mix(colour, mist, 0.35)]])
    mask, box = shape(canvas.size, [*ridge, (width * 1.1, height), (-width * 0.1, height)])
    canvas.paste(ground.crop(box), box, mask)


def hills(size: Size, colours: Palette, chance: Random) -> Image.Image:
    """Rolling hills in mist under a low sun."""
    width, height = size
    unit = min(width, height * 1.6)
    canvas = gradient(size, [[colour] for colour in colours.sky])
    sun = (width * chance.uniform(0.2, 0.8), height * chance.uniform(0.22, 0.42))
    radius = min(size) * chance.uniform(0.07, 0.12)
    glow(canvas, sun, radius * 6, colours.light, 0.8)
    disc(canvas, sun, radius, mix(colours.light, WHITE, 0.4))
    count = chance.randint(4, 5)
    for layer in range(count):
        depth = layer / (count - 1)
        curve = wave(chance)
        level = height * (0.46 + 0.34 * depth)
        swell = unit * (0.06 + 0.03 * depth)
        ridge = [(x, level - swell * curve(x / unit / (1.1 - 0.3 * depth))) for x in span(width)]
        land(canvas, ridge, mix(colours.far, colours.near, depth**0.8), colours.sky[-1])
    return canvas


def peaks(size: Size, colours: Palette, chance: Random) -> Image.Image:
    """Mountain ranges behind each other, under a moon and stars or a pale sun."""
    width, height = size
    unit = min(width, height * 1.6)
    canvas = gradient(size, [[colour] for colour in colours.sky])
    draw = ImageDraw.Draw(canvas)
    if colours.dark:
        for _ in range(width * height // 3400):
            spot = (chance.uniform(0, width), height * chance.random() ** 1.6 * 0.5)
            draw.point(spot, mix(colours.sky[1], WHITE, chance.uniform(0.3, 0.95)))
    moon = (width * chance.uniform(0.18, 0.82), height * chance.uniform(0.16, 0.3))
    radius = min(size) * chance.uniform(0.05, 0.09)
    glow(canvas, moon, radius * 5, colours.light, 0.55)
    disc(canvas, moon, radius, mix(colours.light, WHITE, 0.5))
    for layer in range(4):
        depth = layer / 3
        tall = height * (0.34 - 0.05 * layer)
        level = height * (0.68 + 0.1 * depth)
        ridge = crags(width, level, min(tall, unit * 0.5), unit * (0.75 - 0.12 * layer), chance)
        land(canvas, ridge, mix(colours.far, colours.near, depth), colours.sky[-1])
    return canvas


def crags(width: int, level: float, tall: float, pitch: float, chance: Random) -> list[Point]:
    """A jagged ridge: summits and passes in turn, each slope broken in halves again and again."""
    xs = [-pitch * chance.uniform(0.2, 0.8)]
    while xs[-1] < width * 1.02 and len(xs) < 400:
        xs.append(xs[-1] + pitch * chance.uniform(0.3, 0.6))
    ridge = [(x, level - tall * chance.uniform(0.6, 1) * (n % 2)) for n, x in enumerate(xs)]
    for _ in range(4):
        finer = ridge[:1]
        for (x1, y1), (x2, y2) in pairwise(ridge):
            jolt = (x2 - x1) * 0.2
            middle = (
                (x1 + x2) / 2 + chance.uniform(-jolt, jolt),
                (y1 + y2) / 2 + chance.uniform(-jolt, jolt),
            )
            finer += [middle, (x2, y2)]
        ridge = finer
    return ridge


def sea(size: Size, colours: Palette, chance: Random) -> Image.Image:
    """A large sun on the horizon and its glitter on the water."""
    width, height = size
    short = min(size)
    horizon = round(height * chance.uniform(0.5, 0.58))
    canvas = gradient(size, [[colours.near]])
    canvas.paste(gradient((width, max(1, horizon)), [[colour] for colour in colours.sky]), (0, 0))
    radius = short * chance.uniform(0.17, 0.24)
    sun = (width * chance.uniform(0.25, 0.75), horizon - radius * chance.uniform(-0.1, 0.75))
    glow(canvas, sun, radius * 3.5, colours.light, 0.6)
    disc(canvas, sun, radius, mix(colours.light, WHITE, 0.5))
    haze = mix(colours.sky[-1], WHITE, 0.3)
    for _ in range(5):
        cloud = (sun[0] + chance.gauss(0, width * 0.3), horizon * chance.uniform(0.25, 0.9))
        stamp(canvas, halo, cloud, (short * 0.7, short * chance.uniform(0.016, 0.04)), haze, 0.8)
    shore = mix(colours.sky[-1], colours.far, 0.5)
    water = gradient(
        (width, max(1, height - horizon)),
        [[shore], [mix(shore, colours.near, 0.6)], [colours.near], [colours.near]],
    )
    canvas.paste(water, (0, horizon))
    for row in range(26):
        fall = (row + 0.5) / 26
        size_there = (radius * (1.8 + fall) * chance.uniform(0.35, 1), short * (0.006 + 0.016 * fall))
        shift = chance.gauss(0, radius * 0.28) * (0.4 + fall)
        glint = (sun[0] + shift, horizon + (height - horizon) * fall**1.4)
        stamp(canvas, halo, glint, size_there, colours.light, 1.5 - fall)
    return canvas


def bokeh(size: Size, colours: Palette, chance: Random) -> Image.Image:
    """Lights out of focus before a dusky ground."""
    width, height = size
    short = min(size)
    dusk = [colours.ink, colours.near, mix(colours.near, colours.accents[0], 0.45), colours.near,
            mix(colours.ink, colours.accents[1], 0.5)]  # fmt: skip
    canvas = gradient(size, [[chance.choice(dusk) for _ in range(3)] for _ in range(3)])
    for _ in range(3):
        where = (width * chance.random(), height * chance.uniform(0.1, 0.7))
        glow(canvas, where, short * 0.6, chance.choice(colours.accents), 0.5)
    for _ in range(34):
        where = (width * chance.uniform(-0.02, 1.02), height * min(1.0, abs(chance.gauss(0.4, 0.25))))
        radius = short * chance.uniform(0.02, 0.05 + 0.11 * chance.random() ** 2)
        colour = mix(chance.choice((*colours.accents, colours.light)), colours.light, chance.uniform(0, 0.4))
        # The mask's disc ends halfway out; the rest is halo.
        stamp(canvas, lens, where, (radius * 4, radius * 4), colour, chance.uniform(0.2, 0.65))
    return canvas


def ribbons(size: Size, colours: Palette, chance: Random) -> Image.Image:
    """Silk bands that flow across a soft ground."""
    width, height = size
    unit = max(min(size) * 1.6, max(size) * 0.5)
    sky = colours.sky
    canvas = gradient(size, [[sky[0]], [sky[2]], [sky[1]], [sky[0]]])
    upright = height > width * 1.3
    along, across = (height, width) if upright else (width, height)
    hue, warm, other = colours.accents
    # Neighbours on the wheel only: between opposites lies grey.
    silks = [
        (hue, warm),
        (warm, colours.light),
        (sky[1], hue),
        (sky[0], sky[2]),
        (colours.light, other),
        (warm, hue),
    ]
    chance.shuffle(silks)
    for band in range(7):
        middle, breadth = wave(chance, 2), wave(chance, 2)
        level = across * (0.08 + 0.12 * band + chance.uniform(-0.05, 0.05))
        upper, lower = [], []
        for x in span(along):
            y = level + across * 0.09 * middle(x / unit * 0.55)
            half = across * 0.055 * (1.25 + breadth(x / unit * 0.6))
            upper.append((x, y - half))
            lower.append((x, y + half))
        outline = [*upper, *reversed(lower)]
        if upright:
            outline = [(y, x) for x, y in outline]
        one, two = silks[band % len(silks)]
        silk = gradient(size, [[one], [two]] if upright else [[one, two]])
        mask, box = shape(size, outline)
        canvas.paste(silk.crop(box), box, mask.point(thinned(chance.randint(60, 90))))
    return canvas


def papercut(size: Size, colours: Palette, chance: Random) -> Image.Image:
    """Sheets of coloured paper with ever smaller holes, each throwing a shadow on the next."""
    width, height = size
    centre = (width * chance.uniform(0.35, 0.65), height * chance.uniform(0.34, 0.5))
    deep, pale = colours.near, mix(colours.light, colours.sky[-1], 0.25)
    one, two, _ = colours.accents
    ramp = [deep, mix(deep, one, 0.7), one, mix(one, two, 0.6), two, mix(two, pale, 0.6), pale]
    if not colours.dark:
        ramp.reverse()
    canvas = Image.new("RGB", size, ramp[0])
    curve = wave(chance, 2)
    lobes = chance.randint(2, 4)
    drop = max(1.0, min(size) * 0.015)
    for sheet, colour in enumerate(ramp[1:]):
        reach = 1 - sheet / 6
        wobble = wave(chance, 2)
        hole = []
        for step in range(120):
            angle = math.tau * step / 120
            lap = math.cos(angle * lobes + 1.5 * curve(0.1 * sheet))
            stretch = reach * (
                1 + 0.16 * lap + 0.07 * wobble(math.sin(angle) * 0.4) + 0.05 * curve(math.cos(angle) * 0.5)
            )
            hole.append(
                (
                    centre[0] + width * 0.56 * stretch * math.cos(angle),
                    centre[1] + height * 0.56 * stretch * math.sin(angle),
                )
            )
        mask, box = shape(size, hole, margin=drop * 3)
        # The shadow of the sheet above lies a little lower and is soft: a few pixels are plenty for it.
        light = mask.reduce(4)
        lower = light.copy()
        lower.paste(light, (0, round(drop / 4)))
        below = Image.new("RGB", light.size, mix(colour, colours.ink, 0.45))
        below.paste(colour, (0, 0), lower.filter(ImageFilter.BoxBlur(drop / 4)))
        canvas.paste(below.resize(mask.size, Image.Resampling.BILINEAR), box, mask)
    return canvas


SCENES = (hills, peaks, sea, bokeh, ribbons, papercut)


def scene_size(picture: Picture) -> Size:
    """The size at which a picture is painted before it is scaled up."""
    scale = min(1.0, math.sqrt(SCENE_PIXELS / (picture.width * picture.height)))
    return max(1, round(picture.width * scale)), max(1, round(picture.height * scale))


def backdrop(picture: Picture) -> Image.Image:
    """Paint the scene of a picture at its full size, in RGB."""
    scene = rng("scene", picture.prompt, picture.seed).choice(SCENES)
    colours = palette(picture.prompt, picture.seed, picture.index)
    chance = rng("arrangement", picture.prompt, picture.seed, picture.index)
    canvas = scene(scene_size(picture), colours, chance)
    return canvas.resize((picture.width, picture.height), Image.Resampling.BILINEAR)


# --- the init image


def decode_init(encoded: bytes, side: int) -> Image.Image | None:
    """Decode an init image to RGBA, upright, for use at some size; None if its bytes cannot be read."""
    try:
        with open_init(encoded, side) as source:
            upright = ImageOps.exif_transpose(source)
        if upright.mode.startswith("I"):  # 16 bits, which Pillow would clip to 8 instead of scaling them
            upright = upright.convert("I").point(lambda value: value / 256).convert("L")
        return upright.convert("RGBA")
    # Decoders meet hostile bytes with OSError, SyntaxError, struct.error, MemoryError and more: any means no.
    except Exception:
        return None


def init_size(encoded: bytes, side: int) -> Size | None:
    """The size that an init image is decoded to, from its header alone; None if that cannot be read."""
    try:
        with open_init(encoded, side) as source:
            # A PNG's own `getexif` would decode all of it, to look for what may stand at its end.
            turned = Image.Image.getexif(source).get(ExifTags.Base.Orientation) in LYING
            return (source.height, source.width) if turned else source.size
    except Exception:  # as in `decode_init`
        return None


def open_init(encoded: bytes, side: int) -> Image.Image:
    """Read the header of an init image for use at some size; raises some exception if it is of no use."""
    source = Image.open(io.BytesIO(encoded), formats=("PNG", "JPEG", "WEBP"))
    source.draft("RGB", (side, side))  # lets JPEG leave out detail that would be scaled away
    if source.width * source.height > INIT_PIXELS:
        raise ValueError("too many pixels")
    return source


def blend_init(image: Image.Image, init: Image.Image, strength: float) -> None:
    """Lay an init image over the whole of a picture, cropped to cover it."""
    init = ImageOps.fit(init, image.size, Image.Resampling.BILINEAR)
    mask = init.getchannel("A").point(thinned(round(100 * min(max(strength, 0.15), 0.9))))
    image.paste(init.convert("RGB"), (0, 0), mask)


# --- the subject of a transparent picture


def petal(centre: Point, angle: float, long: float, wide: float) -> list[Point]:
    """The outline of a drop: its tip at the centre, its round end outwards."""
    outline = []
    for step in range(40):
        turn = math.tau * step / 40
        out = long * (0.5 - 0.5 * math.cos(turn))
        side = wide * math.sin(turn) * (0.75 - 0.35 * math.cos(turn))
        outline.append(
            (
                centre[0] + out * math.cos(angle) - side * math.sin(angle),
                centre[1] + out * math.sin(angle) + side * math.cos(angle),
            )
        )
    return outline


def blossom(picture: Picture) -> Image.Image:
    """Paint a flower on nothing, at full size in RGBA."""
    size = width, height = scene_size(picture)
    colours = palette(picture.prompt, picture.seed, picture.index)
    species = rng("species", picture.prompt, picture.seed)
    chance = rng("blossom", picture.prompt, picture.seed, picture.index)
    centre = (width / 2, height * 0.42)
    radius = min(width * 0.46, height * 0.40)
    outer, inner, heart = species.sample(colours.accents, 3)
    count, plump, turn = species.randint(5, 9), species.uniform(0.8, 1.25), chance.uniform(0, 360)
    # Transparent pixels carry the petals' colour too, or scaling would draw a dark line around them.
    paint, alpha = Image.new("RGB", size, outer), Image.new("L", size)
    for ring, colour in enumerate((outer, mix(outer, inner, 0.5), inner)):
        reach = radius * (1 - 0.27 * ring)
        for step in range(count):
            angle = math.radians(turn + 360 / count * (step + ring / 2) + chance.uniform(-4, 4))
            long = reach * chance.uniform(0.9, 1)
            wide = long * plump * math.sin(math.pi / count)
            mask, box = shape(size, petal(centre, angle, long, wide), margin=radius * 0.06)
            shadow = mask.filter(ImageFilter.BoxBlur(radius * 0.05)).point(thinned(30))
            paint.paste(mix(outer, colours.ink, 0.7), box, shadow)
            paint.paste(mix(colour, colours.light, chance.uniform(0, 0.3)), box, mask)
            alpha.paste(255, box, mask)
        glow(paint, centre, reach * 0.8, mix(colour, colours.ink, 0.55), 0.55)
    disc(paint, centre, radius * 0.16, heart)
    glow(paint, (centre[0] - radius * 0.05, centre[1] - radius * 0.05), radius * 0.14, WHITE, 0.6)
    disc(alpha, centre, radius * 0.16, 255)
    paint.putalpha(alpha)
    return paint.resize((picture.width, picture.height), Image.Resampling.BICUBIC)


# --- the overlay


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font that Pillow carries inside, so that no picture depends on what a machine has installed."""
    loaded = ImageFont.load_default(size)
    assert isinstance(loaded, ImageFont.FreeTypeFont), "leomock: Pillow was built without FreeType"
    return loaded


# What Pillow's embedded font can draw (found by comparing every glyph with the one for a missing character).
DRAWABLE = frozenset({*map(chr, range(0x20, 0x7F)), *"©«°±´·»‘’“”…‹›"})  # noqa: RUF001 (they are what they seem)
# Letters whose name holds the letter below the ornament: LATIN SMALL LETTER O WITH STROKE.
LATIN = re.compile("LATIN (?:SMALL|CAPITAL) (?:LETTER|LIGATURE) ([A-Z]|AE|OE)(?: WITH .*)?$")
# Scripts whose characters are named after their sound: HIRAGANA LETTER KA, HANGUL SYLLABLE HAN.
NAMED_BY_SOUND = ("HIRAGANA LETTER ", "KATAKANA LETTER ", "HANGUL SYLLABLE ")
CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґ"
SOUNDS = "a b v g d e zh z i i k l m n o p r s t u f kh ts ch sh shch - y - e yu ya e i i ye g"
TRANSLITERATED = dict(zip(CYRILLIC, SOUNDS.replace("-", "").split(" "), strict=True))


def legible(text: str) -> str:
    """Write a text with the characters that the font has, on one line.

    Accents go, sounds and emoji are spelled out, and what is left becomes its escape.
    """
    return " ".join("".join(map(spell, text)).split())


@lru_cache(maxsize=1024)
def spell(character: str) -> str:
    """Spell one character in drawable ones."""
    if character in DRAWABLE:
        return character
    kind = unicodedata.category(character)
    if character.isspace() or kind == "Cc":
        return " "
    if kind == "Pd":
        return "-"
    if kind in ("Cf", "Mn", "Me", "Sk"):
        return ""  # joiners, variation selectors, skin tones, accents: nothing on their own
    if character.lower() in TRANSLITERATED:
        sound = TRANSLITERATED[character.lower()]
        return sound if character.islower() else sound.capitalize()
    name = unicodedata.name(character, "")
    if name.startswith(NAMED_BY_SOUND):
        return name.rpartition(" ")[2].lower()
    if kind == "So" and name:
        return f":{name.lower()}:"
    if latin := LATIN.match(name):
        return latin[1] if character.isupper() else latin[1].lower()
    plain = unicodedata.normalize("NFKD", "ss" if character == "ß" else character).replace("\u2044", "/")
    return "".join(part for part in plain if part in DRAWABLE) or f"\\u{ord(character):04x}"


def wrap(text: str, face: ImageFont.FreeTypeFont, width: float, rows: int) -> list[str]:
    """Break a text into at most so many rows of at most that width; an ellipsis says that more was there."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < rows:
        fits = fitting(rest, face, width)
        if fits == len(rest):
            return [*lines, rest]
        if len(lines) == rows - 1:
            cut = rest[: fitting(rest, face, width - face.getlength("…"))].rstrip(" ,.;:-")
            return [*lines, cut + "…"] if face.getlength(cut + "…") <= width else lines
        space = rest.rfind(" ", 1, fits + 1)
        end = space if space > 0 else max(1, fits)
        lines.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return lines


def fitting(text: str, face: ImageFont.FreeTypeFont, width: float) -> int:
    """How many of a text's characters fit in a width."""
    # No glyph is narrower than a fifth of its height, so that a long text need not be measured whole.
    low, high = 0, min(len(text), 1 + int(width / face.size * 5))
    while low < high:
        middle = (low + high + 1) // 2
        if face.getlength(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def first_fitting(choices: Sequence[str], face: ImageFont.FreeTypeFont, width: float) -> str:
    """The first of several wordings that fits in a width, or none."""
    return next((text for text in choices if face.getlength(text) <= width), "")


def overlay(drawing: Drawing) -> None:
    """Write on a drawing what it stands for; nobody shall take it for a real generation."""
    image, ink = drawing.image, drawing.ink
    if min(image.size) < PLATE_SIDE:
        number(image, drawing.number)
        return
    width, height = image.size
    short = min(width, height)
    size = round(min(max(min(math.sqrt(width * height) / 34, short / 11), 12), 44))
    body, small = font(size), font(max(10, round(size * 0.66)))
    margin, pad = max(2, round(short * 0.03)), max(4, round(min(size * 0.8, short * 0.06)))
    room = width - 2 * (margin + pad)
    step, small_step = round(size * 1.3), round(small.size * 1.5)

    # Narrow pictures get more rows, but the plate stays below two fifths of the height where one row can.
    rows = min(round(100 * size / room), 8, int((height * 0.4 - 2 * pad - small_step) / step))
    lines = wrap(drawing.title, body, room, max(1, rows))
    notes = list(drawing.notes)
    if drawing.changes:
        notes.append(Note((" · ".join(drawing.changes), drawing.changes[-1], drawing.changes[-1].split()[0])))
    footers = [
        (first_fitting(note.wordings, small, room), WARNING if note.warning else mix(ink, WHITE, 0.8))
        for note in notes
    ]

    tall = 2 * pad + step * len(lines) + small_step * len(footers)
    top = height - margin - tall
    # Where nothing lies behind, the plate has to carry the text alone.
    opacity = 0.85 if image.mode == "RGBA" else 0.72
    plate(image, (margin, top, width - margin, height - margin), size * 0.6, ink, opacity)
    draw = ImageDraw.Draw(image)
    y: float = top + pad
    for line in lines:
        draw.text((margin + pad, y + size * 0.6), line, WHITE, body, anchor="lm")
        y += step
    y += small_step - small.size
    for footer, colour in footers:
        draw.text((margin + pad, y + small.size * 0.5), footer, colour, small, anchor="lm")
        y += small_step
    wordmark(image, small, margin, ink, opacity * 0.8)


def wordmark(image: Image.Image, face: ImageFont.FreeTypeFont, margin: int, ink: RGB, opacity: float) -> None:
    """Write the maker's name small into the upper right corner."""
    inside = round(face.size * 0.5)
    wide, high = math.ceil(face.getlength("leomock")) + 2 * inside, round(face.size * 1.7)
    left, right = image.width - margin - wide, image.width - margin
    plate(image, (left, margin, right, margin + high), high / 2, ink, opacity)
    where = ((left + right) / 2, margin + high / 2)
    ImageDraw.Draw(image).text(where, "leomock", mix(ink, WHITE, 0.9), face, anchor="mm")


def plate(image: Image.Image, box: Box, corner: float, ink: RGB, opacity: float) -> None:
    """Darken a rounded rectangle so that white text can be read on anything."""
    left, top, right, bottom = box
    mask = Image.new("L", ((right - left) * 2, (bottom - top) * 2))
    area = (0, 0, mask.width - 1, mask.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(area, corner * 2, fill=round(255 * opacity))
    image.paste((*ink, 255)[: len(image.getbands())], (left, top), mask.reduce(2))


def number(image: Image.Image, count: int) -> None:
    """Write a number as large as it fits in the middle of an image; leave out what nobody could read."""
    room = min(image.size) * 0.84
    # The sign goes first when space is short.
    fits = (
        (text, size)
        for text, least in ((f"#{count}", 14), (str(count), 7))
        for size in range(int(room * 0.8), least - 1, -1)
        if font(size).getlength(text) <= room
    )
    text, size = next(fits, ("", 0))
    if not text:
        return
    middle = (image.width / 2, image.height / 2)
    stroke = max(1, size // 12)
    ImageDraw.Draw(image).text(
        middle, text, WHITE, font(size), "mm", stroke_width=stroke, stroke_fill=(20, 22, 30)
    )


# --- the file


def caption(drawing: Drawing) -> str:
    """What a file says about itself: a JSON object in ASCII, a JPEG's comment or a PNG's text `Comment`."""
    changes = {"changes": drawing.changes} if drawing.changes else {}
    return json.dumps({"software": "leomock", **drawing.said, **changes})


def encode(drawing: Drawing, format: Format) -> bytes:
    """Write the plate on a drawing, and the drawing into a file with its caption; JPEG drops alpha."""
    overlay(drawing)
    return write(drawing.image, format, caption(drawing))


def write(image: Image.Image, format: Format, comment: str) -> bytes:
    """Write an image into a file with a comment."""
    file = io.BytesIO()
    if format == "png":
        text = PngInfo()
        text.add_text("Software", "leomock")
        text.add_text("Comment", comment)
        image.save(file, "PNG", pnginfo=text, compress_level=1)
    else:
        image.convert("RGB").save(file, "JPEG", quality=85, comment=comment.encode())
    return file.getvalue()

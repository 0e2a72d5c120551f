"""Meshes as bytes: a smooth, closed little object turned on a lathe, as binary glTF 2.0 (GLB)."""

import json
import math
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from leomock.media.colours import RGB, palette, rng
from leomock.media.image import PROMPT_KEPT

# Resolution: rings between the two poles, points on each ring.
RINGS, POINTS = 47, 72
# glTF codes for number types and buffer targets.
FLOAT, UNSIGNED_SHORT = 5126, 5123
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Mesh:
    """A watertight object, two metres high, whose shape and colour depend on prompt and seed."""

    prompt: str
    seed: int

    @property
    def media_type(self) -> str:
        """Return the media type of the file."""
        return "model/gltf-binary"

    def render(self) -> bytes:
        """Render the file: the same mesh always gives the same bytes."""
        said = {"software": "leomock", "prompt": self.prompt[:PROMPT_KEPT], "seed": self.seed}
        points = lathe(self)
        return glb(points, normals(points), triangles(), palette(self.prompt, self.seed, 0).accents[0], said)


def lathe(mesh: Mesh) -> list[Vector]:
    """Return the points: the lower pole, the rings from bottom to top, the upper pole."""
    chance = rng("lathe", mesh.prompt, mesh.seed)
    belly, lobes = chance.uniform(0.5, 0.85), chance.choice((0, 3, 4, 5, 6, 8))
    depth, twist = chance.uniform(0.04, 0.13), chance.uniform(-2.2, 2.2)
    waves = [(count, chance.uniform(-0.32, 0.32) / count, chance.uniform(0, math.tau)) for count in (1, 2, 3)]
    plump = chance.uniform(0.35, 0.6)
    points: list[Vector] = [(0.0, 0.0, 0.0)]
    for ring in range(1, RINGS + 1):
        # Rings are closer together where the outline turns in towards the poles.
        rise = (1 - math.cos(math.pi * ring / (RINGS + 1))) / 2
        swell = 1 + sum(
            high * math.sin(math.tau * count * rise * 0.9 + phase) for count, high, phase in waves
        )
        radius = belly * swell * math.sin(math.pi * rise) ** plump
        for point in range(POINTS):
            angle = math.tau * point / POINTS
            lobed = radius * (1 + depth * math.cos(lobes * (angle + twist * rise)))
            points.append((lobed * math.cos(angle), 2 * rise, lobed * math.sin(angle)))
    points.append((0.0, 2.0, 0.0))
    return points


def at(ring: int, point: int) -> int:
    """Return the index of a point; ring 0 is the lower pole, the one after the last ring the upper."""
    if ring in (0, RINGS + 1):
        return 0 if ring == 0 else RINGS * POINTS + 1
    return 1 + (ring - 1) * POINTS + point % POINTS


def normals(points: Sequence[Vector]) -> list[Vector]:
    """Return the surface normal at each point: perpendicular to the lines through its neighbours."""
    found: list[Vector] = [(0.0, -1.0, 0.0)]
    for ring in range(1, RINGS + 1):
        for point in range(POINTS):
            (ax, ay, az), (bx, by, bz) = points[at(ring + 1, point)], points[at(ring - 1, point)]
            (cx, cy, cz), (dx, dy, dz) = points[at(ring, point + 1)], points[at(ring, point - 1)]
            ux, uy, uz, vx, vy, vz = ax - bx, ay - by, az - bz, cx - dx, cy - dy, cz - dz
            x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
            length = math.sqrt(x * x + y * y + z * z)
            found.append((x / length, y / length, z / length))
    found.append((0.0, 1.0, 0.0))
    return found


def triangles() -> list[int]:
    """Return three point indexes for each triangle, anticlockwise seen from outside."""
    corners: list[int] = []
    for ring in range(RINGS + 1):
        for point in range(POINTS):
            low, low_next = at(ring, point), at(ring, point + 1)
            high, high_next = at(ring + 1, point), at(ring + 1, point + 1)
            if ring < RINGS:
                corners += (low, high, high_next)
            if ring > 0:
                corners += (low, high_next, low_next)
    return corners


def linear(colour: RGB) -> list[float]:
    """Return a colour in glTF's form: linear, opaque."""
    parts = [value / 255 for value in colour]
    return [round(v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4, 5) for v in parts] + [1.0]


def glb(
    points: Sequence[Vector],
    upright: Sequence[Vector],
    corners: Sequence[int],
    colour: RGB,
    said: dict[str, object],
) -> bytes:
    """Return points, their normals and triangles as a file."""
    places, directions = (
        array("f", [x for vector in vectors for x in vector]) for vectors in (points, upright)
    )
    blobs = [
        struct.pack(f"<{len(places)}f", *places),
        struct.pack(f"<{len(directions)}f", *directions),
        struct.pack(f"<{len(corners)}H", *corners),
    ]
    starts = [0, len(blobs[0]), len(blobs[0]) + len(blobs[1])]
    views = [
        {"buffer": 0, "byteOffset": start, "byteLength": len(blob), "target": target}
        for start, blob, target in zip(
            starts, blobs, (ARRAY_BUFFER, ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER), strict=True
        )
    ]
    content = b"".join(blobs)
    document = {
        "asset": {"version": "2.0", "generator": "leomock", "extras": said},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "leomock"}],
        "meshes": [
            {"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": 2, "material": 0}]}
        ],
        "materials": [
            {
                "name": "glaze",
                "pbrMetallicRoughness": {
                    "baseColorFactor": linear(colour),
                    "metallicFactor": 0.0,
                    "roughnessFactor": 0.45,
                },
            }
        ],
        "accessors": [
            # The bounds are those of the stored 32-bit numbers.
            {"bufferView": 0, "componentType": FLOAT, "count": len(points), "type": "VEC3",
             "min": [min(places[axis::3]) for axis in range(3)],
             "max": [max(places[axis::3]) for axis in range(3)]},
            {"bufferView": 1, "componentType": FLOAT, "count": len(points), "type": "VEC3"},
            {"bufferView": 2, "componentType": UNSIGNED_SHORT, "count": len(corners), "type": "SCALAR"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(content)}],
    }  # fmt: skip
    chunks = chunk(b"JSON", json.dumps(document, separators=(",", ":")).encode(), b" ")
    chunks += chunk(b"BIN\0", content, b"\0")
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def chunk(kind: bytes, content: bytes, filler: bytes) -> bytes:
    """Return a chunk of a GLB file, padded to whole words."""
    content += filler * (-len(content) % 4)
    return struct.pack("<I4s", len(content), kind) + content

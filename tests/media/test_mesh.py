"""Meshes, as trimesh and the glTF 2.0 specification see them."""

import io
import json
import math
import struct
from typing import Any

import pytest
import trimesh

from leomock.media.mesh import Mesh

VASE = Mesh("a vase", 3)


def loaded(mesh: Mesh) -> Any:
    """Load a mesh without mending it."""
    return trimesh.load(io.BytesIO(mesh.render()), file_type="glb", force="mesh", process=False)


def parts(file: bytes) -> tuple[dict[str, Any], bytes]:
    """The two chunks of a GLB file, with its lengths checked."""
    magic, version, whole = struct.unpack_from("<4sII", file)
    assert (magic, version, whole) == (b"glTF", 2, len(file))
    length, kind = struct.unpack_from("<I4s", file, 12)
    assert (kind, length % 4) == (b"JSON", 0)
    rest, kind = struct.unpack_from("<I4s", file, 20 + length)
    assert (kind, rest % 4, 28 + length + rest) == (b"BIN\0", 0, len(file))
    return json.loads(file[20 : 20 + length]), file[28 + length :]


@pytest.mark.parametrize("seed", range(12))
def test_mesh_is_a_closed_object_of_two_metres(seed: int) -> None:
    """A mesh is watertight, faces outwards and stands two metres high on the ground."""
    mesh = loaded(Mesh("a vase", seed))

    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume > 0.2
    assert (mesh.bounds[0][1], mesh.bounds[1][1]) == (0, 2)
    assert len(mesh.faces) > 5000


def test_accessors_state_the_true_bounds() -> None:
    """Bounds are those of the stored numbers, counts and views fit, and every view is aligned."""
    document, content = parts(VASE.render())
    place, normal, index = document["accessors"]
    views = document["bufferViews"]
    floats = struct.unpack_from(f"<{place['count'] * 3}f", content, views[0]["byteOffset"])
    numbers = struct.unpack_from(f"<{index['count']}H", content, views[2]["byteOffset"])

    assert place["min"] == [min(floats[axis::3]) for axis in range(3)]
    assert place["max"] == [max(floats[axis::3]) for axis in range(3)]
    assert normal["count"] == place["count"] == max(numbers) + 1
    assert [view["byteOffset"] % 4 for view in views] == [0, 0, 0]
    assert views[2]["byteOffset"] + views[2]["byteLength"] == document["buffers"][0]["byteLength"]
    assert len(content) - document["buffers"][0]["byteLength"] in range(4)


def test_normals_are_upright_on_the_surface() -> None:
    """Normals have length one and agree with the triangles around."""
    mesh = loaded(VASE)
    document, content = parts(VASE.render())
    start = document["bufferViews"][1]["byteOffset"]
    given = list(struct.iter_unpack("<3f", content[start : start + len(mesh.vertices) * 12]))

    assert all(math.isclose(math.hypot(*normal), 1, abs_tol=1e-5) for normal in given)
    agree = [sum(a * b for a, b in zip(one, other, strict=True))
             for one, other in zip(given, mesh.vertex_normals, strict=True)]  # fmt: skip
    assert min(agree) > 0.8
    assert (given[0], given[-1]) == ((0, -1, 0), (0, 1, 0))


def test_mesh_has_a_colour_and_says_what_it_is() -> None:
    """The material has a colour of the palette, and the file says what it was made from."""
    document, _ = parts(VASE.render())
    colour = document["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"]

    assert colour[3] == 1
    assert all(0 <= part <= 1 for part in colour)
    assert document["asset"] == {
        "version": "2.0",
        "generator": "leomock",
        "extras": {"software": "leomock", "prompt": "a vase", "seed": 3},
    }


def test_form_follows_prompt_and_seed() -> None:
    """The same mesh gives the same bytes; another prompt or seed gives another form."""
    assert VASE.media_type == "model/gltf-binary"
    assert VASE.render() == Mesh("a vase", 3).render()
    assert len({loaded(mesh).volume for mesh in (VASE, Mesh("a vase", 4), Mesh("a cup", 3))}) == 3

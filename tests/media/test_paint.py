"""What scenes are painted with."""

import pytest
from PIL import Image

from leomock.media.paint import SoftCanvas, doubled, faded

RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_doubled_image_has_smooth_edges_and_keeps_its_borders() -> None:
    """Only between two colours is there another, halfway between them."""
    image = Image.new("RGB", (4, 3), RED)
    image.paste(BLUE, (2, 0, 4, 3))

    larger = doubled(image)

    assert larger.size == (8, 6)
    rows = [[larger.getpixel((x, y)) for x in range(8)] for y in range(6)]
    assert rows[0] == [RED] * 4 + [BLUE] * 4
    for row in rows[1:]:
        assert row[:4] + row[5:] == [RED] * 4 + [BLUE] * 3
        assert row[4] == (127, 0, 127)


def test_faded_colours_turn_into_the_other_one_row_by_row() -> None:
    rows = faded([RED, BLUE], (255, 255, 255), [0, 0.4, 1])

    assert [rows.getpixel((0, y)) for y in range(3)] == [RED, (255, 102, 102), (255, 255, 255)]
    assert [rows.getpixel((1, y)) for y in range(3)] == [BLUE, (102, 102, 255), (255, 255, 255)]


@pytest.mark.parametrize("size", [(1, 1), (63, 7), (512, 512), (1024, 501), (4096, 1100)])
@pytest.mark.parametrize("edges", [False, True])
def test_soft_canvas_covers_its_size(size: tuple[int, int], edges: bool) -> None:
    """Also when it was refined; it is never much larger."""
    canvas = SoftCanvas(size, [[RED]])
    canvas.refine(64 * 64)

    image = canvas.enlarged(edges)

    assert all(asked <= there < asked + 64 for asked, there in zip(size, image.size, strict=True))
    assert image.getcolors() == [(image.width * image.height, RED)]

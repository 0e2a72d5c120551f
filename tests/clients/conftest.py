"""What the client tests share: a fake on a port, and something to upload."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image

from leomock import Fake


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A fake on a port that lets any key in; its time stands still until it is advanced."""
    with Fake(clock="frozen") as fake:
        yield fake


@pytest.fixture
def strict_fake() -> Iterator[Fake]:
    """A fake on a port that lets only its own key in."""
    with Fake(auth="strict", clock="frozen") as fake:
        yield fake


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A small PNG to upload."""
    file = BytesIO()
    Image.radial_gradient("L").resize((48, 32)).convert("RGB").save(file, "PNG")
    return file.getvalue()

"""A client with the real host in it, tested as it is."""

import pytest
from poster import make_poster


@pytest.mark.leomock(jobs="immediate")
def test_poster(leomock):
    assert make_poster("a lighthouse").startswith(b"\xff\xd8")  # a real JPEG
    leomock.assert_called("createGeneration", times=1, body={"prompt": "a lighthouse"})

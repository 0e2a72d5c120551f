"""The same test with leomock: the call is validated, and every answer is what the API's document says."""

from poster import make_poster


def test_poster(leomock):
    with leomock.fast_polling():
        assert make_poster("a lighthouse").startswith(b"\xff\xd8")
    leomock.assert_called("createGeneration", times=1, body={"prompt": "a lighthouse"})

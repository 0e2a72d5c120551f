"""Rendered files are kept by bytes, and rendered once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.media.image import Picture
from leomock.state.render_cache import RENDERED, RenderCache
from tests.fixtures import completed


def never() -> bytes:
    raise AssertionError("rendered twice")


def test_file_is_rendered_once() -> None:
    cache = RenderCache()
    assert cache.render("a", lambda: b"1") == b"1"
    assert cache.render("a", never) == b"1"
    assert cache.get("a") == b"1"
    assert cache.get("b") is None


def test_least_recently_used_leave_beyond_the_limit() -> None:
    cache = RenderCache(10)
    cache.render("a", lambda: b"aaaa")
    cache.render("b", lambda: b"bbbb")
    cache.get("a")
    cache.render("c", lambda: b"cccc")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (b"aaaa", None, b"cccc")
    assert cache.size == 8


def test_file_larger_than_the_limit_is_not_kept() -> None:
    cache = RenderCache(3)
    assert cache.render("a", lambda: b"aaaa") == b"aaaa"
    assert (len(cache), cache.size) == (0, 0)


def test_simultaneous_calls_share_one_rendering() -> None:
    cache = RenderCache()
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> bytes:
        begun.set()
        assert go_on.wait(10)
        return b"1"

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(cache.render, "a", slowly)
        assert begun.wait(10)
        assert cache.running("a") is not None
        others = [threads.submit(cache.render, "a", never) for _ in range(3)]
        go_on.set()
        assert [each.result(10) for each in (first, *others)] == [b"1"] * 4
    assert cache.running("a") is None


def test_failure_is_told_to_all_and_not_kept() -> None:
    cache = RenderCache()

    def fail() -> bytes:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.render("a", fail)
    assert cache.render("a", lambda: b"1") == b"1"


def test_forget_drops_what_was_and_is_rendered_for_a_user() -> None:
    cache = RenderCache()
    cache.render("a", lambda: b"1", "anna")
    cache.render("b", lambda: b"2", "bob")

    def forgotten_meanwhile() -> bytes:
        cache.forget("anna")
        return b"3"

    assert cache.render("c", forgotten_meanwhile, "anna") == b"3"
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (None, b"2", None)
    assert cache.size == 1


def test_gallery_and_ranges_render_each_picture_once(
    fake: Fake, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also HEAD and ranges of it, and until a reset only."""
    rendered: list[Picture] = []
    render = Picture.render

    def counted(self: Picture) -> bytes:
        rendered.append(self)
        return render(self)

    monkeypatch.setattr(Picture, "render", counted)
    body: dict[str, Any] = {"num_images": 4, "width": 32, "height": 32}
    urls = [image["url"] for _ in range(9) for image in completed(client, **body)["generated_images"]]
    for _ in range(2):
        for url in urls:
            assert client.get(url).status_code == 200
    assert client.get(urls[0], headers={"range": "bytes=0-9"}).status_code == 206
    assert client.head(urls[0]).status_code == 200
    assert len(rendered) == len(set(rendered)) == 36
    assert RENDERED.size > 0
    fake.reset()
    assert not any(RENDERED.get(picture) for picture in rendered)

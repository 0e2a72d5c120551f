"""How many bytes a bucket may hold, and what gives way when it is full."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from leomock.state.bucket.budget import FileBudget
from leomock.state.bucket.errors import Refusal
from leomock.state.bucket.objects import Objects, StoredObject
from leomock.state.bucket.storage import Bucket
from leomock.state.settings import Settings
from leomock.state.world import World


def _object(size: int, expires: float | None = None) -> StoredObject:
    return StoredObject(b"x" * size, "image/png", '"e"', {}, 0.0, expires)


def _bucket(**changes: Any) -> Bucket:
    names: dict[str, Any] = {
        "name": "b",
        "region": "us-east-1",
        "access_key_id": "A",
        "secret_access_key": "s",
    }
    return Bucket(**names, session_token=None, now=lambda: 0.0, max_bytes=100, **changes)


def _upload(bucket: Bucket, key: str, content: bytes) -> int:
    form = bucket.presign(key, content_type="image/png", max_bytes=100)
    upload = bucket.open(form.items(), "f")
    upload.write(content)
    return upload.close().status


def test_size_follows_every_change() -> None:
    objects = Objects()
    objects["a"] = _object(10)
    objects.update({"b": _object(20), "c": _object(5)})
    assert objects.size == 35
    objects["a"] = _object(1)
    assert objects.size == 26
    objects.pop("b")
    objects.pop("missing", None)
    del objects["c"]
    assert objects.size == 1
    objects.clear()
    assert objects.size == 0


def test_upload_that_exceeds_the_total_is_refused() -> None:
    """Holds code:_full."""
    bucket = _bucket(max_total=100)
    assert _upload(bucket, "a", b"x" * 60) == 204
    with pytest.raises(Refusal) as refused:
        _upload(bucket, "b", b"x" * 41)
    error = refused.value
    assert (error.status, error.code) == (403, "QuotaExceeded")
    assert error.message == "The uploaded files of this API key exceed its quota."
    assert error.explain == (
        "The files of this API key would take more than 100 bytes together (leomock serve --max-stored "
        "changes the limit). Delete init images or datasets, or reset the key."
    )
    assert list(bucket.objects) == ["a"]
    assert _upload(bucket, "b", b"x" * 40) == 204


def test_upload_that_exceeds_the_total_of_all_keys_is_refused() -> None:
    """A bucket that is gone, as after a reset, no longer counts."""
    budget = FileBudget(150)
    first, second = (_bucket(budget=budget, max_total=100) for _ in range(2))
    assert _upload(first, "a", b"x" * 90) == 204
    with pytest.raises(Refusal) as refused:
        _upload(second, "b", b"x" * 61)
    assert refused.value.message == "The uploaded files of all API keys exceed their quota."
    assert refused.value.explain == (
        "The files of all API keys would take more than 150 bytes together (leomock serve --max-stored-all "
        "changes the limit). Delete init images or datasets, or reset the key."
    )
    del first
    assert _upload(second, "b", b"x" * 61) == 204


def test_upload_may_replace_an_object_of_its_key_in_a_full_bucket() -> None:
    bucket = _bucket(max_total=100)
    _upload(bucket, "a", b"x" * 100)
    assert _upload(bucket, "a", b"y" * 100) == 204


def test_objects_that_expire_give_way_earliest_first() -> None:
    bucket = _bucket(max_total=100)
    bucket.keep("later", b"x" * 30, "image/png", expires=20.0)
    bucket.keep("sooner", b"x" * 30, "image/png", expires=10.0)
    bucket.keep("stays", b"x" * 30, "image/png")
    bucket.keep("new", b"x" * 40, "image/png")
    assert list(bucket.objects) == ["later", "stays", "new"]


def test_object_that_cannot_fit_deletes_nothing() -> None:
    bucket = _bucket(max_total=100)
    bucket.keep("temporary", b"x" * 30, "image/png", expires=20.0)
    bucket.keep("huge", b"x" * 101, "image/png")
    assert list(bucket.objects) == ["temporary"]


def test_upload_waits_for_who_reads_all_objects() -> None:
    """As a snapshot does, in a thread of its own."""
    bucket = _bucket()
    uploading = threading.Thread(target=_upload, args=(bucket, "a", b"x"))
    with bucket.lock:
        uploading.start()
        uploading.join(0.3)
        assert uploading.is_alive()
        assert not bucket.objects
    uploading.join()
    assert list(bucket.objects) == ["a"]


def test_bucket_of_a_key_is_locked_with_its_world() -> None:
    world = World("k", Settings())
    assert world.bucket.lock is world.lock

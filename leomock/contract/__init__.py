"""Judges any server that claims this API.

`schema` is a loaded schemathesis schema for tests of your own, `schema_v2` that of version 2 of the API::

    from leomock.contract import schema

    @schema.parametrize()
    def test_api(case):
        case.call_and_validate()

Its calls go to LEONARDO_BASE_URL with LEONARDO_API_KEY, or, where that address is not set, to a fake in this
process. They name things that exist and keep the rules that a schema cannot say; findings that are known of
the API are answered (allowances.yaml). To a host that is not this machine only reading calls are sent.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schemathesis.specs.openapi.schemas import OpenApiSchema

    from leomock.contract.check.loading import Loaded

    schema: OpenApiSchema
    schema_v2: OpenApiSchema

__all__ = ["loaded", "schema", "schema_v2"]

_VERSIONS = {"schema": "v1", "schema_v2": "v2"}


@cache
def loaded() -> Loaded:
    """What the schemas are made of, loaded once: the target, the things, the ledger of allowances."""
    import atexit
    import os

    from leomock.contract.check.loading import Loaded
    from leomock.contract.check.target import CheckError, Target, is_loopback
    from leomock.testing.fake import Fake

    url = os.environ.get("LEONARDO_BASE_URL")
    if not url:
        fake = Fake(auth="strict")
        atexit.register(fake.close)
        return Loaded(Target(fake.url, fake.api_key, app=fake.app, transport=fake.transport))
    key = os.environ.get("LEONARDO_API_KEY")
    if not key:
        raise CheckError(f"leomock.contract: {url} wants a key: set LEONARDO_API_KEY")
    return Loaded(Target(url, key, writes=is_loopback(url)))


def __getattr__(name: str) -> Any:
    version = _VERSIONS.get(name)
    if version is None:
        raise AttributeError(name)
    if why := loaded().left_out.get(version):
        from leomock.contract.check.target import CheckError

        raise CheckError(f"leomock.contract: there is no {name}: {why}")
    return loaded().schemas[version]

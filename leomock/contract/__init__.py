"""Check any server that claims to implement this API.

`schema` is a loaded schemathesis schema for your own tests; `schema_v2` is the one for version 2 of the API::

    from leomock.contract import schema

    @schema.parametrize()
    def test_api(case):
        case.call_and_validate()

Calls go to LEONARDO_BASE_URL with LEONARDO_API_KEY. If that variable is not set, they go to a fake in this
process. They name existing resources and follow the rules that a schema cannot express. Known behaviours of
the API do not count as findings (allowances.yaml). Any host other than this machine gets only reading calls.
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
    """Load the target, the resource pool and the ledger of allowances once, for all schemas."""
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
        raise CheckError(f"leomock.contract: {url} needs a key: set LEONARDO_API_KEY")
    return Loaded(Target(url, key, writes=is_loopback(url)))


def __getattr__(name: str) -> Any:
    version = _VERSIONS.get(name)
    if version is None:
        raise AttributeError(name)
    if why := loaded().left_out.get(version):
        from leomock.contract.check.target import CheckError

        raise CheckError(f"leomock.contract: there is no {name}: {why}")
    return loaded().schemas[version]

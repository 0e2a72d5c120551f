"""Decide which worker owns a request, by the user that it concerns.

The user id is a hash of the API key. It is also part of the paths of pictures, and its beginning in the names
of buckets, so links need no mark of the worker that made them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from urllib.parse import parse_qs

from starlette.types import Scope

from leomock.server.admin.tenants import TENANT_HEADER
from leomock.state.ids import user_id_of

# Workers that admin calls about every key reach as well; this one also answers calls without an accepted key.
FIRST = 0
# Headers whose owner is remembered; as many keys as a large load test uses.
MOST_REMEMBERED = 10_000
_TENANT = TENANT_HEADER.encode()
_PICTURE = re.compile(r"/(?:cdn/)?users/([0-9a-f]{8})")
_BUCKET = re.compile(r"/(?:s3/)?leomock-([0-9a-f]{8})(?:/|$)")
_THUMBNAIL = "/_leomock/thumbnail"


class Ownership:
    """How all API keys are divided between `workers` processes.

    `seed` and `keys` are settings of the fake: user ids depend on the seed, and if `keys` is not None, no
    other key is accepted.
    """

    def __init__(self, workers: int, seed: int, keys: Collection[str] | None = None) -> None:
        self.workers = workers
        self._seed = seed
        self._keys = keys
        self._by_header: dict[bytes, int | None] = {}

    def of_key(self, key: str) -> int:
        """Return the number of the worker that keeps the state of an API key."""
        return self._of_user(user_id_of(self._seed, key))

    def of(self, scope: Scope) -> int | None:
        """Return the number of the worker that must answer a request; None if every worker could."""
        headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
        path: str = scope["path"]
        if not path.startswith("/api/") and (owner := self._of_path(path)) is not None:
            return owner
        authorization = tenant = b""
        for name, value in headers:
            if name == b"authorization":
                authorization = value
            elif name == _TENANT:
                tenant = value
        if tenant and path.startswith("/_leomock"):
            return self._of_user(tenant.decode("latin-1"))
        if authorization:
            return self._of_authorization(authorization)
        if path == _THUMBNAIL:
            keys = parse_qs(scope["query_string"].decode("latin-1")).get("key", [""])
            return self._of_path(f"/{keys[0]}")
        return None

    def of_head(self, head: bytes) -> int:
        """Return the number of the worker to which a connection should go, by the first bytes on it.

        This is only a guess that saves the worker a detour: the head may be incomplete.
        """
        line, _, rest = head.partition(b"\r\n")
        path = line.split(b" ")[1] if line.count(b" ") else b""
        if not path.startswith(b"/api/"):
            owner = self._of_path(path.decode("latin-1"))
            if owner is not None:
                return owner
        at = rest.lower().find(b"authorization:")
        if at < 0 or (at and rest[at - 1 : at] != b"\n") or (end := rest.find(b"\r\n", at)) < 0:
            return FIRST
        owner = self._of_authorization(rest[at + len(b"authorization:") : end].strip())
        return FIRST if owner is None else owner

    def _of_authorization(self, authorization: bytes) -> int | None:
        try:
            return self._by_header[authorization]
        except KeyError:
            pass
        if len(self._by_header) >= MOST_REMEMBERED:
            self._by_header.clear()
        found = self._by_header[authorization] = self._of_text(authorization.decode("latin-1"))
        return found

    def _of_text(self, authorization: str) -> int:
        scheme, _, key = authorization.strip().partition(" ")
        key = key.strip()
        accepted = scheme.lower() == "bearer" and key and (self._keys is None or key in self._keys)
        return self.of_key(key) if accepted else FIRST

    def _of_path(self, path: str) -> int | None:
        found = _PICTURE.match(path) or _BUCKET.match(path)
        return int(found[1], 16) % self.workers if found else None

    def _of_user(self, user_id: str) -> int:
        try:
            return int(user_id[:8], 16) % self.workers
        except ValueError:
            return FIRST  # which answers that this user does not exist

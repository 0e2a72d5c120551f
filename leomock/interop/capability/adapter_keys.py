"""What callers of an adapter must send: the `authentication` of an entry of `exposes`."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers, QueryParams
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of a file: a text, or the environment variable that holds it."""

    text: str = ""
    variable: str = ""

    def matches(self, given: str, environment: Mapping[str, str]) -> bool:
        """Return True for the secret; if its variable is not set, for every text that is not empty."""
        expected = environment.get(self.variable, "") if self.variable else self.text
        if not expected:
            return bool(given)
        return hmac.compare_digest(given.encode(), expected.encode())


@dataclass(frozen=True, slots=True)
class AdapterKey:
    """The key of an adapter. `kind` is bearer, apikey or basic; `name` is the header or query parameter of an
    API key, which is in the query if `in_query` is true. Basic authentication has two secrets.
    """

    kind: str
    secrets: tuple[Secret, ...]
    name: str = ""
    in_query: bool = False

    @property
    def challenge(self) -> str:
        """The value of `WWW-Authenticate`."""
        scheme = {"bearer": "Bearer", "basic": "Basic"}.get(self.kind)
        return f'{scheme} realm="leomock"' if scheme else f'ApiKey realm="leomock", name="{self.name}"'

    @property
    def words(self) -> str:
        """A sentence about what to send."""
        if self.kind == "apikey":
            return f"send the key in the {'query parameter' if self.in_query else 'header'} {self.name!r}"
        value = "Bearer <token>" if self.kind == "bearer" else "Basic <user name and password>"
        return f"send the header 'Authorization: {value}'"

    def accepts(self, scope: Scope, environment: Mapping[str, str]) -> bool:
        """Return True if a request has the key."""
        headers = Headers(scope=scope)
        if self.kind == "apikey":
            query = QueryParams(scope["query_string"].decode("latin-1"))
            return self.secrets[0].matches(
                (query if self.in_query else headers).get(self.name, ""), environment
            )
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != self.kind:
            return False
        if self.kind == "bearer":
            return self.secrets[0].matches(given.strip(), environment)
        try:
            user, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        both = zip(self.secrets, (user, password), strict=True)
        return bool(colon) and all(secret.matches(text, environment) for secret, text in both)


class KeyGuard:
    """Answer 401 to callers of an adapter without its key."""

    def __init__(self, app: ASGIApp, key: AdapterKey, environment: Mapping[str, str]) -> None:
        self._app = app
        self._key = key
        self._environment = environment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and not self._key.accepts(scope, self._environment):
            headers = {"www-authenticate": self._key.challenge}
            response = JSONResponse({"error": f"leomock: {self._key.words}"}, 401, headers)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

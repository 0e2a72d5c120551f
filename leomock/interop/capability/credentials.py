"""Credentials of a file: those that callers of an adapter must send, and those that are sent to an API."""

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
        """Return True for the secret; if its variable is not set, for every non-empty text."""
        expected = self.value(environment)
        if not expected:
            return bool(given)
        return hmac.compare_digest(given.encode(), expected.encode())

    def value(self, environment: Mapping[str, str]) -> str:
        """Return the secret, or '' if its variable is not set."""
        return environment.get(self.variable, "").strip() if self.variable else self.text


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request carries to be allowed. `kind` is bearer, apikey or basic.

    `name` is the header or query parameter of an API key, which is in the query if `in_query` is true. Basic
    authentication has two secrets.
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

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that hold the secrets."""
        return tuple(secret.variable for secret in self.secrets if secret.variable)

    def headers(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the headers that carry the credentials."""
        values = [secret.value(environment) for secret in self.secrets]
        if self.kind == "apikey":
            return {} if self.in_query else {self.name.lower(): values[0]}
        if self.kind == "bearer":
            return {"authorization": f"Bearer {values[0]}"}
        return {"authorization": f"Basic {base64.b64encode(':'.join(values).encode()).decode()}"}

    def query(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the query parameters that carry the credentials."""
        return {self.name: self.secrets[0].value(environment)} if self.in_query else {}

    def accepts(self, scope: Scope, environment: Mapping[str, str]) -> bool:
        """Return True if a request carries the credentials."""
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


class CredentialsGuard:
    """Answer 401 to callers of an adapter without its credentials."""

    def __init__(self, app: ASGIApp, credentials: Credentials, environment: Mapping[str, str]) -> None:
        self._app = app
        self._credentials = credentials
        self._environment = environment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and not self._credentials.accepts(scope, self._environment):
            headers = {"www-authenticate": self._credentials.challenge}
            response = JSONResponse({"error": f"leomock: {self._credentials.words}"}, 401, headers)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

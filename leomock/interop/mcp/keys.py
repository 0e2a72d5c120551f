"""The API keys of callers over HTTP: where they are, and whether the API accepts them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from leomock.interop.capability.model import Offer
from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.caller_id import own_user_id
from leomock.interop.mcp.refusals import Refused
from leomock.leonardo.errors import ApiError
from leomock.state.worlds import Worlds

KEY = "authorization"
# Accepted keys that are remembered, and the seconds in which the API must judge one.
MOST_KEYS, PATIENCE = 1000, 5.0
# Returns True if the API refuses the key of an Authorization header.
IsRefused = Callable[[str], Awaitable[bool]]


def authorization_of(headers: Mapping[str, str]) -> str:
    """Return the key of a caller as an Authorization header, also if it is in `API-Key`; '' without one."""
    given = headers.get(KEY, "")
    if given.partition(" ")[2].strip():
        return given
    key = headers.get("api-key", "")
    return f"Bearer {key}" if key else ""


def keys_of_fake(worlds: Worlds) -> IsRefused:
    """Return a check of keys of a fake in this process, which makes no call."""

    async def is_refused(authorization: str) -> bool:
        try:
            worlds.enter(authorization)
        except ApiError as error:
            return error.status == 401
        return False

    return is_refused


def keys_of_server(caller: Caller, offer: Offer) -> IsRefused:
    """Return a check of keys that calls GET /me, once for an accepted key; `offer` is any of the API's.

    If the API cannot tell, the key is not refused here: the calls themselves will show it.
    """
    accepted: dict[str, None] = {}

    async def is_refused(authorization: str) -> bool:
        if authorization in accepted:
            return False
        try:
            async with asyncio.timeout(PATIENCE):
                await own_user_id(caller, offer, {KEY: authorization})
        except Refused as refusal:
            return refusal.status == 401
        except TimeoutError:
            return False
        accepted[authorization] = None
        while len(accepted) > MOST_KEYS:
            del accepted[next(iter(accepted))]
        return False

    return is_refused

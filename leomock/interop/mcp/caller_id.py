"""The user id of a caller, for tools that take one."""

from __future__ import annotations

from collections.abc import Mapping

from leomock.interop.capability.model import Offer, Operation
from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.refusals import Refused, refusal_of
from leomock.leonardo.errors import ApiError

USER_ID = "userId"


async def own_user_id(caller: Caller, offer: Offer, headers: Mapping[str, str]) -> str:
    """Return the id of the calling user, by GET /me. Raises `Refused`."""
    upstream = offer.operation.upstream
    me = Operation(f"{upstream.namespace}.me", upstream, "GET", "/me", "", ())
    try:
        answer = await caller.send(me, {}, headers)
    except ApiError as error:
        raise Refused(error.text, status=error.status, code=error.wording.code, retryable=True) from None
    if answer.status != 200:
        raise refusal_of(answer, "GET")
    try:
        return str(answer.body["user_details"][0]["user"]["id"])
    except (KeyError, IndexError, TypeError):
        text = "GET /me does not return your user id"
        raise Refused(text, f"Give {USER_ID}.", code="unexpected") from None

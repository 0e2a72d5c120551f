"""Questions to the user before a tool deletes something or spends credits."""

from __future__ import annotations

from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from leomock.interop.mcp.refusals import Refused

COSTS = "Costs credits."
_FIELD = "go_on"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {_FIELD: {"type": "boolean", "title": "Continue", "default": True}},
    "required": [_FIELD],
}


def question_of(tool: types.Tool) -> str:
    """Return the question to ask before a tool is called, or ''."""
    title = tool.title or tool.name
    if tool.annotations and tool.annotations.destructive_hint:
        return f"{title}: this cannot be undone. Continue?"
    return f"{title}: this costs credits. Continue?" if COSTS in (tool.description or "") else ""


async def declined(
    context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams, question: str
) -> Refused | types.InputRequiredResult | None:
    """Ask the user, if the client can. Return None to continue, or why not.

    Newer clients get the question as a response, and call the tool again with the user's reply.
    """
    capabilities = context.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if elicitation is None or (elicitation.url is not None and elicitation.form is None):
        return None
    request = types.ElicitRequestFormParams(message=question, requested_schema=SCHEMA)
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
        reply = (params.input_responses or {}).get(_FIELD)
        if reply is None:
            return types.InputRequiredResult(input_requests={_FIELD: types.ElicitRequest(params=request)})
    elif context.session.can_send_request:
        reply = await context.session.elicit_form(question, SCHEMA, context.request_id)
    else:
        return None
    return (
        None
        if _agreed(reply)
        else Refused("The user did not agree to this call", "Ask what to do instead.", code="declined")
    )


def _agreed(reply: object) -> bool:
    if not isinstance(reply, types.ElicitResult) or reply.action != "accept":
        return False
    return (reply.content or {}).get(_FIELD, True) is True

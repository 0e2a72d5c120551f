"""Tools and a prompt that answer with questions to the client, as protocol 2026-07-28 has them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

from leomock.interop.mcp.tool_server import ToolServer
from leomock.interop.mcp.tools import Use
from tests.interop.mcp.suite.library import SuitePrompts
from tests.interop.mcp.suite.registry import text, tool

PROMPT = "test_input_required_result_prompt"
Answer = types.CallToolResult | types.InputRequiredResult


def form(message: str, field: str, kind: str = "string") -> types.ElicitRequest:
    """A question to the user with one field."""
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(words: str, tokens: int) -> types.CreateMessageRequest:
    """A question to the client's model."""
    message = types.SamplingMessage(role="user", content=types.TextContent(text=words))
    return types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(messages=[message], max_tokens=tokens)
    )


def asked(
    use: Use, questions: Mapping[str, types.InputRequest], state: str | None = None
) -> types.InputRequiredResult | None:
    """The questions to ask, or None if all of them have been answered."""
    assert use.params
    if questions.keys() <= (use.params.input_responses or {}).keys():
        return None
    return types.InputRequiredResult(input_requests=dict(questions), request_state=state)


def replies(use: Use) -> Mapping[str, Any]:
    """The client's replies."""
    assert use.params
    return use.params.input_responses or {}


@tool()
async def test_input_required_result_elicitation(use: Use) -> Answer:
    """A question to the user."""
    question = asked(use, {"user_name": form("What is your name?", "name")})
    return question or text(f"Hello, {replies(use)['user_name'].content['name']}!")


@tool()
async def test_input_required_result_sampling(use: Use) -> Answer:
    """A question to the client's model."""
    question = asked(use, {"capital_question": sample("What is the capital of France?", 100)})
    return question or text(replies(use)["capital_question"].content.text)


@tool()
async def test_input_required_result_list_roots(use: Use) -> Answer:
    """A question for the client's folders."""
    question = asked(use, {"client_roots": types.ListRootsRequest()})
    return question or text(" ".join(str(root.uri) for root in replies(use)["client_roots"].roots))


@tool()
async def test_input_required_result_request_state(use: Use) -> Answer:
    """A question with a state that comes back."""
    question = asked(use, {"confirm": form("Please confirm", "ok", "boolean")}, "confirming")
    assert question or (use.params and use.params.request_state == "confirming")
    return question or text("state-ok")


@tool()
async def test_input_required_result_tampered_state(use: Use) -> Answer:
    """A question whose state the client must not change."""
    question = asked(use, {"confirm": form("Please confirm", "ok", "boolean")}, "sealed")
    return question or text("The state is unchanged.")


@tool()
async def test_input_required_result_multiple_inputs(use: Use) -> Answer:
    """Three questions at once."""
    questions: dict[str, types.InputRequest] = {
        "user_name": form("What is your name?", "name"),
        "greeting": sample("Generate a greeting", 50),
        "client_roots": types.ListRootsRequest(),
    }
    return asked(use, questions, "all") or text(f"Answered: {', '.join(sorted(replies(use)))}")


@tool()
async def test_input_required_result_multi_round(use: Use) -> Answer:
    """Two questions, one after the other; the state is the round."""
    assert use.params
    if use.params.request_state == "second":
        question = asked(use, {"step2": form("Step 2: What is your favorite color?", "color")}, "second")
        return question or text(f"You like {replies(use)['step2'].content['color']}.")
    question = asked(use, {"step1": form("Step 1: What is your name?", "name")}, "first")
    return question or types.InputRequiredResult(
        input_requests={"step2": form("Step 2: What is your favorite color?", "color")},
        request_state="second",
    )


@tool()
async def test_input_required_result_capabilities(use: Use) -> Answer:
    """Only questions that the client can answer."""
    capabilities = use.context.session.client_capabilities
    questions: dict[str, types.InputRequest] = {}
    if capabilities.elicitation is not None:
        questions["user_name"] = form("What is your name?", "name")
    if capabilities.sampling is not None:
        questions["greeting"] = sample("Generate a greeting", 50)
    return asked(use, questions) or text("Answered.")


@tool()
async def test_missing_capability(use: Use) -> types.CallToolResult:
    """A tool for clients with a model."""
    capabilities = use.context.session.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        needed: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
        code = types.MISSING_REQUIRED_CLIENT_CAPABILITY
        raise MCPError(code, "This tool needs the client's model", needed)
    return text("The client has a model.")


@tool()
async def test_streaming_elicitation(use: Use) -> Answer:
    """Progress on the stream, and then a question as the answer."""
    await use.progress(1, 2, "Halfway")
    return asked(use, {"user_name": form("What is your name?", "name")}) or text("Answered.")


@tool()
async def test_logging_tool(use: Use) -> types.CallToolResult:
    """A message for clients that want one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        await use.context.session.send_log_message("info", "Called")
    return text("Logged.")


@tool(
    {
        "type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
        "required": [],
    }
)
async def test_header_argument(use: Use) -> types.CallToolResult:
    """A tool with an argument that is in a header as well."""
    return text(f"Called for {use.arguments.get('region')}")


class AskingPrompts(SuitePrompts):
    """The suite's prompts, and one for which the server asks its user."""

    listed = (*SuitePrompts.listed, types.Prompt(name=PROMPT, description="A text with what the user said."))


def ask_for_prompts(server: ToolServer) -> None:
    """Let the server ask before it answers with a prompt, and seal the states of all questions."""
    usual = server.get_request_handler("prompts/get")
    assert usual

    async def get(context: ServerRequestContext[Any, Any], params: types.GetPromptRequestParams) -> Any:
        if params.name != PROMPT:
            return await usual.handler(context, params)
        reply: Any = (params.input_responses or {}).get("user_context")
        if reply is None:
            question = form("What context should the prompt use?", "context")
            return types.InputRequiredResult(input_requests={"user_context": question})
        words = types.TextContent(text=f"Use this context: {reply.content['context']}")
        return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=words)])

    server.add_request_handler("prompts/get", types.GetPromptRequestParams, get)
    server.middleware.append(
        RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=server.name)
    )

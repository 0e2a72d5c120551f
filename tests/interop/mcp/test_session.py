"""MCP sessions of a test: a scripted agent on the test's own account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leomock.interop.mcp.session import McpSession
from leomock.testing.tenant import Tenant
from tests.interop.mcp.servers import CREATE, LIST, READ, body_of, error_content


class ScriptedAgent:
    """An agent whose model is a script: it draws, waits, and tries again once if it may."""

    def __init__(self, session: McpSession) -> None:
        self.session = session
        self.transcript: list[str] = []

    def draw(self, prompt: str) -> dict[str, Any]:
        """The finished generation of a prompt."""
        created = self._use(CREATE, {"body": {"prompt": prompt, "num_images": 1}})
        id = created["sdGenerationJob"]["generationId"]
        row: dict[str, Any] = self._use(READ, {"id": id, "wait": 60})["generations_by_pk"]
        return row

    def _use(self, tool: str, arguments: dict[str, Any]) -> Any:
        for _ in range(2):
            result = self.session.call_tool(tool, arguments)
            self.transcript.append(f"{tool}: {'error' if result.is_error else 'ok'}")
            if not result.is_error:
                return result.structured_content
            if not error_content(result)["retryable"]:
                break
        raise RuntimeError(self.transcript[-1])


def test_scripted_agent_draws_on_the_account_of_the_test(leomock: Tenant, leomock_mcp: McpSession) -> None:
    """The journal names the tool of each call, and the verdict has no findings."""
    agent = ScriptedAgent(leomock_mcp)
    assert agent.draw("a lighthouse at dusk")["status"] == "COMPLETE"
    assert agent.transcript == [f"{CREATE}: ok", f"{READ}: ok"]
    assert [(each.operation, each.tool) for each in leomock.requests] == [
        ("createGeneration", CREATE),
        ("getGenerationById", READ),
        ("getGenerationById", READ),
    ]
    assert not leomock.verdict().findings


def test_scenario_strikes_the_calls_of_tools(leomock: Tenant, leomock_mcp: McpSession) -> None:
    """As it does over HTTP: the agent repeats what it may repeat."""
    leomock.fail("createGeneration", error="rate_limited", times=1)
    agent = ScriptedAgent(leomock_mcp)
    assert agent.draw("a lighthouse")["status"] == "COMPLETE"
    assert agent.transcript == [f"{CREATE}: error", f"{CREATE}: ok", f"{READ}: ok"]


def test_sessions_of_two_accounts_are_apart(make_leomock: Callable[..., Tenant]) -> None:
    """Each has the generations of its account only."""
    first, second = (McpSession(make_leomock(), plain=True) for _ in range(2))
    ScriptedAgent(first).draw("a cat")
    assert len(body_of(first.call_tool(LIST))["generations"]) == 1
    assert body_of(second.call_tool(LIST)) == {"generations": []}
    assert [tool.name for tool in second.list_tools()] == [tool.name for tool in first.list_tools()]

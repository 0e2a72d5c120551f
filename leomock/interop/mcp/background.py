"""Tool calls that continue as tasks while the client polls (the extension `io.modelcontextprotocol/tasks`).

The extension belongs to protocol 2026-07-28; the SDK has only the types of an older form, so the wire format
is defined here. Servers may also send `notifications/tasks`; this one does not.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver.server import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel

from leomock.interop.mcp.reading import LONGEST_WAIT

EXTENSION = "io.modelcontextprotocol/tasks"
# How long a task is kept: the longest wait of a tool, and five minutes to fetch the result.
KEPT = timedelta(seconds=LONGEST_WAIT + 300)
POLL_MILLISECONDS = 1000
# Tasks that a server keeps; a result with pictures has some 100 KB. Beyond that, calls are answered as if the
# client did not support tasks.
MOST_TASKS = 300
Context = ServerRequestContext[Any, Any]
Reply = dict[str, Any]

logger = logging.getLogger(__name__)


class TaskParams(types.RequestParams):
    """The parameters of `tasks/get` and `tasks/cancel`."""

    task_id: str


class UpdateParams(TaskParams):
    """The parameters of `tasks/update`."""

    input_responses: dict[str, Any]


class Task:
    """One call of a tool. `owner` is what its caller authenticates with."""

    def __init__(self, owner: str) -> None:
        self.id = secrets.token_urlsafe(24)
        self.owner = owner
        self.status: types.TaskStatus = "working"
        self.created = self._changed = datetime.now(UTC)
        self._message = ""
        self._outcome: Reply = {}
        self._questions: dict[str, types.InputRequest] = {}
        self._replies: dict[str, asyncio.Future[Any]] = {}
        self._running: asyncio.Task[None] | None = None

    def start(self, call: Callable[[Task], Awaitable[types.Result]]) -> None:
        """Start the call."""
        self._running = asyncio.create_task(self._run(call))

    async def report(self, done: float, total: float, message: str) -> None:
        """Show how far the call is."""
        if message != self._message:
            self._message, self._changed = message, datetime.now(UTC)

    async def ask(self, questions: Mapping[str, types.InputRequest]) -> dict[str, Any]:
        """Ask the client, and return its replies once all have arrived."""
        replies = {key: asyncio.get_running_loop().create_future() for key in questions}
        self._questions |= questions
        self._replies |= replies
        self._become("input_required")
        return {key: await reply for key, reply in replies.items()}

    def answer(self, replies: Mapping[str, Any]) -> None:
        """Pass the client's replies on; those to other questions are ignored."""
        for key in replies.keys() & self._questions.keys():
            del self._questions[key]
            self._replies.pop(key).set_result(replies[key])
        if self.status == "input_required" and not self._questions:
            self._become("working")

    def cancel(self) -> None:
        """End the call, unless it has ended."""
        if self.status in ("working", "input_required"):
            self._become("cancelled")
            assert self._running
            self._running.cancel()

    def created_reply(self) -> Reply:
        """Return the answer to the call itself."""
        return {"resultType": "task", **self._fields()}

    def reply(self) -> Reply:
        """Return the answer to `tasks/get`."""
        questions = {key: _wire(each) for key, each in self._questions.items()}
        asked = {"inputRequests": questions} if self.status == "input_required" else {}
        return {"resultType": "complete", **self._fields(), **asked, **self._outcome}

    def _fields(self) -> Reply:
        message = {"statusMessage": self._message} if self._message else {}
        return {
            "taskId": self.id,
            "status": self.status,
            **message,
            "createdAt": _timestamp(self.created),
            "lastUpdatedAt": _timestamp(self._changed),
            "ttlMs": int(KEPT.total_seconds() * 1000),
            "pollIntervalMs": POLL_MILLISECONDS,
        }

    def _become(self, status: types.TaskStatus, **outcome: Any) -> None:
        self.status, self._outcome, self._changed = status, outcome, datetime.now(UTC)

    async def _run(self, call: Callable[[Task], Awaitable[types.Result]]) -> None:
        """Make the call and keep its outcome. A tool error is a result; "failed" is for other errors."""
        try:
            result = await call(self)
        except MCPError as error:
            self._become("failed", error=_wire(error.error))
        except Exception:
            logger.exception("a call that continued as a task failed")
            message = "leomock: the call failed inside the server; its log has the details"
            self._become("failed", error={"code": types.INTERNAL_ERROR, "message": message})
        else:
            self._become("completed", result=_wire(result))


class Tasks:
    """The tasks of a server, and its methods for them. `owner_of` tells who calls."""

    def __init__(self, owner_of: Callable[[Context], str]) -> None:
        self._owner_of = owner_of
        self._tasks: dict[str, Task] = {}

    def methods(self) -> Mapping[str, tuple[type[TaskParams], Callable[[Context, Any], Awaitable[Reply]]]]:
        """Return the handlers of the extension's methods, each with the type of its parameters."""
        return {
            "tasks/get": (TaskParams, self._get),
            "tasks/update": (UpdateParams, self._update),
            "tasks/cancel": (TaskParams, self._cancel),
        }

    def started(self, context: Context, call: Callable[[Task], Awaitable[types.Result]]) -> Reply | None:
        """Start a call as a task and return its answer; None if it has to be made at once.

        That is so for clients without the extension, and while too many tasks are kept.
        """
        self._forget_old()
        if not _has_extension(context) or len(self._tasks) >= MOST_TASKS:
            return None
        task = Task(self._owner_of(context))
        self._tasks[task.id] = task
        task.start(call)
        return task.created_reply()

    async def _get(self, context: Context, params: TaskParams) -> Reply:
        return self._task(context, params).reply()

    async def _update(self, context: Context, params: UpdateParams) -> Reply:
        self._task(context, params).answer(params.input_responses)
        return {"resultType": "complete"}

    async def _cancel(self, context: Context, params: TaskParams) -> Reply:
        self._task(context, params).cancel()
        return {"resultType": "complete"}

    def _task(self, context: Context, params: TaskParams) -> Task:
        """Return a task of the caller. Raises `MCPError`."""
        if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            raise MCPError(types.METHOD_NOT_FOUND, "leomock: tasks need protocol version 2026-07-28 or later")
        require_client_extension(context, EXTENSION)
        if context.request and context.request.headers.get(MCP_NAME_HEADER) != params.task_id:
            raise MCPError(types.HEADER_MISMATCH, "leomock: the header Mcp-Name must have the task's id")
        self._forget_old()
        task = self._tasks.get(params.task_id)
        if task is None or task.owner != self._owner_of(context):
            minutes = int(KEPT.total_seconds() / 60)
            text = f"leomock: there is no task {params.task_id[:100]!r}; a task is kept for {minutes} minutes"
            raise MCPError(types.INVALID_PARAMS, text)
        return task

    def _forget_old(self) -> None:
        """Drop the tasks that were kept long enough. They are in the order of their creation."""
        end = datetime.now(UTC) - KEPT
        for task in list(self._tasks.values()):
            if task.created > end:
                break
            task.cancel()
            del self._tasks[task.id]


def _has_extension(context: Context) -> bool:
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return False
    capabilities = context.session.client_capabilities
    return EXTENSION in ((capabilities and capabilities.extensions) or {})


def _wire(value: BaseModel) -> Reply:
    return value.model_dump(by_alias=True, mode="json", exclude_none=True)


def _timestamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

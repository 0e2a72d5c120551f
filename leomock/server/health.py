"""Report whether the server is alive and ready."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Health:
    """The data of `/_leomock/health`.

    `saving_failure` returns why the last save of `--state` failed, or an empty text; `stopping` returns True
    once the server was asked to stop. `save_age` returns the seconds since the last successful save, or None.
    """

    def __init__(
        self,
        saving_failure: Callable[[], str] = lambda: "",
        stopping: Callable[[], bool] = lambda: False,
        save_age: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.save_age = save_age
        self._saving_failure = saving_failure
        self._stopping = stopping

    @property
    def problems(self) -> list[str]:
        """Why the server is not ready; empty if it is."""
        found = []
        if failure := self._saving_failure():
            found.append(f"the state cannot be saved: {failure}")
        if self._stopping():
            found.append("the server is stopping")
        return found

    def as_json(self) -> dict[str, Any]:
        """Return `status` (`ok` or `degraded`), `ready` and `problems`."""
        problems = self.problems
        return {"status": "degraded" if problems else "ok", "ready": not problems, "problems": problems}

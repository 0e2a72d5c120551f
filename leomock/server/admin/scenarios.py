"""The active scenarios."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leomock.files.scenarios import ScenarioError
from leomock.operations.dispatch import Dispatcher
from leomock.server.admin.requests import AdminError, Table, read_object
from leomock.server.admin.tenants import Tenants, has_key
from leomock.state.scenario import Scenario


class ScenarioRoutes:
    """List scenarios, and activate them."""

    def __init__(self, api: Dispatcher, tenants: Tenants) -> None:
        self._api = api
        self._tenants = tenants

    def table(self) -> Table:
        """Return the addresses of this subject."""
        return [
            ("GET", "/scenarios", self.scenarios),
            ("GET", "/scenario", self.scenario),
            ("PUT", "/scenario", self.play),
            ("DELETE", "/scenario", self.play_nothing),
        ]

    async def scenarios(self, request: Request) -> Response:
        """List the shipped scenarios, and the files that the server was started with."""
        return JSONResponse(
            {
                "scenarios": [
                    {"name": s.name, "description": s.description, "basis": s.basis}
                    for s in self._api.scenario_registry.all()
                ]
            }
        )

    async def scenario(self, request: Request) -> Response:
        """List the active scenarios."""
        return JSONResponse({"scenarios": [scenario.name for scenario in self._active(request)]})

    async def play(self, request: Request) -> Response:
        """`{"scenarios": ["flaky", …], "rules": [{"when": …, "then": …}]}`: replace the active ones."""
        body = await read_object(request, {"scenarios", "rules"})
        names = body.get("scenarios", [])
        names = [names] if isinstance(names, str) else names
        if not body or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise AdminError(
                'send {"scenarios": [names]} or {"rules": [{"when": …, "then": …}]}; '
                "GET /_leomock/scenarios lists the names"
            )
        return self._play(request, names, {"rules": body["rules"]} if "rules" in body else None)

    async def play_nothing(self, request: Request) -> Response:
        """Deactivate all scenarios."""
        return self._play(request, [])

    def _active(self, request: Request) -> tuple[Scenario, ...]:
        if has_key(request):
            return self._tenants.one(request).scenario_engine.scenarios
        return self._api.worlds.scenarios

    def _play(self, request: Request, names: Iterable[str], rules: dict[str, Any] | None = None) -> Response:
        registry = self._api.scenario_registry
        # An active scenario keeps its name, even if no file has it: rules of a program, for example.
        active = {scenario.name: scenario for scenario in self._active(request)}
        try:
            scenarios = tuple(active.get(name) or registry.playable_named(name) for name in names)
            if rules is not None:
                scenarios = (registry.from_values(rules), *scenarios)
        except ScenarioError as error:
            raise AdminError(str(error)) from None
        worlds = self._tenants.selected(request)
        if not has_key(request):
            self._api.worlds.scenarios = scenarios
        for world in worlds:
            with world.lock:
                world.scenario_engine.play(scenarios)
        return JSONResponse({"scenarios": [scenario.name for scenario in scenarios]})

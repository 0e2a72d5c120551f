"""All addresses of the admin API, by subject."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from leomock.operations.dispatch import Dispatcher
from leomock.server.admin.clock import ClockRoutes
from leomock.server.admin.fake import FakeRoutes
from leomock.server.admin.journal import JournalRoutes
from leomock.server.admin.requests import Answer, Table
from leomock.server.admin.scenarios import ScenarioRoutes
from leomock.server.admin.state import StateRoutes
from leomock.server.admin.tenants import Tenants
from leomock.server.admin.webhooks import WebhookRoutes
from leomock.server.health import Health
from leomock.server.webhook_sender import Sender
from leomock.version import __version__


def admin_routes(api: Dispatcher, tenants: Tenants, sender: Sender, health: Health) -> list[BaseRoute]:
    """Return the routes of the admin API, relative to the path where they are mounted."""
    table = [
        *FakeRoutes(api, tenants, health).table(),
        *ClockRoutes(tenants, sender).table(),
        *ScenarioRoutes(api, tenants).table(),
        *JournalRoutes(api, tenants).table(),
        *StateRoutes(api, tenants).table(),
        *WebhookRoutes(api, tenants, sender).table(),
    ]
    by_path: dict[str, dict[str, Answer]] = {}
    for method, path, answer in [("GET", "/", _index(table)), *table]:
        by_path.setdefault(path, {})[method] = answer
    return [Route(path, _by_method(answers), methods=list(answers)) for path, answers in by_path.items()]


def _index(table: Table) -> Answer:
    async def index(request: Request) -> Response:
        """List these addresses."""
        rows = [("GET", "", index), *((method, path, answer) for method, path, answer in table)]
        addresses = {
            f"{method} /_leomock{path}": (answer.__doc__ or "").splitlines()[0]
            for method, path, answer in rows
        }
        return JSONResponse({"leomock": __version__, "addresses": addresses})

    return index


def _by_method(answers: dict[str, Answer]) -> Answer:
    async def answer(request: Request) -> Response:
        return await answers["GET" if request.method == "HEAD" else request.method](request)

    return answer

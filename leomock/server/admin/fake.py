"""The fake as a whole: its health, its documents and its bucket."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leomock.leonardo.errors import shown
from leomock.leonardo.hosts import Addresses
from leomock.openapi.documents import SpecError
from leomock.operations.dispatch import Dispatcher
from leomock.server.admin.requests import AdminError, Table
from leomock.server.admin.tenants import Tenants
from leomock.server.api_routes import addresses
from leomock.server.health import Health
from leomock.version import __version__


class FakeRoutes:
    """Answer about one fake."""

    def __init__(self, api: Dispatcher, tenants: Tenants, health: Health) -> None:
        self._api = api
        self._tenants = tenants
        self._health = health

    def table(self) -> Table:
        """Return the addresses of this subject."""
        return [
            ("GET", "/health", self.health),
            ("GET", "/health/live", self.live),
            ("GET", "/health/ready", self.ready),
            ("GET", "/openapi.json", self.document),
            ("GET", "/bucket", self.bucket),
        ]

    async def health(self, request: Request) -> Response:
        """Report version and readiness; always 200 while the server is alive."""
        operations = len(self._api.operations)
        auth = self._api.settings.auth
        return JSONResponse(
            {**self._health.as_json(), "version": __version__, "operations": operations, "auth": auth}
        )

    async def live(self, request: Request) -> Response:
        """Answer 200 while the server is alive."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Answer 200 if the server is ready; 503 if it is stopping or cannot save the state."""
        report = self._health.as_json()
        return JSONResponse(report, 200 if report["ready"] else 503)

    async def document(self, request: Request) -> Response:
        """Return a version's corrected OpenAPI document; `?published=1` or `?plain=1` for other forms."""
        published, plain = (
            request.query_params.get(name, "") not in ("", "0", "false") for name in ("published", "plain")
        )
        if published and plain:
            raise AdminError("published and plain exclude each other; give one")
        version = request.query_params.get("version", "v1")
        specs = self._api.specs
        if version not in specs:
            raise AdminError(f"version={shown(version)}: use {' or '.join(specs)}")
        try:
            server = f"{self._addresses(request).api}/{version}"
            spec = specs[version]
            document = spec.plain_document(server) if plain else spec.document(server, published=published)
        except SpecError as error:
            raise AdminError(str(error)) from None
        return Response(orjson.dumps(document), media_type="application/json")

    async def bucket(self, request: Request) -> Response:
        """Return the bucket of a key and its credentials, so that a test can sign any policy."""
        bucket = self._tenants.one(request).bucket
        return JSONResponse(
            {
                "bucket": bucket.name,
                "region": bucket.region,
                "accessKeyId": bucket.access_key_id,
                "secretAccessKey": bucket.secret_access_key,
                "url": f"{self._addresses(request).uploads}/{bucket.name}/",
            }
        )

    def _addresses(self, request: Request) -> Addresses:
        host = request.headers.get("host", "").encode("latin-1")
        return addresses(self._api.settings.public_url, request.url.scheme, host, request.scope.get("server"))

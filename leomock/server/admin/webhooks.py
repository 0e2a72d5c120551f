"""The webhook of a tenant, and its events."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leomock.operations.dispatch import Dispatcher
from leomock.server.admin.requests import AdminError, Table, read_object
from leomock.server.admin.tenants import Tenants, has_key
from leomock.server.webhook_sender import Sender
from leomock.state.settings import SettingError, check_key


class WebhookRoutes:
    """Set webhooks, and show and redeliver events."""

    def __init__(self, api: Dispatcher, tenants: Tenants, sender: Sender) -> None:
        self._api = api
        self._tenants = tenants
        self._sender = sender

    def table(self) -> Table:
        """Return the addresses of this subject."""
        return [
            ("GET", "/webhook", self.webhook),
            ("PUT", "/webhook", self.set_webhook),
            ("GET", "/webhooks", self.webhooks),
            ("POST", "/webhooks/{id}/redeliver", self.redeliver),
        ]

    async def webhook(self, request: Request) -> Response:
        """Return the webhook target of a key."""
        outbox = self._tenants.one(request).outbox
        return JSONResponse({"url": outbox.url, "key": bool(outbox.key)})

    async def set_webhook(self, request: Request) -> Response:
        """`{"url": "http://…", "key": "…"}`; an empty url turns the webhook off."""
        content = await read_object(request, {"url", "key"})
        url, key = content.get("url"), content.get("key", "")
        if not isinstance(url, str) or not isinstance(key, str):
            raise AdminError('send {"url": "http://…", "key": "…"}; an empty url turns the webhook off')
        try:
            if url:
                self._api.settings.check_webhook(url, "url")
            check_key(key, "key")
        except SettingError as error:
            raise AdminError(str(error)) from None
        for world in self._tenants.selected(request):
            with world.lock:
                world.set_webhook(url, key)
        if not has_key(request):
            self._api.worlds.webhook = self._api.worlds.webhook.at(url, key)
        return JSONResponse({"url": url, "key": bool(key)})

    async def webhooks(self, request: Request) -> Response:
        """List the events of a key and every attempt to deliver them."""
        world = self._tenants.one(request)
        with world.lock:
            world.settle()
            return Response(
                orjson.dumps({"events": [event.to_json() for event in world.outbox.events]}),
                media_type="application/json",
            )

    async def redeliver(self, request: Request) -> Response:
        """Send an event again, now."""
        world = self._tenants.one(request)
        id = request.path_params["id"]
        with world.lock:
            if not world.outbox.redeliver(id):
                raise AdminError(f"no event {id}; GET /_leomock/webhooks lists them", 404)
        sent = await self._sender.deliver_due(world)
        return JSONResponse({"attempted": [event.id for event in sent]})

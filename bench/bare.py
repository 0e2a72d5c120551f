"""The baseline of all ratios: a raw ASGI function behind uvicorn's own protocol, on the same loop."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from leomock.server.listen import address, bind

BODY = b'{"answer": {"id": "00000000-0000-4000-8000-000000000000", "cost": 16}}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def app(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


CONFIG = uvicorn.Config(
    app,
    log_config=None,
    access_log=False,
    lifespan="off",
    ws="none",
    proxy_headers=False,
    server_header=False,
    date_header=False,
)


async def serve() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    loop = asyncio.get_running_loop()
    listener = bind("127.0.0.1", 0)
    url = address(listener)
    state = ServerState()
    server = await loop.create_server(
        lambda: HttpToolsProtocol(config=CONFIG, server_state=state, app_state={}), sock=listener
    )
    print(f"bare listening on {url}", flush=True)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    CONFIG.load()
    with asyncio.Runner(loop_factory=CONFIG.get_loop_factory()) as runner:
        runner.run(serve())

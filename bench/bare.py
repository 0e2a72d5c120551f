"""The measure of all ratios: a raw ASGI function behind the same uvicorn options and loop as leomock."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from leomock.server.listen import address, bind, listen, make_config

BODY = b'{"answer": {"id": "00000000-0000-4000-8000-000000000000", "cost": 16}}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def app(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


async def serve() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    loop = asyncio.get_running_loop()
    listener = bind("127.0.0.1", 0)
    url = address(listener)
    await listen(make_config(app), listener, stop, lambda: print(f"bare listening on {url}", flush=True))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=make_config(app).get_loop_factory()) as runner:
        runner.run(serve())

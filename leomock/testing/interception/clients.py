"""Where each HTTP library is turned aside: by every request, above its connections to the real host.

Nothing here imports a library: it is handed in by `patching` once somebody else imported it. Each function
names the attributes to replace and makes the replacement from what is there, which it calls for all other
hosts. The `Host` header stays that of the real host: by it the fake knows to answer with real addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from leomock.testing.interception.targets import Target, find, routes

Make = Callable[[Any], Any]
# The class that has the attribute, its name, and what makes the replacement from the attribute.
Replacement = tuple[Any, str, Make]

_UNSET: Any = object()
# More threads than that open connections which are closed after one call.
_KEPT_CONNECTIONS = 32


def _split(url: str) -> tuple[str, str, str]:
    """The host, the beginning and the path of a request's target; the first two are empty unless absolute."""
    if not url.lower().startswith(("http://", "https://")):
        return "", "", url
    parts = urlsplit(url)
    start = f"{parts.scheme}://{parts.netloc}"
    path = url[len(start) :]
    return parts.hostname or "", start, path if path.startswith("/") else f"/{path}"


# --- http.client, and with it urllib.request ---------------------------------------------------------------


def http_client(module: ModuleType) -> Iterator[Replacement]:
    """A connection is opened to the fake, in clear; `putrequest` is where all requests come through."""

    def connect(original: Any) -> Any:
        @wraps(original)
        def connect(self: Any) -> None:
            target = find(self._tunnel_host or self.host)
            if target is None:
                original(self)
            else:
                target.links.join(self, target)

        return connect

    def putrequest(original: Any) -> Any:
        @wraps(original)
        def putrequest(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:
            # The target of a request through a proxy is a whole URL, or the connection is a tunnel.
            host, start, path = _split(url)
            target = find(host or self._tunnel_host or self.host)
            if target is not None:
                if not target.links.has(self):
                    target.links.join(self, target)
                url = f"{start}{target.prefix}{path}"
            else:
                for route in routes():
                    if route.links.has(self):
                        route.links.part(self)
            original(self, method, url, *args, **kwargs)

        return putrequest

    yield module.HTTPConnection, "connect", connect
    yield module.HTTPConnection, "putrequest", putrequest
    if hasattr(module, "HTTPSConnection"):  # Python may be built without TLS.
        yield module.HTTPSConnection, "connect", connect


# --- urllib3, and with it requests and botocore ------------------------------------------------------------


def urllib3(module: ModuleType) -> Iterator[Replacement]:
    """A call is made by a pool of connections to the fake instead, with what the real pool would use."""

    def urlopen(original: Any) -> Any:
        @wraps(original)
        def urlopen(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            # The target of a request through a proxy is a whole URL.
            host, start, path = _split(url)
            target = find(host or self.host)
            if target is None:
                return original(self, method, url, *args, **kwargs)
            response = redirected(self, target, start, method, path, *args, **kwargs)
            response._request_url = url
            return response

        return urlopen

    def redirected(
        pool: Any,
        target: Target,
        start: str,
        method: str,
        path: str,
        body: Any = None,
        headers: Any = None,
        retries: Any = None,
        redirect: Any = True,
        assert_same_host: Any = True,
        timeout: Any = _UNSET,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        return stand_in(pool, target).urlopen(
            method,
            f"{target.prefix}{path}",
            body,
            _with_host(pool.headers if headers is None else headers, _host_header(pool, start)),
            pool.retries if retries is None else retries,
            redirect,
            False,  # The host is another one.
            pool.timeout if timeout is _UNSET else timeout,
            *args,
            **kwargs,
        )

    def stand_in(pool: Any, target: Target) -> Any:
        name = str(pool)

        def make() -> Any:
            # The name stands in the errors' texts.
            kind = type("Pool", (module.HTTPConnectionPool,), {"__str__": lambda self: name})
            return kind(target.host, target.port, maxsize=_KEPT_CONNECTIONS)

        return target.links.pool((name, target.netloc), make)

    yield module.HTTPConnectionPool, "urlopen", urlopen


def _host_header(pool: Any, start: str) -> str:
    if start:
        return urlsplit(start).netloc.rpartition("@")[2]
    usual = {"http": 80, "https": 443}.get(pool.scheme)
    return str(pool.host) if pool.port in (None, usual) else f"{pool.host}:{pool.port}"


def _with_host(headers: Any, host: str) -> Any:
    if any(name.lower() in ("host", b"host") for name in headers or ()):
        return headers
    headers = headers.copy() if hasattr(headers, "copy") else dict(headers or {})
    headers["Host"] = host
    return headers


# --- httpx -------------------------------------------------------------------------------------------------


def httpx(module: ModuleType) -> Iterator[Replacement]:
    """A request is made to the fake by the same transport, whose pool keeps connections by their origin."""

    def handle_request(original: Any) -> Any:
        @wraps(original)
        def handle_request(self: Any, request: Any) -> Any:
            target = find(request.url.host)
            if target is None:
                return original(self, request)
            return original(direct(self, module.HTTPTransport), moved(request, target))

        return handle_request

    def handle_async_request(original: Any) -> Any:
        @wraps(original)
        async def handle_async_request(self: Any, request: Any) -> Any:
            target = find(request.url.host)
            if target is None:
                return await original(self, request)
            return await original(direct(self, module.AsyncHTTPTransport), moved(request, target))

        return handle_async_request

    def direct(transport: Any, kind: Any) -> Any:
        """A transport whose pool goes straight to the fake, in HTTP/1.1: the same, or one for this call."""
        pool = getattr(transport, "_pool", None)
        plain = type(pool).__name__ in ("ConnectionPool", "AsyncConnectionPool")
        led_away = any(getattr(pool, name, None) for name in ("_proxy", "_uds", "_local_address"))
        if plain and not led_away and getattr(pool, "_http1", True):
            return transport
        # It keeps no connection, so that there is nothing to close.
        return kind(verify=False, trust_env=False, limits=module.Limits(max_keepalive_connections=0))

    def moved(request: Any, target: Target) -> Any:
        url = request.url.copy_with(
            scheme="http",
            host=target.host,
            port=target.port,
            raw_path=target.prefix.encode() + request.url.raw_path,
        )
        return module.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )

    yield module.HTTPTransport, "handle_request", handle_request
    yield module.AsyncHTTPTransport, "handle_async_request", handle_async_request


# --- aiohttp -----------------------------------------------------------------------------------------------


def aiohttp(module: ModuleType) -> Iterator[Replacement]:
    """A request has the fake's URL while it looks for a connection and while it is written."""
    urls: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def connect(original: Any) -> Any:
        @wraps(original)
        async def connect(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
            target = find(req.url.host)
            if target is None:
                urls.pop(req, None)
                return await original(self, req, *args, **kwargs)
            urls[req] = type(req.url).build(
                scheme="http",
                host=target.host,
                port=target.port,
                path=f"{target.prefix}{req.url.raw_path}",
                query_string=req.url.raw_query_string,
                encoded=True,
            )
            real = req.url, req.proxy
            req.url, req.proxy = urls[req], None
            try:
                return await original(self, req, *args, **kwargs)
            finally:
                req.url, req.proxy = real

        return connect

    def send(original: Any) -> Any:
        @wraps(original)
        async def send(self: Any, conn: Any) -> Any:
            url = urls.get(self)
            if url is None:
                return await original(self, conn)
            real = self.url, self.proxy
            self.url, self.proxy = url, None
            try:
                response = await original(self, conn)
            finally:
                self.url, self.proxy = real
            response._request_info = self.request_info
            return response

        return send

    yield module.BaseConnector, "connect", connect
    yield module.ClientRequest, "send", send


# By the module that has the classes.
CLIENTS: dict[str, Callable[[ModuleType], Iterator[Replacement]]] = {
    "http.client": http_client,
    "urllib3.connectionpool": urllib3,
    "httpx": httpx,
    "aiohttp": aiohttp,
}

"""Let calls for the fake's hosts pass through other tools that mock HTTP.

Precedence: a mock that the test set for that exact URL, then the fake, then the guard. Each tool has a
pass-through setting; it is applied here to calls that nothing in the tool matches, while a fake is active.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from leomock.testing.interception.http_client import Replacement
from leomock.testing.interception.routing import is_routed, is_routed_url


def respx(module: ModuleType) -> Iterator[Replacement]:
    """Give a request that no route matches a pass-through route."""

    def resolver(original: Any) -> Any:
        @wraps(original)
        @contextmanager
        def resolver(self: Any, request: Any) -> Iterator[Any]:
            with original(self, request) as resolved:
                yield resolved
                if resolved.route is None and is_routed(request.url.host):
                    resolved.route = module.Route().pass_through()
                    resolved.response = request

        return resolver

    yield module.Router, "resolver", resolver


def responses(module: ModuleType) -> Iterator[Replacement]:
    """Add the origin of a request to the prefixes that pass through."""

    def on_request(original: Any) -> Any:
        @wraps(original)
        def _on_request(self: Any, adapter: Any, request: Any, **kwargs: Any) -> Any:
            if is_routed_url(request.url):
                parts = urlsplit(request.url)
                origin = f"{parts.scheme}://{parts.netloc}/"
                if origin not in self.passthru_prefixes:
                    self.passthru_prefixes = (*self.passthru_prefixes, origin)
            return original(self, adapter, request, **kwargs)

        return _on_request

    yield module.RequestsMock, "_on_request", on_request


def requests_mock(module: ModuleType) -> Iterator[Replacement]:
    """Send a request that no matcher takes as with `real_http=True`."""

    def send(original: Any) -> Any:
        @wraps(original)
        def send(self: Any, request: Any, **kwargs: Any) -> Any:
            try:
                return original(self, request, **kwargs)
            except module.exceptions.NoMockAddress:
                if is_routed_url(request.url):
                    raise module._RunRealHTTP from None
                raise

        return send

    yield module.Adapter, "send", send


def pytest_httpx(module: ModuleType) -> Iterator[Replacement]:
    """Send a request without a registered response through the transport below the mock."""
    httpx = module.httpx

    def take_back(mock: Any, request: Any) -> bool:
        """Forget an unmatched request, so that the mock does not complain about it."""
        if not is_routed(request.url.host) or request not in mock._requests_not_matched:
            return False
        mock._requests_not_matched.remove(request)
        mock._requests[:] = [seen for seen in mock._requests if seen[1] is not request]
        return True

    def handle(original: Any) -> Any:
        @wraps(original)
        def _handle_request(self: Any, transport: Any, request: Any) -> Any:
            try:
                return original(self, transport, request)
            except httpx.TimeoutException:
                if not take_back(self, request):
                    raise
            return _below(httpx.HTTPTransport.handle_request)(transport, request)

        return _handle_request

    def handle_async(original: Any) -> Any:
        @wraps(original)
        async def _handle_async_request(self: Any, transport: Any, request: Any) -> Any:
            try:
                return await original(self, transport, request)
            except httpx.TimeoutException:
                if not take_back(self, request):
                    raise
            return await _below(httpx.AsyncHTTPTransport.handle_async_request)(transport, request)

        return _handle_async_request

    yield module.HTTPXMock, "_handle_request", handle
    yield module.HTTPXMock, "_handle_async_request", handle_async


def _below(function: Any) -> Any:
    """Return the method that pytest-httpx has wrapped."""
    while getattr(function, "__module__", "") == "pytest_httpx":
        names = function.__code__.co_freevars
        cells = dict(zip(names, function.__closure__, strict=True))
        function = next(cell.cell_contents for name, cell in cells.items() if name.startswith("real_handle"))
    return function


# The arguments with which each mock of aioresponses was created.
_pass_unmatched: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def aioresponses(module: ModuleType) -> Iterator[Replacement]:
    """Send an unmatched request as with `passthrough_unmatched`; aioresponses reads it after each match."""

    def match(original: Any) -> Any:
        @wraps(original)
        async def match(self: Any, method: str, url: Any, *args: Any, **kwargs: Any) -> Any:
            found = await original(self, method, url, *args, **kwargs)
            asked = _pass_unmatched.setdefault(self, self.passthrough_unmatched)
            self.passthrough_unmatched = asked or is_routed(url.host)
            return found

        return match

    yield module.aioresponses, "match", match


def pook(module: ModuleType) -> Iterator[Replacement]:
    """Let a request that no mock matches use the network."""

    def should_use_network(original: Any) -> Any:
        @wraps(original)
        def should_use_network(self: Any, request: Any) -> Any:
            return is_routed(request.url.hostname) or original(self, request)

        return should_use_network

    yield module.Engine, "should_use_network", should_use_network

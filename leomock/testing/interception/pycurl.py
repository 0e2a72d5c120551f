"""Leads the transfers of `pycurl`, whose sockets are libcurl's own."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from leomock.testing.interception.http_client import Replacement
from leomock.testing.interception.routing import RealHostClosedError, route_for

COULDNT_RESOLVE_HOST = 6


def pycurl(module: ModuleType) -> Iterator[Replacement]:
    """`Curl` and `CurlMulti` become classes of their own, which set where a transfer connects."""
    led = _led_curl(module)
    yield module, "Curl", lambda original: led
    yield module, "CurlMulti", lambda original: _led_multi(original)


def _led_curl(module: ModuleType) -> Any:
    class Curl(module.Curl):  # type: ignore[misc, name-defined]  # a class of C
        """A transfer that goes to the fake if its URL is one of the real service."""

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.__dict__["_url"] = ""

        def setopt(self, option: int, value: Any) -> Any:
            if option == module.URL:
                self.__dict__["_url"] = value.decode() if isinstance(value, bytes) else value
            return super().setopt(option, value)

        def perform(self) -> Any:
            led = self.lead()
            try:
                return super().perform()
            finally:
                if led:
                    self.release()

        def lead(self) -> bool:
            """Set where the transfer connects; says whether that is a fake."""
            parts = urlsplit(self.__dict__["_url"])
            try:
                route = route_for(parts.hostname)
            except RealHostClosedError as error:
                raise module.error(COULDNT_RESOLVE_HOST, error.strerror) from None
            if route is None:
                return False
            host, port = route.address()
            super().setopt(module.URL, urlunsplit(("http", *parts[1:])))
            super().setopt(module.CONNECT_TO, [f"::{host}:{port}"])
            super().setopt(module.PROXY, "")
            return True

        def release(self) -> None:
            """Let the next transfer go where its URL says."""
            super().setopt(module.URL, self.__dict__["_url"])
            super().unsetopt(module.CONNECT_TO)
            super().unsetopt(module.PROXY)

    return Curl


def _led_multi(original: Any) -> Any:
    class CurlMulti(original):  # type: ignore[misc]  # a class of C
        """Transfers at once; each goes to the fake if its URL is one of the real service."""

        def add_handle(self, handle: Any) -> Any:
            if hasattr(handle, "lead"):
                handle.lead()
            return super().add_handle(handle)

    return CurlMulti

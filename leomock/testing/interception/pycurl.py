"""Redirect the transfers of `pycurl`, whose sockets belong to libcurl."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from leomock.testing.interception.http_client import Replacement
from leomock.testing.interception.routing import RealHostClosedError, route_for

COULDNT_RESOLVE_HOST = 6


def pytest_recording(module: ModuleType) -> Iterator[Replacement]:
    """Patch the class with which pytest-recording replaces pycurl's."""
    if module.pycurl is None:  # not installed
        return

    def make(original: Any) -> Any:
        class Curl(_led_curl(module.pycurl, module.pycurl.Curl)):  # type: ignore[misc]  # known only here
            """A transfer that respects pytest-recording's `block_network` unless it goes to the fake."""

            def lead(self) -> bool:
                led: bool = super().lead()
                host = urlsplit(self.__dict__["_url"]).hostname
                blocked = not led and module._disable_pycurl and host
                if blocked and not module.is_host_in_allowed_hosts(host, module._allowed_hosts):
                    raise RuntimeError(f"Network is disabled for host {host!r}")
                return led

        return Curl

    yield module, "Curl", make


def pycurl(module: Any) -> Iterator[Replacement]:
    """Replace `Curl` and `CurlMulti` with subclasses that set where a transfer connects."""
    if not isinstance(module, ModuleType):
        return  # pytest-recording has replaced it
    yield module, "Curl", lambda original: _led_curl(module, original)
    yield module, "CurlMulti", _led_multi


def _led_curl(module: ModuleType, base: Any) -> Any:
    class Curl(base):  # type: ignore[misc]  # a class written in C
        """A transfer that goes to the fake if its URL belongs to the real service."""

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
                return self._perform()
            finally:
                if led:
                    self.release()

        def lead(self) -> bool:
            """Set where the transfer connects; return True if that is a fake."""
            parts = urlsplit(self.__dict__["_url"])
            try:
                route = route_for(parts.hostname)
            except RealHostClosedError as error:
                raise module.error(COULDNT_RESOLVE_HOST, error.strerror) from None
            if route is None:
                return False
            host, port = route.address()
            self._set(module.URL, urlunsplit(("http", *parts[1:])))
            self._set(module.CONNECT_TO, [f"::{host}:{port}"])
            self._set(module.PROXY, "")
            return True

        def release(self) -> None:
            """Let the next transfer go to the host in its URL."""
            self._set(module.URL, self.__dict__["_url"])
            self._unset(module.CONNECT_TO)
            self._unset(module.PROXY)

        def _set(self, option: int, value: Any) -> None:
            super().setopt(option, value)

        def _unset(self, option: int) -> None:
            super().unsetopt(option)

        def _perform(self) -> Any:
            return super().perform()

    return Curl


def _led_multi(original: Any) -> Any:
    class CurlMulti(original):  # type: ignore[misc]  # a class written in C
        """Concurrent transfers; each goes to the fake if its URL belongs to the real service."""

        def add_handle(self, handle: Any) -> Any:
            if hasattr(handle, "lead"):
                handle.lead()
            return super().add_handle(handle)

    return CurlMulti

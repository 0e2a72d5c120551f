"""The patches for each library, by the module that contains its classes.

Nothing here imports a library: `patching` passes in the module once other code has imported it. Each function
names the attributes to replace and makes each replacement from the original, which it calls for all other
hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType

from leomock.testing.interception import http_client, other_mocks, processes
from leomock.testing.interception.aiohttp import aiohttp
from leomock.testing.interception.http_client import Replacement
from leomock.testing.interception.httpcore import httpcore
from leomock.testing.interception.pycurl import pycurl, pytest_recording
from leomock.testing.interception.sockets import sockets

LIBRARIES: dict[str, Callable[[ModuleType], Iterator[Replacement]]] = {
    # Clients
    "socket": sockets,
    "http.client": http_client.http_client,
    "urllib3.connection": http_client.urllib3_connection,
    "urllib3_future.connection": http_client.urllib3_future,
    "urllib3_future._async.connection": http_client.urllib3_future_async,
    "httpcore": httpcore,
    "httpcore2": httpcore,
    "aiohttp": aiohttp,
    "pycurl": pycurl,
    "pytest_recording.network": pytest_recording,
    # Other processes
    "os": processes.processes_of_os,
    "subprocess": processes.subprocess,
    "asyncio": processes.asyncio_package,
    "multiprocessing.util": processes.multiprocessing_util,
    # Tools that mock HTTP
    "respx.router": other_mocks.respx,
    "responses": other_mocks.responses,
    "requests_mock.adapter": other_mocks.requests_mock,
    "pytest_httpx": other_mocks.pytest_httpx,
    "aioresponses.core": other_mocks.aioresponses,
    "pook.engine": other_mocks.pook,
}

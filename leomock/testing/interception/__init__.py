"""Redirect a Python program's connections for the real hosts to a fake.

::

    with fake.intercept():
        requests.get("https://cloud.leonardo.ai/api/rest/v1/me", headers=...)

Interception works at the connection, below every mock and recorder: the program and its other tools see the
URL that the program asked for. The connection goes to the fake without TLS, and the `Host` header selects the
API, CDN or bucket. Covered are httpx, httpx2, requests, urllib3, urllib3-future, niquests, aiohttp,
http.client, urllib.request and pycurl, over http and https, through a proxy or not, in every thread. Clients,
sessions and connections may be older than the interception, and libraries may be imported during it.

While a fake is active, every other host of the real service is blocked: resolving its name fails with an
error that says so. Calls for other hosts are left alone. Not covered are other programs (use `leomock exec`)
and C libraries that are not named above (configure those with `fake.base_url`).
"""

from __future__ import annotations

from leomock.testing.interception.interceptor import (
    Interceptor,
    close_real_hosts,
    intercept,
    open_real_hosts,
)
from leomock.testing.interception.routing import RealHostClosedError, real_calls_allowed

__all__ = [
    "Interceptor",
    "RealHostClosedError",
    "close_real_hosts",
    "intercept",
    "open_real_hosts",
    "real_calls_allowed",
]

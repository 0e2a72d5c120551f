"""Sends the calls that a Python program makes to the real hosts to a fake instead.

::

    with intercept(fake):
        requests.get("https://cloud.leonardo.ai/api/rest/v1/me", headers=...)

Covered are `requests`, `httpx` (sync and async), `aiohttp`, `urllib3`, `urllib.request` and `http.client`,
and what is built on them, for the hosts in `leomock.leonardo.hosts.REAL_HOSTS`, by http and https,
through a proxy or not, in every thread of this program. Clients, sessions and connections may be older
than the interception, and libraries may be imported during it. Calls for other hosts are left alone.

Not covered are connections that Python code does not open: libraries in C with sockets of their own
(pycurl), and other programs (subprocesses; what is forked is covered). Nor are HTTP libraries that are not
named above, aiohttp connectors for Unix sockets or with a proxy of their own, and streams over a bare
`socket` or `asyncio.open_connection`. To these give `fake.base_url`.
"""

from __future__ import annotations

from leomock.testing.interception.interceptor import Interceptor, intercept

__all__ = ["Interceptor", "intercept"]

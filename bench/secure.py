"""Measure what HTTPS and the forward proxy cost per request, compared with plain HTTP, on open connections.

`python -m bench.secure` prints the medians of several rounds in one run.
"""

from __future__ import annotations

import http.client
import ssl
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from leomock import Fake
from leomock.leonardo.hosts import API_HOST
from leomock.testing.child_processes.gateway import Gateway

ROUNDS = 7
REQUESTS = 300


def seconds_per_request(connection: http.client.HTTPConnection, key: str) -> float:
    """Read the account over one connection, `REQUESTS` times."""
    headers = {"authorization": f"Bearer {key}"}

    def read() -> None:
        connection.request("GET", "/api/rest/v1/me", headers=headers)
        connection.getresponse().read()

    read()  # connect first
    began = time.perf_counter()
    for _ in range(REQUESTS):
        read()
    return (time.perf_counter() - began) / REQUESTS


def main() -> None:
    with Fake() as fake, Gateway(fake) as gateway:
        environment = gateway.environment({})
        trust = ssl.create_default_context(cafile=Path(environment["LEOMOCK_AUTHORITY"]))
        plain_port = urlsplit(fake.url).port
        tls_host, tls_port = environment["LEOMOCK_TLS"].split(":")
        proxy_host, proxy_port = environment["LEOMOCK_PROXY"].split(":")

        def plain() -> http.client.HTTPConnection:
            return http.client.HTTPConnection("127.0.0.1", plain_port)

        def https() -> http.client.HTTPConnection:
            return http.client.HTTPSConnection(tls_host, int(tls_port), context=trust)

        def proxied() -> http.client.HTTPConnection:
            connection = http.client.HTTPSConnection(proxy_host, int(proxy_port), context=trust)
            connection.set_tunnel(API_HOST, 443)
            return connection

        trust.check_hostname = False  # the address of the TLS port is not a name of the certificate
        times: dict[str, list[float]] = {"plain": [], "https": [], "proxy": []}
        for _ in range(ROUNDS):
            for name, connect in (("plain", plain), ("https", https), ("proxy", proxied)):
                connection = connect()
                times[name].append(seconds_per_request(connection, fake.api_key))
                connection.close()
    base = median(times["plain"])
    for name, found in times.items():
        each = median(found)
        more = f", {(each - base) * 1e6:+.0f} µs beside plain HTTP" if name != "plain" else ""
        print(f"{name:6} {each * 1e6:7.0f} µs a request{more}")


if __name__ == "__main__":
    main()

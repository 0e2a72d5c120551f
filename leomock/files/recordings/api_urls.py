"""Recognise URLs of the API in recorded traffic."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from leomock.leonardo.hosts import API_HOST

# API versions in a path, either after `/api/rest` or alone.
VERSIONS = ("v1", "v2")
_NEAR = (".localhost", ".invalid", ".test", ".local", ".internal")


def api_path(url: str, base_urls: Sequence[str] = ()) -> tuple[str, str] | None:
    """Return the API version and the path below its base, with the query; None for another API.

    Every server of this API has `/api/rest/v1`; a fake and its REST adapters also have `/v1`. Many other APIs
    begin with that, so it counts only for hosts of this machine or network; likewise for version 2.
    `base_urls` are additional ones, complete or as a path on any host; without a version at the end, they are
    for version 1.
    """
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    bases = [base.rstrip("/") if "://" in base else origin + base.rstrip("/") for base in base_urls]
    bases += [f"{origin}/api/rest/{version}" for version in VERSIONS]
    if _is_near(parts.hostname or ""):
        bases += [f"{origin}/{version}" for version in VERSIONS]
    for base in bases:
        rest = url.removeprefix(base)
        if rest != url and rest[:1] in ("", "/", "?"):
            last = base.rpartition("/")[2]
            return last if last in VERSIONS else VERSIONS[0], rest
    return None


def is_elsewhere(url: str, base_urls: Sequence[str] = ()) -> bool:
    """Return True if a URL is complete and of another API."""
    return bool(urlsplit(url).netloc) and api_path(url, base_urls) is None


def _is_near(host: str) -> bool:
    """Return True if a host is the API's or belongs to this machine or network."""
    if host == API_HOST or "." not in host or host.endswith(_NEAR):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False

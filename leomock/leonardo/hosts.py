"""The hosts of the URLs in answers."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

API_HOST = "cloud.leonardo.ai"
CDN_HOST = "cdn.leonardo.ai"
# Every host of the real service, except the bucket, is below this one.
REAL_DOMAIN = "leonardo.ai"
# Only the kind of host of the real bucket is known, so this name is chosen.
UPLOAD_HOST = "leomock-uploads.s3.us-east-1.amazonaws.com"
REAL_API = f"https://{API_HOST}/api/rest"
# The hosts of the real service, and the path below which a fake serves each of them.
REAL_HOSTS = {API_HOST: "", CDN_HOST: "/cdn", UPLOAD_HOST: "/s3"}
# The host of a fake that is not listening on a port.
FAKE_HOST = "leomock.invalid"


class Addresses(NamedTuple):
    """The three bases of URLs in answers, none with a trailing slash; `api` has no version."""

    api: str
    cdn: str
    uploads: str

    @property
    def are_real(self) -> bool:
        """True if the client called the real host and the call was redirected here."""
        return self.api == REAL_API

    @classmethod
    def under(cls, origin: str) -> Addresses:
        """Return the bases below one origin (`http://127.0.0.1:8090`); below the real host, the real ones."""
        if _host_of(origin) == API_HOST:
            return cls(REAL_API, f"https://{CDN_HOST}", f"https://{UPLOAD_HOST}")
        origin = origin.rstrip("/")
        return cls(api=f"{origin}/api/rest", cdn=f"{origin}/cdn", uploads=f"{origin}/s3")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:  # clients may send anything as their Host header
        return ""

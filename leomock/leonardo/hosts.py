"""Where a client finds what an answer points to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

API_HOST = "cloud.leonardo.ai"
CDN_HOST = "cdn.leonardo.ai"
# Every host of the real service, but for the bucket, is below this one.
REAL_DOMAIN = "leonardo.ai"
# Of the real bucket only the kind of host is known, so this name is a choice.
UPLOAD_HOST = "leomock-uploads.s3.us-east-1.amazonaws.com"
REAL_API = f"https://{API_HOST}/api/rest"
# The hosts of the real service, and the path below which a fake answers what is asked of each.
REAL_HOSTS = {API_HOST: "", CDN_HOST: "/cdn", UPLOAD_HOST: "/s3"}


@dataclass(frozen=True, slots=True)
class Addresses:
    """The three bases that URLs in answers begin with, none with a slash at the end; `api` has no version."""

    api: str
    cdn: str
    uploads: str

    @property
    def are_real(self) -> bool:
        """Whether the client called the real host, so that its call was led here."""
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
    except ValueError:  # clients may send anything as their Host
        return ""

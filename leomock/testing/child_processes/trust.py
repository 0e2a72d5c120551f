"""Files of certificate authorities for child processes: those already trusted, plus the fake's."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import struct
from pathlib import Path

# The files where systems keep their trusted authorities, in the order in which Go looks for them.
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
)


def system_bundle() -> str:
    """Return the system's file of trusted authorities, else Python's; '' if neither exists."""
    for path in (*SYSTEM_BUNDLES, ssl.get_default_verify_paths().cafile or ""):
        if path and Path(path).is_file():
            return path
    try:
        import certifi
    except ImportError:
        return ""
    return certifi.where()


class Bundles:
    """Write files that combine the authorities of another file or folder with the fake's."""

    def __init__(self, folder: Path, authority: str) -> None:
        self._folder = folder
        self._authority = authority
        self._made: dict[str, Path] = {}

    def extend(self, base: str) -> str:
        """Return a file with the authorities in `base` (a file, a folder, or "") and the fake's."""
        if base not in self._made:
            file = self._folder / f"authorities-{len(self._made)}.pem"
            file.write_text("\n".join([*map(_read, _files(base)), self._authority]), "utf-8")
            self._made[base] = file
        return str(self._made[base])


def _files(base: str) -> list[Path]:
    if not base:
        return []
    path = Path(base)
    return sorted(path.iterdir()) if path.is_dir() else [path]


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:  # the command may have access to it, or may never read it
        return ""


def java_key_store(bundle: str) -> bytes:
    """Convert PEM certificates to a trust store in the format JKS, which every Java version reads.

    The password is `changeit`, Java's own default.
    """
    found = re.findall("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", bundle, re.DOTALL)
    magic, version, certificate_entry, created = 0xFEEDFEED, 2, 2, 0
    store = struct.pack(">III", magic, version, len(found))
    for number, der in enumerate(map(ssl.PEM_cert_to_DER_cert, found)):
        alias = b"%04d" % number
        store += struct.pack(
            ">IH4sqH5sI", certificate_entry, len(alias), alias, created, 5, b"X.509", len(der)
        )
        store += der
    digest = hashlib.sha1("changeit".encode("utf-16-be") + b"Mighty Aphrodite" + store)
    return store + digest.digest()


def path_separator_join(*paths: str) -> str:
    """Join the non-empty parts as a path variable."""
    return os.pathsep.join(filter(None, paths))

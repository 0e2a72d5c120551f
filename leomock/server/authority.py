"""A certificate authority for the real hosts' names, and the TLS context of a server that answers under them.

`temporary` makes an authority for one command or test run: its key signs one certificate and is discarded, so
no secret outlives the call. `Store` keeps an authority on disk for `leomock serve --https`, where browsers
and other machines must trust it for longer; only its owner can read its key.

Every authority has name constraints, so that a client that trusts it accepts no other names from it. Java
ignores name constraints of root authorities, which is why the temporary one is the default.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from leomock.leonardo.hosts import REAL_HOSTS

# The names that our certificates are for. Clients on the same machine may also use localhost.
NAMES = (*REAL_HOSTS, "localhost")
# What an authority may sign: the vendor's domain as a whole, and the other names.
CONSTRAINTS = ("leonardo.ai", *(name for name in NAMES if not name.endswith(".leonardo.ai")))

_PEM = serialization.Encoding.PEM
_DAY = datetime.timedelta(days=1)
_TEMPORARY_DAYS = 7
# Apple's platforms refuse server certificates that are valid for longer than 825 days.
_STORED_DAYS = 820
_RENEW_DAYS_BEFORE_THE_END = 30
# X.509 has all of these; `KeyUsage` requires a value for each.
_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
# IP addresses are excluded. No certificates with IP addresses are made either: BoringSSL (Bun) rejects a
# certificate with an address below an authority whose constraints mention addresses.
_NO_ADDRESSES = [x509.IPAddress(ipaddress.ip_network(net)) for net in ("0.0.0.0/0", "::/0")]


class AuthorityError(Exception):
    """A stored authority cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A server's TLS `context`, and the `certificate` (PEM) that its clients must trust."""

    certificate: str
    context: ssl.SSLContext


def temporary() -> Authority:
    """Create an authority in memory and one server certificate, and discard the authority's key."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _authority_certificate(key, "leomock, for one command", _TEMPORARY_DAYS)
    server = _server_pem(certificate, key, _TEMPORARY_DAYS)
    return Authority(certificate.public_bytes(_PEM).decode(), _server_context(server))


class Store:
    """An authority in a folder: `authority.pem` for clients to trust, `authority.key` for its owner only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate_file = folder / "authority.pem"
        self.key_file = folder / "authority.key"

    @staticmethod
    def names() -> tuple[str, ...]:
        """Return the names that certificates of this authority are for."""
        return NAMES

    def exists(self) -> bool:
        """True if an authority was created in this folder."""
        return self.certificate_file.exists() or self.key_file.exists()

    def open(self) -> Authority:
        """Return the stored authority with a new server certificate; create the authority if it is missing.

        Raises AuthorityError.
        """
        if not self.exists():
            self._make()
        certificate, key = self._read()
        server = _server_pem(certificate, key, _STORED_DAYS)
        return Authority(certificate.public_bytes(_PEM).decode(), _server_context(server))

    def remove(self) -> bool:
        """Delete the authority; return True if it existed."""
        found = self.exists()
        self.certificate_file.unlink(missing_ok=True)
        self.key_file.unlink(missing_ok=True)
        return found

    def expires(self) -> datetime.datetime:
        """Return when the authority's certificate expires (UTC). Raises AuthorityError."""
        return self._read_certificate().not_valid_after_utc

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        owner = f"leomock, on {os.uname().nodename}" if hasattr(os, "uname") else "leomock"
        certificate = _authority_certificate(key, owner[:64], _STORED_DAYS)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write_private(self.key_file, _key_bytes(key))
            self.certificate_file.write_bytes(certificate.public_bytes(_PEM))
        except OSError as error:
            raise AuthorityError(f"cannot store an authority in {self.folder}: {error.strerror}") from None

    def _read(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        certificate = self._read_certificate()
        try:
            key = serialization.load_pem_private_key(self.key_file.read_bytes(), None)
        except OSError as error:
            raise self._broken(f"cannot read {self.key_file}: {error.strerror}") from None
        except (ValueError, TypeError):
            raise self._broken(f"{self.key_file} does not hold a private key") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise self._broken(f"{self.key_file} does not belong to {self.certificate_file}")
        left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
        if left < _RENEW_DAYS_BEFORE_THE_END * _DAY:
            day = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
            raise self._broken(f"the authority in {self.folder} ends on {day}")
        return certificate, key

    def _read_certificate(self) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
        except OSError as error:
            raise self._broken(f"cannot read {self.certificate_file}: {error.strerror}") from None
        except ValueError:
            raise self._broken(f"{self.certificate_file} does not hold a certificate") from None

    @staticmethod
    def _broken(what: str) -> AuthorityError:
        return AuthorityError(f"{what}; `leomock ca --remove` deletes it, and the next start creates another")


def _authority_certificate(key: ec.EllipticCurvePrivateKey, name: str, days: int) -> x509.Certificate:
    constraints = x509.NameConstraints([x509.DNSName(each) for each in CONSTRAINTS], _NO_ADDRESSES)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    subject = _name(name)
    builder = _certificate(subject, subject, key.public_key(), days, ("key_cert_sign", "crl_sign"), 0)
    builder = builder.add_extension(identifier, critical=False).add_extension(constraints, critical=True)
    return builder.sign(key, hashes.SHA256())


def _server_pem(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    days: int,
) -> bytes:
    """Return a private key and its certificate for `NAMES`, signed by the authority, as one PEM text."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _certificate(
        _name("leomock"), authority.subject, key.public_key(), days, ("digital_signature",)
    )
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    extensions = (
        x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return _key_bytes(key) + builder.sign(authority_key, hashes.SHA256()).public_bytes(_PEM)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    days: int,
    usages: Sequence[str],
    path_length: int | None = None,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        issuer, subject, key, x509.random_serial_number(), now - _DAY, now + days * _DAY
    )
    basics = x509.BasicConstraints(ca=path_length is not None, path_length=path_length)
    usage = x509.KeyUsage(**{each: each in usages for each in _USAGES})
    return builder.add_extension(basics, critical=True).add_extension(usage, critical=True)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _server_context(pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # `ssl` loads keys only from files, so this key is briefly written to one.
    with tempfile.TemporaryDirectory(prefix="leomock-") as folder:
        file = Path(folder) / "server.pem"
        _write_private(file, pem)
        context.load_cert_chain(file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _write_private(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)

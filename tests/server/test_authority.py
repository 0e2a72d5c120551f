"""The certificate authority: what it signs, where its key is, and what is said when it cannot be used."""

from __future__ import annotations

import datetime
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from leomock.server import authority
from leomock.server.authority import AuthorityError, Store, temporary

REMEDY = "; `leomock ca --remove` deletes it, and the next start creates another"


def test_authority_may_sign_for_the_real_hosts_and_localhost_only() -> None:
    certificate = x509.load_pem_x509_certificate(temporary().certificate.encode())
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    names = {
        each.value for each in constraints.value.permitted_subtrees or () if isinstance(each, x509.DNSName)
    }
    assert constraints.critical
    assert names == {"leonardo.ai", "localhost", "leomock-uploads.s3.us-east-1.amazonaws.com"}


def test_stored_authority_is_used_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "ca")
    assert store.open().certificate == store.open().certificate


def test_key_of_a_stored_authority_is_for_its_owner_only(tmp_path: Path) -> None:
    store = Store(tmp_path / "ca")
    store.open()
    assert stat.S_IMODE(store.key_file.stat().st_mode) == 0o600


def test_removed_authority_is_gone(tmp_path: Path) -> None:
    store = Store(tmp_path / "ca")
    store.open()
    assert store.remove()
    assert not store.exists()
    assert not store.remove()


def test_key_that_cannot_be_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "ca")
    store.open()
    store.key_file.unlink()
    with pytest.raises(AuthorityError) as refused:
        store.open()
    assert str(refused.value) == f"cannot read {store.key_file}: No such file or directory{REMEDY}"


def test_key_that_is_not_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "ca")
    store.open()
    store.key_file.write_text("nothing", "utf-8")
    with pytest.raises(AuthorityError) as refused:
        store.open()
    assert str(refused.value) == f"{store.key_file} does not hold a private key{REMEDY}"


def test_key_of_another_authority(tmp_path: Path) -> None:
    store, other = Store(tmp_path / "ca"), Store(tmp_path / "other")
    store.open()
    other.open()
    store.key_file.write_bytes(other.key_file.read_bytes())
    with pytest.raises(AuthorityError) as refused:
        store.open()
    assert str(refused.value) == f"{store.key_file} does not belong to {store.certificate_file}{REMEDY}"


def test_certificate_that_is_not_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "ca")
    store.open()
    store.certificate_file.write_text("nothing", "utf-8")
    with pytest.raises(AuthorityError) as refused:
        store.expires()
    assert str(refused.value) == f"{store.certificate_file} does not hold a certificate{REMEDY}"


def test_authority_that_ends_soon(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old")])
    now = datetime.datetime.now(datetime.UTC)
    end = now + datetime.timedelta(days=3)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - datetime.timedelta(days=9), end)
    certificate = builder.sign(key, hashes.SHA256())
    store.certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    store.key_file.write_bytes(authority._key_bytes(key))
    with pytest.raises(AuthorityError) as refused:
        store.open()
    assert str(refused.value) == f"the authority in {tmp_path} ends on {end:%Y-%m-%d}{REMEDY}"


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    folder = tmp_path / "file" / "ca"
    with pytest.raises(AuthorityError) as refused:
        Store(folder).open()
    assert str(refused.value) == f"cannot store an authority in {folder}: Not a directory"

"""The environment variables that redirect a command, and all processes that it starts, to a fake.

They extend the existing environment: other hosts are still reached through the configured proxy, and are
still verified with the authorities that were trusted before.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from leomock.server.forward_proxy import Address
from leomock.testing.child_processes.trust import (
    Bundles,
    java_key_store,
    path_separator_join,
    system_bundle,
)

PRELOAD = Path(__file__).parent / "preload"

# Variables that name the only authorities to trust, each with the variables that a program reads if it is not
# set.
_REPLACING_AUTHORITIES: dict[str, tuple[str, ...]] = {
    "SSL_CERT_FILE": (),
    "CURL_CA_BUNDLE": ("SSL_CERT_FILE",),
    "REQUESTS_CA_BUNDLE": ("CURL_CA_BUNDLE",),
    "AWS_CA_BUNDLE": ("REQUESTS_CA_BUNDLE",),
    "PERL_LWP_SSL_CA_FILE": ("SSL_CERT_FILE",),
}
# Variables that name authorities to trust in addition.
_ADDING_AUTHORITIES = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")

# The variables that `child_environment` builds on.
READ_VARIABLES = (
    *_REPLACING_AUTHORITIES,
    *_ADDING_AUTHORITIES,
    *(
        "no_proxy",
        "NO_PROXY",
        "WGETRC",
        "PYTHONPATH",
        "NODE_OPTIONS",
        "PHP_INI_SCAN_DIR",
        "JAVA_TOOL_OPTIONS",
    ),
)

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def without_hosts(no_proxy: str, hosts: Collection[str]) -> list[str]:
    """Return the entries of a NO_PROXY variable that do not exclude any of `hosts` from the proxy."""
    entries = [entry.strip() for entry in no_proxy.split(",")]
    return [entry for entry in entries if entry and not _covers(entry, hosts)]


def _covers(entry: str, hosts: Collection[str]) -> bool:
    name = entry.lower().split(":")[0].removeprefix("*").lstrip(".")
    return not name or any(host == name or host.endswith(f".{name}") for host in hosts)


def child_environment(
    before: Mapping[str, str],
    folder: Path,
    *,
    authority: str,
    hosts: Collection[str],
    secure: Address,
    proxy: Address,
) -> dict[str, str]:
    """Return the variables for a child process; variables that are not returned keep their value in `before`.

    `authority` is the certificate to trust (PEM), `hosts` are the real hosts, `secure` is the fake's TLS port
    and `proxy` that of its forward proxy. Files that the variables name are written to `folder`.
    """
    bundles = Bundles(folder, authority)
    authority_file = folder / "authority.pem"
    authority_file.write_text(authority, "utf-8")
    after = {
        **_authorities(before, bundles),
        **_proxy(before, hosts, proxy),
        "WGETRC": str(_wget_settings(before, folder, bundles)),
        "LEOMOCK_REAL_HOSTS": ",".join(hosts),
        "LEOMOCK_TLS": f"{secure[0]}:{secure[1]}",
        "LEOMOCK_PROXY": f"{proxy[0]}:{proxy[1]}",
        "LEOMOCK_AUTHORITY": str(authority_file),
    }
    trusted = after["SSL_CERT_FILE"]
    return {
        **after,
        "PYTHONPATH": path_separator_join(str(PRELOAD), before.get("PYTHONPATH", "")),
        "NODE_OPTIONS": f'{before.get("NODE_OPTIONS", "")} --require "{PRELOAD / "node.cjs"}"'.strip(),
        "PHP_INI_SCAN_DIR": _php_settings(before, folder, trusted),
        "JAVA_TOOL_OPTIONS": _java_options(before, folder, trusted, proxy),
    }


def _authorities(before: Mapping[str, str], bundles: Bundles) -> dict[str, str]:
    system = system_bundle()
    variables = {}
    for name, others in _REPLACING_AUTHORITIES.items():
        base = next((before[each] for each in (name, *others) if before.get(each)), system)
        variables[name] = bundles.extend(base)
    for name in _ADDING_AUTHORITIES:
        variables[name] = bundles.extend(before.get(name, ""))
    return variables


def _proxy(before: Mapping[str, str], hosts: Collection[str], proxy: Address) -> dict[str, str]:
    """Return the proxy variables in both spellings: curl reads `http_proxy` only in lower case."""
    kept = without_hosts(before.get("no_proxy") or before.get("NO_PROXY") or "", hosts)
    url = f"http://{proxy[0]}:{proxy[1]}"
    values = {
        "http_proxy": url,
        "https_proxy": url,
        "no_proxy": ",".join(dict.fromkeys([*kept, *LOOPBACK])),
    }
    both = {spelling: value for name, value in values.items() for spelling in (name, name.upper())}
    return {**both, "PERL_LWP_ENV_PROXY": "1"}


def _wget_settings(before: Mapping[str, str], folder: Path, bundles: Bundles) -> Path:
    """Write settings for wget, which reads no variable for authorities if it was built with GnuTLS."""
    own = Path(before.get("WGETRC") or Path.home() / ".wgetrc")
    text = own.read_text("utf-8") if own.is_file() else ""
    named = re.findall(r"(?mi)^\s*ca_?certificate\s*=\s*(\S+)", text)
    file = folder / "wgetrc"
    file.write_text(f"{text}\nca_certificate = {bundles.extend(named[-1] if named else '')}\n", "utf-8")
    return file


def _php_settings(before: Mapping[str, str], folder: Path, trusted: str) -> str:
    (folder / "leomock.ini").write_text(
        f'openssl.cafile="{trusted}"\ncurl.cainfo="{trusted}"\nauto_prepend_file="{PRELOAD / "https.php"}"\n',
        "utf-8",
    )
    # An empty first entry stands for PHP's default folder.
    return f"{before.get('PHP_INI_SCAN_DIR', '')}:{folder}"


def _java_options(before: Mapping[str, str], folder: Path, trusted: str, proxy: Address) -> str:
    store = folder / "authorities.jks"
    store.write_bytes(java_key_store(Path(trusted).read_text("utf-8", "replace")))
    options = [before.get("JAVA_TOOL_OPTIONS", "")]
    for scheme in ("http", "https"):
        options += [f"-D{scheme}.proxyHost={proxy[0]}", f"-D{scheme}.proxyPort={proxy[1]}"]
    options += [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStoreType=JKS"]
    return " ".join(filter(None, options))

"""Child processes in several languages, with the real host in their source, reach the fake."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from leomock import Fake
from leomock.server.authority import NAMES, Authority, temporary
from leomock.testing.child_processes.gateway import Gateway

PROGRAMS = Path(__file__).parent / "programs"
NODE_LIBRARIES = ("axios", "axios-0", "got", "node-fetch", "undici")
NODE_CLIENTS = Path(__file__).parents[2] / "clients" / "node"
# A library that cannot be installed everywhere may be missing; every other one must answer.
OPTIONAL = {"pycurl", "httpx2", "uvloop", "aiohttp_on_uvloop"}
ME = "https://cloud.leonardo.ai/api/rest/v1/me"


@pytest.fixture(scope="module")
def fake() -> Iterator[Fake]:
    with Fake(jobs="immediate") as fake:
        yield fake


@pytest.fixture(scope="module")
def environment(fake: Fake) -> Iterator[dict[str, str]]:
    keys = {"LEONARDO_API_KEY": fake.api_key, "LEONARDO_BASE_URL": fake.base_url}
    with Gateway(fake, refuse_others=True) as gateway:
        yield gateway.environment({**os.environ, **keys})


def run(environment: dict[str, str], *command: str | Path) -> list[str]:
    """Run a program and return the lines that it prints. Skips the test where the program is missing."""
    program = str(command[0])
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        [program, *map(str, command[1:])], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_python_libraries(environment: dict[str, str]) -> None:
    answers = dict(line.split() for line in run(environment, sys.executable, PROGRAMS / "libraries.py"))
    missing = {name for name, status in answers.items() if status == "missing"}
    assert missing <= OPTIONAL
    assert {name: status for name, status in answers.items() if name not in missing} == dict.fromkeys(
        answers.keys() - missing, "200"
    )


def test_node_fetch_with_upload_and_download(environment: dict[str, str]) -> None:
    assert run(environment, "node", PROGRAMS / "journey.mjs") == ["COMPLETE true https: 204"]


def test_node_https_with_and_without_an_agent(environment: dict[str, str]) -> None:
    assert run(environment, "node", PROGRAMS / "https.mjs") == ["200", "200"]


def test_java_clients_with_their_defaults(environment: dict[str, str]) -> None:
    assert run(environment, "java", PROGRAMS / "Journey.java") == ["200 true", "200 true", "200"]


@pytest.mark.parametrize(
    ("command", "calls"),
    [
        (("ruby", "me.rb"), 1),
        (("php", "me.php"), 2),
        (("perl", "me.pl"), 2),
        (("go", "run", "me.go"), 1),
        (("deno", "run", "--allow-all", "fetch.mjs"), 1),
        (("bun", "fetch.mjs"), 1),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_other_languages(environment: dict[str, str], command: tuple[str, ...], calls: int) -> None:
    *words, program = command
    if words[0] == "perl" and shutil.which("perl"):
        done = subprocess.run(["perl", "-MLWP::Protocol::https", "-e", "1"], capture_output=True)
        if done.returncode:
            pytest.skip("Perl's LWP with https is not installed")
    if words[0] == "php" and shutil.which("php"):
        modules = subprocess.run(["php", "-m"], capture_output=True, text=True).stdout.split()
        if "curl" not in modules:
            pytest.skip("PHP's curl extension is not installed")
    assert run(environment, *words, PROGRAMS / program) == ["200"] * calls


@pytest.mark.parametrize("version", ["--http1.1", "--http1.0", "--http2"])
def test_curl(environment: dict[str, str], version: str) -> None:
    key = f"authorization: Bearer {environment['LEONARDO_API_KEY']}"
    command = ("curl", version, "--silent", "--show-error", "--output", os.devnull)
    assert run(environment, *command, "--write-out", "%{http_code}", "--header", key, ME) == ["200"]


def test_wget(environment: dict[str, str]) -> None:
    key = f"authorization: Bearer {environment['LEONARDO_API_KEY']}"
    [answer] = run(environment, "wget", "--quiet", "--output-document=-", "--header", key, ME)
    assert answer.startswith('{"user_details":')


def test_worker_of_multiprocessing_spawn(environment: dict[str, str]) -> None:
    code = """
import multiprocessing, os, urllib.request

def call(queue):
    headers = {"authorization": "Bearer " + os.environ["LEONARDO_API_KEY"]}
    request = urllib.request.Request("URL", headers=headers)
    queue.put(urllib.request.urlopen(request).status)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    worker = context.Process(target=call, args=(queue,))
    worker.start()
    print(queue.get())
    worker.join()
""".replace("URL", ME)
    folder = Path(environment["LEOMOCK_AUTHORITY"]).parent
    (folder / "spawning.py").write_text(code, "utf-8")
    assert run(environment, sys.executable, folder / "spawning.py") == ["200"]


def test_calls_reach_the_tenant_whose_key_they_carry(fake: Fake, environment: dict[str, str]) -> None:
    tenant = fake.tenant("another-key")
    code = """
import os, urllib.request

headers = {"authorization": "Bearer " + os.environ["LEONARDO_API_KEY"]}
urllib.request.urlopen(urllib.request.Request("URL", headers=headers))
""".replace("URL", ME)
    run({**environment, "LEONARDO_API_KEY": tenant.api_key}, sys.executable, "-c", code)
    assert [exchange.operation for exchange in tenant.requests] == ["getUserSelf"]


# --- other hosts ----------------------------------------------------------------------------------------

ASK = """
import ssl, sys, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1]).read().decode())
except OSError as error:
    reason = getattr(error, "reason", error)
    print(type(reason).__name__, getattr(reason, "verify_code", reason))
"""


class OtherHost:
    """A TLS server on localhost under an authority of its own."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nother")
        writer.close()


@pytest.fixture(scope="module")
def other(fake: Fake) -> Iterator[OtherHost]:
    host = OtherHost(temporary())

    async def start() -> asyncio.Server:
        return await asyncio.start_server(host.serve, "127.0.0.1", 0, ssl=host.authority.context)

    server = fake.run(start())
    host.url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"

    async def stop() -> None:
        server.close()

    yield host
    fake.run(stop())


def ask(fake: Fake, before: dict[str, str], url: str, *, refuse_others: bool = False) -> list[str]:
    with Gateway(fake, refuse_others=refuse_others) as gateway:
        return run(gateway.environment({**os.environ, **before}), sys.executable, "-c", ASK, url)


def test_authority_that_was_trusted_before_stays_trusted(
    fake: Fake, other: OtherHost, tmp_path: Path
) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(other.authority.certificate, "utf-8")
    assert ask(fake, {"SSL_CERT_FILE": str(trusted)}, other.url) == ["other"]


def test_authority_that_nobody_trusts_is_still_refused(fake: Fake, other: OtherHost) -> None:
    assert ask(fake, {}, other.url) == ["SSLCertVerificationError 20"]


def test_other_host_can_be_refused(fake: Fake) -> None:
    [line] = ask(fake, {}, "https://example.invalid/", refuse_others=True)
    assert line == "OSError Tunnel connection failed: 403 Forbidden"


def test_other_host_is_reached_through_the_proxy_that_was_set_before(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy of the test answers with an error of its own, which the child sees."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        writer.write(b"HTTP/1.1 418 I know " + line.split()[1] + b"\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(refuse, "127.0.0.1", 0)

    server = fake.run(start())
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    [line] = ask(fake, {}, "https://example.invalid/")

    async def stop() -> None:
        server.close()

    fake.run(stop())
    assert line == "OSError Tunnel connection failed: 418 I know example.invalid:443"


def test_proxy_that_leads_nowhere_is_said(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{unused.getsockname()[1]}")
        [line] = ask(fake, {}, "https://example.invalid/")
    assert line == "OSError Tunnel connection failed: 502 Bad Gateway"


# --- the gateway itself ---------------------------------------------------------------------------------


def test_nothing_remains_and_nobody_else_can_read_the_files(fake: Fake) -> None:
    with Gateway(fake) as gateway:
        folder = Path(gateway.environment()["LEOMOCK_AUTHORITY"]).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert not any("PRIVATE KEY" in file.read_text("latin-1") for file in folder.iterdir())
        port = int(gateway.environment()["https_proxy"].rpartition(":")[2])
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_entries_of_no_proxy_that_cover_a_real_host_are_dropped(fake: Fake) -> None:
    with Gateway(fake) as gateway:
        environment = gateway.environment({"NO_PROXY": "internal.example,.leonardo.ai,*,cdn.leonardo.ai"})
    assert environment["no_proxy"] == environment["NO_PROXY"] == "internal.example,localhost,127.0.0.1,::1"


def test_client_that_does_not_trust_the_authority_is_explained_once(fake: Fake) -> None:
    said: list[str] = []
    with Gateway(fake, said=said.append) as gateway:
        host, port = gateway.environment()["LEOMOCK_TLS"].split(":")
        for _ in range(2):
            with (
                socket.create_connection((host, int(port))) as connection,
                pytest.raises(ssl.SSLCertVerificationError),
            ):
                ssl.create_default_context().wrap_socket(connection, server_hostname=NAMES[0])
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            connection.recv(100)
    assert said == [
        "a client refused the certificate: it does not trust leomock's authority "
        "(`leomock ca` says how to change that)",
        "a client sent plain HTTP to the HTTPS port; use https:// in its URL",
    ]


@pytest.mark.parametrize(
    ("request_line", "status", "text"),
    [
        (b"GET / HTTP/1.1", b"400 Bad Request", b"it takes CONNECT and requests for absolute http:// URLs"),
        (b"CONNECT x:y HTTP/1.1", b"400 Bad Request", b"is not a request for a proxy"),
        (b"\x16\x03\x01", b"400 Bad Request", b"is not a request for a proxy"),
        (
            b"GET http://example.invalid/ HTTP/1.1",
            b"403 Forbidden",
            b"example.invalid is not a host of the API",
        ),
    ],
)
def test_request_that_the_proxy_does_not_take(
    environment: dict[str, str], request_line: bytes, status: bytes, text: bytes
) -> None:
    host, _, port = environment["https_proxy"].removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(request_line + b"\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert text in answer


def test_absolute_request_for_a_real_host_is_answered_by_the_fake(environment: dict[str, str]) -> None:
    """As old versions of axios send it."""
    host, _, port = environment["https_proxy"].removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"GET http://cloud.leonardo.ai/api/rest/v1/me HTTP/1.1\r\nHost: cloud.leonardo.ai\r\n"
            b"Authorization: Bearer key\r\nProxy-Connection: keep-alive\r\n\r\n"
        )
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200 OK")


# What reads the proxy variables, and so needs no preload; the others are reached by `exec` only.
WITH_A_PROXY = {"urllib", "requests", "httpx", "httpx2", "axios", "axios-0"}


def test_libraries_that_need_nothing_but_the_proxy(environment: dict[str, str]) -> None:
    without = {n: v for n, v in environment.items() if n not in ("PYTHONPATH", "NODE_OPTIONS")}
    lines = run(without, sys.executable, PROGRAMS / "libraries.py")
    if all((NODE_CLIENTS / "node_modules" / name).exists() for name in NODE_LIBRARIES) and shutil.which(
        "node"
    ):
        lines += run(without, "node", PROGRAMS / "libraries.mjs", NODE_CLIENTS / "package.json")
    answers = dict(line.split() for line in lines if not line.endswith(" missing"))
    assert {name for name, status in answers.items() if status == "200"} == WITH_A_PROXY & answers.keys()


def test_node_libraries(environment: dict[str, str]) -> None:
    if not all((NODE_CLIENTS / "node_modules" / name).exists() for name in NODE_LIBRARIES):
        pytest.skip("the Node clients are not installed")
    lines = run(environment, "node", PROGRAMS / "libraries.mjs", NODE_CLIENTS / "package.json")
    assert lines == [f"{name} 200" for name in NODE_LIBRARIES]

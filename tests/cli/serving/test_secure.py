"""`leomock serve --https --proxy`, and `leomock ca`, which tells how to trust it."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from leomock.cli.main import main
from tests.cli.test_main import served


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return tmp_path


def run_ca(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["ca", *arguments])
    return done.exit_code, done.output


def test_https_and_proxy_answer_for_the_real_host(home: Path) -> None:
    with served("--https", "0", "--proxy", "0", "--quiet") as (process, _):
        assert process.stdout
        https = re.search(r"https://localhost:\d+", process.stdout.readline())
        proxy = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert https
        assert proxy
        _, certificate = run_ca("--path")
        trust = ssl.create_default_context(cafile=certificate.strip())
        headers = {"authorization": "Bearer key"}
        with httpx.Client(verify=trust, proxy=proxy[0], headers=headers, trust_env=False) as client:
            assert client.get("https://cloud.leonardo.ai/api/rest/v1/me").status_code == 200
        with httpx.Client(verify=trust, headers=headers, trust_env=False) as client:
            assert client.get(f"{https[0]}/api/rest/v1/me").status_code == 200


def test_ca_before_there_is_one(home: Path) -> None:
    folder = home / "settings" / "leomock" / "ca"
    assert run_ca() == (
        2,
        f"Error: there is no authority in {folder}; `leomock serve --https` creates it when it first "
        "starts\n",
    )
    assert run_ca("--remove") == (0, f"there is no authority in {folder}\n")


def test_ca_tells_how_to_trust_it_and_removes_it(home: Path) -> None:
    with served("--https", "0", "--quiet"):
        pass
    code, text = run_ca()
    file = home / "settings" / "leomock" / "ca" / "authority.pem"
    assert code == 0
    assert text.startswith(f"{file}\nvalid until 20")
    assert f"export NODE_EXTRA_CA_CERTS={file}\n" in text
    assert run_ca("--remove") == (0, f"removed {file.parent}\n")
    assert not file.exists()


def test_authority_that_cannot_be_used_stops_the_start(home: Path) -> None:
    folder = home / "settings" / "leomock" / "ca"
    folder.mkdir(parents=True)
    (folder / "authority.pem").write_text("nothing", "utf-8")
    done = CliRunner().invoke(main, ["serve", "--https"])
    assert (done.exit_code, done.output) == (
        2,
        f"Error: {folder / 'authority.pem'} does not hold a certificate; `leomock ca --remove` deletes it, "
        "and the next start creates another\n",
    )


def test_https_port_that_is_taken(home: Path) -> None:
    with served("--quiet") as (_, url):
        port = url.rpartition(":")[2]
        done = CliRunner().invoke(main, ["serve", "--port", "0", "--https", port])
    assert (done.exit_code, done.output) == (
        2,
        f"Error: cannot listen on 127.0.0.1:{port}: Address already in use; --https 0 picks a free port\n",
    )

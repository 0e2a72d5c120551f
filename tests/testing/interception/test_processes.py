"""Processes that a test starts reach the test's account, and never the real service."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from leomock.testing.tenant import Tenant

ME = "https://cloud.leonardo.ai/api/rest/v1/me"
# With a key that nobody named, as of a program that reads its key from elsewhere.
PYTHON = f"""
import urllib.request
request = urllib.request.Request({ME!r}, headers={{"authorization": "Bearer somebody"}})
print(urllib.request.urlopen(request).status)
"""
NODE = f"""
fetch({ME!r}, {{headers: {{authorization: "Bearer somebody"}}}}).then(answer => console.log(answer.status))
"""
OTHER_HOST = """
import urllib.request
try:
    urllib.request.urlopen("http://other.leonardo.ai/")
except OSError as error:
    print(error.code, error.read().decode().strip())
"""
LED = "import os; print(os.environ.get('LEOMOCK_GATEWAY', ''))"


def ask() -> None:
    """Ask who the account is, in a process of `multiprocessing`."""
    exec(PYTHON)  # the same program as elsewhere


def by_run() -> None:
    done = subprocess.run([sys.executable, "-c", PYTHON], capture_output=True, text=True, check=True)
    assert done.stdout == "200\n"


def by_run_with_an_environment() -> None:
    command = [sys.executable, "-c", PYTHON]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True)
    assert done.stdout == b"200\n"


def by_asyncio() -> None:
    async def run() -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PYTHON, stdout=subprocess.DEVNULL
        )
        return await process.wait()

    assert asyncio.run(run()) == 0


def by_posix_spawn() -> None:
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", PYTHON], os.environ)
    assert os.waitpid(pid, 0)[1] == 0


def by_spawn_of_os() -> None:
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", PYTHON]) == 0


def by_multiprocessing(method: str) -> Callable[[], None]:
    def start() -> None:
        process = cast(Any, multiprocessing.get_context(method)).Process(target=ask)
        process.start()
        process.join()
        assert process.exitcode == 0

    return start


def by_node() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    done = subprocess.run([node, "-e", NODE], capture_output=True, text=True, check=True)
    assert done.stdout == "200\n"


WAYS = {
    "subprocess": by_run,
    "subprocess with env": by_run_with_an_environment,
    "asyncio": by_asyncio,
    "os.posix_spawn": by_posix_spawn,
    "os.spawnv": by_spawn_of_os,
    "multiprocessing spawn": by_multiprocessing("spawn"),
    "multiprocessing fork": by_multiprocessing("fork"),
    "node": by_node,
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("way", WAYS)
def test_a_process_reaches_the_account_of_the_test(way: str, leomock: Tenant) -> None:
    before = dict(os.environ)
    WAYS[way]()
    assert [exchange.operation for exchange in leomock.requests] == ["getUserSelf"]
    assert dict(os.environ) == before


def test_a_process_cannot_reach_other_hosts_of_the_real_service(leomock: Tenant) -> None:
    done = subprocess.run([sys.executable, "-c", OTHER_HOST], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "403 leomock's proxy: other.leonardo.ai is the real service, and the fake does not answer for it\n"
    )
    assert leomock.requests == []


def test_an_environment_that_is_led_already_stays_as_it_is(leomock: Tenant) -> None:
    program = f"""
import os, subprocess, sys
print(subprocess.run([sys.executable, "-c", {LED!r}], capture_output=True, text=True).stdout.strip())
"""
    once = subprocess.run([sys.executable, "-c", LED], capture_output=True, text=True, check=True).stdout
    twice = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert Path(once.strip()).is_dir()
    assert twice == once

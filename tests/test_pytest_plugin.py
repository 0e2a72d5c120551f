"""The pytest plugin, in test suites of its own."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

CALL = """
import os
import httpx

def create(prompt="a cat", base=None, key=None):
    base = base or os.environ["LEONARDO_BASE_URL"]
    headers = {"authorization": "Bearer " + (key or os.environ["LEONARDO_API_KEY"])}
    return httpx.post(base + "/generations", json={"prompt": prompt}, headers=headers)
"""


# Calls of two libraries for the real host, at once.
ASYNC_CALLS = """
import os
import aiohttp
import anyio
import httpx

URL = "https://cloud.leonardo.ai/api/rest/v1/generations"

def headers():
    return {"authorization": "Bearer " + os.environ["LEONARDO_API_KEY"]}

async def with_httpx():
    async with httpx.AsyncClient() as client:
        answer = await client.post(URL, json={"prompt": "a cat"}, headers=headers())
    assert answer.status_code == 200

async def with_aiohttp():
    async with aiohttp.ClientSession() as session:
        async with session.post(URL, json={"prompt": "a dog"}, headers=headers()) as answer:
            assert answer.status == 200

async def at_once(*calls):
    async with anyio.create_task_group() as group:
        for call in calls:
            group.start_soon(call)
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A suite with strict markers and warnings as errors, without those that want settings or are slow."""
    pytester.makepyprojecttoml(
        "[tool.pytest.ini_options]\n"
        'addopts = "--strict-markers --strict-config -p no:asyncio -p no:respx -p no:schemathesis '
        '-p no:randomly"\n'
        'filterwarnings = ["error"]\n'
    )
    pytester.makepyfile(calls=CALL, async_calls=ASYNC_CALLS)
    return pytester


def test_fixture_is_an_empty_tenant_for_each_test(suite: pytest.Pytester) -> None:
    """Isolation and reset are free; the key and the address are in the environment."""
    suite.makepyfile(
        """
        import os
        import pytest
        from calls import create

        @pytest.mark.parametrize("number", range(3))
        def test_one(leomock, number):
            assert len(leomock.world.generations) == 0
            assert create().status_code == 200
            leomock.assert_called("createGeneration", times=1)
            assert os.environ["LEONARDO_AI_API_KEY"] == leomock.api_key

        def test_environment_is_clean():
            assert "LEONARDO_API_KEY" not in os.environ
        """
    )
    suite.runpytest_subprocess().assert_outcomes(passed=4)


def test_fixed_hosts_reach_the_fake(suite: pytest.Pytester) -> None:
    """On by default, off by option."""
    suite.makepyfile(
        """
        from calls import create

        def test_it(leomock):
            answer = create(base="https://cloud.leonardo.ai/api/rest/v1")
            assert answer.status_code == 200
            leomock.assert_called("createGeneration")
        """
    )
    suite.runpytest_subprocess().assert_outcomes(passed=1)


def test_client_and_webhooks(suite: pytest.Pytester) -> None:
    """`leomock_client` is pointed and keyed, `leomock_webhooks` receives."""
    suite.makepyfile(
        """
        def test_it(leomock, leomock_client, leomock_webhooks):
            made = leomock_client.post("/generations", json={"prompt": "a"}).json()
            id = made["sdGenerationJob"]["generationId"]
            leomock.finish(id)
            leomock.advance_until_idle()
            (got,) = leomock_webhooks.wait_for(type="image_generation.complete")
            assert got.body["data"]["object"]["id"] == id
        """
    )
    suite.runpytest_subprocess().assert_outcomes(passed=1)


def test_marker_nearest_wins(suite: pytest.Pytester) -> None:
    """Scenario, pace, clock and seed, per test."""
    suite.makepyfile(
        """
        import pytest
        from calls import create

        pytestmark = pytest.mark.leomock(scenario="out_of_credits", jobs="immediate", clock="frozen")

        def test_module(leomock):
            assert create().status_code == 400
            assert leomock.clock.rate == 0

        @pytest.mark.leomock(scenario=["invalid_key"])
        def test_own(leomock):
            assert create().status_code == 401
            assert leomock.world.settings.jobs == "immediate"

        @pytest.mark.leomock(scenario=(), seed=7)
        def test_none(leomock, make_leomock):
            assert create().status_code == 200
            assert leomock.world.settings.seed == 7
            assert make_leomock().world.settings.seed == 0
        """
    )
    suite.runpytest_subprocess().assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("mark", "error"),
    [
        ("scenaro='flaky'", "@pytest.mark.leomock knows no 'scenaro'; did you mean 'scenario'?"),
        ("zzz=1", "@pytest.mark.leomock knows no 'zzz'; there are scenario, jobs, seed, clock, strict"),
        ("'slow'", "@pytest.mark.leomock takes arguments by name, such as scenario='flaky', not 'slow'"),
        (
            "strict='maybe'",
            "@pytest.mark.leomock strict='maybe': use True, False or a list of the verdict's rules",
        ),
    ],
)
@pytest.mark.parametrize("arguments", [[], ["-n", "2"]])
def test_marker_that_cannot_be_meant_fails_at_collection(
    suite: pytest.Pytester, mark: str, error: str, arguments: list[str]
) -> None:
    """With a suggestion, once for a test of many parameters, and without a traceback of the plugin."""
    many = "@pytest.mark.parametrize('n', range(9))"
    wrong = f"import pytest\n\n{many}\n@pytest.mark.leomock({mark})\ndef test_it(leomock, n):\n    pass\n"
    suite.makepyfile(test_good="def test_it(leomock):\n    pass\n", test_wrong=wrong)
    result = suite.runpytest_subprocess(*arguments)
    # pytest-xdist runs the other tests all the same.
    assert result.ret == (pytest.ExitCode.TESTS_FAILED if arguments else pytest.ExitCode.INTERRUPTED)
    output = result.stdout.str() + result.stderr.str()
    assert f"test_wrong.py::test_it[0]: {error}" in output
    assert "test_it[1]" not in output
    assert "Traceback" not in output
    assert "pytest_plugin.py" not in output


@pytest.mark.parametrize(
    ("arguments", "test", "error"),
    [
        (
            ["--leomock-jobs=soon"],
            "leomock",
            "leomock: jobs='soon': use seconds:S (e.g. seconds:2), polls:N, polls:N,seconds:S, "
            "immediate or manual",
        ),
        (["-o", "leomock_clock=stopped"], "leomock", "leomock: clock='stopped': use running or frozen"),
        (
            ["--leomock-scenario=flakky"],
            "leomock",
            "leomock: scenario='flakky': not known; did you mean 'flaky'?",
        ),
        (
            [],
            "make_leomock, call=lambda make: make(sceanrio='flaky')",
            "leomock: make_leomock knows no 'sceanrio'; did you mean 'scenario'?",
        ),
        (
            [],
            "make_leomock, call=lambda make: make(port=1)",
            "leomock: make_leomock knows no 'port'; there are scenario, jobs, seed, clock, credits,",
        ),
        (
            [],
            "make_leomock, call=lambda make: make(limits='unreal')",
            "leomock: limits='unreal': use none or real",
        ),
        (
            [],
            "make_leomock, call=lambda make: make(generations='x')",
            "leomock: generations='x': use a whole number, 0 or more",
        ),
        (
            [],
            "make_leomock, call=lambda make: make(webhook_url='http://a.test/', webhook_timeout='x')",
            "leomock: webhook_timeout='x': use a number",
        ),
    ],
)
def test_setting_that_cannot_be_meant_is_told_alone(
    suite: pytest.Pytester, arguments: list[str], test: str, error: str
) -> None:
    """Without the way that it took through leomock."""
    suite.makepyfile(f"def test_it({test}):\n    call(make_leomock)\n")
    result = suite.runpytest_subprocess(*arguments)
    assert result.ret in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.USAGE_ERROR)
    output = result.stdout.str() + result.stderr.str()
    assert error in output
    assert "pytest_plugin.py" not in output


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ("{'jbos': 'immediate'}", "the fixture leomock_settings knows no 'jbos'; did you mean 'jobs'?"),
        ("{'port': 8090}", "the fixture leomock_settings knows no 'port'; there are clock, scenario, seed,"),
        ("{'jobs': 3}", "jobs=3: use a text"),
        ("{'credits': '100'}", "credits='100': use a whole number"),
    ],
)
def test_settings_fixture_that_cannot_be_meant_is_told_alone(
    suite: pytest.Pytester, settings: str, error: str
) -> None:
    """With a suggestion, without the way that it took through leomock."""
    suite.makepyfile("def test_it(leomock):\n    pass\n")
    suite.makeconftest(
        f"""
        import pytest

        @pytest.fixture(scope="session")
        def leomock_settings():
            return {settings}
        """
    )
    output = suite.runpytest_subprocess().stdout.str()
    assert f"leomock: {error}" in output
    assert "pytest_plugin.py" not in output


@pytest.mark.parametrize(
    ("fixture", "value", "error"),
    [
        ("address", "'127.0.0.1'", "leomock_address gives '127.0.0.1', not (host, port)"),
        ("address", "('127.0.0.1', 'x')", "leomock_address gives ('127.0.0.1', 'x'), not (host, port)"),
        (
            "address",
            "('127.0.0.1', 99999)",
            "leomock: port=99999: use a number from 0 (any free port) to 65535",
        ),
        ("settings", "None", "leomock_settings gives None, not settings by their names"),
        ("settings", "{1: 2}", "leomock_settings gives {1: 2}, not settings by their names"),
    ],
)
def test_fixture_of_another_kind_is_told_alone(
    suite: pytest.Pytester, fixture: str, value: str, error: str
) -> None:
    """Not by what fails on the way."""
    overridden = f"@pytest.fixture(scope='session')\ndef leomock_{fixture}():\n    return {value}\n"
    suite.makeconftest(f"import pytest\n\n{overridden}")
    suite.makepyfile("def test_it(leomock):\n    pass\n")
    output = suite.runpytest_subprocess().stdout.str()
    assert error in output
    assert "pytest_plugin.py" not in output


def test_scenarios_of_the_ini_file_may_be_a_list(suite: pytest.Pytester) -> None:
    """As a list of pyproject.toml, or with commas."""
    suite.makepyfile(
        """
        def test_it(leomock):
            assert [each.name for each in leomock.world.scenario_engine.scenarios] == ["slow", "flaky"]
        """
    )
    path = suite.path / "pyproject.toml"
    path.write_text(path.read_text("utf-8") + '\nleomock_scenario = ["slow", "flaky"]\n', "utf-8")
    suite.runpytest_subprocess().assert_outcomes(passed=1)
    suite.runpytest_subprocess("-o", "leomock_scenario=slow, flaky").assert_outcomes(passed=1)


def test_address_that_is_taken_is_told_alone(suite: pytest.Pytester) -> None:
    """With the fixture that gave it, and what would work."""
    suite.makepyfile("def test_it(leomock):\n    pass\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        suite.makeconftest(
            f"""
            import pytest

            @pytest.fixture(scope="session")
            def leomock_address():
                return "127.0.0.1", {port}
            """
        )
        output = suite.runpytest_subprocess().stdout.str()
    reason = os.strerror(errno.EADDRINUSE)
    assert (
        f"leomock: cannot listen on 127.0.0.1:{port}, as the fixture leomock_address says: {reason}; "
        "port 0 is any that is free"
    ) in output
    assert "pytest_plugin.py" not in output


@pytest.mark.parametrize("name", ["intercept", "strict"])
def test_option_that_is_no_yes_or_no_ends_the_run(suite: pytest.Pytester, name: str) -> None:
    """Before any test runs."""
    result = suite.runpytest_subprocess(f"--leomock-{name}=maybe")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip() == (
        f"ERROR: leomock: {name}='maybe': use yes or no (from --leomock-{name})"
    )


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("jobs=foo", "jobs='foo'"),
        ("clock=stopped", "clock='stopped': use running or frozen"),
    ],
)
def test_wrong_option_ends_the_run_once(suite: pytest.Pytester, option: str, text: str) -> None:
    suite.makepyfile(
        "import pytest\n@pytest.mark.parametrize('n', range(9))\ndef test_it(leomock, n): pass\n"
    )
    result = suite.runpytest_inprocess(f"--leomock-{option}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().count(f"ERROR: leomock: {text}") == 1


def test_strict_may_name_the_rules_that_count(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.leomock(strict=["polled-too-fast"])
        def test_waived(leomock, leomock_client):
            leomock_client.post("/generations", json={"promt": "a"})

        @pytest.mark.leomock(strict=["unexpected-variable"])
        def test_counts(leomock, leomock_client):
            leomock_client.post("/generations", json={"promt": "a"})
        """
    )
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    assert "leomock: jobs=" not in result.stdout.str()


def test_several_accounts_in_one_test(suite: pytest.Pytester) -> None:
    """`make_leomock` gives tenants that never see each other."""
    suite.makepyfile(
        """
        from calls import create

        def test_it(make_leomock):
            one, two = make_leomock(), make_leomock(scenario="invalid_key")
            assert create(base=one.base_url, key=one.api_key).status_code == 200
            assert create(base=two.base_url, key=two.api_key).status_code == 401
            assert one.user_id != two.user_id
        """
    )
    suite.runpytest_subprocess().assert_outcomes(passed=1)


def test_options_come_from_line_environment_and_ini(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Command line before environment before ini; the header shows what is not the default."""
    suite.makepyfile("def test_it(leomock):\n    print('jobs', leomock.world.settings.jobs)\n")

    def jobs(*arguments: str) -> str:
        result = suite.runpytest_subprocess("-s", *arguments)
        result.assert_outcomes(passed=1)
        (line,) = [line for line in result.outlines if line.startswith("jobs ") or " jobs " in line]
        return line.split("jobs ")[1].rstrip(".")

    assert jobs() == "polls:1,seconds:10"
    assert jobs("-o", "leomock_jobs=polls:2") == "polls:2"
    monkeypatch.setenv("LEOMOCK_JOBS", "polls:3")
    assert jobs("-o", "leomock_jobs=polls:2") == "polls:3"
    assert jobs("--leomock-jobs=immediate") == "immediate"
    result = suite.runpytest_subprocess("--leomock-jobs=immediate")
    result.stdout.fnmatch_lines(["leomock: jobs=immediate"])


def test_strict_fails_on_findings(suite: pytest.Pytester) -> None:
    """A client that does what it should not fails the test, with the finding as the reason."""
    suite.makepyfile(
        """
        import pytest
        from calls import create

        @pytest.mark.leomock(strict=True)
        def test_bad(leomock, leomock_client):
            for _ in range(2):
                leomock_client.post("/generations", json={"prompt": "a", "num_images": 99})

        @pytest.mark.leomock(strict=True)
        def test_good(leomock):
            create()
        """
    )
    result = suite.runpytest_subprocess("-rN")  # no summary, which is whole where CI is set
    result.assert_outcomes(passed=1, failed=1)
    output = result.stdout.str()
    assert output.count("\nleomock: retried-what-cannot-succeed\n") == 1  # the line that a summary shows
    assert output.count("\nretried-what-cannot-succeed: ") == 1
    assert "- leomock journal of " in output


def test_strict_says_nothing_more_of_a_test_that_failed(suite: pytest.Pytester) -> None:
    """The verdict is in its report already; one that is expected to fail may fail for its findings."""
    suite.makepyfile(
        """
        import unittest
        import pytest

        pytestmark = pytest.mark.leomock(strict=True)

        def retry(client):
            for _ in range(2):
                client.post("/generations", json={"prompt": "a", "num_images": 99})

        def test_bad(leomock_client):
            retry(leomock_client)
            assert False

        @pytest.mark.xfail(strict=True)
        def test_expected(leomock_client):
            retry(leomock_client)

        class Old(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def set_up(self, leomock_client):
                self.client = leomock_client

            def test_it(self):
                retry(self.client)
        """
    )
    result = suite.runpytest_subprocess("-rN")  # no summary, which is whole where CI is set
    result.assert_outcomes(failed=2, xfailed=1)
    assert result.stdout.str().count("\nretried-what-cannot-succeed: ") == 2


def test_failing_test_shows_the_journal(suite: pytest.Pytester) -> None:
    """What was asked and answered, a line each."""
    suite.makepyfile(
        """
        from calls import create

        def test_it(leomock):
            create()
            assert False
        """
    )
    result = suite.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*leomock journal of *", "#1 POST /api/rest/v1/generations createGeneration 200*"]
    )


@pytest.mark.parametrize("place", ["before", "after"])
def test_failing_fixture_shows_the_journal(suite: pytest.Pytester, place: str) -> None:
    """Before the test as well as after it."""
    suite.makepyfile(
        f"""
        import pytest
        from calls import create

        @pytest.fixture
        def made(leomock):
            create()
            assert "{place}" == "after"
            yield
            assert False

        def test_it(made):
            pass
        """
    )
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=int(place == "after"), errors=1)
    result.stdout.fnmatch_lines(
        ["*leomock journal of *", "#1 POST /api/rest/v1/generations createGeneration 200*"]
    )


def test_tenants_are_forgotten_at_the_end_of_their_test(suite: pytest.Pytester) -> None:
    """Also when it failed."""
    suite.makepyfile(
        """
        import pytest

        @pytest.fixture(autouse=True, scope="session")
        def nothing_left(leomock_server):
            yield
            assert len(list(leomock_server.api.worlds)) == 2  # those of the test that ends

        @pytest.mark.parametrize("number", range(3))
        def test_it(leomock, make_leomock, number):
            make_leomock()
            assert number
        """
    )
    suite.runpytest_subprocess().assert_outcomes(passed=2, failed=1)


def test_failing_test_shows_calls_that_were_not_let_in(suite: pytest.Pytester) -> None:
    """Which no tenant's journal has; those of earlier tests are forgotten."""
    suite.makepyfile(
        """
        import httpx

        def test_before(leomock):
            assert httpx.get(leomock.base_url + "/me").status_code == 401

        def test_it(leomock):
            assert httpx.get(leomock.base_url + "/generations/1").status_code == 200
        """
    )
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- leomock: calls without a valid API key -*",
            "#2 GET /api/rest/v1/generations/1 api 401 | send the header 'Authorization: Bearer <API key>'; "
            "it is missing",
        ]
    )
    assert "#1 GET" not in result.stdout.str()


def test_failing_test_shows_calls_with_another_key(suite: pytest.Pytester) -> None:
    """A client that was made before the test has such a one; calls of earlier tests are not told again."""
    suite.makepyfile(
        """
        from calls import create

        def test_before(leomock):
            assert create(key="made-before").status_code == 200

        def test_it(leomock):
            create(key="made-before")
            leomock.assert_called("createGeneration")
        """
    )
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- leomock: calls with another key, made… -*",
            "#2 POST /api/rest/v1/generations createGeneration 200*",
        ]
    )
    assert "#1 POST" not in result.stdout.str()
    assert "leomock journal" not in result.stdout.str()


def test_unittest_style_and_random_workers(suite: pytest.Pytester) -> None:
    """Fixtures by `usefixtures`; four workers share nothing and clash over no port."""
    suite.makepyfile(
        """
        import unittest
        import pytest
        from calls import create

        @pytest.mark.usefixtures("leomock")
        class TestIt(unittest.TestCase):
            def test_it(self):
                self.assertEqual(create().status_code, 200)

        @pytest.mark.parametrize("number", range(200))
        def test_many(leomock, number):
            assert create(str(number)).status_code == 200
            assert len(leomock.world.generations) == 1
        """
    )
    suite.runpytest_subprocess("-n", "4").assert_outcomes(passed=201)


def test_plugin_can_be_left_out(suite: pytest.Pytester) -> None:
    """`-p no:leomock` leaves no trace."""
    suite.makepyfile("def test_it():\n    pass\n")
    result = suite.runpytest_subprocess("-p", "no:leomock")
    result.assert_outcomes(passed=1)
    assert "leomock:" not in result.stdout.str()


# --- beside other plugins -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "mark"), [("auto", ""), ("strict", "@pytest.mark.asyncio")])
def test_async_tests_of_pytest_asyncio(suite: pytest.Pytester, mode: str, mark: str) -> None:
    """Tests and fixtures that are coroutines find the real host answered."""
    pytest.importorskip("pytest_asyncio")
    suite.makepyprojecttoml(
        "[tool.pytest.ini_options]\n"
        'addopts = "--strict-markers --strict-config"\n'
        'filterwarnings = ["error"]\n'
        f'asyncio_mode = "{mode}"\n'
        'asyncio_default_fixture_loop_scope = "function"\n'
    )
    suite.makepyfile(
        f"""
        import asyncio
        import pytest
        import pytest_asyncio
        from async_calls import at_once, with_aiohttp, with_httpx

        @pytest_asyncio.fixture
        async def made(leomock):
            await with_httpx()
            return leomock

        {mark}
        async def test_calls(leomock):
            await at_once(with_httpx, with_aiohttp)
            leomock.assert_called("createGeneration", times=2)

        {mark}
        async def test_fixture_and_time(made):
            made.assert_called("createGeneration", times=1)
            before = made.clock.now()
            with made.fast_polling():
                await asyncio.sleep(3600)
            assert made.clock.now() - before >= 3600
        """
    )
    suite.runpytest_subprocess("-W", "error").assert_outcomes(passed=2)


def test_async_tests_of_anyio(suite: pytest.Pytester) -> None:
    """On asyncio and, with httpx, on trio."""
    pytest.importorskip("trio")
    suite.makepyfile(
        """
        import pytest
        from async_calls import at_once, with_aiohttp, with_httpx

        pytestmark = pytest.mark.anyio

        @pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
        async def test_httpx(leomock, anyio_backend):
            await at_once(with_httpx, with_httpx)
            leomock.assert_called("createGeneration", times=2)

        @pytest.mark.parametrize("anyio_backend", ["asyncio"])
        async def test_aiohttp(leomock, anyio_backend):
            await at_once(with_httpx, with_aiohttp)
            leomock.assert_called("createGeneration", times=2)
        """
    )
    suite.runpytest_subprocess("-W", "error").assert_outcomes(passed=3)


def test_random_order(suite: pytest.Pytester) -> None:
    """No test finds what another one left."""
    pytest.importorskip("random_order")
    suite.makepyfile(
        """
        import pytest
        from calls import create

        @pytest.mark.parametrize("number", range(20))
        def test_it(leomock, number):
            create(str(number))
            leomock.assert_called("createGeneration", times=1, body={"prompt": str(number)})

        @pytest.mark.leomock(scenario="out_of_credits")
        def test_scenario(leomock):
            assert create().status_code == 400
        """
    )
    for seed in ("1", "2"):
        result = suite.runpytest_subprocess("--random-order-bucket=global", f"--random-order-seed={seed}")
        result.assert_outcomes(passed=21)


def test_no_plugin_but_this_one(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where plugins are not loaded by themselves it is named; it needs none of the others."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    suite.makepyfile(
        """
        import sys
        from calls import create

        def test_it(leomock):
            assert create(base="https://cloud.leonardo.ai/api/rest/v1").status_code == 200
            others = {"pytest_asyncio", "anyio.pytest_plugin", "xdist", "random_order"}
            assert not others & set(sys.modules)
        """
    )
    suite.runpytest_subprocess("-p", "leomock.pytest_plugin", "-W", "error").assert_outcomes(passed=1)
    result = suite.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    assert "fixture 'leomock' not found" in result.stdout.str()


def test_fixtures_read_well() -> None:
    """The first line of each in `pytest --fixtures`."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--fixtures",
            "-q",
            "--co",
            "-p",
            "no:cacheprovider",
            "tests/state/test_settings.py",
        ],
        capture_output=True,
        text=True,
    )
    for line in (
        "The fake Leonardo.AI API for one test: an empty tenant with its own key, clock and faults.",
        "The fake Leonardo.AI API on a port, shared by the session.",
        "An httpx client with the test's key, based at the API.",
        "A receiver for the test's webhooks, with `wait_for(...)`.",
        "Make tenants of the fake: several accounts, or other settings, in one test.",
    ):
        assert line in done.stdout


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    """Every pytest run that has leomock installed pays for it."""
    code = (
        "import sys, pytest\nbefore = set(sys.modules)\n"
        "import leomock.pytest_plugin\nprint(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {
        "leomock",
        "leomock.version",
        "leomock.pytest_plugin",
        "leomock.testing",
        "leomock.testing.pytest_options",
        "difflib",
    }


# --- the project's file of settings ---------------------------------------------------------------------


def test_settings_of_the_project_come_after_ini_and_before_defaults(suite: pytest.Pytester) -> None:
    """Those of the fake hold as well; the table for pytest comes before what all commands share."""
    (suite.path / "leomock.toml").write_text(
        'jobs = "manual"\ncredits = 5\n[pytest]\njobs = "polls:3"\nstrict = false\n',
        "utf-8",
    )
    suite.makepyfile(
        """
        def test_it(leomock_server):
            assert leomock_server.api.settings.jobs == "polls:3"
            assert leomock_server.api.settings.credits == 5
        """
    )
    done = suite.runpytest_inprocess()
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["leomock: jobs=polls:3"])


def test_unknown_setting_of_the_project_stops_pytest(suite: pytest.Pytester) -> None:
    (suite.path / "leomock.toml").write_text("[pytest]\nstirct = true\n", "utf-8")
    done = suite.runpytest_inprocess()
    done.stderr.fnmatch_lines(
        [
            f"ERROR: leomock: {suite.path / 'leomock.toml'}, table pytest: there is no setting 'stirct'; "
            "did you mean 'strict'?"
        ]
    )


@pytest.mark.parametrize("budget", ["'x'", "-1", "True", "1.5"])
def test_budget_that_is_no_number_fails_its_test_only(suite: pytest.Pytester, budget: str) -> None:
    """It does not end the run."""
    suite.makepyfile(
        f"""
        import pytest

        @pytest.mark.leomock(budget={budget})
        def test_wrong(leomock):
            pass

        def test_right(leomock):
            pass
        """
    )
    result = suite.runpytest_inprocess()
    result.assert_outcomes(passed=1, errors=1)
    value = budget.replace('"', "'")
    result.stdout.fnmatch_lines([f"leomock: budget={value}: use a whole number, 0 or more"])


def test_option_names_where_it_comes_from(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable of a CI job is far from the project."""
    error = "ERROR: leomock: clock='stopped': use running or frozen (from {})"
    told = []
    result = suite.runpytest_inprocess("-o", "leomock_clock=stopped")
    told.append(result.stderr.str().strip())
    monkeypatch.setenv("LEOMOCK_CLOCK", "stopped")
    told.append(suite.runpytest_inprocess("-o", "leomock_clock=frozen").stderr.str().strip())
    monkeypatch.delenv("LEOMOCK_CLOCK")
    suite.path.joinpath("leomock.toml").write_text('[pytest]\nclock = "stopped"\n', "utf-8")
    told.append(suite.runpytest_inprocess().stderr.str().strip())
    assert told == [
        error.format("leomock_clock in pytest's settings"),
        error.format("LEOMOCK_CLOCK in the environment"),
        error.format("the project's settings of leomock"),
    ]


def test_failing_test_shows_its_calls_to_wider_accounts(suite: pytest.Pytester) -> None:
    """Not those of the tests before it, and not as calls with another key."""
    suite.makepyfile(
        """
        from calls import create

        URL = "https://cloud.leonardo.ai/api/rest/v1"

        def test_before(leomock_module):
            create("before", base=URL)

        def test_alone(leomock_module):
            create("alone", base=URL)
            assert False

        def test_beside(leomock_module, leomock):
            create("beside", base=URL, key=leomock_module.api_key)
            assert False

        def test_without_a_call(leomock_module):
            assert False
        """
    )
    result = suite.runpytest_inprocess("-rN")
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(
        [
            "*_ test_alone _*",
            "*- leomock journal of ????…, calls of this test -*",
            "#2 POST /api/rest/v1/generations createGeneration 200*",
            "*_ test_beside _*",
            "*- leomock journal of ????…, calls of this test -*",
            "#3 POST /api/rest/v1/generations createGeneration 200*",
            "*_ test_without_a_call _*",
        ]
    )
    assert "#1 POST" not in result.stdout.str()
    assert "with another key" not in result.stdout.str()
    assert result.stdout.str().count("calls of this test") == 2


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("leomock.scenario('flakey').__enter__()", "*UnknownScenario: scenario='flakey': not known*"),
        (
            "leomock.fail('createGen')",
            "*ScenarioError: *there is no operation 'createGen'*'createGeneration'?",
        ),
        ("leomock.advance(-1)", "ValueError: advance(-1): time only moves forwards*"),
        ("leomock.finish('x')", "*SettingError: finish('x'): no job is pending for this id*"),
        ("leomock.restore({})", "*SnapshotError: not a snapshot of leomock*"),
        ("leomock.event()", "LookupError: this account has no generation yet*"),
        ("leomock.verdict().only('x')", "ValueError: the verdict has no rule 'x'*"),
        ("leomock.set_webhook('here')", "*SettingError: url='here': use a full address*"),
        ("leomock.add_generations(-1)", "*SettingError: generations=-1: use a whole number, 0 or more"),
    ],
)
def test_traceback_of_a_wrong_value_ends_in_the_test(suite: pytest.Pytester, call: str, error: str) -> None:
    """The way through leomock is there with --full-trace."""
    suite.makepyfile(test_it=f"def test_it(leomock):\n    {call}\n")
    short = suite.runpytest_inprocess("-rN").stdout
    short.fnmatch_lines([f">       {call}", f"E       {error}", "test_it.py:2: *"])
    assert "/leomock/" not in short.str()
    assert "/leomock/" in suite.runpytest_inprocess("-rN", "--full-trace").stdout.str()


def test_marker_account_and_wider_accounts(suite: pytest.Pytester) -> None:
    """A marked test gets the fixture; classes and modules have accounts; a budget fails the test."""
    suite.makepyfile(
        """
        import pytest
        from calls import create

        URL = "https://cloud.leonardo.ai/api/rest/v1"

        @pytest.mark.leomock(scenario="out_of_credits")
        def test_marked_without_the_fixture():
            assert create(base=URL, key="read-at-import").status_code == 400

        @pytest.mark.leomock(credits=1)
        def test_credits(leomock):
            assert create(base=URL, key="read-at-import").status_code == 400

        @pytest.mark.parametrize("n", [1, 2])
        def test_module(leomock_module, n):
            assert create(base=URL, key="read-at-import").status_code == 200
            leomock_module.assert_called("createGeneration", times=n)

        class TestClass:
            @pytest.mark.parametrize("n", [1, 2])
            def test_class(self, leomock_class, n):
                create(base=URL)
                leomock_class.assert_called("createGeneration", times=n)

        def test_session(leomock_session):
            create(base=URL)
            leomock_session.assert_called("createGeneration", times=1)

        @pytest.mark.leomock(budget=1)
        def test_budget(leomock):
            create(base=URL)

        @pytest.mark.leomock(webhook_url="http://shop.test/hook", webhook_timeout=0.5, webhook_insecure=True)
        def test_receiver(leomock):
            target = leomock.world.outbox.target
            assert (target.url, target.timeout, target.verify) == ("http://shop.test/hook", 0.5, False)

        def test_receiver_without_an_address(make_leomock):
            with pytest.raises(pytest.fail.Exception, match="leomock: webhook_timeout: needs webhook_url"):
                make_leomock(webhook_timeout=1)
        """
    )
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=9, failed=1)
    result.stdout.fnmatch_lines(["*over-budget: * credits were spent in #1, where the budget is 1."])


def test_wider_fixture_is_told_which_account_lives_as_long(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="module")
        def shop(leomock):
            return leomock.base_url

        def test_shop(shop):
            pass
        """
    )
    result = suite.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "ScopeMismatch: You tried to access the function scoped fixture leomock *",
            "*- leomock -*",
            "The fixture leomock is a new account for each test. A fixture that lives longer can request "
            "leomock_class, leomock_module or leomock_session, which are accounts that live as long.",
        ]
    )


def test_real_hosts_are_closed_for_the_session(suite: pytest.Pytester) -> None:
    """Or allowed by the option and the marker, which are known to --strict-markers."""
    suite.makepyfile(
        """
        import socket
        import httpx
        import pytest

        URL = "https://cloud.leonardo.ai/api/rest/v1/me"

        @pytest.fixture(autouse=True)
        def no_network(monkeypatch):
            def refuse(*args, **kwargs):
                raise socket.gaierror("no network here")
            monkeypatch.setattr(socket, "getaddrinfo", refuse)

        def test_first(leomock_server):
            with pytest.raises(httpx.ConnectError, match="leomock stopped a call for cloud.leonardo.ai"):
                httpx.get(URL)

        @pytest.mark.leomock_real
        def test_allowed():
            with pytest.raises(httpx.ConnectError, match="no network here"):
                httpx.get(URL)
        """
    )
    suite.runpytest_subprocess().assert_outcomes(passed=2)
    suite.runpytest_subprocess("--leomock-real=allow").assert_outcomes(passed=1, failed=1)


def test_blocked_sockets_are_told_with_the_option_that_works(suite: pytest.Pytester) -> None:
    """pytest-socket would only say that a socket is blocked."""
    pytest.importorskip("pytest_socket")
    suite.makepyfile("def test_it(leomock):\n    pass\n")
    output = suite.runpytest_subprocess("--disable-socket").stdout.str()
    assert (
        "leomock: pytest-socket blocks every socket, and the fake answers on one of 127.0.0.1; "
        "use --allow-hosts=127.0.0.1 instead of --disable-socket, which blocks all other hosts"
    ) in output
    suite.runpytest_subprocess("--allow-hosts=127.0.0.1").assert_outcomes(passed=1)


# --- processes that tests start ------------------------------------------------------------------------

LED = "import os; print(os.environ.get('LEOMOCK_GATEWAY', ''))"
SUITE = f"""
import os, subprocess, sys

def led():
    return subprocess.run([sys.executable, "-c", {LED!r}], capture_output=True, text=True).stdout.strip()

def test_first(leomock):
    WITH_FIXTURE

def test_last():
    assert led() == ""
"""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "assert led() != ''"),
        (("--leomock-intercept=no",), "assert led() == ''"),
        ((), "assert 'leomock.testing.child_processes.gateway' not in sys.modules"),
        ((), "assert 'cryptography' not in sys.modules"),
    ],
)
def test_processes_are_led_only_while_a_test_uses_the_fixture(
    arguments: tuple[str, ...], line: str, pytester: pytest.Pytester
) -> None:
    """And what leads them is loaded with the first of them only."""
    pytester.makepyfile(SUITE.replace("WITH_FIXTURE", line))
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", *arguments)
    result.assert_outcomes(passed=2)

"""The `leomock` command, as a process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner

from leomock.cli.main import main
from leomock.files.scenarios import scenarios_folder
from leomock.openapi.spec import Versions
from leomock.operations.handlers.load import load
from leomock.operations.registry import HANDLERS
from leomock.testing.webhook_receiver import WebhookReceiver
from leomock.version import __version__


@contextmanager
def served(
    *arguments: str, command: str = "serve", **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A `leomock serve`, or another command that serves, on a free port, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "leomock", command, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
    )
    assert process.stdout
    try:
        line = process.stdout.readline()
        assert line.startswith("leomock listening on http://127.0.0.1:"), process.communicate(timeout=5)
        yield process, line.split()[-1]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_serve_tells_its_address_when_it_answers() -> None:
    """The line on stdout is a promise."""
    with served("--jobs", "immediate") as (_, url):
        assert httpx.get(f"{url}/_leomock/health").json()["status"] == "ok"
        headers = {"authorization": "Bearer k"}
        created = httpx.post(f"{url}/api/rest/v1/generations", json={"prompt": "a"}, headers=headers).json()
        id = created["sdGenerationJob"]["generationId"]
        row = httpx.get(f"{url}/v1/generations/{id}", headers=headers).json()["generations_by_pk"]
        assert row["status"] == "COMPLETE"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_stops_when_told(number: signal.Signals) -> None:
    """With exit code 0, although a client holds a connection."""
    with served() as (process, url), httpx.Client() as client:
        client.get(f"{url}/_leomock/health")
        process.send_signal(number)
        assert process.wait(timeout=5) == 0
        assert process.stderr
        assert "Traceback" not in process.stderr.read()


def test_serve_logs_a_line_for_each_call() -> None:
    """On stderr; `--quiet` leaves it empty."""
    for arguments, lines in ((), 1), (("--quiet",), 0):
        with served(*arguments) as (process, url):
            httpx.get(f"{url}/_leomock/health")
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=5)
            assert len(log.splitlines()) == lines, log


def test_serve_reads_the_environment() -> None:
    """Every option has a variable."""
    with served(LEOMOCK_SERVE_AUTH="strict", LEOMOCK_SERVE_API_KEYS="secret") as (_, url):
        for key, status in (("secret", 200), ("other", 401)):
            answer = httpx.get(f"{url}/_leomock/bucket", headers={"authorization": f"Bearer {key}"})
            assert answer.status_code == status


def commands(command: click.Command, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it, with the words that lead there."""
    yield names, command
    if isinstance(command, click.Group):
        with click.Context(command) as context:
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below
                yield from commands(below, *names, name)


def test_every_option_has_a_variable_of_its_name() -> None:
    """As `leomock --help` promises; click's own is named as the parameter in Python."""
    seen = 0
    for names, command in commands(main):
        with click.Context(command) as context:
            for option in command.params:
                if names and isinstance(option, click.Option) and option.name != "help":
                    long = max(option.opts, key=len).removeprefix("--").replace("-", "_")
                    variable = "_".join(["leomock", *names, long]).upper()
                    with pytest.MonkeyPatch.context() as patch:
                        patch.setenv(variable, "told")
                        assert option.resolve_envvar_value(context) == "told", variable
                    seen += 1
    assert seen > 50


def test_help_of_serve_lists_every_option_in_a_group() -> None:
    """Only --help itself is left for the end."""
    output = CliRunner().invoke(main, ["serve", "--help"]).output
    _, _, rest = output.partition("\nOptions:\n")
    assert rest == "  -h, --help  Show this message and exit.\n"


def test_same_option_has_the_same_words() -> None:
    """An option has the same help in every command where it means the same."""
    words_by_option: dict[str, set[str]] = {}
    for _, command in commands(main):
        for option in command.params:
            if isinstance(option, click.Option):
                words_by_option.setdefault(max(option.opts, key=len), set()).add(option.help or "")
    assert {name for name, words in words_by_option.items() if len(words) > 1} == {
        *("--all", "--base-url", "--fail-on", "--output", "--published", "--version"),  # of other things
        *("--api-key", "--port", "--seed", "--upstream"),  # the other side's, or of several
        *("--jobs", "--scenario", "--credits", "--limits", "--webhook-url"),  # `exec` refers to `serve`
        *("--as-of", "--group", "--journal", "--plain", "--strict"),  # of other things
    }


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["--host", "no.such.host.invalid"],
            "cannot listen on no.such.host.invalid:0: Name or service not known; "
            "--host takes a name or an address of this machine",
        ),
        (
            ["--host", ""],
            "cannot listen: --host is empty; use an address of this machine, such as 127.0.0.1",
        ),
        (["--state", "/no/such/file"], "cannot write /no/such/file: No such file or directory"),
        (
            ["--auth", "strict", "--api-key", ""],
            "auth=strict needs at least one API key (--api-key KEY)",
        ),
    ],
)
def test_serve_of_what_cannot_be_had(arguments: list[str], error: str) -> None:
    """The error comes before the server listens: exit code 2, no traceback, no admin token."""
    done = CliRunner().invoke(main, ["serve", "--port", "0", *arguments])
    assert (done.exit_code, done.output.splitlines()[-1]) == (2, f"Error: {error}")
    assert "admin token" not in done.output


def test_serve_on_a_port_in_use() -> None:
    """Says so, and what would work."""
    with served() as (_, url):
        port = url.rsplit(":", 1)[1]
        done = CliRunner().invoke(main, ["serve", "--port", port])
        assert done.exit_code == 2
        assert done.output == (
            f"Error: cannot listen on 127.0.0.1:{port}: Address already in use; --port 0 picks a free port\n"
        )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["--jobs", "soon"],
            "jobs='soon': use seconds:S (e.g. seconds:2), polls:N, polls:N,seconds:S, immediate or manual",
        ),
        (["--auth", "strict"], "auth=strict needs at least one API key (--api-key KEY)"),
        (["--port", "x"], "Invalid value for '--port': 'x' is not a valid integer."),
        (["--public-url", "here"], "public_url='here': use a full address such as http://localhost:8090"),
        (["--drain", "nan"], "Invalid value for '--drain': 'nan' is not a valid number."),
        (["--save-every", "inf"], "Invalid value for '--save-every': 'inf' is not a valid number."),
        (["--traces=here"], "--traces='here': use a full address such as http://localhost:8090"),
        (
            ["--mcp", "--fetch-from", ""],
            "--fetch-from '': it takes hosts and networks, such as files.test or 10.0.0.0/8",
        ),
    ],
)
def test_serve_refuses_what_cannot_be_meant(arguments: list[str], error: str) -> None:
    """A usage error, exit code 2, no traceback."""
    done = CliRunner().invoke(main, ["serve", *arguments])
    assert done.exit_code == 2
    assert done.output.endswith(f"Error: {error}\n")


def test_openapi_prints_the_document() -> None:
    """Effective, or as published."""
    done = CliRunner().invoke(main, ["openapi"])
    document = json.loads(done.output)
    assert document["servers"][0]["url"] == "https://cloud.leonardo.ai/api/rest/v1"
    assert "RequestError" in document["components"]["schemas"]
    published = json.loads(CliRunner().invoke(main, ["openapi", "--published"]).output)
    assert "RequestError" not in published["components"]["schemas"]


def test_openapi_prints_the_document_of_version_2() -> None:
    """Nothing of it is among the published documents."""
    document = json.loads(CliRunner().invoke(main, ["openapi", "--version", "v2"]).output)
    assert document["servers"][0]["url"] == "https://cloud.leonardo.ai/api/rest/v2"
    assert document["paths"].keys() == {"/generations", "/generationssync", "/models"}
    done = CliRunner().invoke(main, ["openapi", "--version", "v2", "--published"])
    assert (done.exit_code, done.output) == (
        2,
        "Error: v2: none of its documents is among the published ones\n",
    )


def test_operations_lists_how_each_is_answered() -> None:
    """58 of version 1 and 3 of version 2: the function, the document's basis and those of what it decides."""
    lines = [re.split("  +", line) for line in CliRunner().invoke(main, ["operations"]).output.splitlines()]
    assert [line[1] for line in lines] == ["v1"] * 58 + ["v2"] * 3
    for line in (
        ["getUserSelf", "v1", "GET", "/me", "users.get_user_self", "documented, inferred, chosen"],
        ["createDataset", "v1", "POST", "/datasets", "datasets.create_dataset", "documented"],
        ["listModelsV2", "v2", "GET", "/models", "models_v2.list_models_v2", "observed, chosen"],
    ):
        assert line in lines
    assert not any(line[-2] == "blank" for line in lines)


def test_operations_as_json() -> None:
    """The same, for programs."""
    rows = json.loads(CliRunner().invoke(main, ["operations", "--format", "json"]).output)
    lines = CliRunner().invoke(main, ["operations"]).output.splitlines()
    assert [re.split("  +", line) for line in lines] == [list(row.values()) for row in rows]
    assert rows[-1] == {
        "operation": "listModelsV2",
        "version": "v2",
        "method": "GET",
        "path": "/models",
        "answered_by": "models_v2.list_models_v2",
        "basis": "observed, chosen",
    }


def test_operations_says_what_has_no_behaviour_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of an entry that was added to a document, and no function."""
    load(Versions().operations)
    monkeypatch.delitem(HANDLERS, "listElements")
    lines = CliRunner().invoke(main, ["operations"]).output.splitlines()
    blank = [line.split(maxsplit=5) for line in lines if " blank " in line]
    assert blank == [["listElements", "v1", "GET", "/elements", "blank", "documented, chosen"]]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, a disk without room")
@pytest.mark.parametrize(
    "command", [["openapi"], ["behaviours"], ["drift", "specs", "specs"], ["--help"], ["drift", "--help"]]
)
def test_output_that_cannot_be_written(command: list[str]) -> None:
    """Exit code 2 and one sentence, since 1 would be findings; closed from the start, nobody wants it."""
    words = " ".join([sys.executable, "-m", "leomock", *command])
    for shell, code, told in (
        (f"{words} >&-", 0, ""),
        (f"{words} >/dev/full", 2, "Error: No space left on device\n"),
    ):
        done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (code, told)


@pytest.mark.parametrize("command", [["openapi"], ["behaviours"], ["drift", "specs", "specs"]])
def test_output_that_nobody_reads(command: list[str]) -> None:
    """Exit code 2, and no complaint."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-m", "leomock", *command], stdout=pipe, stderr=pipe) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 2


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("serv", "no command 'serv'; did you mean 'serve'?"),
        ("zzz", "no command 'zzz'; the commands are " + ", ".join(main.list_commands(click.Context(main)))),
    ],
)
def test_unknown_command_is_refused_with_the_nearest(name: str, error: str) -> None:
    """With all commands if none is near; the exit code is 2."""
    result = CliRunner().invoke(main, [name])
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: {error}")


@pytest.mark.parametrize("group", ["capability", "scenarios"])
def test_unknown_command_of_a_group_is_refused_with_the_nearest(group: str) -> None:
    """As at the top."""
    result = CliRunner().invoke(main, [group, "chekc"])
    assert result.stderr.splitlines()[-1] == "Error: no command 'chekc'; did you mean 'check'?"


def test_help_of_groups_has_whole_sentences() -> None:
    """Click cuts them off at the width of the terminal."""
    for names, command in commands(main):
        if isinstance(command, click.Group):
            output = CliRunner().invoke(main, [*names, "--help"]).output
            assert "..." not in output.replace("[ARGS]...", "")


def test_ca_does_one_thing() -> None:
    """To remove and to show a path exclude each other."""
    result = CliRunner().invoke(main, ["ca", "--remove", "--path"])
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "Error: --remove and --path exclude each other; give one",
    )


def test_version_is_the_packages() -> None:
    """`leomock --version`."""
    assert CliRunner().invoke(main, ["--version"]).output == f"leomock {__version__}\n"


def test_scenarios_are_listed() -> None:
    """One line each, with description and basis."""
    lines = CliRunner().invoke(main, ["scenarios"]).output.splitlines()
    assert len(lines) == len(list(scenarios_folder().glob("*.yaml")))
    assert any(line.startswith("flaky ") and line.endswith("[chosen]") for line in lines)


@pytest.mark.parametrize("command", ["operations", "scenarios", "behaviours"])
def test_lists_have_the_same_formats(command: str, tmp_path: Path) -> None:
    """As text, as JSON and as Markdown, on stdout or in a file."""
    file = tmp_path / "list"
    rows = json.loads(CliRunner().invoke(main, [command, "--format", "json"]).output)
    done = CliRunner().invoke(main, [command, "--format", "markdown", "-o", str(file)])
    assert (done.exit_code, done.output) == (0, "")
    lines = [line for line in file.read_text("utf-8").splitlines() if line.startswith("| ")]
    assert len(lines) >= len(rows) + 2


def test_scenario_file_is_checked(tmp_path: Path) -> None:
    """Every error names file, line and key; a good file says so."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("description: x\nrules:\n  - then: {status: 500}\n", "utf-8")
    bad.write_text("description: x\nrules:\n  - then: {statsu: 500}\n", "utf-8")
    done = CliRunner().invoke(main, ["scenarios", "check", str(good)])
    assert (done.exit_code, done.output) == (0, f"{good}: 1 rule, no errors\n")
    done = CliRunner().invoke(main, ["scenarios", "check", str(bad)])
    assert done.exit_code == 2
    assert done.output == f"Error: {bad}:3: then.statsu: not known here; did you mean 'status'?\n"


def test_serve_plays_scenarios(tmp_path: Path) -> None:
    """A shipped one and a file, together."""
    file = tmp_path / "mine.yaml"
    file.write_text(
        "description: x\nrules:\n  - when: {operation: getGenerationById}\n    then: {status: 418}\n", "utf-8"
    )
    with served("--scenario", "out_of_credits", "--scenario", str(file)) as (_, url):
        headers = {"authorization": "Bearer k"}
        assert httpx.post(f"{url}/v1/generations", json={"prompt": "a"}, headers=headers).status_code == 400
        path = "/v1/generations/6163f776-ad40-47fc-acd4-c04b22590ada"
        assert httpx.get(f"{url}{path}", headers=headers).status_code == 418


def test_serve_sends_webhooks_without_anybody_polling() -> None:
    """A tick lets them leave."""
    with WebhookReceiver() as receiver:
        arguments = ("--jobs", "seconds:0.1", "--webhook-url", receiver.url, "--webhook-key", "secret")
        with served(*arguments) as (_, url):
            headers = {"authorization": "Bearer k"}
            httpx.post(f"{url}/v1/generations", json={"prompt": "a"}, headers=headers)
            (got,) = receiver.wait_for(type="image_generation.complete")
            assert got.headers["authorization"] == "Bearer secret"


def test_exec_runs_a_command_against_a_fake() -> None:
    """The environment points at it; the exit code is passed on."""
    code = (
        "import os, sys, urllib.request as u\n"
        "r = u.Request(os.environ['LEONARDO_BASE_URL'] + '/generations', b'{\"prompt\": \"a\"}')\n"
        "r.add_header('authorization', 'Bearer ' + os.environ['LEONARDO_API_KEY'])\n"
        "sys.exit(7 if b'sdGenerationJob' in u.urlopen(r).read() else 1)"
    )
    done = CliRunner().invoke(main, ["exec", "--", sys.executable, "-c", code])
    assert done.exit_code == 7, done.output


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("pass", "leomock: the command made no call to the fake\n"),
        ("import os, urllib.request as u; u.urlopen(os.environ['LEONARDO_BASE_URL'] + '/me')", ""),
    ],
)
def test_exec_says_when_nobody_called(code: str, said: str) -> None:
    program = f"try: {code}\nexcept OSError: pass"
    done = CliRunner().invoke(main, ["exec", "--", sys.executable, "-c", program])
    assert done.output.endswith(said) if said else "no call" not in done.output


def test_exec_of_nothing_that_can_be_run() -> None:
    """Says what, and why."""
    done = CliRunner().invoke(main, ["exec", "no-such-command-anywhere"])
    assert (done.exit_code, done.output) == (
        127,
        "Error: cannot run no-such-command-anywhere: No such file or directory\n",
    )
    done = CliRunner().invoke(main, ["exec", "--", str(Path(__file__).parent)])
    assert done.exit_code == 126
    assert CliRunner().invoke(main, ["exec", "--jobs", "soon", "true"]).exit_code == 2


def test_exec_with_an_option_that_it_does_not_have() -> None:
    """It is not taken for the command."""
    done = CliRunner().invoke(main, ["exec", "--scenaro", "flaky", "--", "true"])
    assert done.exit_code == 2
    assert done.output.endswith("Error: No such option '--scenaro'. Did you mean '--scenario'?\n")


@pytest.mark.parametrize(
    ("number", "code", "exit_code"),
    [
        (signal.SIGINT, "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)", 130),
        (signal.SIGTERM, "", 143),
        (signal.SIGINT, "import signal, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(3))", 3),
        (signal.SIGHUP, "", 129),
        (signal.SIGQUIT, "", 131),
        (signal.SIGUSR1, "import signal, sys; signal.signal(signal.SIGUSR1, lambda *_: sys.exit(4))", 4),
    ]
    if sys.platform != "win32"
    else [],
)
def test_exec_passes_signals_on(number: int, code: str, exit_code: int) -> None:
    """The command has the last word: it may clean up, and its end is the end."""
    command = [sys.executable, "-c", f"{code}\nimport time; print('ready', flush=True); time.sleep(60)"]
    with subprocess.Popen(
        [sys.executable, "-m", "leomock", "exec", "--", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        running.send_signal(number)
        _, errors = running.communicate(timeout=20)
    said = "" if exit_code > 125 else "leomock: the command made no call to the fake\n"
    assert (running.returncode, errors) == (exit_code, said)

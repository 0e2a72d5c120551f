"""The skill's script works against a fake over HTTP, and is honest about what goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from leomock import Fake
from leomock.interop.capability import leonardo
from leomock.server.listen import bind

SCRIPT = leonardo.__file__
ID = "6163f776-ad40-47fc-acd4-c04b22590ada"


@pytest.fixture
def served() -> Iterator[Fake]:
    """A fake on a port, whose generations are done at the second read."""
    with Fake(clock="frozen") as fake:
        yield fake


def run(fake: Fake | None, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The script as a process of its own, away from what is installed here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LEONARDO_", "PYTHON"))}
    if fake:
        kept |= {"LEONARDO_BASE_URL": fake.base_url, "LEONARDO_API_KEY": fake.api_key}
    return subprocess.run(
        [sys.executable, "-I", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=kept | environment,
    )


def answer(fake: Fake, *arguments: str) -> object:
    done = run(fake, *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)


def refusal(fake: Fake | None, *arguments: str, **environment: str) -> str:
    done = run(fake, *arguments, **environment)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_journey(served: Fake, tmp_path: Path) -> None:
    """Create, wait, get, list, download, delete."""
    created = answer(served, "create", "a cat", '{"num_images": 2, "width": 64, "height": 64}')
    assert isinstance(created, dict)
    id = created["sdGenerationJob"]["generationId"]
    row = answer(served, "wait", id, "--every", "1")
    assert isinstance(row, dict)
    assert (row["status"], row["prompt"]) == ("COMPLETE", "a cat")
    assert answer(served, "get", id) == row
    listed = answer(served, "list", served.user_id, "--limit", "1")
    assert isinstance(listed, list)
    assert [each["id"] for each in listed] == [id]
    saved = answer(served, "download", id, "-o", str(tmp_path / "new"))
    assert isinstance(saved, list)
    assert [Path(file).read_bytes()[:3] for file in saved] == [b"\xff\xd8\xff"] * 2
    assert answer(served, "delete", id) == {"delete_generations_by_pk": {"id": id}}
    assert refusal(served, "get", id) == f"leonardo: there is no generation {id}; check the id\n"


def test_any_other_call(served: Fake) -> None:
    """By method and path, with a body where there is one."""
    assert answer(served, "call", "post", "/init-image", '{"extension": "png"}')
    assert served.requests[-1].operation == "uploadInitImage"


def test_refusal_of_the_api(served: Fake) -> None:
    """The status, the API's words, and what the fake explains."""
    assert refusal(served, "create", "a", '{"nope": 1}') == (
        "leonardo: POST /generations: 400: Unexpected variable nope (createGeneration has no variable 'nope' "
        "(specs/generations.json POST /generations))\n"
    )


def test_refusal_in_a_list_on_200(served: Fake) -> None:
    """Blueprints and version 2 refuse so."""
    assert refusal(served, "call", "GET", f"/blueprints/{ID}") == (
        f"leonardo: GET /blueprints/{ID}: 404: Blueprint not found (getBlueprintById: no blueprint {ID}; "
        "GET /blueprints lists all of them)\n"
    )
    text = refusal(
        served,
        "call",
        "POST",
        "/generations",
        '{"model": "xyz"}',
        LEONARDO_BASE_URL=f"{served.url}/api/rest/v2",
    )
    assert text.startswith(
        "leonardo: POST /generations: 400: model xyz is not supported (createGenerationV2: "
    )


def test_upload(served: Fake, tmp_path: Path) -> None:
    """The form is asked for and sent, without the key; two where there are two."""
    files = [tmp_path / "a.png", tmp_path / "mäsk.png"]
    for number, file in enumerate(files):
        file.write_bytes(b"\x89PNG" + bytes([number]))
    given = answer(served, "upload", "/init-image", '{"extension": "png"}', str(files[0]))
    assert isinstance(given, dict)
    assert served.world.bucket.objects[given["uploadInitImage"]["key"]].body == b"\x89PNG\0"
    assert not served.verdict().findings
    extensions = '{"initExtension": "png", "maskExtension": "png"}'
    given = answer(served, "upload", "/canvas-init-image", extensions, *map(str, files))
    assert isinstance(given, dict)
    keys = [given["uploadCanvasInitImage"][name] for name in ("initKey", "maskKey")]
    assert [served.world.bucket.objects[key].body[-1] for key in keys] == [0, 1]
    assert refusal(served, "upload", "/canvas-init-image", extensions, str(files[0])) == (
        "leonardo: POST /canvas-init-image gave 2 forms for 1 files\n"
    )


def test_upload_that_the_bucket_refuses(served: Fake, tmp_path: Path) -> None:
    """In the bucket's words, and why."""
    file = tmp_path / "a.png"
    file.write_bytes(b"a")
    with served.scenario("upload_expired"):
        text = refusal(served, "upload", "/init-image", '{"extension": "png"}', str(file))
    assert text.startswith("leonardo: the upload of a.png: 403: <?xml")
    assert "Invalid according to Policy: Policy expired." in text


def test_download_of_a_video(served: Fake, tmp_path: Path) -> None:
    """Its still and itself."""
    made = answer(served, "call", "POST", "/generations-text-to-video", '{"prompt": "a fox"}')
    assert isinstance(made, dict)
    id = made["motionVideoGenerationJob"]["generationId"]
    answer(served, "wait", id, "--every", "1")
    saved = answer(served, "download", id, "-o", str(tmp_path))
    assert isinstance(saved, list)
    assert [Path(file).suffix for file in saved] == [".jpg", ".mp4"]
    assert Path(saved[1]).read_bytes()[4:8] == b"ftyp"


def test_generation_that_is_not_done(served: Fake, tmp_path: Path) -> None:
    """It is not downloaded, and not waited for longer than told."""
    created = answer(served, "create", "a cat")
    assert isinstance(created, dict)
    id = created["sdGenerationJob"]["generationId"]
    assert refusal(served, "wait", id, "--timeout", "0", "--every", "1") == (
        f"leonardo: the generation {id} is still PENDING after 0 seconds; `wait` again, or with a longer "
        "--timeout\n"
    )
    assert refusal(served, "download", ID) == f"leonardo: there is no generation {ID}; check the id\n"
    created = answer(served, "create", "another")
    assert isinstance(created, dict)
    id = created["sdGenerationJob"]["generationId"]
    assert refusal(served, "download", id, "-o", str(tmp_path)) == (
        f"leonardo: the generation {id} is PENDING; `wait` for it first\n"
    )


def test_generation_that_failed(served: Fake) -> None:
    """Waiting for it ends in an error."""
    with served.scenario("moderation_failed"):
        created = answer(served, "create", "a cat")
    assert isinstance(created, dict)
    id = created["sdGenerationJob"]["generationId"]
    assert refusal(served, "wait", id, "--every", "1") == f"leonardo: the generation {id} has FAILED\n"


def test_wait_survives_a_failure_that_passes(served: Fake) -> None:
    """It reads again after a second, or after `Retry-After`; a single read reports it and the pause."""
    created = answer(served, "create", "a cat")
    assert isinstance(created, dict)
    id = created["sdGenerationJob"]["generationId"]
    served.finish()
    served.fail(
        "getGenerationById", status=429, json={"error": "slow down"}, headers={"Retry-After": "7"}, times=1
    )
    assert refusal(served, "get", id) == (
        f"leonardo: GET /generations/{id}: 429: slow down (scenario rule fail-1#1 applied); "
        "try again in 7 s\n"
    )
    served.fail("getGenerationById", connection="reset", times=1)
    row = answer(served, "wait", id)
    assert isinstance(row, dict)
    assert row["status"] == "COMPLETE"


def test_waiting_too_often_is_refused(served: Fake) -> None:
    """Nothing is called."""
    done = run(served, "wait", ID, "--every", "0.5")
    assert (done.returncode, done.stderr) == (
        2,
        "leonardo: argument --every: 0.5 is too short; use 1 or more; `leonardo.py wait -h` explains more\n",
    )
    assert not served.requests


def test_key_that_is_missing(served: Fake) -> None:
    """Nothing is called."""
    assert refusal(None, "get", ID) == (
        "leonardo: there is no API key; set LEONARDO_API_KEY (a fake takes any text)\n"
    )
    found = run(None, "get", ID, LEONARDO_AI_API_KEY="k", LEONARDO_BASE_URL=served.base_url)
    assert found.stderr == f"leonardo: there is no generation {ID}; check the id\n"


def test_key_that_could_not_be_sent() -> None:
    """It is not shown."""
    assert refusal(None, "get", ID, LEONARDO_AI_API_KEY="se\ncret") == (
        "leonardo: the value of LEONARDO_AI_API_KEY is not a key: not printable ASCII\n"
    )


def test_address_that_is_none() -> None:
    """The sentence says what would be one."""
    assert refusal(None, "get", ID, LEONARDO_API_KEY="k", LEONARDO_BASE_URL="localhost:8090") == (
        "leonardo: LEONARDO_BASE_URL is 'localhost:8090'; set it to an address such as "
        "https://cloud.leonardo.ai/api/rest/v1\n"
    )


def test_address_where_nobody_answers() -> None:
    """Which, and why."""
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
    text = refusal(None, "get", ID, LEONARDO_API_KEY="k", LEONARDO_BASE_URL=f"http://127.0.0.1:{port}/v1")
    assert text == (
        f"leonardo: GET /generations/{ID}: 127.0.0.1:{port} cannot be reached: "
        "[Errno 111] Connection refused\n"
    )


@pytest.mark.parametrize(
    ("effect", "text"),
    [
        ("connection: reset", "the answer of {host} broke off: [Errno 104] Connection reset by peer"),
        ("content: malformed", 'the answer is not JSON: {{"generations_by_'),
    ],
)
def test_answer_that_breaks(tmp_path: Path, effect: str, text: str) -> None:
    """A sentence, no traceback."""
    (tmp_path / "a.yaml").write_text(f"description: d\nrules:\n  - then: {{{effect}}}\n")
    with Fake(clock="frozen", scenario=tmp_path / "a.yaml") as fake:
        host = fake.url.removeprefix("http://")
        expected = f"leonardo: GET /generations/{ID}: {text.format(host=host)}\n"
        assert refusal(fake, "get", ID) == expected


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "the following arguments are required: COMMAND"),
        (
            ("create", "a", "{"),
            "argument JSON: not JSON: Expecting property name enclosed in double quotes: "
            "line 1 column 2 (char 1)",
        ),
        (("create", "a", "[]"), "argument JSON: not a JSON object"),
    ],
)
def test_command_that_cannot_be_meant(arguments: tuple[str, ...], text: str) -> None:
    """Exit code 2."""
    done = run(None, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"leonardo: {text}; `leonardo.py")


def test_redirect_is_not_followed(tmp_path: Path) -> None:
    """The key would travel along."""
    (tmp_path / "a.yaml").write_text(
        "description: d\nrules:\n"
        "  - then: {status: 302, body: {error: moved}, headers: {Location: 'http://other.invalid/'}}\n"
    )
    with Fake(clock="frozen", scenario=tmp_path / "a.yaml") as fake:
        assert refusal(fake, "get", ID) == (
            f"leonardo: GET /generations/{ID}: 302: moved (scenario rule a#1 applied)\n"
        )

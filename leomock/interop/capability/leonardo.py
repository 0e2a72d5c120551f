#!/usr/bin/env python3
"""Call the Leonardo.AI API, or a fake of it, from the command line.

Needs Python 3.9 or later and nothing else. The key is read from LEONARDO_API_KEY or LEONARDO_AI_API_KEY, the
address from LEONARDO_BASE_URL (default: the real API). Answers are printed as JSON. An error
is one sentence on stderr, with exit code 1 (2 if the arguments are invalid).
"""

from __future__ import annotations

import argparse
import functools
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from email.message import Message
from pathlib import Path
from typing import Any, Callable, NoReturn, Optional  # noqa: UP035 - for Python 3.9

REAL = "https://cloud.leonardo.ai/api/rest/v1"
KEYS = ("LEONARDO_API_KEY", "LEONARDO_AI_API_KEY")
HINT = " (a fake takes any text)"
LONGEST_CALL = 60.0  # seconds
SHORTEST_PAUSE = 1.0  # seconds between two reads: reading more often does not help
PATIENCE = 60.0  # seconds during which `download` retries failed reads
_AS_TYPED = "/?=&%,:;@+!$'()*~[]"  # of a path with its query


class Refused(Exception):
    """An error as one sentence.

    If it may be temporary (429, 5xx, no connection), `pause` is how many seconds to wait before the same
    call is made again.
    """

    def __init__(self, text: str, pause: Optional[float] = None) -> None:  # noqa: UP045 - for Python 3.9
        super().__init__(text)
        self.pause = pause


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Do not follow redirects: the key would be sent along."""

    def redirect_request(self, *_: Any) -> None:
        return None


def call(method: str, path: str, body: Any = None) -> Any:
    """Return the JSON values that the API answers."""
    name = next((name for name in KEYS if os.environ.get(name)), None)
    if name is None and KEYS:
        raise Refused(f"there is no API key; set {KEYS[0]}{HINT}")
    key = os.environ[name].strip() if name else ""
    if not (key.isascii() and key.isprintable()):
        # HTTP could not send it, and the resulting error would reveal it.
        raise Refused(f"the value of {name} is not a key: not printable ASCII")
    base = os.environ.get("LEONARDO_BASE_URL") or REAL
    if not base.startswith(("http://", "https://")):
        raise Refused(f"LEONARDO_BASE_URL is {base!r}; set it to an address such as {REAL}")
    request = urllib.request.Request(
        f"{base.rstrip('/')}/{urllib.parse.quote(path.lstrip('/'), safe=_AS_TYPED)}",
        None if body is None else json.dumps(body).encode(),
        {
            **({"Authorization": f"Bearer {key}"} if key else {}),
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "leonardo-skill",
        },
        method=method,
    )
    what = f"{method} {path}"
    content, headers = _fetched(request, what, urllib.request.build_opener(_NoRedirects))
    try:
        answer = json.loads(content)
    except ValueError:
        raise Refused(f"{what}: the answer is not JSON: {_short(content)}") from None
    if isinstance(answer, list):  # some operations report errors as a list on status 200
        raise Refused(f"{what}: {_listed(answer)}{_explained(headers)}")
    return answer


def _fetched(
    request: urllib.request.Request, what: str, opener: urllib.request.OpenerDirector
) -> tuple[bytes, Message]:
    try:
        with opener.open(request, timeout=LONGEST_CALL) as response:
            return response.read(), response.headers
    except urllib.error.HTTPError as error:
        with error:
            pause = _pause_of(error)
            hint = "" if pause is None else f"; try again in {pause:g} s"
            raise Refused(f"{what}: {error.code}: {_reason(error)}{hint}", pause) from None
    except urllib.error.URLError as error:
        text = f"{what}: {request.host} cannot be reached: {error.reason}"
        raise Refused(text, SHORTEST_PAUSE) from None
    except (OSError, http.client.HTTPException) as error:
        text = str(error) or type(error).__name__
        text = f"{what}: the answer of {request.host} broke off: {text}"
        raise Refused(text, SHORTEST_PAUSE) from None
    except ValueError as error:
        raise Refused(f"{what}: {error}") from None


def _pause_of(error: urllib.error.HTTPError) -> Optional[float]:  # noqa: UP045 - for Python 3.9
    """Return the seconds until a rejected call may succeed, by `Retry-After`; None if it never will."""
    if error.code not in (408, 425, 429) and error.code < 500:
        return None
    try:
        return max(SHORTEST_PAUSE, float(error.headers.get("Retry-After", "")))
    except ValueError:
        return SHORTEST_PAUSE


def patiently(read: Callable[[], Any], deadline: float) -> Any:
    """Call `read`, which changes nothing, again after temporary errors, until the deadline."""
    while True:
        try:
            return read()
        except Refused as refusal:
            if refusal.pause is None or time.monotonic() + refusal.pause > deadline:
                raise
            time.sleep(refusal.pause)


def _reason(error: urllib.error.HTTPError) -> str:
    """Return the reason that the API, or the bucket, gives for an error."""
    content = error.read()
    try:
        reason = str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        reason = _short(content) or str(error.reason)
    return f"{reason}{_explained(error.headers)}"


def _listed(errors: list[Any]) -> str:
    """Return the messages in a list of GraphQL errors, with the statuses that they imply."""
    said = []
    for error in errors:
        try:
            details = error["extensions"].get("details") or {}
            status = error["extensions"].get("statusCode") or details.get("statusCode")
            text = details.get("message") or error["message"]
            said.append(f"{status}: {text}" if status else text)
        except (AttributeError, KeyError, TypeError):
            said.append(_short(json.dumps(error).encode()))
    return "; ".join(said) or "an empty list"


def _explained(headers: Message) -> str:
    """Return the additional explanation of a fake."""
    explained = headers.get("X-Leomock-Explain")
    return f" ({explained})" if explained else ""


def _short(content: bytes) -> str:
    return " ".join(content.decode(errors="replace").split())[:200]


def generation(id: str) -> Any:
    """Return one generation in its current state."""
    row = call("GET", f"/generations/{urllib.parse.quote(id, safe='')}").get("generations_by_pk")
    if row is None:
        raise Refused(f"there is no generation {id}; check the id")
    return row


def create(options: argparse.Namespace) -> Any:
    """Start a generation."""
    return call("POST", "/generations", {**options.more, "prompt": options.prompt})


def wait(options: argparse.Namespace) -> Any:
    """Wait for a generation and return it once it is complete."""
    deadline = time.monotonic() + options.timeout
    while True:
        row = patiently(lambda: generation(options.id), deadline)
        if row["status"] == "FAILED":
            raise Refused(f"the generation {options.id} has FAILED")
        if row["status"] == "COMPLETE":
            return row
        if time.monotonic() + options.every > deadline:
            raise Refused(
                f"the generation {options.id} is still {row['status']} after {options.timeout:g} seconds; "
                "`wait` again, or with a longer --timeout"
            )
        time.sleep(options.every)


def get(options: argparse.Namespace) -> Any:
    """Return one generation in its current state."""
    return generation(options.id)


def list_generations(options: argparse.Namespace) -> Any:
    """List the generations of a user."""
    user = options.user or _own_user()
    query = urllib.parse.urlencode({"offset": options.offset, "limit": options.limit})
    return call("GET", f"/generations/user/{urllib.parse.quote(user, safe='')}?{query}")["generations"]


def _own_user() -> str:
    try:
        return str(call("GET", "/me")["user_details"][0]["user"]["id"])
    except (KeyError, IndexError, TypeError):
        raise Refused("GET /me does not return your user id; pass it: list USER") from None


def delete(options: argparse.Namespace) -> Any:
    """Delete a generation."""
    return call("DELETE", f"/generations/{urllib.parse.quote(options.id, safe='')}")


def download(options: argparse.Namespace) -> Any:
    """Save the results of a generation (of videos also a still), and return the paths of the files."""
    deadline = time.monotonic() + PATIENCE
    row = patiently(lambda: generation(options.id), deadline)
    if row["status"] != "COMPLETE":
        raise Refused(f"the generation {options.id} is {row['status']}; `wait` for it first")
    options.output.mkdir(parents=True, exist_ok=True)
    saved = []
    for result in row["generated_images"]:
        for url in filter(None, (result["url"], result.get("motionMP4URL"))):
            parts = urllib.parse.urlsplit(url)
            if parts.scheme not in ("http", "https"):
                raise Refused(f"{url} is not an address of a file")
            content = patiently(functools.partial(_file, url), deadline)
            file = options.output / f"{result['id']}{Path(parts.path).suffix}"
            file.write_bytes(content)
            saved.append(str(file))
    return saved


def _file(url: str) -> bytes:
    """Return a result, fetched without the key: results are public and on another host."""
    request = urllib.request.Request(url, headers={"User-Agent": "leonardo-skill"})
    return _fetched(request, f"GET {url}", urllib.request.build_opener())[0]


def upload(options: argparse.Namespace) -> Any:
    """Request a presigned form, or two, and send a file with each; return the API's answer."""
    contents = [(file.name, file.read_bytes()) for file in options.files]
    answer = call("POST", options.path, options.body)
    forms = _forms(answer)
    if len(forms) != len(contents):
        raise Refused(f"POST {options.path} gave {len(forms)} forms for {len(contents)} files")
    for (name, content), (url, fields) in zip(contents, forms):  # noqa: B905 - Python 3.9 has no `strict`
        boundary = uuid.uuid4().hex
        parts = [(f'name="{each}"', str(value).encode()) for each, value in fields.items()]
        parts.append((f'name="file"; filename="{urllib.parse.quote(name)}"', content))  # the last one
        lines = (
            f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value + b"\r\n"
            for head, value in parts
        )
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}  # without the key
        request = urllib.request.Request(url, b"".join([*lines, f"--{boundary}--\r\n".encode()]), headers)
        _fetched(request, f"the upload of {name}", urllib.request.build_opener())
    return answer


def _forms(answer: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the URL and fields of each form in an answer: `url`, `fields`, or `initUrl`, `initFields`."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}  # by their fields, which may be repeated
    for value in answer.values() if isinstance(answer, dict) else ():
        for name, fields in value.items() if isinstance(value, dict) else ():
            url = value.get(f"{name[:-6]}{'Url' if name[:-6] else 'url'}")
            if name.lower().endswith("fields") and isinstance(fields, str) and isinstance(url, str):
                try:
                    found[fields] = url, json.loads(fields)
                except ValueError:
                    raise Refused(f"the {name} of the answer are not JSON: {fields[:200]}") from None
    return list(found.values())


def anything(options: argparse.Namespace) -> Any:
    """Make any other call."""
    return call(options.method.upper(), options.path, options.body)


def _interval(text: str) -> float:
    seconds = float(text)
    if not seconds >= SHORTEST_PAUSE:
        raise argparse.ArgumentTypeError(f"{text} is too short; use {SHORTEST_PAUSE:g} or more")
    return seconds


def _object(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(values, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return values


class _Parser(argparse.ArgumentParser):
    """A parser that reports errors in the same form as the rest of this script."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"leonardo: {message}; `{self.prog} -h` explains more\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the commands."""
    assert __doc__
    whole = _Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = whole.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Any, help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help)
        made.set_defaults(run=run)
        return made

    made = command("create", create, "start a generation")
    made.add_argument("prompt")
    made.add_argument(
        "more", nargs="?", type=_object, default={}, metavar="JSON", help="such as '{\"width\": 512}'"
    )
    made = command("wait", wait, "wait until a generation has ended, and print it")
    made.add_argument("id")
    made.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS")
    made.add_argument("--every", type=_interval, default=3.0, metavar="SECONDS", help="at least 1")
    command("get", get, "print a generation").add_argument("id")
    made = command("list", list_generations, "print the generations of a user")
    made.add_argument("user", nargs="?", help="a user id; your own by default")
    made.add_argument("--offset", type=int, default=0)
    made.add_argument("--limit", type=int, default=10)
    command("delete", delete, "remove a generation").add_argument("id")
    made = command("download", download, "save the results of a generation")
    made.add_argument("id")
    made.add_argument("-o", "--output", type=Path, default=Path(), metavar="FOLDER")
    made = command("upload", upload, "request a presigned form and send files with it")
    made.add_argument("path", help="of the operation that returns the form")
    made.add_argument("body", type=_object, metavar="JSON", help='such as \'{"extension": "png"}\'')
    made.add_argument("files", nargs="+", type=Path, metavar="FILE")
    made = command("call", anything, "make any other call")
    made.add_argument("method")
    made.add_argument("path", help="below the base address, with its query")
    made.add_argument("body", nargs="?", type=_object, metavar="JSON")
    return whole


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return the exit code."""
    options = parser().parse_args(arguments)
    try:
        answer = options.run(options)
    except (Refused, OSError) as error:
        sys.stderr.write(f"leonardo: {error}\n")
        return 1
    sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Calls the Leonardo.AI API, or a fake of it, from the command line.

Needs Python 3.9 or later and nothing else. The key is read from LEONARDO_API_KEY or LEONARDO_AI_API_KEY, the
address from LEONARDO_BASE_URL (the real API where that is not set). Answers are printed as JSON; what went
wrong is one sentence on stderr, with exit code 1 (2 where the call itself cannot be meant).
"""

from __future__ import annotations

import argparse
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
from typing import Any, NoReturn

REAL = "https://cloud.leonardo.ai/api/rest/v1"
KEYS = ("LEONARDO_API_KEY", "LEONARDO_AI_API_KEY")
LONGEST_CALL = 60.0  # seconds
_AS_TYPED = "/?=&%,:;@+!$'()*~[]"  # of a path with its query


class Refused(Exception):
    """What went wrong, in a sentence."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the key would travel along."""

    def redirect_request(self, *_: Any) -> None:
        return None


def call(method: str, path: str, body: Any = None) -> Any:
    """The JSON values that the API answers."""
    name = next((name for name in KEYS if os.environ.get(name)), None)
    if name is None:
        raise Refused(f"there is no API key; set {KEYS[0]} (a fake takes any text)")
    key = os.environ[name].strip()
    if not (key.isascii() and key.isprintable()):
        # It could not be sent, and what complains then would show it.
        raise Refused(f"what {name} holds is no key: not printable ASCII")
    base = os.environ.get("LEONARDO_BASE_URL") or REAL
    if not base.startswith(("http://", "https://")):
        raise Refused(f"LEONARDO_BASE_URL is {base!r}; set it to an address such as {REAL}")
    request = urllib.request.Request(
        f"{base.rstrip('/')}/{urllib.parse.quote(path.lstrip('/'), safe=_AS_TYPED)}",
        None if body is None else json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {key}",
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
    if isinstance(answer, list):  # some operations put their refusals, in a list, on 200
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
            raise Refused(f"{what}: {error.code}: {_reason(error)}") from None
    except urllib.error.URLError as error:
        raise Refused(f"{what}: {request.host} cannot be reached: {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        text = str(error) or type(error).__name__
        raise Refused(f"{what}: the answer of {request.host} broke off: {text}") from None
    except ValueError as error:
        raise Refused(f"{what}: {error}") from None


def _reason(error: urllib.error.HTTPError) -> str:
    """What the API says of a refusal, or the bucket."""
    content = error.read()
    try:
        reason = str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        reason = _short(content) or str(error.reason)
    return f"{reason}{_explained(error.headers)}"


def _listed(errors: list[Any]) -> str:
    """What a list of GraphQL errors says, with the statuses that they mean."""
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
    """What a fake says besides."""
    explained = headers.get("X-Leomock-Explain")
    return f" ({explained})" if explained else ""


def _short(content: bytes) -> str:
    return " ".join(content.decode(errors="replace").split())[:200]


def generation(id: str) -> Any:
    """One generation, as far as it has come."""
    row = call("GET", f"/generations/{urllib.parse.quote(id, safe='')}").get("generations_by_pk")
    if row is None:
        raise Refused(f"there is no generation {id}")
    return row


def create(options: argparse.Namespace) -> Any:
    """Start a generation."""
    return call("POST", "/generations", {**options.more, "prompt": options.prompt})


def wait(options: argparse.Namespace) -> Any:
    """A generation that has ended well."""
    begun = time.monotonic()
    while True:
        row = generation(options.id)
        if row["status"] == "FAILED":
            raise Refused(f"the generation {options.id} has FAILED")
        if row["status"] == "COMPLETE":
            return row
        if time.monotonic() - begun + options.every > options.timeout:
            raise Refused(f"the generation {options.id} is {row['status']} after {options.timeout:g} seconds")
        time.sleep(options.every)


def get(options: argparse.Namespace) -> Any:
    """One generation, as it is now."""
    return generation(options.id)


def list_generations(options: argparse.Namespace) -> Any:
    """The generations of a user."""
    user = options.user or _own_user()
    query = urllib.parse.urlencode({"offset": options.offset, "limit": options.limit})
    return call("GET", f"/generations/user/{urllib.parse.quote(user, safe='')}?{query}")["generations"]


def _own_user() -> str:
    try:
        return str(call("GET", "/me")["user_details"][0]["user"]["id"])
    except (KeyError, IndexError, TypeError):
        raise Refused("GET /me does not tell your user id; give it: list USER") from None


def delete(options: argparse.Namespace) -> Any:
    """Remove a generation."""
    return call("DELETE", f"/generations/{urllib.parse.quote(options.id, safe='')}")


def download(options: argparse.Namespace) -> Any:
    """Save the results of a generation, of videos a still as well; the paths of the files."""
    row = generation(options.id)
    if row["status"] != "COMPLETE":
        raise Refused(f"the generation {options.id} is {row['status']}; `wait` for it first")
    options.output.mkdir(parents=True, exist_ok=True)
    saved = []
    for result in row["generated_images"]:
        for url in filter(None, (result["url"], result.get("motionMP4URL"))):
            parts = urllib.parse.urlsplit(url)
            if parts.scheme not in ("http", "https"):
                raise Refused(f"{url} is no address of a file")
            # Without the key: results are public, and lie on another host.
            content, _ = _fetched(
                urllib.request.Request(url, headers={"User-Agent": "leonardo-skill"}),
                f"GET {url}",
                urllib.request.build_opener(),
            )
            file = options.output / f"{result['id']}{Path(parts.path).suffix}"
            file.write_bytes(content)
            saved.append(str(file))
    return saved


def upload(options: argparse.Namespace) -> Any:
    """Ask for a presigned form, or two, and send a file with each; what the API answered."""
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
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}  # and not the key
        request = urllib.request.Request(url, b"".join([*lines, f"--{boundary}--\r\n".encode()]), headers)
        _fetched(request, f"the upload of {name}", urllib.request.build_opener())
    return answer


def _forms(answer: Any) -> list[tuple[str, dict[str, Any]]]:
    """The address and the fields of each form in an answer: `url`, `fields`, or `initUrl`, `initFields`."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}  # by their fields, which may stand there twice
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
    """Any other call."""
    return call(options.method.upper(), options.path, options.body)


def _object(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(values, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return values


class _Parser(argparse.ArgumentParser):
    """Says what is wrong as this script says everything."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"leonardo: {message}; `{self.prog} -h` tells more\n")


def parser() -> argparse.ArgumentParser:
    """The commands."""
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
    made.add_argument("--every", type=float, default=3.0, metavar="SECONDS")
    command("get", get, "print a generation").add_argument("id")
    made = command("list", list_generations, "print the generations of a user")
    made.add_argument("user", nargs="?", help="a user id; your own unless told otherwise")
    made.add_argument("--offset", type=int, default=0)
    made.add_argument("--limit", type=int, default=10)
    command("delete", delete, "remove a generation").add_argument("id")
    made = command("download", download, "save the results of a generation")
    made.add_argument("id")
    made.add_argument("-o", "--output", type=Path, default=Path(), metavar="FOLDER")
    made = command("upload", upload, "ask for a presigned form and send files with it")
    made.add_argument("path", help="of the operation that gives the form")
    made.add_argument("body", type=_object, metavar="JSON", help='such as \'{"extension": "png"}\'')
    made.add_argument("files", nargs="+", type=Path, metavar="FILE")
    made = command("call", anything, "make any other call")
    made.add_argument("method")
    made.add_argument("path", help="below the base address, with its query")
    made.add_argument("body", nargs="?", type=_object, metavar="JSON")
    return whole


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit code."""
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

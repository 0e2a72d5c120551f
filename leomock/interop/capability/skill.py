"""Write a capability as an Agent Skill (agentskills.io): instructions, references, and a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from leomock.interop.capability.documented import documented
from leomock.interop.capability.export import as_yaml
from leomock.interop.capability.model import Capability, Offer, Operation, Upstream
from leomock.openapi.documents import Json
from leomock.openapi.operations import Operation as Documented
from leomock.openapi.spec import Versions, version_of

# The format's limits.
LONGEST_NAME = 64
LONGEST_DESCRIPTION = 1024
SCRIPT = Path(__file__).with_name("leonardo.py")
_NEEDS_ANOTHER = "Needs Python 3.9 or later, and access to the API."
_NEEDS = "Needs Python 3.9 or later, an API key in the environment, and access to the API or to a fake of it."
_Row = tuple[str, str, bool, Json]  # name, location, whether it is required, schema
# The paths of the API and of its fake. A path alone, such as `/me`, is in other APIs as well.
_OWN_ADDRESS = re.compile(r"/api/rest/v\d+$")
_ID = "6163f776-ad40-47fc-acd4-c04b22590ada"
_SAMPLES: dict[str, Any] = {"integer": 1, "number": 1, "boolean": True, "string": "..."}
# Operations with a command of the script; it can make any other call as well.
_GENERATIONS = frozenset({"createGeneration", "getGenerationById"})


class NothingToCallError(Exception):
    """No adapter of a file calls an operation of an API, so a skill would have nothing to call."""


@dataclass(frozen=True, slots=True)
class _Api:
    """An API of the skill: `own` is true for Leonardo.AI's, `script` is the file that calls it."""

    upstream: Upstream
    own: bool
    script: str
    is_only: bool

    @property
    def address(self) -> str:
        """The environment variable with the address of the API."""
        name = re.sub("[^A-Z0-9]+", "_", self.upstream.namespace.upper())
        return "LEONARDO_BASE_URL" if self.own else f"{name}_BASE_URL"

    @property
    def header(self) -> tuple[str, str] | None:
        """The header that carries the key, and the environment variable with it; None if there is no such."""
        credentials = self.upstream.credentials
        if self.upstream.variable:
            return "Authorization", self.upstream.variable
        if (
            credentials
            and credentials.kind == "apikey"
            and not credentials.in_query
            and credentials.variables
        ):
            return credentials.name, credentials.variables[0]
        return None

    def reference(self, operation: Operation) -> str:
        """Return the path of the reference of an operation."""
        name = _short_name(operation)
        return f"references/{name if self.is_only else f'{self.upstream.namespace}-{name}'}.md"


def skill(capability: Capability, versions: Versions) -> dict[str, str]:
    """Return the files of the skill by path; the first segment of each is the name of the skill.

    Raises `NothingToCallError`.
    """
    operations = _offered(capability)
    if not operations:
        raise NothingToCallError(
            "no adapter calls an operation of an API, so a skill would have nothing to call"
        )
    name = skill_name(capability)
    known = {
        each.id: documented(versions, each) if _OWN_ADDRESS.search(each.upstream.base_uri) else None
        for each in operations
    }
    apis = _apis(operations, known)
    files = {f"{name}/SKILL.md": _instructions(name, capability, known, apis)}
    for operation in operations:
        api = apis[operation.upstream.namespace]
        files[f"{name}/{api.reference(operation)}"] = _described(operation, known[operation.id], api.script)
    for api in apis.values():
        files[f"{name}/scripts/{api.script}"] = _script(api)
    return files


def _apis(operations: list[Operation], known: dict[str, Documented | None]) -> dict[str, _Api]:
    """Return the APIs of operations, by namespace; each but Leonardo.AI's first has a script of its own."""
    upstreams = {each.upstream.namespace: each.upstream for each in operations}
    apis: dict[str, _Api] = {}
    for namespace, upstream in upstreams.items():
        own = any(known[each.id] for each in operations if each.upstream.namespace == namespace)
        first = not any(api.own for api in apis.values())
        alone = SCRIPT.name if own and first else "call.py" if len(upstreams) == 1 else f"{namespace}.py"
        apis[namespace] = _Api(upstream, own, alone, len(upstreams) == 1)
    return apis


def _script(api: _Api) -> str:
    """Return the script of an API: that of Leonardo.AI's, or one that does not know of that or of a fake."""
    script = re.sub(
        r"^REAL = .*$", lambda _: f'REAL = "{api.upstream.base_uri}"', SCRIPT.read_text("utf-8"), flags=re.M
    )
    if api.own:
        return script
    header, variable = api.header or ("", "")
    start = script.index('"""')
    end = script.index('"""', start + 3) + 3
    about = f'''"""Call the API at {api.upstream.base_uri} from the command line.

Needs Python 3.9 or later and nothing else. Answers are printed as JSON. An error is one sentence on stderr,
with exit code 1 (2 if the arguments are invalid).
"""'''
    script = f"{script[:start]}{about}{script[end:]}"
    for pattern, value in (
        (r"^KEYS = .*$", f"KEYS = ({variable!r},)" if variable else "KEYS = ()"),
        (r"^HINT = .*$", 'HINT = ""'),
        (r'"Authorization": f"Bearer \{key\}"', f'"{header}": key' if not api.upstream.variable else ""),
        (r"LEONARDO_BASE_URL", api.address),
        (r"leonardo-skill", "capability-skill"),
        (r"leonardo: ", "call: "),
        (r"explanation of a fake", "explanation of a server"),
        (r"X-Leomock-Explain", "X-Explanation"),
    ):
        if value:
            script = re.sub(pattern, lambda _, value=value: value, script, flags=re.MULTILINE)  # type: ignore[misc]  # the default binds the value
    return script


def skill_name(capability: Capability) -> str:
    """Return the label in lower-case letters, digits and hyphens; if nothing is left, the namespace."""
    for text in (capability.label, *(each.namespace for each in capability.upstreams)):
        if name := re.sub(r"[^a-z0-9]+", "-", text.lower())[:LONGEST_NAME].strip("-"):
            return name
    return "capability"


def _offered(capability: Capability) -> list[Operation]:
    """Return the operations that any adapter calls or forwards to, in file order."""
    called: set[str] = set()
    forwarded: set[str] = set()
    for adapter in capability.adapters:
        offers = [*adapter.offers, *(each.offer for each in adapter.resources if each.offer)]
        called |= {offer.operation.id for offer in offers}
        called |= {step.call for offer in offers if offer.steps for step in offer.steps.steps}
        forwarded |= {each.upstream.namespace for each in adapter.forwards}
    return [
        each for each in capability.operations if each.id in called or each.upstream.namespace in forwarded
    ]


def _short_name(operation: Operation) -> str:
    return operation.id.partition(".")[2]


# --- SKILL.md ----------------------------------------------------------------------------------------


def _instructions(
    name: str, capability: Capability, known: dict[str, Documented | None], apis: dict[str, _Api]
) -> str:
    own = any(api.own for api in apis.values())
    front = {
        "name": name,
        "description": _summary(capability),
        "compatibility": _NEEDS if own else _NEEDS_ANOTHER,
    }
    operations = _offered(capability)
    references = {each.id: apis[each.upstream.namespace].reference(each) for each in operations}
    rows = "\n".join(
        f"| [{_short_name(each)}]({references[each.id]}) | `{each.method} {each.path}` | "
        f"{_cell(each.description)} | {_nature(capability, each)} |"
        for each in operations
    )
    documents = [(each, entry) for each in operations if (entry := known[each.id])]
    more = ""
    if {entry.id for _, entry in documents} >= _GENERATIONS:
        more = _GENERATING
    elif any("generationId" in _names(_answer(entry)) for _, entry in documents):
        more = _WAITING
    forms = [each for each, entry in documents if _gives_a_form(entry)]
    if forms:
        example = f"{_command(forms[0], known[forms[0].id], SCRIPT.name, 'upload')} FILE"
        more += _UPLOADING.format(names=", ".join(map(_short_name, forms)), example=example)
    script = apis[operations[0].upstream.namespace].script
    first = _command(operations[0], known[operations[0].id], script)
    return f"""---
{as_yaml(front)}---

# {capability.label}

{capability.description}

## Before the first call

{"".join(map(_environment, apis.values()))}
## Operations

| operation | call | what it does | nature |
|---|---|---|---|
{rows}

Read the reference of an operation before its first call: it has the parameters, their limits, and an example.
Every operation is called in the same way, with a path below the base address and, where it takes one, a JSON
object:

```
{first}
```
{more}
## When a call fails

The script says so in one sentence on stderr and exits with 1 (2 if the command itself is wrong). Errors
of the API come with their status and text: 400 names the variable that is wrong or a rule that was broken,
401 means that the key is not known. Correct the call rather than repeat it; only a call that could not be
answered at all (no connection, 429, 5xx) is worth repeating, and after a POST that broke off the work may
have begun all the same.
"""


def _environment(api: _Api) -> str:
    """Return what the script of an API reads from the environment, and how to point it at a fake of it."""
    upstream = api.upstream
    if api.own:
        return f"""\
The script reads two things from the environment:

* `LEONARDO_API_KEY` (or `LEONARDO_AI_API_KEY`): the API key. Never print it or write it into a file.
* `LEONARDO_BASE_URL`: the address of the API. Without it, calls go to the real service at
  {upstream.base_uri}, and may cost credits. To try things out for nothing, run
  `leomock serve` and set
  `LEONARDO_BASE_URL=http://127.0.0.1:8090/api/rest/{version_of(upstream.base_uri)}`; a fake takes any key.
"""
    header, credentials = api.header, upstream.credentials
    key = f"* `{header[1]}`: the API key. Never print it or write it into a file.\n" if header else ""
    unsent = (
        f"\nThe API takes more than this script sends: to call it by other means, {credentials.words}.\n"
        if credentials and not header
        else ""
    )
    return f"""\
The script {"" if api.is_only else f"`scripts/{api.script}` "}reads from the environment:

{key}* `{api.address}`: the address of the API, if it is not {upstream.base_uri}.
{unsent}"""


_GENERATING = """
## Generate images

A generation takes a while: create it, wait for it, then fetch the pictures.

```
python3 scripts/leonardo.py create "a lighthouse at dusk" '{"num_images": 1, "width": 768, "height": 512}'
python3 scripts/leonardo.py wait GENERATION_ID
python3 scripts/leonardo.py download GENERATION_ID -o pictures
```

`create` prints the id as `sdGenerationJob.generationId`, and what it costs. `wait` ends with the status
COMPLETE, or with an error where the generation has FAILED or is not done within `--timeout` seconds. `get`
prints a generation as it is now, `list` those of a user, `delete` removes one for good.
"""
_WAITING = """
## Fetch what comes of it

A `generationId` in an answer names a generation, which takes a while: wait for it, then fetch the results (of
a video the MP4 and a still).

```
python3 scripts/leonardo.py wait GENERATION_ID
python3 scripts/leonardo.py download GENERATION_ID -o results
```

`wait` ends with the status COMPLETE, or with an error where the generation has FAILED or is not done within
`--timeout` seconds.
"""
_UPLOADING = """
## Upload a file

An operation that uploads does not take the file; it answers with a presigned form for it ({names}).
The script asks for the form, sends the file (two files where the answer has two forms) and prints the answer:

```
{example}
```

By hand: POST a multipart/form-data form to `url` with everything in `fields` (a JSON object, as a string) and
then, last, the content as `file`. The form goes to another host, without the API key, and is good for two
minutes; 204 means that the file is there.
"""


def _summary(capability: Capability) -> str:
    """Return what the skill does and when to use it, within the format's limit."""
    names = ", ".join(_short_name(each).replace("-", " ") for each in _offered(capability))
    when = _cut(f"Use it when a task needs {capability.label}: {names}.", LONGEST_DESCRIPTION // 2)
    what = " ".join(capability.description.split()).rstrip(".")
    return f"{_cut(f'{what}.', LONGEST_DESCRIPTION - len(when) - 1)} {when}"


def _cut(text: str, most: int) -> str:
    """Return the text, cut after a word if it is too long."""
    return text if len(text) <= most else f"{text[: most - 3].rpartition(' ')[0]}..."


def _nature(capability: Capability, operation: Operation) -> str:
    """Describe the effect of an operation by the hints of its tool; without a tool, by the method."""
    hints = next((offer.hints for offer in _offers(capability, operation) if offer.hints), None)
    if hints is None:
        hints = {"readOnly": operation.method == "GET", "destructive": operation.method == "DELETE"}
    if hints.get("destructive"):
        return "destroys"
    return "reads" if hints.get("readOnly") else "changes"


def _offers(capability: Capability, operation: Operation) -> list[Offer]:
    return [
        offer
        for adapter in capability.adapters
        for offer in adapter.offers
        if offer.operation.id == operation.id
    ]


# --- references/ -------------------------------------------------------------------------------------


def _described(operation: Operation, known: Documented | None, script: str) -> str:
    lines = [f"# {_short_name(operation)}", "", f"`{operation.method} {operation.path}`", ""]
    lines += [operation.description, ""] if operation.description else []
    own = {each.name: {"type": each.type, "description": each.description} for each in operation.inputs}
    rows = (
        [
            row
            for v in known.variables.values()
            for row in _rows(known, v.name, v.location, v.required, {**own.get(v.name, {}), **v.schema})
        ]
        if known
        else [(each.name, each.location, each.required, own[each.name]) for each in operation.inputs]
    )
    lines += ["## Parameters", ""]
    if rows:
        lines += ["| name | in | required | type and limits | what it is |", "|---|---|---|---|---|"]
        lines += [
            f"| `{name}` | {location} | {'yes' if required else 'no'} | {_cell(_limits(schema, required))} | "
            f"{_cell(schema.get('description', ''))} |"
            for name, location, required, schema in rows
        ]
    else:
        lines += ["None."]
    lines += ["", "## Example", "", "```", _command(operation, known, script), "```", ""]
    if known:
        lines += [
            "Answer, with made-up values:",
            "",
            "```json",
            _json(_answer(known), indent=True),
            "```",
            "",
        ]
    return "\n".join(lines)


def _rows(known: Documented, name: str, location: str, required: bool, schema: Json) -> Iterator[_Row]:
    """Return the rows of a parameter and everything inside it: `elements`, `elements[].akUUID`."""
    yield name, location, required, schema
    if "items" in schema:
        name, schema = f"{name}[]", known.resolved(schema["items"])
    needed = schema.get("required", ())
    for each, part in schema.get("properties", {}).items():
        yield from _rows(known, f"{name}.{each}", location, each in needed, known.resolved(part))


def _limits(schema: Json, required: bool) -> str:
    """Return the type of a value and its limits."""
    said = [schema.get("type", "string")]
    if "enum" in schema:
        said.append("one of " + ", ".join(_json(value) for value in schema["enum"] if value is not None))
    bounds = (
        ("minimum", "at least {}"),
        ("maximum", "at most {}"),
        ("multipleOf", "a multiple of {}"),
        ("minLength", "at least {} characters"),
        ("maxLength", "at most {} characters"),
        ("minItems", "at least {} entries"),
        ("maxItems", "at most {} entries"),
        ("format", "{}"),
    )
    said += [text.format(schema[bound]) for bound, text in bounds if bound in schema]
    if not required and schema.get("default") is not None:
        said.append(f"{_json(schema['default'])} unless given")
    return "; ".join(said)


def _command(operation: Operation, known: Documented | None, script: str, verb: str = "") -> str:
    """Return the command line that calls an operation with its required inputs."""
    path, body = operation.path, {}
    for name in re.findall(r"\{([^{}]+)\}", path):
        schema = known.variables[name].schema if known and name in known.variables else {"format": "uuid"}
        value = _sample(known, schema)
        path = path.replace(f"{{{name}}}", str(value))
    if known:
        body = {
            v.name: _sample(known, v.schema)
            for v in known.variables.values()
            if v.location == "body" and v.required
        }
    text = f"python3 scripts/{script} {verb or f'call {operation.method}'} {path}"
    return f"{text} '{_json(body).replace(chr(39), chr(92) + 'u0027')}'" if body else text


def _answer(known: Documented) -> Any:
    return _sample(known, known.entry["responses"]["200"]["content"]["application/json"]["schema"])


def _names(value: Any) -> set[str]:
    """Return all names in JSON values."""
    if isinstance(value, list):
        return {name for part in value for name in _names(part)}
    if not isinstance(value, dict):
        return set()
    return set(value).union(*map(_names, value.values()))


def _gives_a_form(known: Documented) -> bool:
    return any(name.lower().endswith("fields") for name in _names(_answer(known)))


def _sample(known: Documented | None, schema: Json) -> Any:
    """Return a value that fits a schema; the document's example if it has one."""
    schema = known.resolved(schema) if known else schema
    for part in schema.get("allOf", ()):
        schema = {**(known.resolved(part) if known else part), **schema}
    if "oneOf" in schema:
        return _sample(known, schema["oneOf"][0])
    for given in ("example", "default"):
        if schema.get(given) is not None:
            return schema[given]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object" or "properties" in schema:
        return {name: _sample(known, part) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [_sample(known, schema["items"])]
    if schema.get("format") == "uuid":
        return _ID
    if schema.get("format") == "date-time":
        return "2026-05-25T12:00:00.000Z"
    return schema.get("minimum", _SAMPLES.get(schema.get("type", "string")))


def _json(value: Any, indent: bool = False) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0).decode()


def _cell(text: str) -> str:
    """Return a text for a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")

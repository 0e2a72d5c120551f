"""The resources and prompts that a capability file declares."""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

import mcp_types as types
import orjson

from leomock.interop.capability.model import Offer, Prompt, Resource
from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.reading import called
from leomock.interop.mcp.refusals import Refused
from leomock.openapi.suggest import suggestion

Headers = Mapping[str, str]
Contents = types.TextResourceContents | types.BlobResourceContents
_PLACE = re.compile(r"\{([\w-]+)\}")
# As in the format: any other `{{...}}` in a message stays as it is.
_ARGUMENT = re.compile(r"\{\{([\w-]+)\}\}")


class FileLibrary:
    """The resources of an adapter."""

    def __init__(self, resources: Sequence[Resource], caller: Caller) -> None:
        self._resources = resources
        self._caller = caller
        self.templates: Sequence[types.ResourceTemplate] = [
            types.ResourceTemplate(
                name=each.name,
                title=each.title or None,
                uri_template=each.uri,
                description=each.description,
                mime_type=each.mime_type or None,
            )
            for each in resources
            if _is_template(each)
        ]

    async def listed(self, headers: Headers) -> Sequence[types.Resource]:
        """Return the resources with one address, and the files of folders."""
        found = []
        for each in self._resources:
            addresses = [each.uri]
            if each.folder:
                addresses = [f"{each.uri}/{quote(name)}" for name in _files(each.folder)]
            elif _is_template(each):
                addresses = []
            found += [
                types.Resource(
                    uri=uri,
                    name=each.name,
                    title=each.title or None,
                    description=each.description,
                    mime_type=each.mime_type or (_type(uri) if each.folder else None),
                )
                for uri in addresses
            ]
        return found

    async def read(self, uri: str, headers: Headers) -> Sequence[Contents]:
        """Return the content at an address. Raises `Refused`."""
        for each in self._resources:
            if each.folder and uri.startswith(f"{each.uri}/"):
                name = unquote(uri.removeprefix(f"{each.uri}/"))
                if path := _files(each.folder).get(name):
                    return [_content(uri, path, each.mime_type or _type(name))]
            elif each.offer and (match := _pattern(each.uri).fullmatch(uri)):
                names = _PLACE.findall(each.uri)
                given = dict(zip(names, map(unquote, match.groups()), strict=True))
                return [await self._answer(uri, each, each.offer, given, headers)]
        known = ", ".join(each.uri for each in self._resources)
        raise Refused(f"There is no resource {uri[:100]!r}", f"There are {known}.", code="not-found")

    async def _answer(
        self, uri: str, resource: Resource, offer: Offer, given: Mapping[str, str], headers: Headers
    ) -> Contents:
        value = await called(self._caller, offer, given, headers)
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        return types.TextResourceContents(uri=uri, text=text, mime_type=resource.mime_type)

    async def next_change(self, uri: str, headers: Headers) -> Callable[[], Awaitable[bool]] | None:
        """Return None: a file does not say when its resources change."""
        await self.read(uri, headers)
        return None

    async def complete(self, template: str, argument: str, headers: Headers) -> Sequence[str]:
        """Return no values: a file does not say which there are."""
        return ()


class FilePrompts:
    """The prompts of an adapter."""

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        self._prompts = {each.name: each for each in prompts}
        self.listed: Sequence[types.Prompt] = [
            types.Prompt(
                name=each.name,
                title=each.title or None,
                description=each.description,
                arguments=[
                    types.PromptArgument(name=one.name, description=one.description, required=one.required)
                    for one in each.arguments
                ],
            )
            for each in prompts
        ]

    async def get(self, name: str, arguments: Mapping[str, str], headers: Headers) -> types.GetPromptResult:
        """Return the messages of a prompt, with its arguments. Raises `Refused`."""
        if name not in self._prompts:
            text = f"There is no prompt {name[:100]!r}{suggestion(name, self._prompts)}"
            raise Refused(text, code="wrong-argument")
        prompt = self._prompts[name]
        for each in prompt.arguments:
            if each.required and each.name not in arguments:
                text = f"The prompt {name} needs the argument {each.name!r}"
                raise Refused(text, code="wrong-argument")

        def filled(text: str) -> str:
            return _ARGUMENT.sub(lambda match: arguments.get(match[1], match[0]), text)

        messages = [
            types.PromptMessage(role=_role(role), content=types.TextContent(text=filled(text)))
            for role, text in prompt.messages or [("user", _text(prompt))]
        ]
        return types.GetPromptResult(description=prompt.description, messages=messages)

    async def complete(self, prompt: str, argument: str, headers: Headers) -> Sequence[str]:
        """Return no values: a file does not say which there are."""
        return ()


def _is_template(resource: Resource) -> bool:
    return not resource.folder and bool(_PLACE.search(resource.uri))


def _pattern(uri: str) -> re.Pattern[str]:
    """Return the pattern of the addresses of a resource: a variable is one segment."""
    parts = _PLACE.split(uri)
    return re.compile("".join("([^/]+)" if n % 2 else re.escape(part) for n, part in enumerate(parts)))


def _files(folder: Path) -> dict[str, Path]:
    """Return the files in a folder, by their path in it. Links to files elsewhere are none of them."""
    root = folder.resolve()
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.resolve().is_relative_to(root)
    }


def _content(uri: str, path: Path, mime_type: str) -> Contents:
    """Return a file: as a text if it is one."""
    content = path.read_bytes()
    try:
        return types.TextResourceContents(uri=uri, text=content.decode(), mime_type=mime_type)
    except UnicodeDecodeError:
        blob = base64.b64encode(content).decode()
        return types.BlobResourceContents(uri=uri, blob=blob, mime_type=mime_type)


def _text(prompt: Prompt) -> str:
    """Return the text of a prompt's file. Raises `Refused`."""
    assert prompt.file
    try:
        return prompt.file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Refused(
            f"The prompt {prompt.name} has no text: {prompt.file} cannot be read: {reason}"
        ) from None


def _role(role: str) -> types.Role:
    return "assistant" if role == "assistant" else "user"


def _type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"

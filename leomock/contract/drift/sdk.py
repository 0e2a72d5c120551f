"""Describe the official Python SDK as an OpenAPI document: what the installed package calls, sends and reads.

Routes come from the code of its methods (`_build_request(method=…, path=…)`), and the data it sends and reads
from its pydantic models. The SDK has no limits, formats or errors; `sayable` reduces another document to what
an SDK could express.
"""

from __future__ import annotations

import ast
import enum
import inspect
import textwrap
import types
import typing
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules
from typing import Any

from leomock.contract.drift.nodes import Document
from leomock.openapi.documents import COMPONENTS, Json, SpecError, operations_of

PACKAGE = "leonardo-ai-sdk"
_REFS = "#/components/schemas/"
# Fields that every response model of the SDK has besides the body.
_AROUND = {"content_type", "status_code", "raw_response", "headers"}
_SAYABLE = ("type", "nullable", "enum", "required", "default")


def document(package: str = PACKAGE) -> Document:
    """Return what the installed SDK calls, sends and reads; raise `SpecError` if it is not installed."""
    if package != PACKAGE:
        raise SpecError(f"--sdk {package}: not known; the SDK that can be read is {PACKAGE}")
    try:
        import leonardo_ai_sdk
    except ImportError:
        raise SpecError(
            f"{PACKAGE} is not installed where leomock is; `pip install {PACKAGE}` installs it"
        ) from None
    found = f"{PACKAGE} {version(PACKAGE)}"
    reader = _Reader()
    paths: Json = {}
    for method in _methods(leonardo_ai_sdk):
        entry = reader.operation(method)
        paths.setdefault(entry.pop("path"), {})[entry.pop("method").lower()] = entry
    return Document(
        found,
        found,
        {
            "openapi": "3.0.0",
            "info": {"title": found, "version": ""},
            "paths": paths,
            "components": {"schemas": reader.schemas},
        },
    )


def _methods(package: types.ModuleType) -> Iterator[Callable[..., Any]]:
    """Yield each method that calls the API once: its `_async` variant does the same."""
    sdk: type = import_module(f"{package.__name__}.basesdk").BaseSDK
    for module in iter_modules(package.__path__, f"{package.__name__}."):
        if module.name.rsplit(".", 1)[-1].startswith("_") or module.ispkg:
            continue
        for owner in vars(import_module(module.name)).values():
            if isinstance(owner, type) and issubclass(owner, sdk) and owner.__module__ == module.name:
                for name, method in vars(owner).items():
                    if (
                        inspect.isfunction(method)
                        and not name.startswith("_")
                        and "_build_request(" in inspect.getsource(method)
                    ):
                        yield method


class _Reader:
    """A reader of methods and models; `schemas` collects the models found."""

    def __init__(self) -> None:
        self.schemas: Json = {}

    def operation(self, method: Callable[..., Any]) -> Json:
        """Return one method as an operation, including its HTTP method and path."""
        code = ast.parse(textwrap.dedent(inspect.getsource(method)))
        request = _keywords(code, "_build_request")
        entry: Json = {
            "method": request["method"],
            "path": request["path"],
            "operationId": _keywords(code, "HookContext")["operation_id"],
        }
        if (model := _request_model(code, method)) is not None:
            self._request(entry, model, required=request.get("request_body_required") is True)
        answer = typing.get_type_hints(method)["return"]
        bodies = [
            self.schema(field.annotation)
            for name, field in answer.model_fields.items()
            if name not in _AROUND
        ]
        content = {"application/json": {"schema": bodies[0]}} if bodies else {}
        entry["responses"] = {"200": {"description": "", "content": content}}
        return entry

    def _request(self, entry: Json, model: Any, *, required: bool) -> None:
        """Add parameters and body: fields say where they go; a model without such fields is the body."""
        body, parameters = None, []
        for name, field in model.model_fields.items():
            told = [vars(mark) for mark in field.metadata if type(mark).__name__ == "FieldMetadata"]
            places = {place for mark in told for place, value in mark.items() if value}
            if "request" in places:
                body = self.schema(field.annotation)
                continue
            for place in places & {"path", "query", "header"}:
                schema = self._field(field)
                parameters.append(
                    {
                        "name": field.alias or name,
                        "in": place,
                        "required": field.is_required(),
                        "schema": schema,
                    }
                )
        if parameters:
            entry["parameters"] = parameters
        elif body is None:
            body = self.schema(model)
        if body is not None:
            entry["requestBody"] = {
                "required": required,
                "content": {"application/json": {"schema": body}},
            }

    def schema(self, annotation: Any) -> Json:
        """Convert a type to a schema: None in a union makes a value optional, `Nullable` allows null."""
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        name = getattr(origin, "__name__", "")
        if origin is typing.Annotated:
            return self.schema(arguments[0])
        if name in ("Nullable", "OptionalNullable"):
            return _or_null(self.schema(arguments[0]))
        if origin in (typing.Union, types.UnionType):
            return self._union(arguments)
        if origin is typing.Literal:
            return {"type": "string", "enum": list(arguments)}
        if origin is list:
            return {"type": "array", "items": self.schema(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.schema(arguments[1])}
        if isinstance(annotation, type):
            return self._class(annotation)
        # An alias that is not a type itself refers to one.
        return self.schema(annotation.__value__) if hasattr(annotation, "__value__") else {}

    def _union(self, arguments: tuple[Any, ...]) -> Json:
        meant = [
            argument
            for argument in arguments
            if argument is not type(None) and getattr(argument, "__name__", "") != "Unset"
        ]
        names = {getattr(argument, "__name__", "") for argument in meant}
        if names & {"UnrecognizedStr", "UnrecognizedInt"}:
            return {"type": "string" if "UnrecognizedStr" in names else "integer"}
        if len(meant) == 1:
            return self.schema(meant[0])
        return {"oneOf": [self.schema(argument) for argument in meant]}

    def _class(self, kind: type) -> Json:
        if issubclass(kind, enum.Enum):
            return {"type": "string", "enum": [member.value for member in kind]}
        if hasattr(kind, "model_fields"):
            return self._model(kind)
        for simple, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (dict, "object")):
            if issubclass(kind, simple):
                return {"type": name}
        return {"type": "string"} if kind is not object else {}

    def _model(self, model: Any) -> Json:
        name = f"{model.__module__}.{model.__qualname__}"
        if name not in self.schemas:
            # Add it before reading its fields, since they may refer back to it.
            schema = self.schemas[name] = {"type": "object"}
            schema["properties"] = {
                field.alias or own: self._field(field) for own, field in model.model_fields.items()
            }
            required = [f.alias or n for n, f in model.model_fields.items() if f.is_required()]
            if required:
                schema["required"] = required
        return {"$ref": f"{_REFS}{name}"}

    def _field(self, field: Any) -> Json:
        schema = self.schema(field.annotation)
        default = field.get_default(call_default_factory=True)
        if default is None or field.is_required() or type(default).__name__ == "Unset":
            return schema
        if isinstance(default, enum.Enum):
            default = default.value
        elif hasattr(default, "model_dump"):
            default = default.model_dump(mode="json", by_alias=True)
        return {"allOf": [schema], "default": default}


def _or_null(schema: Json) -> Json:
    return {"allOf": [schema], "nullable": True}


def _keywords(code: ast.AST, function: str) -> dict[str, Any]:
    """Return the constants that a call of a function passes by name."""
    for node in ast.walk(code):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] == function:
            return {
                k.arg: k.value.value for k in node.keywords if k.arg and isinstance(k.value, ast.Constant)
            }
    raise SpecError(f"{PACKAGE}: a method does not call {function}")


def _request_model(code: ast.AST, method: Callable[..., Any]) -> Any:
    """Return the model that a method puts its arguments into, if any."""
    for node in ast.walk(code):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "request":
            for part in ast.walk(node.value):
                if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
                    model = getattr(method.__globals__.get(part.value.id), part.attr, None)
                    if hasattr(model, "model_fields"):
                        return model
    return None


# --- other documents, as an SDK would express them ------------------------------------------------------


def sayable(document: Document) -> Document:
    """Return a document without anything that an SDK cannot express."""
    content = document.content
    paths = {
        path: {method: _sayable_entry(entry) for method, entry in operations_of(item)}
        for path, item in content["paths"].items()
    }
    components = content.get("components", {})
    schemas = {name: _sayable_schema(schema) for name, schema in components.get("schemas", {}).items()}
    said = {**content, "servers": [], "security": [], "paths": paths, "components": {"schemas": schemas}}
    return Document(document.title, document.source, said)


def _sayable_entry(entry: Json) -> Json:
    said: Json = {"operationId": entry["operationId"], "responses": {}}
    said["parameters"] = [
        {
            "name": parameter["name"],
            "in": parameter["in"],
            "required": parameter.get("required", False) and "default" not in parameter["schema"],
            "schema": _sayable_schema(parameter["schema"]),
        }
        for parameter in entry.get("parameters", ())
    ]
    if "requestBody" in entry:
        said["requestBody"] = _sayable_content(entry["requestBody"])
        said["requestBody"]["required"] = entry["requestBody"].get("required", False)
    if "200" in entry["responses"]:
        said["responses"]["200"] = _sayable_content(entry["responses"]["200"])
    return said


def _sayable_content(holder: Json) -> Json:
    content = holder.get("content", {})
    return {
        "content": {
            media: {"schema": _sayable_schema(content[media].get("schema", {}))}
            for media in content
            if media == "application/json"
        }
    }


def _sayable_schema(schema: Json) -> Json:
    if "$ref" in schema:
        return {"$ref": schema["$ref"].removeprefix(COMPONENTS)}
    said: Json = {word: schema[word] for word in _SAYABLE if word in schema}
    if "enum" in said:
        said.setdefault("type", "string")
    if "properties" in schema:
        said.setdefault("type", "object")
        properties = schema["properties"]
        said["properties"] = {name: _sayable_schema(below) for name, below in properties.items()}
        # The SDK sends values with a default by itself, so they are optional for callers.
        said["required"] = [
            name for name in schema.get("required", ()) if "default" not in properties.get(name, {})
        ]
    if "items" in schema:
        said["items"] = _sayable_schema(schema["items"])
    for word in ("allOf", "oneOf", "anyOf"):
        if word in schema:
            said[word] = [_sayable_schema(part) for part in schema[word]]
    if isinstance(schema.get("additionalProperties"), dict):
        said["additionalProperties"] = _sayable_schema(schema["additionalProperties"])
    return said

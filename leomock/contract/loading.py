"""Loads the schema that calls are drawn from, with everything that makes them calls of this API."""

from __future__ import annotations

import contextlib
from copy import deepcopy
from random import Random
from typing import Any

import httpx
from schemathesis import HookContext, Response
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.schemas import OpenApiSchema
from schemathesis.transport.requests import REQUESTS_TRANSPORT, RequestsTransport

from leomock.contract.allowances import JSON, Case, Known, Ledger, id_of
from leomock.contract.document import document
from leomock.contract.prepare import prepare
from leomock.contract.rules import Part, Sent, amend
from leomock.contract.target import READING, CheckError, Target
from leomock.contract.things import Things
from leomock.spec.compile import Spec, suggestion

DEFAULT_EXAMPLES = 100
LONGEST_SCENARIO = 8
_PARTS: dict[Part, ParameterLocation] = {
    "path": ParameterLocation.PATH,
    "query": ParameterLocation.QUERY,
    "body": ParameterLocation.BODY,
}


class Loaded:
    """A schema for one server, the things that its calls may name, and the findings that are known.

    Raises CheckError where the server does not answer.
    """

    def __init__(
        self,
        target: Target,
        *,
        published: bool = False,
        max_examples: int = DEFAULT_EXAMPLES,
        seed: int = 0,
        workers: int = 1,
        spec: Spec | None = None,
    ) -> None:
        self.target = target
        self.spec = spec or Spec()
        self.published = published
        self.things = Things()
        target.ensure_answers()
        known = Known(wrong_key=target.answer_to_a_wrong_key())
        if published:
            known.effective = _schema(target, document(self.spec, target.place), _config(target, 1, 0, 1))
        self.ledger = Ledger(known)
        # What a broken server answers here it answers in the run as well, where it becomes a finding.
        with contextlib.suppress(httpx.HTTPError, AttributeError, TypeError, LookupError):
            prepare(target, self.things)
        config = _config(target, max_examples, seed, workers)
        self.schema = _schema(target, document(self.spec, target.place, published=published), config)
        for hook in (self.filter_case, self.map_case, self.after_call, self.filter_failure):
            self.schema.hooks.register_hook_with_name(hook, hook.__name__)

    # --- hooks, named as schemathesis wants them ---------------------------------------------------------

    def filter_case(self, context: HookContext, case: Case) -> bool:
        """Whether a call may be sent at all."""
        return self.target.writes or case.method.upper() in READING

    def map_case(self, context: HookContext, case: Case) -> Case:
        """Amend a call until it satisfies what its schema cannot say."""
        operation = id_of(case.operation)
        wrong = [part for part, place in _PARTS.items() if case.meta and case.meta.is_negative_at(place)]
        # Drawn calls share what they are made of, so only copies are changed.
        sent = Sent(
            operation=operation,
            method=case.method.upper(),
            path=case.path,
            path_variables=dict(case.path_parameters),
            query=dict(case.query or {}),
            body=deepcopy(case.body) if isinstance(case.body, dict) else case.body,
            required=_required(case),
            things=self.things,
            # The same call is amended in the same way each time, so that it can be drawn again.
            random=Random(f"{operation} {case.path_parameters!r} {case.body!r}"),
        )
        amend(sent, wrong)
        if sent.path_variables != case.path_parameters:
            case.path_parameters = sent.path_variables
        if sent.query != (case.query or {}):
            case.query = sent.query
        if isinstance(sent.body, dict) and sent.body != case.body:
            case.body = sent.body
            case.media_type = case.media_type or JSON
        if sent.unnamed:
            self.ledger.known.unnamed.add(case.id)
        return case

    def after_call(self, context: HookContext, case: Case, response: Response) -> None:
        """Note what a call made."""
        if case.method.upper() == "POST" and response.status_code == 200:
            try:
                self.things.made(response.json())
            except ValueError:
                return

    def filter_failure(self, context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
        """Whether a finding stands: nothing that is known answers it."""
        return not self.ledger.allows(failure, case, response)


def _required(case: Case) -> tuple[str, ...]:
    alternative = case.operation.get_body_for_media_type(JSON) if case.operation.body else None
    schema = alternative.raw_schema if alternative else None
    return tuple(schema.get("required", ())) if isinstance(schema, dict) else ()


def _config(target: Target, max_examples: int, seed: int, workers: int) -> SchemathesisConfig:
    """Everything on, whatever a schemathesis.toml in this folder says."""
    config = SchemathesisConfig(seed=seed)
    project = config.projects.default
    project.update(
        headers={"Authorization": f"Bearer {target.api_key}"},
        workers=workers,
        # One finding must not hide the next.
        continue_on_failure=True,
    )
    if target.app is None:
        project.update(base_url=target.url)
    project.generation.update(max_examples=max_examples, database="none")
    project.phases.stateful.max_steps = LONGEST_SCENARIO
    # A scenario is a journey; what is wrong on purpose is drawn by the other phases.
    project.phases.stateful.generation.update(modes=[GenerationMode.POSITIVE])
    project.auth.auto_signup = False
    return config


def _schema(target: Target, raw: dict[str, Any], config: SchemathesisConfig) -> OpenApiSchema:
    transport = _Guarded(target)

    class Schema(OpenApiSchema):
        """A schema whose calls all pass the target's guard, those that checks send themselves as well."""

        @property
        def transport(self) -> Any:
            return transport if self.app is None else super().transport

    return Schema(raw_schema=raw, config=config.projects.get(raw), app=target.app)


class _Guarded(RequestsTransport):
    """Sends over the network what the target admits."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._copy_serializers_from(REQUESTS_TRANSPORT)
        self._target = target

    def send(self, case: Case, *, session: Any = None, **kwargs: Any) -> Response:
        self._target.admit(case.method)
        return super().send(case, session=session, **kwargs)


def find_operations(spec: Spec, operations: tuple[str, ...], groups: tuple[str, ...]) -> list[str]:
    """The ids that are meant by ids and groups (none: all); raises CheckError for an unknown one."""
    known_groups = {operation.group: operation for operation in spec.operations.values()}
    for asked, known, what in ((operations, spec.operations, "operation"), (groups, known_groups, "group")):
        for name in asked:
            if name not in known:
                hint = suggestion(name, known) or (
                    f"; there are {', '.join(known)}" if what == "group" else ""
                )
                raise CheckError(f"leomock check: --{what} {name}: there is no such {what}{hint}")
    return [
        operation.id
        for operation in spec.operations.values()
        if not (operations or groups) or operation.id in operations or operation.group in groups
    ]

"""Load the schema that calls are generated from, with the hooks that adapt it to this API."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable
from copy import deepcopy
from importlib import import_module
from random import Random
from typing import Any

import httpx
import requests
from schemathesis import HookContext, Response
from schemathesis.config import SchemathesisConfig
from schemathesis.core import NOT_SET
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.schemas import OpenApiSchema
from schemathesis.transport.requests import REQUESTS_TRANSPORT, RequestsTransport

from leomock.contract.check.allowances import JSON, Case, Known, Ledger, id_of
from leomock.contract.check.amendments import Sent
from leomock.contract.check.checks import OfThisApi
from leomock.contract.check.document import document, operations_gone
from leomock.contract.check.prepare import prepare
from leomock.contract.check.resource_pool import ResourcePool
from leomock.contract.check.rules import Part, amend
from leomock.contract.check.target import READING, VERSION, CheckError, RequestBudgetExceeded, Target, named
from leomock.openapi.documents import SpecError
from leomock.openapi.spec import Versions, shipped_versions
from leomock.openapi.suggest import suggestion

DEFAULT_EXAMPLES = 100
LONGEST_SCENARIO = 8
_PARTS: dict[Part, ParameterLocation] = {
    "path": ParameterLocation.PATH,
    "query": ParameterLocation.QUERY,
    "body": ParameterLocation.BODY,
}


def _let_connections_be_counted() -> None:
    """Let schemathesis work where niquests is installed, which replaces urllib3 by urllib3-future.

    schemathesis asks the pools for their `keys` to count the connections: if a request opened none and was
    dropped, it is sent once more. urllib3-future has no such method; without keys, all are sent once more.
    """
    try:
        module = import_module("urllib3.util.traffic_police")
    except ModuleNotFoundError:
        return
    if not hasattr(module.TrafficPolice, "keys"):
        module.TrafficPolice.keys = lambda pools: ()


class Loaded:
    """The schemas of one server by version, the resources that calls may name, and the allowances.

    `left_out` gives the reason for each version without a schema. What the vendor had retired by the day
    `as_of` is not checked. Raises CheckError if the server does not respond.
    """

    def __init__(
        self,
        target: Target,
        *,
        published: bool = False,
        max_examples: int = DEFAULT_EXAMPLES,
        seed: int = 0,
        versions: Versions | None = None,
        as_of: str = "",
    ) -> None:
        _let_connections_be_counted()
        self.target = target
        self._gone = operations_gone(as_of)
        self.versions = versions or shipped_versions()
        self.published = published
        self.seed = target.seed = seed
        self.max_examples = max_examples
        self.things = ResourcePool()
        target.ensure_answers()
        known = Known(wrong_key=target.answer_to_a_wrong_key(), any_key=target.any_key)
        target.judges_answers = not published
        self.ledger = Ledger(known)
        # If a broken server fails here, it fails during the run as well, and the run reports the finding.
        with contextlib.suppress(
            httpx.HTTPError, AttributeError, TypeError, LookupError, RequestBudgetExceeded
        ):
            prepare(target, self.things)
        self.left_out: dict[str, str] = {}
        self.schemas: dict[str, OpenApiSchema] = {}
        for version, spec in self.versions.items():
            try:
                raw = document(spec, target.place(version), published=published, as_of=as_of)
            except SpecError:
                self.left_out[version] = f"the published documents have nothing of {named(version)}"
                continue
            if version != VERSION and (why := target.lacks(version, spec.operations.values())):
                self.left_out[version] = why
                continue
            if published:
                corrected = _schema(
                    target,
                    document(spec, target.place(version), as_of=as_of),
                    _config(target, version, 1, 0),
                )
                known.effective |= dict.fromkeys(spec.operations, corrected)
            config = _config(target, version, max_examples, seed)
            self.schemas[version] = schema = _schema(target, raw, config, self.linked)
            for hook in (self.filter_case, self.map_case, self.after_call, self.filter_failure):
                schema.hooks.register_hook_with_name(hook, hook.__name__)

    def there(self, operations: Iterable[str]) -> list[str]:
        """Return the operations whose version is checked, except the retired ones."""
        known = {id for version in self.schemas for id in self.versions[version].operations} - self._gone
        return [id for id in operations if id in known]

    def ensure(self, operations: Iterable[str]) -> None:
        """Raise CheckError if an operation, or its version, is left out."""
        for id in operations:
            if id in self._gone:
                raise CheckError(
                    f"leomock check: the vendor has retired {id}; --as-of DATE checks a server as on an "
                    "earlier day"
                )
            for version, why in self.left_out.items():
                if id in self.versions[version].operations:
                    raise CheckError(f"leomock check: {id} cannot be checked: {why}")

    # --- hooks, with the names that schemathesis expects -------------------------------------------------

    def filter_case(self, context: HookContext, case: Case) -> bool:
        """Return True if the call may be sent at all."""
        return self.target.writes or case.method.upper() in READING

    def map_case(self, context: HookContext, case: Case) -> Case:
        """Amend a call until it satisfies the rules that its schema cannot express."""
        self._amend(
            case, [part for part, place in _PARTS.items() if case.meta and case.meta.is_negative_at(place)]
        )
        return case

    def linked(self, case: Case) -> None:
        """Amend the body of a scenario step, because links may insert ids of resources in the wrong state.

        Ids that links insert into the path stay, since the scenario is about them.
        """
        self._amend(case, ["path", "query"])

    def _amend(self, case: Case, wrong: Collection[Part]) -> None:
        operation = id_of(case.operation)
        # Generated calls share their parts, so change copies only.
        sent = Sent(
            operation=operation,
            method=case.method.upper(),
            path=case.path,
            path_variables=dict(case.path_parameters),
            query=dict(case.query or {}),
            body=deepcopy(case.body) if isinstance(case.body, dict) else case.body,
            required=_required(case),
            things=self.things,
            # Amend the same call in the same way each time, so that it can be generated again. A missing body
            # is shown by its address in memory, which is another one in every run.
            random=Random(
                f"{operation} {case.path_parameters!r} {'' if case.body is NOT_SET else case.body!r}"
            ),
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

    def after_call(self, context: HookContext, case: Case, response: Response) -> None:
        """Record the resources that a call created."""
        if case.method.upper() == "POST" and response.status_code == 200:
            try:
                self.things.made(response.json())
            except ValueError:
                return

    def filter_failure(self, context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
        """Return True if the finding counts, which means that no allowance covers it."""
        return not self.ledger.allows(failure, case, response)


def _required(case: Case) -> tuple[str, ...]:
    alternative = case.operation.get_body_for_media_type(JSON) if case.operation.body else None
    schema = alternative.raw_schema if alternative else None
    return tuple(schema.get("required", ())) if isinstance(schema, dict) else ()


def _config(target: Target, version: str, max_examples: int, seed: int) -> SchemathesisConfig:
    """Return a configuration with every check on, ignoring any schemathesis.toml in this folder."""
    config = SchemathesisConfig(seed=seed)
    project = config.projects.default
    project.update(
        headers={"Authorization": f"Bearer {target.api_key}"},
        # One finding must not hide the next.
        continue_on_failure=True,
    )
    if target.app is None:
        project.update(base_url=target.base(version))
    project.generation.update(max_examples=max_examples, database="none")
    project.phases.stateful.max_steps = LONGEST_SCENARIO
    # A scenario is a journey of valid calls; the other phases generate the invalid ones.
    project.phases.stateful.generation.update(modes=[GenerationMode.POSITIVE])
    for phase in (project.phases.examples, project.phases.coverage, project.phases.fuzzing):
        # The resource pool names what exists. Values of responses, such as times, differ from run to run.
        phase.extra_data_sources.responses = False
    # Amending a call often makes it one that was sent before.
    project.phases.fuzzing.generation.update(unique_inputs=True)
    project.auth.auto_signup = False
    return config


def _schema(
    target: Target,
    raw: dict[str, Any],
    config: SchemathesisConfig,
    linked: Callable[[Case], None] = lambda case: None,
) -> OpenApiSchema:
    transport = _Guarded(target)

    class Schema(OfThisApi, OpenApiSchema):
        """A schema whose calls all pass the target's guard, including those that checks send themselves."""

        @property
        def transport(self) -> Any:
            return transport if self.app is None else super().transport

        def build_state_machine(self, **wiring: Any) -> Any:
            machine: Any = super().build_state_machine(**wiring)

            class Machine(machine):  # type: ignore[misc]  # created at run time
                def before_call(self, case: Case) -> None:
                    linked(case)
                    super().before_call(case)

            return Machine

    return Schema(raw_schema=raw, config=config.projects.get(raw), app=target.app)


class _Guarded(RequestsTransport):
    """A transport that sends over the network only what the target admits."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._copy_serializers_from(REQUESTS_TRANSPORT)
        self._target = target

    def send(self, case: Case, *, session: Any = None, **kwargs: Any) -> Response:
        self._target.admit(case.method)
        if session is not None:
            if session.trust_env:
                _read_environment_once(session, self._target.url)
            kwargs["verify"] = session.verify
        return super().send(case, session=session, **kwargs)


def _read_environment_once(session: requests.Session, url: str) -> None:
    """Take proxies and certificates from the environment now, not once more for every call."""
    found = session.merge_environment_settings(url, {}, None, session.verify, None)
    session.proxies, session.verify = found["proxies"], found["verify"]
    session.trust_env = False


def find_operations(versions: Versions, operations: tuple[str, ...], groups: tuple[str, ...]) -> list[str]:
    """Return the ids of the selected operations and groups; without a selection, all.

    Raises CheckError for an unknown id.
    """
    known_groups = {operation.group: operation for operation in versions.operations.values()}
    for asked, known, what in (
        (operations, versions.operations, "operation"),
        (groups, known_groups, "group"),
    ):
        for name in asked:
            if name not in known:
                hint = suggestion(name, known) or (
                    f"; there are {', '.join(known)}" if what == "group" else ""
                )
                raise CheckError(f"leomock check: --{what} {name}: there is no such {what}{hint}")
    return [
        operation.id
        for operation in versions.operations.values()
        if not (operations or groups) or operation.id in operations or operation.group in groups
    ]

"""Every operation, drawn from the schema, against the backend: as users write such tests."""

from __future__ import annotations

import pytest
from schemathesis import Case
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.schemas import OpenApiSchema

from leomock.contract import loaded, schema, schema_v2
from leomock.contract.check.allowances import id_of
from leomock.contract.check.document import operations_gone

for each in (schema, schema_v2):
    # Boundaries and shapes of requests take the most time; test_check.py has them, and more examples.
    each.config.generation.update(max_examples=10)
    each.config.phases.update(phases=["examples", "fuzzing"])


@schema.parametrize()
def test_operation_keeps_the_contract(case: Case) -> None:  # type: ignore[type-arg]
    """Whatever is called, right or wrong, is answered as the document says."""
    case.call_and_validate()


@schema_v2.parametrize()
def test_operation_of_version_2_keeps_the_contract(case: Case) -> None:  # type: ignore[type-arg]
    """So does version 2."""
    case.call_and_validate()


@pytest.mark.parametrize(("version", "loaded_schema"), [("v1", schema), ("v2", schema_v2)])
def test_schema_has_every_operation(version: str, loaded_schema: OpenApiSchema) -> None:
    """Nothing is left out but what the vendor has retired."""
    operations = [result.ok() for result in loaded_schema.get_all_operations() if isinstance(result, Ok)]
    assert {id_of(operation) for operation in operations} == (
        set(loaded().versions[version].operations) - operations_gone("")
    )


def test_calls_name_things_that_exist() -> None:
    """Before the first call an init image was uploaded and a generation made."""
    if not loaded().target.writes:
        pytest.skip("nothing is made on a server that is only read")
    for kind in ("init image", "generation", "generated image", "model"):
        assert loaded().things.of(kind), kind

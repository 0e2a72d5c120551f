"""Every operation, drawn from the schema, against the backend: as users write such tests."""

from __future__ import annotations

import os

import pytest
from schemathesis import Case
from schemathesis.core.result import Ok

from leomock.contract import loaded, schema
from leomock.contract.allowances import id_of

EXAMPLES = os.environ.get("LEOMOCK_CONTRACT_EXAMPLES", "")
schema.config.generation.update(max_examples=int(EXAMPLES or 10))
if not EXAMPLES:
    # Boundaries and shapes of requests take the most time; the whole check of test_check.py has them as well.
    schema.config.phases.update(phases=["examples", "fuzzing"])


@schema.parametrize()
def test_operation_keeps_the_contract(case: Case) -> None:  # type: ignore[type-arg]
    """Whatever is called, right or wrong, is answered as the document says."""
    case.call_and_validate()


def test_schema_has_every_operation() -> None:
    """Nothing is left out."""
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert {id_of(operation) for operation in operations} == set(loaded().spec.operations)


def test_calls_name_things_that_exist() -> None:
    """Before the first call an init image was uploaded and a generation made."""
    if not loaded().target.writes:
        pytest.skip("nothing is made on a server that is only read")
    for kind in ("init image", "generation", "generated image", "model"):
        assert loaded().things.of(kind), kind

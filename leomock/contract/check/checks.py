"""A check that schemathesis lacks: errors in a response with status 200."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis import Response
from schemathesis.checks import CheckContext
from schemathesis.openapi.checks import RejectedPositiveData

from leomock.contract.check.allowances import Case, tells_errors


class OfThisApi:
    """A schema that this check applies to; it ignores calls from other test suites in the same process."""


@schemathesis.check
def errors_on_200(context: CheckContext, response: Response, case: Case) -> Any:
    """Fail if a call that the document accepts gets a list of errors with status 200."""
    meta = case.meta
    if not isinstance(case.operation.schema, OfThisApi) or meta is None:
        return True
    if meta.generation.mode.is_positive and tells_errors(response):
        raise RejectedPositiveData(
            operation=case.operation.label,
            message="Valid data should have been accepted, and was answered with a list of errors",
            status_code=response.status_code,
            allowed_statuses=["200"],
        )
    return None

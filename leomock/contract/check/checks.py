"""What schemathesis does not look at by itself: refusals that come with status 200."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis import Response
from schemathesis.checks import CheckContext
from schemathesis.openapi.checks import RejectedPositiveData

from leomock.contract.check.allowances import Case, tells_errors


class OfThisApi:
    """A schema whose calls this check judges; those of other suites in this process it leaves alone."""


@schemathesis.check
def errors_on_200(context: CheckContext, response: Response, case: Case) -> Any:
    """A call that the document admits is not answered with a list of errors."""
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

"""The pricing calculator."""

from __future__ import annotations

from leomock.leonardo.basis import Chosen, SameAs
from leomock.leonardo.catalogue.prices import price
from leomock.leonardo.errors import RULE_BROKEN
from leomock.openapi.request_parser import Call
from leomock.operations.registry import operation
from leomock.state.table import Row
from leomock.state.world import World


@operation(
    "pricingCalculator",
    basis=[
        Chosen("without a service, or without that service's parameters, the error below"),
        Chosen(
            "a number even if prices are in dollars, although null was observed on pay-as-you-go accounts"
        ),
        SameAs("code:price"),
    ],
)
def pricing_calculator(call: Call, world: World) -> Row:
    """Return the price of a job in credits: the same number as in the job's own response."""
    service: str = call["service"] or ""
    given = (call["serviceParams"] or {}).get(service)
    if given is None:
        raise RULE_BROKEN(
            rule="serviceParams must have the parameters of the service",
            explain=f"pricingCalculator: send serviceParams.{service or '<service>'} beside service",
        )
    return {"cost": price(service, given)}

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
        Chosen("without a service, or without the parameters of its own, the refusal below"),
        Chosen(
            "a number even where prices are given in dollars: null was seen on accounts that pay as they go"
        ),
        SameAs("code:price"),
    ],
)
def pricing_calculator(call: Call, world: World) -> Row:
    """Return the price of a job in credits: the same number that the job's own answer gives."""
    service: str = call["service"] or ""
    given = (call["serviceParams"] or {}).get(service)
    if given is None:
        raise RULE_BROKEN(
            rule="serviceParams must have the parameters of the service",
            explain=f"pricingCalculator: send serviceParams.{service or '<service>'} beside service",
        )
    return {"cost": price(service, given)}

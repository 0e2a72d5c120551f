"""The rule for the credit budget."""

from __future__ import annotations

from collections.abc import Iterator

from leomock.verdict.evidence import Evidence, credit_cost
from leomock.verdict.registry import Seen, rule
from leomock.verdict.wording import count_noun, exchange_numbers


@rule(
    "over-budget",
    why="Credits are money: a test that states what a feature may cost fails when it costs more.",
    remedy="Make fewer or smaller jobs, or raise the budget if the price is what you want.",
)
def over_budget(evidence: Evidence) -> Iterator[Seen]:
    """A test spent more credits than its budget. Without a budget, the rule finds nothing.

    It adds up the costs that the API reported. What cannot be seen: credits refunded for a failed job.
    """
    if evidence.budget is None:
        return
    paid = [exchange for exchange in evidence.exchanges if credit_cost(exchange)]
    spent = sum(credit_cost(exchange) or 0 for exchange in paid)
    if spent > evidence.budget:
        yield Seen(
            paid,
            f"{count_noun(spent, 'credit')} were spent in {exchange_numbers(paid)}, "
            f"where the budget is {evidence.budget}.",
        )

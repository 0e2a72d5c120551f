"""The credits of a world, and how a price is told."""

from __future__ import annotations

import pytest

from leomock.state.account import Account


@pytest.mark.parametrize(
    ("credits", "amount"),
    [(3, "0.0045"), (30, "0.0449"), (70, "0.1047"), (90, "0.1346"), (110, "0.1645"), (672, "1.0046")],
)
def test_price_in_dollars_that_was_seen(credits: int, amount: str) -> None:
    """Each is a whole number of credits.

    Holds code:Account.cost#2.
    """
    account = Account("a user", 1000, 0, "DOLLARS", lambda: 0.0)
    assert account.cost(credits) == {"apiCreditCost": None, "cost": {"amount": amount, "unit": "DOLLARS"}}

"""The credits of a world: what is left, and how a price is told."""

from __future__ import annotations

from typing import Any

from leomock.errors import OUT_OF_CREDITS
from leomock.settings import Unit

# Dollars for a credit. Chosen: the real prices are not public; so a picture costs cents, as those seen did.
DOLLARS = 0.0015


class Account:
    """Counts the credits of one API key.

    The balance falls when a job begins and comes back when one fails (documented); that it falls at the
    beginning and not at the end is chosen.
    """

    def __init__(self, user_id: str, credits: int, unit: Unit) -> None:
        self._user_id = user_id
        self._unit = unit
        self.balance = credits

    def spend(self, credits: int) -> None:
        """Take a price off the balance; raises the refusal of the real service where it is not enough."""
        if credits > self.balance:
            raise OUT_OF_CREDITS(
                user_id=self._user_id, explain=f"this costs {credits} credits, {self.balance} are left"
            )
        self.balance -= credits

    def give_back(self, credits: int) -> None:
        """Put back what a failed job had cost."""
        self.balance += credits

    def cost(self, credits: int) -> dict[str, Any]:
        """A price as answers tell it: in dollars `apiCreditCost` is null (seen on pay-as-you-go accounts)."""
        if self._unit == "CREDITS":
            return {"apiCreditCost": credits, "cost": {"amount": str(credits), "unit": "CREDITS"}}
        return {"apiCreditCost": None, "cost": {"amount": f"{credits * DOLLARS:.4f}", "unit": "DOLLARS"}}

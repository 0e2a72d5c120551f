"""Keep the credits of a world, and write prices in credits or dollars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from leomock.leonardo.basis import Chosen, Inferred, Observed, based_on
from leomock.leonardo.errors import OUT_OF_CREDITS
from leomock.state.settings import Unit

# Dollars per credit.
DOLLARS = Decimal("0.001495")


@based_on(
    Chosen(
        "credits are charged when a job begins, plan credits first, and plan credits are renewed on the "
        "first of each month: of real accounts it is only known that both kinds exist"
    )
)
class Account:
    """The credits of one API key: bought ones, and a plan's, which are renewed every month.

    A job is paid for when it begins and refunded when it fails.
    """

    def __init__(self, user_id: str, paid: int, plan: int, unit: Unit, now: Callable[[], float]) -> None:
        self._user_id = user_id
        self._plan = plan
        self._unit = unit
        self._now = now
        self._paid = paid
        self._left_of_plan = plan
        self._renews_at = _next_month(now())

    @property
    def paid(self) -> int:
        """The remaining bought credits."""
        return self._paid

    def set_paid(self, credits: int) -> None:
        """Set the bought credits."""
        self._paid = credits

    @property
    def left_of_plan(self) -> int:
        """The remaining plan credits of this month."""
        self._renew()
        return self._left_of_plan

    @property
    def balance(self) -> int:
        """All remaining credits."""
        return self.left_of_plan + self._paid

    @property
    def renews_at(self) -> float:
        """The time of the next renewal of plan credits, in seconds since 1970 (UTC)."""
        self._renew()
        return self._renews_at

    @based_on(
        Chosen(
            "a job that costs more than the balance is refused, although the documents say that a real "
            "balance may fall slightly below zero"
        )
    )
    def spend(self, credits: int) -> None:
        """Deduct a price from the balance; raises the real service's error if the balance is too low."""
        left = self.balance
        if credits > left:
            raise OUT_OF_CREDITS(
                user_id=self._user_id, explain=f"this costs {credits} credits, {left} are left"
            )
        of_plan = min(credits, self._left_of_plan)
        self._left_of_plan -= of_plan
        self._paid -= credits - of_plan

    @based_on(Inferred("the documents say so about generations; here, no failed job costs anything"))
    def give_back(self, credits: int) -> None:
        """Refund the price of a failed job."""
        of_plan = min(credits, self._plan - self.left_of_plan)
        self._left_of_plan += of_plan
        self._paid += credits - of_plan

    @based_on(
        Observed("`apiCreditCost` is null on pay-as-you-go accounts, whose prices are in dollars"),
        Inferred(
            "a credit is 0.001495 dollars: then the six observed amounts ($0.0045, $0.0449, $0.1047, "
            "$0.1346, $0.1645 and $1.0046) are whole credits: 3, 30, 70, 90, 110 and 672"
        ),
    )
    def cost(self, credits: int) -> dict[str, Any]:
        """Return the fields of a response that state a price, in credits or dollars."""
        if self._unit == "CREDITS":
            return {"apiCreditCost": credits, "cost": {"amount": str(credits), "unit": "CREDITS"}}
        amount = (credits * DOLLARS).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        return {"apiCreditCost": None, "cost": {"amount": str(amount), "unit": "DOLLARS"}}

    def as_json(self) -> dict[str, float]:
        """Return the balances as JSON values."""
        return {"paid": self._paid, "left_of_plan": self._left_of_plan, "renews_at": self._renews_at}

    def resume(self, left: dict[str, float]) -> None:
        """Restore the balances from a snapshot."""
        self._paid, self._left_of_plan = int(left["paid"]), int(left["left_of_plan"])
        self._renews_at = float(left["renews_at"])

    def _renew(self) -> None:
        now = self._now()
        if now >= self._renews_at:
            self._left_of_plan = self._plan
            self._renews_at = _next_month(now)


def _next_month(moment: float) -> float:
    """Return the start of the next month, UTC."""
    then = datetime.fromtimestamp(moment, UTC)
    year, month = (then.year, then.month + 1) if then.month < 12 else (then.year + 1, 1)
    return datetime(year, month, 1, tzinfo=UTC).timestamp()

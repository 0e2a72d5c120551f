"""The user of an API key, and the remaining credits."""

from __future__ import annotations

from leomock.leonardo.basis import Chosen, Inferred
from leomock.openapi.request_parser import Call
from leomock.operations.registry import operation
from leomock.state.clock import timestamp
from leomock.state.limits import IMAGES
from leomock.state.table import Row
from leomock.state.world import World


@operation(
    "getUserSelf",
    basis=[
        Chosen(
            "the name, and that the web app's plans have no credits left, since the API knows nothing about "
            "them"
        ),
        Inferred("the slots are the documented ten for images, as observed"),
    ],
)
def get_user_self(call: Call, world: World) -> list[Row]:
    """Return the user in a list. Jobs are paid from purchased API credits and those of the API plan."""
    account = world.account
    renewal = timestamp(account.renews_at)
    return [
        {
            "user": {"id": world.user_id, "username": f"leomock-{world.user_id[:8]}"},
            "tokenRenewalDate": renewal,
            "paidTokens": 0,
            "subscriptionTokens": 0,
            "subscriptionGptTokens": 0,
            "subscriptionModelTokens": 0,
            "apiConcurrencySlots": IMAGES.slots,
            "apiPaidTokens": account.paid,
            "apiSubscriptionTokens": account.left_of_plan,
            "apiPlanTokenRenewalDate": renewal,
        }
    ]

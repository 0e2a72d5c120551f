"""GET /me: the user and the credits."""

from __future__ import annotations

from typing import Any

import httpx

from leomock import Fake
from tests.fixtures import client_of, completed, generate


def me(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/me")
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["user_details"]
    found: dict[str, Any] = row
    return found


def test_me_is_a_list_of_one(fake: Fake, client: httpx.Client) -> None:
    """The user, the slots that were seen live, and the balance.

    Holds operation:getUserSelf#2.
    """
    row = me(client)
    assert row["user"] == {"id": fake.user_id, "username": f"leomock-{fake.user_id[:8]}"}
    assert row["apiConcurrencySlots"] == 10
    assert (row["apiPaidTokens"], row["apiSubscriptionTokens"]) == (100_000_000, 0)


def test_me_knows_nothing_of_the_web_app(client: httpx.Client) -> None:
    """Nothing is left on its plans, and they are new when that of the API is.

    Holds operation:getUserSelf.
    """
    row = me(client)
    of_the_web = ("paidTokens", "subscriptionTokens", "subscriptionGptTokens", "subscriptionModelTokens")
    assert [row[name] for name in of_the_web] == [0, 0, 0, 0]
    assert row["tokenRenewalDate"] == row["apiPlanTokenRenewalDate"]
    assert row["user"]["username"] == f"leomock-{row['user']['id'][:8]}"


def test_balance_falls_with_each_job(client: httpx.Client) -> None:
    """By what the answer to the job said."""
    before = me(client)["apiPaidTokens"]
    answer = client.post("/generations", json={"prompt": "a cat"}).json()["sdGenerationJob"]
    assert before - me(client)["apiPaidTokens"] == answer["apiCreditCost"] == 32


def test_balance_comes_back_when_a_job_fails(fake: Fake, client: httpx.Client) -> None:
    """Failed generations are refunded."""
    before = me(client)["apiPaidTokens"]
    with fake.scenario("moderation_failed"):
        id = generate(client)
        assert me(client)["apiPaidTokens"] == before - 32
        for _ in range(2):
            status = client.get(f"/generations/{id}").json()["generations_by_pk"]["status"]
    assert status == "FAILED"
    assert me(client)["apiPaidTokens"] == before


def test_job_is_refused_when_the_credits_are_gone() -> None:
    """In the words that were seen; nothing was created.

    Holds code:Account.spend.
    """
    fake = Fake(credits=40, clock="frozen")
    with client_of(fake) as client:
        completed(client)
        refused = client.post("/generations", json={"prompt": "a cat"})
        assert refused.status_code == 400
        assert refused.json() == {
            "error": f"not enough api tokens userId: {fake.user_id}",
            "path": "$",
            "code": "unexpected",
        }
        assert refused.headers["x-leomock-explain"] == "this costs 32 credits, 8 are left"
        listed = client.get(f"/generations/user/{fake.user_id}").json()["generations"]
        assert len(listed) == 1
    fake.close()


def test_plan_is_new_on_the_first_of_a_month() -> None:
    """It is spent before what was bought, and the dates move on with the clock.

    Holds code:Account.
    """
    fake = Fake(credits=100, plan_credits=40, clock="frozen")
    with client_of(fake) as client:
        generate(client)
        generate(client)
        row = me(client)
        assert (row["apiPaidTokens"], row["apiSubscriptionTokens"]) == (76, 0)
        assert row["apiPlanTokenRenewalDate"] == "2024-05-01T00:00:00.000"
        fake.advance(11 * 24 * 3600)
        row = me(client)
        assert (row["apiPaidTokens"], row["apiSubscriptionTokens"]) == (76, 40)
        assert row["apiPlanTokenRenewalDate"] == "2024-06-01T00:00:00.000"
    fake.close()


def test_balance_survives_a_snapshot(fake: Fake, client: httpx.Client) -> None:
    """With what a pending job will give back if it fails."""
    with fake.scenario("moderation_failed"):
        id = generate(client)
    snapshot = fake.snapshot()
    fake.reset()
    assert me(client)["apiPaidTokens"] == 100_000_000
    fake.restore(snapshot)
    assert me(client)["apiPaidTokens"] == 100_000_000 - 32
    fake.finish(id)
    assert me(client)["apiPaidTokens"] == 100_000_000


def test_prices_in_dollars() -> None:
    """The old field is null then, as on pay-as-you-go accounts.

    Holds code:Account.cost.
    """
    fake = Fake(unit="DOLLARS", clock="frozen")
    with client_of(fake) as client:
        job = client.post("/generations", json={"prompt": "a cat"}).json()["sdGenerationJob"]
        assert (job["apiCreditCost"], job["cost"]) == (None, {"amount": "0.0478", "unit": "DOLLARS"})
    fake.close()

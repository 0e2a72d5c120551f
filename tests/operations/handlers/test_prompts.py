"""POST /prompt/random and /prompt/improve."""

from __future__ import annotations

import httpx

from leomock import Fake
from tests.fixtures import client_of


def test_random_prompts_follow_from_the_seed() -> None:
    """The same ones in the same order, and not all the same.

    Holds operation:promptRandom.
    """
    runs = []
    for seed in (1, 1, 2):
        fake = Fake(seed=seed)
        with client_of(fake, "a key") as client:
            answers = [client.post("/prompt/random").json()["promptGeneration"] for _ in range(3)]
        fake.close()
        runs.append([answer["prompt"] for answer in answers])
    assert runs[0] == runs[1] != runs[2]
    assert len(set(runs[0])) == 3


def test_prompts_cost_four(client: httpx.Client) -> None:
    """As documented, and taken off the balance."""
    before = client.get("/me").json()["user_details"][0]["apiPaidTokens"]
    for path, body in (("/prompt/random", None), ("/prompt/improve", {"prompt": "a cat"})):
        answer = client.post(path, json=body).json()["promptGeneration"]
        assert (answer["apiCreditCost"], answer["cost"]) == (4, {"amount": "4", "unit": "CREDITS"})
    assert client.get("/me").json()["user_details"][0]["apiPaidTokens"] == before - 8


def test_improved_prompt_keeps_what_was_asked(client: httpx.Client) -> None:
    """Instructions are followed at the end; a video's prompt also says how the camera moves.

    Holds operation:promptImprove.
    """
    body = {"prompt": "a cat.", "promptInstructions": "make it blue", "isVideo": True}
    prompt = client.post("/prompt/improve", json=body).json()["promptGeneration"]["prompt"]
    assert prompt.startswith("a cat, ")
    assert prompt.endswith(", make it blue")
    moves = ("dolly", "pan", "handheld", "crane")
    assert sum(move in prompt for move in moves) == 1
    still = client.post("/prompt/improve", json={"prompt": "a cat"}).json()["promptGeneration"]["prompt"]
    assert not any(move in still for move in moves)


def test_prompt_tells_credits_where_prices_are_in_dollars() -> None:
    """Beside the dollars; elsewhere the field is null then.

    Holds code:_paid.
    """
    fake = Fake(unit="DOLLARS", clock="frozen")
    with client_of(fake) as client:
        answer = client.post("/prompt/random").json()["promptGeneration"]
        assert (answer["apiCreditCost"], answer["cost"]) == (4, {"amount": "0.0060", "unit": "DOLLARS"})
    fake.close()

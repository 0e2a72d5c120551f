"""Prompts: random or improved. The world's seed chooses among the words of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from leomock.leonardo.basis import Chosen, Inferred, SameAs, based_on
from leomock.leonardo.catalogue import prompt_words
from leomock.leonardo.catalogue.prices import PROMPT
from leomock.openapi.request_parser import Call
from leomock.operations.registry import operation
from leomock.state.table import Row
from leomock.state.world import World


@operation(
    "promptRandom",
    basis=[Chosen("the words: what real ones look like is not documented"), SameAs("code:_paid")],
)
def prompt_random(call: Call, world: World) -> Row:
    """Return a random prompt; the same seed gives the same prompts in the same order."""
    word = _words_of(world)
    scene = f"{word('kinds')} of {word('subjects')} in {word('places')} {word('lights')}"
    return _paid(world, f"{scene}, {word('colours')} tones, {word('details')}")


@operation(
    "promptImprove",
    basis=[
        Chosen("the prompt stays unchanged, and details are appended to it, instructions last"),
        SameAs("code:_paid"),
    ],
)
def prompt_improve(call: Call, world: World) -> Row:
    """Return the prompt with added details; for a video, also the camera movement."""
    word = _words_of(world)
    parts = [call["prompt"].strip().rstrip("."), word("lights"), word("details")]
    if call["isVideo"]:
        parts.append(word("camera_moves"))
    if call["promptInstructions"]:
        parts.append(call["promptInstructions"].strip())
    return _paid(world, ", ".join(parts))


def _words_of(world: World) -> Callable[[str], str]:
    """Return a function that chooses a word of a kind; one call draws once from the world's seed."""
    random = Random(world.random.getrandbits(64))
    return lambda kind: random.choice(prompt_words()[kind])


@based_on(
    Inferred(
        "`apiCreditCost` is a number even if prices are in dollars: the document does not allow null here, "
        "unlike elsewhere"
    )
)
def _paid(world: World, prompt: str) -> Row:
    """Return the answer after payment."""
    world.account.spend(PROMPT)
    return {"prompt": prompt, **world.account.cost(PROMPT), "apiCreditCost": PROMPT}

"""Prompts: made up at random, or improved. The words come from the world's seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leomock.leonardo.basis import Chosen, Inferred, SameAs, based_on
from leomock.leonardo.catalogue.prices import PROMPT
from leomock.openapi.request_parser import Call
from leomock.operations.registry import operation
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:  # takes a tenth of a second to load, so it waits for the first prompt
    from faker import Faker

_KINDS = (
    "An oil painting",
    "A watercolour",
    "A photograph",
    "A pencil sketch",
    "An isometric render",
    "A poster",
)
_SUBJECTS = ("a lighthouse", "a sleeping fox", "a tea house", "an old tram", "a glass garden", "a paper boat")
_LIGHTS = (
    "at dusk",
    "in morning fog",
    "under lanterns",
    "in hard noon light",
    "by candlelight",
    "after rain",
)
_DETAILS = (
    "fine texture, balanced composition, shallow depth of field",
    "rich colours, strong silhouettes, much negative space",
    "soft rim light, layered background, high detail",
    "muted palette, natural materials, wide angle",
)
_MOVES = ("slow dolly in", "gentle pan to the left", "handheld, close", "rising crane shot")


@operation(
    "promptRandom",
    basis=[Chosen("the words: how the real ones sound is not documented"), SameAs("code:_paid")],
)
def prompt_random(call: Call, world: World) -> Row:
    """A prompt made up at random; the same seed gives the same ones in the same order."""
    faker = _faker(world)
    kind, subject, light = (faker.random_element(words) for words in (_KINDS, _SUBJECTS, _LIGHTS))
    place, colour = faker.city(), faker.color_name().lower()
    return _paid(
        world, f"{kind} of {subject} in {place} {light}, {colour} tones, {faker.random_element(_DETAILS)}"
    )


@operation(
    "promptImprove",
    basis=[
        Chosen("the prompt stays as it was, and what is said about it comes after it, instructions last"),
        SameAs("code:_paid"),
    ],
)
def prompt_improve(call: Call, world: World) -> Row:
    """The prompt as it was, with more said about it: for a video also how the camera moves."""
    faker = _faker(world)
    parts = [
        call["prompt"].strip().rstrip("."),
        faker.random_element(_LIGHTS),
        faker.random_element(_DETAILS),
    ]
    if call["isVideo"]:
        parts.append(faker.random_element(_MOVES))
    if call["promptInstructions"]:
        parts.append(call["promptInstructions"].strip())
    return _paid(world, ", ".join(parts))


def _faker(world: World) -> Faker:
    from faker import Faker

    faker = Faker("en_US")
    faker.seed_instance(world.random.getrandbits(64))
    return faker


@based_on(
    Inferred(
        "`apiCreditCost` is a number also where prices are told in dollars: the document "
        "gives no null here, as it does elsewhere"
    )
)
def _paid(world: World, prompt: str) -> Row:
    """The answer, once it is paid for."""
    world.account.spend(PROMPT)
    return {"prompt": prompt, **world.account.cost(PROMPT), "apiCreditCost": PROMPT}

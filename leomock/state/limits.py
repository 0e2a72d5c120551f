"""The documented limits on rates, concurrency and queues, enforced with `--limits real`."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from leomock.leonardo.basis import Chosen, based_on
from leomock.leonardo.errors import QUEUE_FULL, RATE_LIMITED, TOO_MANY_CONCURRENT
from leomock.state.clock import Clock

# Calls per minute over all operations, and for each expensive one (documented).
OVERALL = 2000
EACH = 100
EXPENSIVE = frozenset(
    {
        *("createGeneration", "CreateUniversalUpscalerJob", "createVariationUnzoom"),
        *("createVariationUpscale", "createVariationNoBG", "executeBlueprint"),
        *("createTextureGeneration", "createGenerationV2"),
    }
)
WINDOW = 60.0
# Unfinished jobs of one version 2 model at a time. The number is chosen.
PER_MODEL = 20


class Queue(NamedTuple):
    """A queue of jobs: `slots` run at a time, and `waiting` more may wait."""

    name: str
    slots: int
    waiting: int


IMAGES = Queue("image generations", 10, 200)
UPSCALES = Queue("upscales", 10, 100)
BLUEPRINTS = Queue("blueprint executions", 10, 10)
TRAININGS = Queue("trainings", 5, 100)
MODELS_3D = Queue("3D generations", 10, 100)
QUEUES = {queue.name: queue for queue in (IMAGES, UPSCALES, BLUEPRINTS, TRAININGS, MODELS_3D)}


@based_on(
    Chosen(
        "the minute is a sliding window, and Retry-After says when the oldest call leaves it: the documents "
        "only give the number of calls per minute"
    ),
    Chosen(
        "ten upscales run at a time, like image generations, and a hundred trainings may wait: neither is "
        "documented"
    ),
    Chosen(
        "at most twenty unfinished jobs per version 2 model: the error contains a number, but nobody has "
        "seen which"
    ),
)
class Limits:
    """The calls of a world within a sliding minute of its clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}

    def count(self, operation: str) -> None:
        """Count a call; raises the 429 if there are too many."""
        self._count("", OVERALL)
        if operation in EXPENSIVE:
            self._count(operation, EACH)

    def check_queue(self, queue: Queue, pending: int) -> None:
        """Raise the error for a full queue if no more jobs may wait."""
        if pending >= queue.slots + queue.waiting:
            raise QUEUE_FULL(
                explain=f"{queue.slots} {queue.name} run and {queue.waiting} wait already (--limits real)"
            )

    def check_model(self, model: str, unfinished: int) -> None:
        """Raise the error of version 2 if too many jobs of a model are unfinished."""
        if unfinished >= PER_MODEL:
            explain = f"{unfinished} jobs of {model} are unfinished (--limits real)"
            raise TOO_MANY_CONCURRENT(model=model, limit=PER_MODEL, explain=explain)

    def _count(self, name: str, most: int) -> None:
        calls = self._calls.setdefault(name, deque())
        now = self._clock.now()
        while calls and calls[0] <= now - WINDOW:
            calls.popleft()
        if len(calls) >= most:
            wait = max(1, round(calls[0] + WINDOW - now))
            what = name or "the API"
            raise RATE_LIMITED(
                headers={"Retry-After": str(wait)},
                explain=f"{what} takes {most} calls a minute (--limits real); try again in {wait} s",
            )
        calls.append(now)

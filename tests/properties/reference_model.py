"""What one tenant of the API should answer, in the plainest way: it shares nothing with leomock."""

# ruff: noqa: D102 -- the methods are named as the calls

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Shown = dict[str, Any]
Id = str | int

START = 1713623608.258  # 2024-04-20T14:33:28.258Z
FORM_SECONDS = 120
CREDITS = 100_000_000
# How many times longer than a picture the other jobs take.
SLOW = {"models": 30, "elements": 30, "videos": 10, "motion_variations": 10}
# What goes with a thing that is deleted: kind, and the field that names the thing.
GOES_WITH = {
    "generations": (("variations", "generation"), ("motion_variations", "generation")),
    "models_3d": (("textures", "model"),),
}


@dataclass
class Thing:
    """Something that was made: what was asked for, and how far its job is, where it has one."""

    id: Id
    asked: Shown
    created: float
    price: int = 0
    slow: float = 1
    fails: bool = False
    reads: int = 0
    finished: bool = False


@dataclass
class Tenant:
    """One API key. `pace` is `seconds`, `polls`, `immediate` or `manual`, `amount` its number."""

    pace: str
    amount: float
    now: float = START
    things: dict[str, list[Thing]] = field(default_factory=lambda: defaultdict(list))  # newest first
    files: set[str] = field(default_factory=set)  # keys of the bucket
    balance_without_failures: int = CREDITS

    # --- all kinds of things ----------------------------------------------------------------------------

    def create(
        self, kind: str, id: Id, asked: Shown, price: int = 0, slow: float = 1, fails: bool = False
    ) -> None:
        assert self.find(kind, id) is None, f"{id} was given out twice"
        self.things[kind].insert(0, Thing(id, asked, self.now, price, slow, fails))
        self.balance_without_failures -= price

    def find(self, kind: str, id: Id) -> Thing | None:
        return next((thing for thing in self.things[kind] if thing.id == id), None)

    def is_done(self, thing: Thing) -> bool:
        match self.pace:
            case "immediate":
                return True
            case "seconds":
                return self.now >= thing.created + self.amount * thing.slow
            case "polls":
                return thing.reads > self.amount
        return thing.finished

    def status(self, thing: Thing) -> str:
        return "PENDING" if not self.is_done(thing) else "FAILED" if thing.fails else "COMPLETE"

    def complete(self, kind: str, id: Id) -> Thing | None:
        """The thing with this id, if its job ended well."""
        thing = self.find(kind, id)
        return thing if thing and self.status(thing) == "COMPLETE" else None

    def complete_video(self, id: Id) -> Thing | None:
        """The video with this id, if its job ended well; a generation of pictures is not a video."""
        thing = self.complete("generations", id)
        return thing if thing and "video" in thing.asked else None

    def read(self, kind: str, id: Id) -> Shown | None:
        thing = self.find(kind, id)
        return self.show(kind, thing) if thing else None

    def page(self, kind: str, offset: int, limit: int) -> list[Shown]:
        return [self.show(kind, thing) for thing in self.things[kind][offset : offset + limit]]

    def show(self, kind: str, thing: Thing) -> Shown:
        """What a read answers, in short; it counts as a read."""
        thing.reads += 1
        row: Shown = getattr(self, f"_{kind}")(thing)
        return {"id": thing.id, **row}

    def delete(self, kind: str, id: Id) -> Shown | None:
        thing = self.find(kind, id)
        if thing is None:
            return None
        key = thing.asked.get("key", "")
        if kind == "init_images" and key in self.files and self._is_shown(id):
            self.files.add(f"{key.partition('/initImages/')[0]}/references/{id}")
        self._remove(kind, thing)
        return {"id": id}

    def _is_shown(self, id: Id) -> bool:
        """Whether a generation began with this init image: then its file stays for the pictures."""
        return any(each.asked.get("init_image_id") == id for each in self.things["generations"])

    def _remove(self, kind: str, thing: Thing) -> None:
        self.things[kind].remove(thing)
        self.files -= {thing.asked.get("key"), *(key for _, key in thing.asked.get("images", ()))}
        if self.status(thing) == "FAILED":
            self.balance_without_failures += thing.price
        for other, field_name in GOES_WITH.get(kind, ()):
            for part in [part for part in self.things[other] if part.asked[field_name] == thing.id]:
                self._remove(other, part)

    def finish(self, id: Id) -> bool:
        """End a job as a test can; False where there is none that is pending."""
        for kind in ("generations", "variations", "motion_variations", "models", "elements", "textures"):
            if (thing := self.find(kind, id)) and not self.is_done(thing):
                thing.finished = True
                return True
        return False

    @property
    def balance(self) -> int:
        """What is left: jobs that failed cost nothing."""
        everything = (thing for things in self.things.values() for thing in things)
        failed = sum(thing.price for thing in everything if self.status(thing) == "FAILED")
        return self.balance_without_failures + failed

    def reset(self) -> None:
        self.now = START
        self.things.clear()
        self.files.clear()
        self.balance_without_failures = CREDITS

    # --- what is special about a kind -------------------------------------------------------------------

    def _generations(self, generation: Thing) -> Shown:
        """`pictures` stands for the images, `variations` for what is told of theirs, which reads them."""
        status = self.status(generation)
        oldest_first = self.things["variations"][::-1]
        of_it = [each for each in oldest_first if each.asked["generation"] == generation.id]
        in_order = sorted(of_it, key=lambda each: int(each.asked["index"]))
        told = [self.show("variations", each) for each in in_order] if status == "COMPLETE" else []
        return {
            "createdAt": timestamp(generation.created),
            "status": status,
            "prompt": generation.asked["prompt"],
            "imageWidth": generation.asked["width"],
            "imageHeight": generation.asked["height"],
            "pictures": generation.asked["num_images"] if status == "COMPLETE" else 0,
            "films": int(status == "COMPLETE" and "video" in generation.asked),
            "variations": [(each["id"], each["status"]) for each in told],
        }

    def _datasets(self, dataset: Thing) -> Shown:
        there = [
            id
            for id, key in dataset.asked["images"]
            if key in self.files or self.find("generations", key) is not None
        ]
        return {"name": dataset.asked["name"], "images": there}

    def _models(self, model: Thing) -> Shown:
        return {"name": model.asked["name"], "status": self.status(model)}

    _elements = _models

    def _textures(self, texture: Thing) -> Shown:
        status = self.status(texture)
        return {
            "prompt": texture.asked["prompt"],
            "status": status,
            "maps": 4 if status == "COMPLETE" else 0,
        }

    def _models_3d(self, model: Thing) -> Shown:
        return {"key": model.asked["key"]}

    def _media(self, media: Thing) -> Shown:
        """No file that is uploaded here is a film."""
        status = "FAILED" if self.has_file("media", media.id) else "PENDING"
        return {"key": media.asked["key"], "status": status}

    def _init_images(self, image: Thing) -> Shown:
        return {"createdAt": timestamp(image.created), "key": image.asked["key"]}

    def _variations(self, variation: Thing) -> Shown:
        status = self.status(variation)
        return {"status": status, "is there": status == "COMPLETE"}

    _motion_variations = _variations

    def _blueprint_executions(self, execution: Thing) -> Shown:
        """It is as its generation is, which is read by this."""
        generation = self.find("generations", execution.asked["generation"])
        if generation is None:
            return {"status": "COMPLETED"}
        generation.reads += 1
        return {"status": self.status(generation).replace("COMPLETE", "COMPLETED")}

    def has_picture(self, generation_id: str, index: int) -> bool:
        generation = self.complete("generations", generation_id)
        return generation is not None and index < generation.asked["num_images"]

    # --- uploads ----------------------------------------------------------------------------------------

    def upload(self, key: str, signed_at: float) -> bool:
        """Whether the bucket takes a file for a form that was signed at that time (in whole seconds)."""
        if self.now > int(signed_at) + FORM_SECONDS:
            return False
        self.files.add(key)
        return True

    def has_file(self, kind: str, id: Id) -> bool:
        """Whether the file of a thing is there."""
        thing = self.find(kind, id)
        return thing is not None and thing.asked["key"] in self.files


def timestamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]

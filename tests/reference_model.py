"""What one tenant of the API should answer, in the plainest way: it shares nothing with leomock."""

# ruff: noqa: D102 -- the methods are named as the calls

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Shown = dict[str, Any]

START = 1713623608.258  # 2024-04-20T14:33:28.258Z
FORM_SECONDS = 120


@dataclass
class Generation:
    id: str
    asked: Shown
    created: float
    reads: int = 0
    finished: bool = False


@dataclass
class InitImage:
    key: str
    created: float


@dataclass
class Tenant:
    """One API key. `pace` is `seconds`, `polls`, `immediate` or `manual`, `amount` its number."""

    pace: str
    amount: float
    now: float = START
    generations: list[Generation] = field(default_factory=list)  # newest first
    init_images: dict[str, InitImage] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)  # keys of the bucket

    def create(self, id: str, asked: Shown) -> None:
        self.generations.insert(0, Generation(id, asked, self.now))

    def is_complete(self, generation: Generation) -> bool:
        match self.pace:
            case "immediate":
                return True
            case "seconds":
                return self.now >= generation.created + self.amount
            case "polls":
                return generation.reads > self.amount
        return generation.finished

    def show(self, generation: Generation) -> Shown:
        """What a read answers, `pictures` standing for the images; it counts as a read."""
        generation.reads += 1
        complete = self.is_complete(generation)
        return {
            "id": generation.id,
            "createdAt": timestamp(generation.created),
            "status": "COMPLETE" if complete else "PENDING",
            "prompt": generation.asked["prompt"],
            "imageWidth": generation.asked["width"],
            "imageHeight": generation.asked["height"],
            "pictures": generation.asked["num_images"] if complete else 0,
        }

    def find(self, id: str) -> Generation | None:
        return next((g for g in self.generations if g.id == id), None)

    def read(self, id: str) -> Shown | None:
        generation = self.find(id)
        return self.show(generation) if generation else None

    def page(self, offset: int, limit: int) -> list[Shown]:
        return [self.show(generation) for generation in self.generations[offset : offset + limit]]

    def delete(self, id: str) -> Shown | None:
        generation = self.find(id)
        if generation is None:
            return None
        self.generations.remove(generation)
        return {"id": id}

    def finish(self, id: str) -> bool:
        """End a job as a test can; False where there is none that is pending."""
        generation = self.find(id)
        if generation is None or generation.finished or self.is_complete(generation):
            return False
        generation.finished = True
        return True

    def has_picture(self, generation_id: str, index: int) -> bool:
        generation = self.find(generation_id)
        return (
            generation is not None and self.is_complete(generation) and index < generation.asked["num_images"]
        )

    def presign(self, id: str, key: str) -> None:
        self.init_images[id] = InitImage(key, self.now)

    def upload(self, key: str, signed_at: float) -> bool:
        """Whether the bucket takes a file for a form that was signed at that time (in whole seconds)."""
        if self.now > int(signed_at) + FORM_SECONDS:
            return False
        self.files.add(key)
        return True

    def has_file(self, id: str) -> bool:
        return id in self.init_images and self.init_images[id].key in self.files

    def read_init_image(self, id: str) -> Shown | None:
        """What a read answers, with the key for the URL that ends with it."""
        image = self.init_images.get(id)
        return {"id": id, "createdAt": timestamp(image.created), "key": image.key} if image else None

    def delete_init_image(self, id: str) -> Shown | None:
        image = self.init_images.pop(id, None)
        if image is None:
            return None
        self.files.discard(image.key)
        return {"id": id}

    def reset(self) -> None:
        self.now = START
        self.generations.clear()
        self.init_images.clear()
        self.files.clear()


def timestamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]

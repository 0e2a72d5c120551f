"""Any order of calls by two tenants is answered as the reference model says, and again in a second API."""

# ruff: noqa: D102 -- the rules are named as what they do

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from leomock.addresses import Addresses
from leomock.answer import Api
from leomock.settings import Settings
from leomock.spec.compile import Versions
from leomock.spec.parse import Request
from leomock.state.bucket import Refusal
from tests.reference_model import Shown, Tenant

SPECS = Versions()
ADDRESSES = Addresses.under("http://leomock.test")
KEYS = ("ada", "bob")
PACES = {
    "seconds:5": ("seconds", 5.0),
    "polls:1": ("polls", 1),
    "immediate": ("immediate", 0),
    "manual": ("manual", 0),
}
PNG = b"\x89PNG\r\n\x1a\n"

tenants = st.sampled_from(KEYS)
# No id that was ever given out: ids of the fake are drawn from 122 random bits.
UNKNOWN = st.uuids().map(str)
SIDES = st.sampled_from([32, 512, 768])


class Driver:
    """An API, and the steps that were made on it so far, each with what came of it."""

    def __init__(self, jobs: str, seed: int) -> None:
        # Reading the documents takes longer than a run, and no call changes them.
        with patch("leomock.answer.Versions", lambda: SPECS):
            self.api = Api(Settings(jobs=jobs, seed=seed))
        self.steps: list[tuple[str, tuple[Any, ...], bytes]] = []

    def step(self, name: str, *args: Any) -> Any:
        """Make a step and return what came of it."""
        made: Callable[..., Any] = getattr(self, f"_{name}")
        result = made(*args)
        self.steps.append((name, args, orjson.dumps(result)))
        return result

    def _call(self, key: str, method: str, path: str, query: str, body: Any) -> tuple[int, Any]:
        sent = b"" if body is None else json.dumps(body).encode()
        asked = Request(method, path.strip("/").split("/"), ADDRESSES, query, sent, f"Bearer {key}")
        reply = self.api.answer(asked)
        # Through JSON, as a client has it: what is stored cannot be changed from here, nor the other way.
        return reply.status, orjson.loads(orjson.dumps(reply.body))

    def _upload(self, key: str, form: dict[str, str], content: bytes) -> str:
        world = self.api.worlds.of(key)
        try:
            upload = world.bucket.open(form.items(), "picture")
            upload.write(content)
            return upload.close().headers["ETag"]
        except Refusal as refusal:
            return refusal.code

    def _advance(self, seconds: float) -> None:
        for key in KEYS:
            self.api.worlds.of(key).clock.advance(seconds)

    def _finish(self, key: str, id: str) -> bool:
        return self.api.worlds.of(key).jobs.finish(id)

    def _reset(self, key: str) -> None:
        self.api.worlds.of(key).reset()


class Machine(RuleBasedStateMachine):
    """Two tenants of one API, each beside its model."""

    generations = Bundle("generations")  # ids, whoever made them
    pictures = Bundle("pictures")  # id, the generation's id, index
    forms = Bundle("forms")  # who may upload, when it was signed, the init image's id, the fields

    @initialize(jobs=st.sampled_from(list(PACES)), seed=st.integers(0, 3))
    def start(self, jobs: str, seed: int) -> None:
        self.jobs, self.seed = jobs, seed
        self.driver = Driver(jobs, seed)
        self.models = {key: Tenant(*PACES[jobs]) for key in KEYS}
        self.user_ids = {key: self.driver.api.worlds.of(key).user_id for key in KEYS}
        self.image_ids: dict[tuple[str, str], list[str]] = {}
        self.statuses: dict[tuple[str, str], str] = {}

    def call(self, key: str, method: str, path: str, query: str = "", body: Any = None) -> tuple[int, Any]:
        status, answer = self.driver.step("call", key, method, path, query, body)
        return status, answer

    def asked(self, key: str, method: str, path: str, query: str = "", body: Any = None) -> Any:
        """What is inside the envelope of an answer that has to be a success."""
        status, answer = self.call(key, method, path, query, body)
        assert status == 200, answer
        [value] = answer.values()
        return value

    def refused(self, key: str, method: str, path: str, query: str = "", body: Any = None) -> str:
        """The error of an answer that has to be a refusal."""
        status, answer = self.call(key, method, path, query, body)
        assert status == 400, answer
        return str(answer["error"])

    def seen(self, key: str, row: Shown) -> Shown:
        """A row of an answer as the model has it, after what holds for each row by itself was checked."""
        images, place = row["generated_images"], (key, row["id"])
        before = self.statuses.get(place, "PENDING")
        assert (before, row["status"]) != ("COMPLETE", "PENDING")
        self.statuses[place] = row["status"]
        ids = [image["id"] for image in images]
        assert len(set(ids)) == len(ids)
        assert all(f"/{self.user_ids[key]}/generations/{row['id']}/" in image["url"] for image in images)
        if images:
            assert self.image_ids.setdefault(place, ids) == ids
        names = ("id", "createdAt", "status", "prompt", "imageWidth", "imageHeight")
        return {name: row[name] for name in names} | {"pictures": len(images)}

    # --- generations ------------------------------------------------------------------------------------

    def create(self, key: str, body: Shown) -> str:
        job = self.asked(key, "POST", "/generations", body=body)
        assert job["cost"] == {"amount": str(job["apiCreditCost"]), "unit": "CREDITS"}
        id: str = job["generationId"]
        assert self.models[key].find(id) is None
        self.models[key].create(id, body)
        return id

    @rule(
        target=generations,
        key=tenants,
        prompt=st.text(max_size=5),
        num_images=st.integers(1, 8),
        width=SIDES,
        height=SIDES,
    )
    def create_generation(self, key: str, prompt: str, num_images: int, width: int, height: int) -> str:
        body = {"prompt": prompt, "num_images": num_images, "width": width, "height": height}
        return self.create(key, body)

    @rule(target=generations, key=tenants, sizes=st.lists(st.integers(1, 8), min_size=3, max_size=6))
    def create_several(self, key: str, sizes: list[int]) -> Any:
        body = {"prompt": "x", "width": 512, "height": 512}
        return multiple(*(self.create(key, {**body, "num_images": size}) for size in sizes))

    @rule(key=tenants, wrong=st.sampled_from([{"num_images": 9}, {"width": 33}, {"unzoom": True}, {"x": 1}]))
    def create_with_a_wrong_body(self, key: str, wrong: Shown) -> None:
        self.refused(key, "POST", "/generations", body={"prompt": "x", **wrong})

    @rule(key=tenants, id=generations | UNKNOWN, upper=st.booleans())
    def read_generation(self, key: str, id: str, upper: bool) -> None:
        row = self.asked(key, "GET", f"/generations/{id.upper() if upper else id}")
        assert (row and self.seen(key, row)) == self.models[key].read(id)

    @rule(target=pictures, key=tenants, id=generations)
    def read_pictures(self, key: str, id: str) -> Any:
        row = self.asked(key, "GET", f"/generations/{id}")
        assert (row and self.seen(key, row)) == self.models[key].read(id)
        images = row["generated_images"] if row else []
        return multiple(*((image["id"], id, index) for index, image in enumerate(images)))

    @rule(key=tenants, whose=tenants, offset=st.integers(0, 6), limit=st.integers(0, 6))
    def read_page(self, key: str, whose: str, offset: int, limit: int) -> None:
        path = f"/generations/user/{self.user_ids[whose]}"
        rows = self.asked(key, "GET", path, f"offset={offset}&limit={limit}")
        expected = self.models[key].page(offset, limit) if key == whose else []
        assert [self.seen(key, row) for row in rows] == expected

    @rule(key=tenants, limit=st.integers(1, 5))
    def read_all_pages(self, key: str, limit: int) -> None:
        found: list[str] = []
        for offset in range(0, len(self.models[key].generations) + 1, limit):
            path = f"/generations/user/{self.user_ids[key]}"
            rows = self.asked(key, "GET", path, f"limit={limit}&offset={offset}")
            assert [self.seen(key, row) for row in rows] == self.models[key].page(offset, limit)
            found += [row["id"] for row in rows]
        assert found == [generation.id for generation in self.models[key].generations]

    @rule(key=tenants, id=generations | UNKNOWN)
    def delete_generation(self, key: str, id: str) -> None:
        assert self.asked(key, "DELETE", f"/generations/{id}") == self.models[key].delete(id)
        assert self.asked(key, "GET", f"/generations/{id}") is None

    @rule(
        key=tenants,
        method=st.sampled_from(["GET", "DELETE"]),
        what=st.sampled_from(["generations", "init-image"]),
    )
    def name_what_is_no_id(self, key: str, method: str, what: str) -> None:
        error = self.refused(key, method, f"/{what}/none")
        assert error == 'invalid input syntax for type uuid: "none"'

    @rule(target=generations, key=tenants, picture=pictures)
    def create_from_a_picture(self, key: str, picture: tuple[str, str, int]) -> Any:
        id, generation_id, index = picture
        body = {"prompt": "x", "num_images": 1, "width": 512, "height": 512, "init_generation_image_id": id}
        if self.models[key].has_picture(generation_id, index):
            return self.create(key, body)
        assert self.refused(key, "POST", "/generations", body=body) == "couldn't access image"
        return multiple()

    # --- init images ------------------------------------------------------------------------------------

    @rule(target=forms, key=tenants, extension=st.sampled_from(["png", "jpg", "jpeg", "webp"]))
    def presign(self, key: str, extension: str) -> Any:
        answer = self.asked(key, "POST", "/init-image", body={"extension": extension})
        self.models[key].presign(answer["id"], answer["key"])
        return key, self.models[key].now, answer["id"], json.loads(answer["fields"])

    @rule(target=forms, key=tenants)
    def presign_for_canvas(self, key: str) -> Any:
        body = {"initExtension": "png", "maskExtension": "webp"}
        answer = self.asked(key, "POST", "/canvas-init-image", body=body)
        assert answer["initImageId"] != answer["maskImageId"]
        for name in ("init", "mask"):
            self.models[key].presign(answer[f"{name}ImageId"], answer[f"{name}Key"])
        now = self.models[key].now
        return multiple(
            *((key, now, answer[f"{n}ImageId"], json.loads(answer[f"{n}Fields"])) for n in ("init", "mask"))
        )

    @rule(form=forms, content=st.sampled_from([b"", PNG]))
    def upload(self, form: Any, content: bytes) -> None:
        key, signed_at, _, fields = form
        stored = self.driver.step("upload", key, fields, content)
        assert stored.startswith('"') == self.models[key].upload(fields["key"], signed_at), stored

    @rule(form=forms)
    def upload_with_another_key(self, form: Any) -> None:
        key, _, _, fields = form
        changed = {**fields, "key": f"{fields['key']}.exe"}
        assert self.driver.step("upload", key, changed, PNG) == "AccessDenied"

    @rule(form=forms)
    def upload_to_another_tenant(self, form: Any) -> None:
        key, _, _, fields = form
        [other] = set(KEYS) - {key}
        assert self.driver.step("upload", other, fields, PNG) == "InvalidAccessKeyId"

    @rule(target=generations, key=tenants, form=forms)
    def create_from_an_init_image(self, key: str, form: Any) -> Any:
        id = form[2]
        body = {"prompt": "x", "num_images": 1, "width": 512, "height": 512, "init_image_id": id}
        if self.models[key].has_file(id):
            return self.create(key, body)
        assert self.refused(key, "POST", "/generations", body=body) == "invalid init image id"
        return multiple()

    @rule(key=tenants, form=forms)
    def read_init_image(self, key: str, form: Any) -> None:
        image = self.asked(key, "GET", f"/init-image/{form[2]}")
        if image is not None:
            image["key"] = image.pop("url").removeprefix("http://leomock.test/cdn/")
        assert image == self.models[key].read_init_image(form[2])

    @rule(key=tenants, form=forms)
    def delete_init_image(self, key: str, form: Any) -> None:
        expected = self.models[key].delete_init_image(form[2])
        assert self.asked(key, "DELETE", f"/init-image/{form[2]}") == expected
        assert self.asked(key, "GET", f"/init-image/{form[2]}") is None

    # --- time -------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([2.5, 5.0, 60.0, 119.5]))
    def advance(self, seconds: float) -> None:
        self.driver.step("advance", seconds)
        for model in self.models.values():
            model.now += seconds

    @precondition(lambda self: self.jobs == "manual")
    @rule(key=tenants, id=generations)
    def finish(self, key: str, id: str) -> None:
        assert self.driver.step("finish", key, id) == self.models[key].finish(id)

    @rule(key=tenants)
    def reset(self, key: str) -> None:
        self.driver.step("reset", key)
        self.models[key].reset()
        # The order of ids is as at the start: what is made now may have an id that was given out before.
        self.statuses = {place: status for place, status in self.statuses.items() if place[0] != key}
        self.image_ids = {place: ids for place, ids in self.image_ids.items() if place[0] != key}

    # --- what always holds ------------------------------------------------------------------------------

    @invariant()
    def worlds_hold_what_the_models_hold(self) -> None:
        for key in KEYS:
            world, model = self.driver.api.worlds.of(key), self.models[key]
            assert len(world.generations) == len(model.generations)
            assert len(world.init_images) == len(model.init_images)
            assert world.bucket.objects.keys() == model.files
            assert world.clock.now() == model.now
            assert set(world.jobs.pending()) <= {generation.id for generation in model.generations}

    def teardown(self) -> None:
        """The same calls on a second API with the same seed give the same bytes."""
        if hasattr(self, "driver"):
            again = Driver(self.jobs, self.seed)
            for name, args, result in self.driver.steps:
                assert orjson.dumps(again.step(name, *args)) == result


def test_api_against_the_reference_model() -> None:
    """No order of calls was found that the API and the model answer differently."""
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=2 * settings().max_examples, stateful_step_count=40)
    )

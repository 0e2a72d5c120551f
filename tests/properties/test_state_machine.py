"""Any order of calls by two tenants is answered as the reference model says, and again in a second API."""

# ruff: noqa: D102 -- the rules are named as what they do

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
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

from leomock.leonardo.hosts import Addresses
from leomock.openapi.request_parser import Request
from leomock.operations.dispatch import Dispatcher
from leomock.state.bucket.errors import Refusal
from leomock.state.settings import Settings
from tests.fixtures import BEFORE_RETIREMENTS
from tests.properties.reference_model import SLOW, Id, Shown, Tenant

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
# A job that is asked for with this fails.
FAILING = "[leomock:moderation_failed]"
RECIPE = "b3ec7ecf-fc63-4efc-8745-fdcfd059f03a"
RECIPE_PRICE = 80
# Where things of a kind are read and deleted.
PATHS = {
    "datasets": "/datasets",
    "models": "/models",
    "elements": "/elements",
    "models_3d": "/models-3d",
    "textures": "/generations-texture",
    "media": "/media",
    "init_images": "/init-image",
    "variations": "/variations",
    "motion_variations": "/motion-variations",
    "generations": "/generations",
}
# Nothing deletes these by themselves.
KEPT = ("variations", "motion_variations")
# Seconds in which every job ends at a pace of `seconds:5`.
LONGEST = 5.0 * max(SLOW.values())
unknown = st.tuples(st.sampled_from([kind for kind in PATHS if kind != "elements"]), UNKNOWN) | st.tuples(
    st.just("elements"), st.integers(0, 99)
)
# Whether a call is made by the tenant who made the thing: the other one does not know of it.
by_maker = st.sampled_from([True, True, True, True, False])
Thing = tuple[str, str, Id]  # who made it, its kind and its id


class Driver:
    """An API, and the steps that were made on it so far, each with what came of it."""

    def __init__(self, jobs: str, seed: int) -> None:
        self.api = Dispatcher(Settings(jobs=jobs, seed=seed, as_of=BEFORE_RETIREMENTS))
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
        reply = self.api.handle(asked)
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

    def _finish(self, key: str, id: Id) -> bool:
        return self.api.worlds.of(key).jobs.finish(str(id))

    def _reset(self, key: str) -> None:
        self.api.worlds.of(key).reset()


class Machine(RuleBasedStateMachine):
    """Two tenants of one API, each beside its model, and time."""

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
        variations = [each for image in images for each in image["generated_image_variation_generics"]]
        assert len(set(ids)) == len(ids)
        assert all(f"/{self.user_ids[key]}/generations/{row['id']}/" in image["url"] for image in images)
        if images:
            assert self.image_ids.setdefault(place, ids) == ids
        names = ("id", "createdAt", "status", "prompt", "imageWidth", "imageHeight")
        return {name: row[name] for name in names} | {
            "pictures": len(images),
            "films": sum(image["motionMP4URL"] is not None for image in images),
            "variations": [(each["id"], each["status"]) for each in variations],
        }

    def shown(self, kind: str, row: Shown) -> Shown:
        """A row of an answer as the model has it."""
        simple = {
            **row,
            "key": (row.get("url") or row.get("meshUrl") or "").removeprefix("http://leomock.test/cdn/"),
            "is there": row.get("url") is not None,
            "images": [image["id"] for image in row.get("dataset_images", ())],
            "maps": len(row.get("model_asset_texture_images", ())),
        }
        names = {
            "datasets": ("name", "images"),
            "models": ("name", "status"),
            "elements": ("name", "status"),
            "models_3d": ("key",),
            "textures": ("prompt", "status", "maps"),
            "media": ("key", "status"),
            "init_images": ("createdAt", "key"),
            "variations": ("status", "is there"),
            "motion_variations": ("status", "is there"),
        }
        return {"id": row["id"]} | {name: simple[name] for name in names[kind]}

    def began(
        self, key: str, kind: str, path: str, body: Shown, asked: Shown, name: str = "id", slow: str = ""
    ) -> Any:
        """Start a job that has to be accepted: the id of its row, which the answer has under a name."""
        job = self.asked(key, "POST", path, body=body)
        price = job["apiCreditCost"]
        assert price > 0
        assert job["cost"] == {"amount": str(price), "unit": "CREDITS"}
        fails = FAILING in body.get("prompt", "")
        self.models[key].create(kind, job[name], asked, price, SLOW.get(slow, 1), fails)
        return job[name]

    def create(self, key: str, body: Shown) -> str:
        id: str = self.began(key, "generations", "/generations", body, body, "generationId")
        return id

    # --- time -------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([2.5, 5.0, 60.0, 119.5]))
    def advance(self, seconds: float) -> None:
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        self.driver.step("advance", seconds)
        for model in self.models.values():
            model.now += seconds

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
            for kind, table in world.tables().items():
                assert [row["id"] for row in table] == [thing.id for thing in model.things[kind][::-1]]
            assert world.bucket.objects.keys() == model.files
            assert world.clock.now() == model.now
            ids = {str(thing.id) for things in model.things.values() for thing in things}
            assert set(world.jobs.pending()) <= ids

    def teardown(self) -> None:
        """The same calls on a second API with the same seed give the same bytes."""
        if hasattr(self, "driver"):
            again = Driver(self.jobs, self.seed)
            for name, args, result in self.driver.steps:
                assert orjson.dumps(again.step(name, *args)) == result


class Pictures(Machine):
    """Generations of pictures, and the init images that they begin with."""

    generations = Bundle("generations")  # ids, whoever made them
    pictures = Bundle("pictures")  # id, the generation's id, index
    forms = Bundle("forms")  # who may upload, when it was signed, the init image's id, the fields

    # --- generations ------------------------------------------------------------------------------------

    @rule(
        target=generations,
        key=tenants,
        prompt=st.text(max_size=5) | st.just(FAILING),
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
        assert (row and self.seen(key, row)) == self.models[key].read("generations", id)

    @rule(target=pictures, key=tenants, id=generations)
    def read_pictures(self, key: str, id: str) -> Any:
        row = self.asked(key, "GET", f"/generations/{id}")
        assert (row and self.seen(key, row)) == self.models[key].read("generations", id)
        images = row["generated_images"] if row else []
        return multiple(*((image["id"], id, index) for index, image in enumerate(images)))

    @rule(key=tenants, whose=tenants, offset=st.integers(0, 6), limit=st.integers(0, 6))
    def read_page(self, key: str, whose: str, offset: int, limit: int) -> None:
        path = f"/generations/user/{self.user_ids[whose]}"
        rows = self.asked(key, "GET", path, f"offset={offset}&limit={limit}")
        expected = self.models[key].page("generations", offset, limit) if key == whose else []
        assert [self.seen(key, row) for row in rows] == expected

    @rule(key=tenants, limit=st.integers(1, 5))
    def read_all_pages(self, key: str, limit: int) -> None:
        found: list[str] = []
        for offset in range(0, len(self.models[key].things["generations"]) + 1, limit):
            path = f"/generations/user/{self.user_ids[key]}"
            rows = self.asked(key, "GET", path, f"limit={limit}&offset={offset}")
            assert [self.seen(key, row) for row in rows] == self.models[key].page(
                "generations", offset, limit
            )
            found += [row["id"] for row in rows]
        assert found == [generation.id for generation in self.models[key].things["generations"]]

    @rule(key=tenants, id=generations | UNKNOWN)
    def delete_generation(self, key: str, id: str) -> None:
        assert self.asked(key, "DELETE", f"/generations/{id}") == self.models[key].delete("generations", id)
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
        self.models[key].create("init_images", answer["id"], {"key": answer["key"]})
        return key, self.models[key].now, answer["id"], json.loads(answer["fields"])

    @rule(target=forms, key=tenants)
    def presign_for_canvas(self, key: str) -> Any:
        body = {"initExtension": "png", "maskExtension": "webp"}
        answer = self.asked(key, "POST", "/canvas-init-image", body=body)
        assert answer["initImageId"] != answer["maskImageId"]
        for name in ("init", "mask"):
            id, place = answer[f"{name}ImageId"], answer[f"{name}Key"]
            self.models[key].create("init_images", id, {"key": place})
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
        if self.models[key].has_file("init_images", id):
            return self.create(key, body)
        assert self.refused(key, "POST", "/generations", body=body) == "invalid init image id"
        return multiple()

    @rule(key=tenants, form=forms)
    def read_init_image(self, key: str, form: Any) -> None:
        row = self.asked(key, "GET", f"/init-image/{form[2]}")
        expected = self.models[key].read("init_images", form[2])
        assert (row and self.shown("init_images", row)) == expected

    @rule(key=tenants, form=forms)
    def delete_init_image(self, key: str, form: Any) -> None:
        expected = self.models[key].delete("init_images", form[2])
        assert self.asked(key, "DELETE", f"/init-image/{form[2]}") == expected
        assert self.asked(key, "GET", f"/init-image/{form[2]}") is None

    @precondition(lambda self: self.jobs == "manual")
    @rule(key=tenants, id=generations)
    def finish(self, key: str, id: str) -> None:
        assert self.driver.step("finish", key, id) == self.models[key].finish(id)


class Things(Machine):
    """What is made from pictures and files: videos, variations, datasets, trainings, textures, media."""

    pictures = Bundle("pictures")  # who made it, id, the generation's id, index
    videos = Bundle("videos")
    datasets = Bundle("datasets")
    trained = Bundle("trained")
    meshes = Bundle("meshes")
    textures = Bundle("textures")
    variations = Bundle("variations")
    others = Bundle("others")
    things = videos | datasets | trained | meshes | textures | variations | others

    def compare(self, key: str, kind: str, id: Id) -> None:
        """Read a thing, and hold it against the model."""
        value = self.asked(key, "GET", f"{PATHS[kind]}/{id}")
        row = (value or [None])[0] if kind in KEPT else value
        shown = row and (self.seen(key, row) if kind == "generations" else self.shown(kind, row))
        assert shown == self.models[key].read(kind, id)

    def waited_for(self, key: str, kind: str, id: Id, wait: bool = True) -> Thing:
        """A thing whose job has ended, if it shall: time passes, or it is read, or a test says so."""
        if wait and self.jobs == "manual":
            assert self.driver.step("finish", key, id) == self.models[key].finish(id)
        if wait and self.jobs == "seconds:5":
            self.pass_time(LONGEST)
        for _ in range(2 * wait):
            self.compare(key, kind, id)
        return key, kind, id

    def allowed(self, thing: Thing, by_maker: bool) -> tuple[str, Any]:
        """Who calls, and the model's thing, if it is there for whoever calls."""
        maker, kind, id = thing
        key = maker if by_maker else next(key for key in KEYS if key != maker)
        return key, self.models[key].find(kind, id)

    # --- all kinds --------------------------------------------------------------------------------------

    @rule(thing=things, by_maker=by_maker)
    def read(self, thing: Thing, by_maker: bool) -> None:
        key, _ = self.allowed(thing, by_maker)
        self.compare(key, *thing[1:])

    @rule(thing=things, by_maker=by_maker)
    def delete(self, thing: Thing, by_maker: bool) -> None:
        _, kind, id = thing
        key, _ = self.allowed(thing, by_maker)
        if kind not in KEPT:
            assert self.asked(key, "DELETE", f"{PATHS[kind]}/{id}") == self.models[key].delete(kind, id)
            assert self.asked(key, "GET", f"{PATHS[kind]}/{id}") is None

    @rule(key=tenants, thing=unknown)
    def name_what_is_unknown(self, key: str, thing: tuple[str, Id]) -> None:
        kind, id = thing
        assert self.asked(key, "GET", f"{PATHS[kind]}/{id}") in (None, [])
        if kind not in KEPT:
            assert self.asked(key, "DELETE", f"{PATHS[kind]}/{id}") is None

    @precondition(lambda self: self.jobs == "manual")
    @rule(thing=things, by_maker=by_maker)
    def finish(self, thing: Thing, by_maker: bool) -> None:
        key, _ = self.allowed(thing, by_maker)
        assert self.driver.step("finish", key, thing[2]) == self.models[key].finish(thing[2])

    @rule(key=tenants)
    def read_balance(self, key: str) -> None:
        [account] = self.asked(key, "GET", "/me")
        assert account["apiPaidTokens"] == self.models[key].balance

    # --- pictures, videos and their variations ----------------------------------------------------------

    @rule(target=pictures, key=tenants, count=st.integers(1, 2))
    def make_pictures(self, key: str, count: int) -> Any:
        id = self.create(key, {"prompt": "x", "num_images": count, "width": 64, "height": 64})
        self.waited_for(key, "generations", id)
        row = self.asked(key, "GET", f"/generations/{id}")
        assert self.seen(key, row) == self.models[key].read("generations", id)
        images = row["generated_images"]
        return multiple(*((key, image["id"], id, index) for index, image in enumerate(images)))

    def film(self, key: str, path: str, body: Shown, asked: Shown, wait: bool) -> Thing:
        asked = {**asked, "num_images": 1, "video": True}
        id = self.began(key, "generations", path, body, asked, "generationId", "videos")
        return self.waited_for(key, "generations", id, wait)

    @rule(target=videos, key=tenants, prompt=st.sampled_from(["a cat", FAILING]), wait=st.booleans())
    def make_video(self, key: str, prompt: str, wait: bool) -> Thing:
        body = {"prompt": prompt, "width": 64, "height": 32}
        return self.film(key, "/generations-text-to-video", body, body, wait)

    def picture(self, picture: Any, by_maker: bool) -> tuple[str, str, bool]:
        """Who calls, the id of a picture, and whether it is there for whoever calls."""
        maker, id, generation_id, index = picture
        key, _ = self.allowed((maker, "generations", generation_id), by_maker)
        return key, id, self.models[key].has_picture(generation_id, index)

    @rule(target=videos, picture=pictures, by_maker=by_maker, wait=st.booleans())
    def make_video_from_a_picture(self, picture: Any, by_maker: bool, wait: bool) -> Any:
        path, (key, id, there) = "/generations-motion-svd", self.picture(picture, by_maker)
        if not there:
            assert self.refused(key, "POST", path, body={"imageId": id}) == "Service Error"
            return multiple()
        asked = {"prompt": "", "width": 1024, "height": 576}
        return self.film(key, path, {"imageId": id}, asked, wait)

    @rule(target=others, video=videos, by_maker=by_maker, wait=st.booleans())
    def upscale_video(self, video: Thing, by_maker: bool, wait: bool) -> Any:
        key, _ = self.allowed(video, by_maker)
        body = {"sourceGenerationId": video[2], "resolution": "RESOLUTION_720"}
        path, kind = "/generations-video-upscale", "motion_variations"
        if not self.models[key].complete_video(video[2]):
            assert self.refused(key, "POST", path, body=body) == "invalid source generation id"
            return multiple()
        id = self.began(key, kind, path, body, {"generation": video[2]}, "variationId", kind)
        return self.waited_for(key, kind, id, wait)

    @rule(
        target=variations,
        picture=pictures,
        by_maker=by_maker,
        way=st.sampled_from(["upscale", "nobg", "unzoom"]),
        wait=st.booleans(),
    )
    def vary(self, picture: Any, by_maker: bool, way: str, wait: bool) -> Any:
        path, (key, id, there) = f"/variations/{way}", self.picture(picture, by_maker)
        if not there:
            assert self.refused(key, "POST", path, body={"id": id}) == "couldn't access image"
            return multiple()
        asked = {"generation": picture[2], "index": picture[3]}
        made = self.began(key, "variations", path, {"id": id}, asked)
        return self.waited_for(key, "variations", made, wait)

    @rule(target=variations, variation=variations, by_maker=by_maker, wait=st.booleans())
    def vary_again(self, variation: Thing, by_maker: bool, wait: bool) -> Any:
        key, _ = self.allowed(variation, by_maker)
        path, body = "/variations/nobg", {"id": variation[2], "isVariation": True}
        source = self.models[key].complete("variations", variation[2])
        if source is None:
            assert self.refused(key, "POST", path, body=body) == "failed to find init variation"
            return multiple()
        made = self.began(key, "variations", path, body, source.asked)
        return self.waited_for(key, "variations", made, wait)

    @rule(picture=pictures, by_maker=by_maker, delete=st.sampled_from([True, False, False, False]))
    def look_after_a_picture(self, picture: Any, by_maker: bool, delete: bool) -> None:
        maker, _, id, _ = picture
        key, _ = self.allowed((maker, "generations", id), by_maker)
        self.compare(key, "generations", id)
        if delete:
            expected = self.models[key].delete("generations", id)
            assert self.asked(key, "DELETE", f"/generations/{id}") == expected

    # --- datasets and what is trained from them ---------------------------------------------------------

    @rule(target=datasets, key=tenants, name=st.sampled_from(["cats", "dogs"]))
    def create_dataset(self, key: str, name: str) -> Thing:
        id = self.asked(key, "POST", "/datasets", body={"name": name})["id"]
        self.models[key].create("datasets", id, {"name": name, "images": []})
        return key, "datasets", id

    @rule(thing=datasets, by_maker=by_maker, used=st.booleans())
    def upload_to_dataset(self, thing: Thing, by_maker: bool, used: bool) -> None:
        key, dataset = self.allowed(thing, by_maker)
        path, body = f"/datasets/{thing[2]}/upload", {"extension": "png"}
        if dataset is None:
            assert self.refused(key, "POST", path, body=body) == "invalid dataset id"
            return
        answer = self.asked(key, "POST", path, body=body)
        dataset.asked["images"].append((answer["id"], answer["key"]))
        self.uploaded(key, json.loads(answer["fields"]), used)

    def uploaded(self, key: str, fields: dict[str, str], used: bool) -> None:
        """Send a form, if it shall be used."""
        if used:
            assert self.driver.step("upload", key, fields, PNG).startswith('"')
            assert self.models[key].upload(fields["key"], self.models[key].now)

    @rule(thing=datasets, by_maker=by_maker, picture=pictures)
    def add_to_dataset(self, thing: Thing, by_maker: bool, picture: Any) -> None:
        key, dataset = self.allowed(thing, by_maker)
        _, id, generation_id, index = picture
        path, body = f"/datasets/{thing[2]}/upload/gen", {"generatedImageId": id}
        if dataset is None:
            assert self.refused(key, "POST", path, body=body) == "invalid dataset id"
        elif not self.models[key].has_picture(generation_id, index):
            assert self.refused(key, "POST", path, body=body) == "couldn't access image"
        else:
            added = self.asked(key, "POST", path, body=body)["id"]
            dataset.asked["images"].append((added, generation_id))

    @rule(
        target=trained,
        thing=datasets,
        by_maker=by_maker,
        kind=st.sampled_from(["models", "elements"]),
        wait=st.booleans(),
    )
    def train(self, thing: Thing, by_maker: bool, kind: str, wait: bool) -> Any:
        key, dataset = self.allowed(thing, by_maker)
        body: Shown = {"name": kind, "datasetId": thing[2], "instance_prompt": "tomthecat"}
        if kind == "elements":
            body |= {"sd_version": "FLUX_DEV", "lora_focus": "Style", "train_text_encoder": True}
            body |= {"num_train_epochs": 60, "learning_rate": 0.00001}
        if dataset is None:
            assert self.refused(key, "POST", PATHS[kind], body=body) == "invalid dataset id"
            return multiple()
        name = "customModelId" if kind == "models" else "userLoraId"
        id = self.began(key, kind, PATHS[kind], body, {"name": kind}, name, kind)
        return self.waited_for(key, kind, id, wait)

    @rule(thing=trained, by_maker=by_maker)
    def create_with_what_was_trained(self, thing: Thing, by_maker: bool) -> None:
        key, _ = self.allowed(thing, by_maker)
        _, kind, id = thing
        body: Shown = {"prompt": "x", "num_images": 1, "width": 512, "height": 512}
        body |= {"userElements": [{"userLoraId": id}]} if kind == "elements" else {"modelId": id}
        if self.models[key].complete(kind, id):
            self.create(key, body)
            return
        error = self.refused(key, "POST", "/generations", body=body)
        unsupported = f"{id} is not supported within the Production API. "
        assert error.startswith("invalid user element id" if kind == "elements" else unsupported)

    @rule(key=tenants, whose=tenants, kind=st.sampled_from(["models", "elements"]))
    def list_trained(self, key: str, whose: str, kind: str) -> None:
        rows = self.asked(key, "GET", f"{PATHS[kind]}/user/{self.user_ids[whose]}")
        expected = self.models[key].page(kind, 0, len(self.models[key].things[kind])) if key == whose else []
        assert [self.shown(kind, row) for row in rows] == expected

    # --- meshes with their textures, and media ----------------------------------------------------------

    @rule(target=meshes, key=tenants, used=st.sampled_from([True, True, False]))
    def upload_mesh(self, key: str, used: bool) -> Thing:
        answer = self.asked(key, "POST", "/models-3d/upload", body={"modelExtension": "obj"})
        self.models[key].create("models_3d", answer["modelId"], {"key": answer["modelKey"]})
        self.uploaded(key, json.loads(answer["modelFields"]), used)
        return key, "models_3d", answer["modelId"]

    @rule(target=others, key=tenants, used=st.booleans())
    def upload_media(self, key: str, used: bool) -> Thing:
        answer = self.asked(key, "POST", "/media", body={"extension": "mp4"})
        fields = json.loads(answer["fields"])
        self.models[key].create("media", answer["uploadId"], {"key": fields["key"]})
        self.uploaded(key, fields, used)
        return key, "media", answer["uploadId"]

    @rule(key=tenants, whose=tenants, offset=st.integers(0, 2), limit=st.integers(0, 3))
    def list_meshes(self, key: str, whose: str, offset: int, limit: int) -> None:
        path = f"/models-3d/user/{self.user_ids[whose]}"
        rows = self.asked(key, "GET", path, f"offset={offset}&limit={limit}")
        expected = self.models[key].page("models_3d", offset, limit) if key == whose else []
        assert [self.shown("models_3d", row) for row in rows] == expected

    @rule(
        target=textures,
        mesh=meshes,
        by_maker=by_maker,
        prompt=st.sampled_from(["stone", FAILING]),
        wait=st.booleans(),
    )
    def paint(self, mesh: Thing, by_maker: bool, prompt: str, wait: bool) -> Any:
        key, _ = self.allowed(mesh, by_maker)
        path, body = "/generations-texture", {"modelAssetId": mesh[2], "prompt": prompt}
        if not self.models[key].has_file("models_3d", mesh[2]):
            assert self.refused(key, "POST", path, body=body) == "invalid model asset id"
            return multiple()
        id = self.began(key, "textures", path, body, {"prompt": prompt, "model": mesh[2]})
        return self.waited_for(key, "textures", id, wait)

    @rule(mesh=meshes, by_maker=by_maker, offset=st.integers(0, 1), limit=st.integers(0, 2))
    def list_textures(self, mesh: Thing, by_maker: bool, offset: int, limit: int) -> None:
        key, _ = self.allowed(mesh, by_maker)
        path = f"/generations-texture/model/{mesh[2]}"
        rows = self.asked(key, "GET", path, f"limit={limit}&offset={offset}")
        model = self.models[key]
        of_it = [each for each in model.things["textures"] if each.asked["model"] == mesh[2]]
        expected = [model.show("textures", each) for each in of_it[offset : offset + limit]]
        assert [self.shown("textures", row) for row in rows] == expected

    # --- blueprints -------------------------------------------------------------------------------------

    @rule(key=tenants)
    def execute_blueprint(self, key: str) -> None:
        versions = self.asked(key, "GET", f"/blueprints/{RECIPE}/versions")
        version = versions["edges"][0]["node"]
        [wanted] = version["uiMetadata"]["inputs"]
        given = {"nodeId": wanted["nodeId"], "settingName": wanted["settingName"], "value": "ramen"}
        body = {
            "blueprintVersionId": version["akUUID"],
            "input": {"nodeInputs": [given], "public": False},
        }
        id = self.asked(key, "POST", "/blueprint-executions", body=body)["akUUID"]
        [edge] = self.asked(key, "GET", f"/blueprint-executions/{id}/generations")["edges"]
        generation_id, model = edge["node"]["generationId"], self.models[key]
        asked: Shown = {"width": 1024, "height": 1024, "num_images": 2}
        asked["prompt"] = "Detailed Recipe with Tags: ramen"
        model.create("generations", generation_id, asked, RECIPE_PRICE)
        model.create("blueprint_executions", id, {"generation": generation_id})
        assert model.read("blueprint_executions", id) == {"id": id, "status": edge["node"]["status"]}

    @rule(key=tenants)
    def read_executions(self, key: str) -> None:
        for execution in self.models[key].things["blueprint_executions"]:
            row = self.asked(key, "GET", f"/blueprint-executions/{execution.id}")
            expected = self.models[key].show("blueprint_executions", execution)
            assert {"id": row["akUUID"], "status": row["status"]} == expected


@pytest.mark.parametrize("machine", [Pictures, Things])
def test_api_against_the_reference_model(machine: type[Machine]) -> None:
    """No order of calls was found that the API and the model answer differently."""
    run_state_machine_as_test(
        machine, settings=settings(max_examples=2 * settings().max_examples, stateful_step_count=40)
    )


# --- sequences that were once answered differently --------------------------------------------------------


def machine_at(kind: type[Machine], jobs: str, seed: int = 0) -> Any:
    """A machine that has started, for calls that a test makes by itself."""
    machine = kind()
    machine.start(jobs=jobs, seed=seed)
    return machine


def test_picture_made_after_a_reset_has_the_id_of_a_forgotten_video() -> None:
    """Ids start over after a reset: the source of an upscale is then a picture, and is refused."""
    machine = machine_at(Things, "immediate")
    video = machine.make_video(key="ada", prompt="a cat", wait=True)
    machine.reset(key="ada")
    machine.make_pictures(key="ada", count=1)
    assert machine.models["ada"].complete("generations", video[2])
    machine.upscale_video(by_maker=True, video=video, wait=False)
    machine.worlds_hold_what_the_models_hold()
    machine.teardown()

"""Tenants."""

from __future__ import annotations

import pytest

from leomock.leonardo.errors import ApiError
from leomock.state.settings import Settings
from leomock.state.world import World
from leomock.state.worlds import Worlds

UUID_KEY = "6163f776-ad40-47fc-acd4-c04b22590ada"


def refusal(worlds: Worlds, authorization: str) -> ApiError:
    with pytest.raises(ApiError) as refused:
        worlds.enter(authorization)
    return refused.value


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic abc", "secret", "Bearer\tk"])
def test_enter_without_a_bearer_key_is_refused(authorization: str) -> None:
    """401 in the documented words, whatever the setting."""
    refused = refusal(Worlds(Settings()), authorization)
    assert refused.status == 401
    assert refused.body == {
        "error": "Authentication hook unauthorized this request",
        "path": "$",
        "code": "access-denied",
    }


def test_enter_open_takes_any_key() -> None:
    """A key is a tenant, made on first use and the same from then on."""
    worlds = Worlds(Settings())
    assert worlds.enter("Bearer a") is worlds.enter("bearer a") is worlds.of("a")
    assert worlds.enter("Bearer b") is not worlds.of("a")


def test_enter_known_key_with_the_wrong_scheme() -> None:
    """A key that was let in once is not a pass for another scheme."""
    worlds = Worlds(Settings())
    worlds.enter("Bearer a")
    assert refusal(worlds, "Basic a").status == 401


def test_enter_strict_takes_only_its_keys() -> None:
    """Anything else is 401, also a UUID."""
    worlds = Worlds(Settings(auth="strict", api_keys=("a",)))
    assert worlds.enter("Bearer a").key == "a"
    assert refusal(worlds, f"Bearer {UUID_KEY}").status == 401


def test_enter_real_answers_the_hook_to_what_is_no_uuid() -> None:
    """500 for a key that is not a UUID, 401 for one that is not known."""
    worlds = Worlds(Settings(auth="real", api_keys=(UUID_KEY,)))
    refused = refusal(worlds, "Bearer not-a-uuid")
    assert refused.status == 500
    assert refused.body == {
        "error": "Invalid response from authorization hook",
        "path": "$",
        "code": "unexpected",
    }
    assert refusal(worlds, f"Bearer {UUID_KEY[::-1]}").status == 500
    assert refusal(worlds, "Bearer 00000000-0000-0000-0000-000000000000").status == 401
    assert worlds.enter(f"Bearer {UUID_KEY}").key == UUID_KEY


def test_world_is_found_by_user_and_bucket() -> None:
    """The CDN and the bucket know no key."""
    worlds = Worlds(Settings())
    world = worlds.of("a")
    assert worlds.of_user(world.user_id) is worlds.of_bucket(world.bucket.name) is world
    assert worlds.of_user("nobody") is worlds.of_bucket("nothing") is None


def test_world_identity_comes_from_seed_and_key() -> None:
    """User id and credentials are the same in every process and after a reset."""

    def identity(world: World) -> tuple[str, ...]:
        bucket = world.bucket
        return world.user_id, bucket.name, bucket.access_key_id, bucket.secret_access_key

    world = World("a", Settings())
    before = identity(world)
    world.reset()
    assert identity(world) == before == identity(World("a", Settings()))
    assert identity(World("a", Settings(seed=1)))[0] != before[0]
    assert identity(World("b", Settings()))[0] != before[0]


def test_world_reset_forgets_everything() -> None:
    """Rows, jobs, files and time."""
    world = World("a", Settings())
    row = world.generations.add({"id": world.ids.generation()})
    world.jobs.start(row)
    world.clock.advance(10)
    first = row["id"]
    world.reset()
    assert (len(world.generations), len(world.jobs), len(world.bucket.objects)) == (0, 0, 0)
    assert world.ids.generation() == first

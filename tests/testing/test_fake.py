"""`leomock.Fake`, on a port and without one."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from types import ModuleType

import httpx
import pytest

import leomock
from leomock import Fake
from leomock.state.settings import SettingError
from leomock.testing.interception import intercept
from tests.fixtures import client_of, completed, generate


def test_fake_answers_on_a_port() -> None:
    """As a context manager, over a real socket; afterwards nobody listens."""
    with Fake() as fake:
        with httpx.Client(
            base_url=fake.base_url, headers={"authorization": f"Bearer {fake.api_key}"}
        ) as client:
            row = completed(client, width=64, height=64)
            url = row["generated_images"][0]["url"]
            assert url.startswith(f"{fake.url}/cdn/")
            assert client.get(url).headers["content-type"] == "image/jpeg"
        port = int(fake.url.rsplit(":", 1)[1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_fake_can_start_again() -> None:
    """What was stored is still there."""
    fake = Fake()
    with fake, client_of(fake) as client:
        id = generate(client)
    with fake:
        got = httpx.get(
            f"{fake.base_url}/generations/{id}", headers={"authorization": f"Bearer {fake.api_key}"}
        )
        assert got.json()["generations_by_pk"]["id"] == id


def test_fake_cannot_start_twice() -> None:
    """The second start says where the first one answers."""
    with Fake() as fake, pytest.raises(RuntimeError, match=f"this fake is already listening at {fake.url}"):
        fake.__enter__()


def test_fake_on_a_port_in_use() -> None:
    """An OSError, and nothing is left running."""
    with Fake() as fake:
        port = int(fake.url.rsplit(":", 1)[1])
        threads = threading.active_count()
        with pytest.raises(OSError, match="ddress already in use"), Fake(port=port):
            pass
        assert threading.active_count() == threads


def test_fake_leaves_no_thread() -> None:
    """Neither with a port nor without."""
    before = threading.active_count()
    with Fake() as fake, client_of(fake) as client:
        generate(client)
    fake.close()
    other = Fake()
    with client_of(other) as client:
        generate(client)
    other.close()
    assert threading.active_count() == before


def test_transport_works_for_async_clients() -> None:
    """The same app, on any loop."""

    async def story() -> str:
        fake = Fake()
        headers = {"authorization": f"Bearer {fake.api_key}"}
        async with httpx.AsyncClient(
            transport=fake.transport, base_url=fake.base_url, headers=headers
        ) as client:
            answers = await asyncio.gather(
                *(client.post("/generations", json={"prompt": "a"}) for _ in range(20))
            )
            assert [answer.status_code for answer in answers] == [200] * 20
        fake.close()
        return str(len(fake.world.generations))

    assert asyncio.run(story()) == "20"


def test_transport_works_for_sync_clients_inside_a_loop() -> None:
    """A sync client in async code, as in a notebook."""

    async def story() -> int:
        fake = Fake()
        with client_of(fake) as client:
            status = client.post("/generations", json={"prompt": "a"}).status_code
        fake.close()
        return status

    assert asyncio.run(story()) == 200


def test_fake_is_used_from_many_threads() -> None:
    """No call is lost, no id is given twice."""
    with Fake(jobs="immediate") as fake:
        ids: list[str] = []

        def work() -> None:
            with httpx.Client(
                base_url=fake.base_url, headers={"authorization": f"Bearer {fake.api_key}"}
            ) as client:
                ids.extend(generate(client) for _ in range(20))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(ids)) == len(fake.world.generations) == 160


def test_reset_forgets_everything(fake: Fake, client: httpx.Client) -> None:
    """Every key's rows; the order of ids begins anew."""
    with client_of(fake, "another") as another:
        first, other = generate(client), generate(another)
        fake.reset()
        assert client.get(f"/generations/{first}").json() == {"generations_by_pk": None}
        assert another.get(f"/generations/{other}").json() == {"generations_by_pk": None}
        assert generate(client) == first


def test_advance_moves_every_key() -> None:
    """And what falls due has happened."""
    fake = Fake(jobs="seconds:30", clock="frozen")
    with client_of(fake) as client, client_of(fake, "another") as another:
        generate(client), generate(another)
        fake.advance(30)
        assert [len(world.jobs) for world in fake.api.worlds] == [0, 0]
        with pytest.raises(ValueError, match="time only moves forwards"):
            fake.advance(-1)
    fake.close()


def test_strict_fake_lets_its_own_key_in() -> None:
    """`fake.api_key` is one of the keys, others are not."""
    fake = Fake(auth="strict", clock="frozen")
    with client_of(fake) as client, client_of(fake, "another") as another:
        generate(client)
        assert another.post("/generations", json={"prompt": "a"}).status_code == 401
    fake.close()


def test_settings_are_checked() -> None:
    """A wrong one is told at once."""
    with pytest.raises(SettingError, match="jobs='soon': use seconds:S"):
        Fake(jobs="soon")
    with pytest.raises(ValueError, match="clock='stopped': use running or frozen"):
        Fake(clock="stopped")  # type: ignore[arg-type]
    for scenario in (5, ["flaky", None]):
        with pytest.raises(SettingError) as refused:
            Fake(scenario=scenario)  # type: ignore[arg-type]
        assert str(refused.value) == f"scenario={scenario!r}: use a name, a file, or a list of these"
    with pytest.raises(SettingError, match="Fake has no setting 'prot'"):
        Fake(prot=1)  # type: ignore[call-arg]  # the mistake under test


def test_package_knows_its_names() -> None:
    """`Fake` and `intercept` are loaded on first use; anything else is an AttributeError."""
    assert leomock.Fake is Fake
    assert leomock.intercept is intercept
    with pytest.raises(AttributeError, match="module 'leomock' has no attribute 'Fakes'"):
        leomock.Fakes  # noqa: B018


def test_patched_threads_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With gevent's threads the loop of the fake would never run beside the program."""
    module = ModuleType("gevent.monkey")
    vars(module)["is_module_patched"] = lambda name: name == "threading"
    monkeypatch.setitem(sys.modules, "gevent.monkey", module)
    with pytest.raises(RuntimeError) as caught:
        Fake().open()
    assert str(caught.value) == (
        "leomock: gevent has replaced threads, but the fake needs a system thread; start it as a command "
        "(`leomock serve`, `leomock exec`), or call patch_all(thread=False)"
    )

"""What a test holds of one account: whose calls are its own, what it spent, and how its webhooks travel."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leomock import Fake, WebhookReceiver
from leomock.server.authority import temporary
from leomock.state.settings import SettingError
from tests.fixtures import client_of, generate

API = "https://cloud.leonardo.ai/api/rest/v1"


def create(key: str) -> httpx.Response:
    return httpx.post(
        f"{API}/generations", json={"prompt": "a cat"}, headers={"authorization": f"Bearer {key}"}
    )


# --- whose account ------------------------------------------------------------------------------------------


def test_intercepted_call_with_an_unknown_key_is_the_accounts(fake: Fake) -> None:
    """The journal notes the other key, shortened."""
    with fake.intercept():
        assert create("key-read-at-import").status_code == 200
    (exchange,) = fake.assert_called("createGeneration")
    assert exchange.explain == "the call has another key, key-…"


def test_intercepted_call_with_a_named_key_is_that_accounts(fake: Fake) -> None:
    """Accounts that the test knows stay apart."""
    other = fake.tenant("second-account")
    with fake.intercept():
        assert create(other.api_key).status_code == 200
        assert create(fake.api_key).status_code == 200
    assert (len(fake.requests), len(other.requests)) == (1, 1)


def test_every_key_is_an_account_with_keys_own(fake: Fake) -> None:
    """For those who test several accounts without naming them."""
    with fake.intercept(keys="own"):
        assert create("another-key").status_code == 200
    assert fake.requests == []


def test_account_with_auth_refuses_other_keys(fake: Fake) -> None:
    """An account of its own authorization takes its own key only."""
    tenant = fake.new_tenant("strict", auth="strict", api_keys=("x",))
    with tenant.intercept():
        assert create("another-key").status_code == 401
        assert create(tenant.api_key).status_code == 200


def test_assert_called_names_calls_of_other_keys(fake: Fake) -> None:
    """The failure says under which key the call came."""
    with client_of(fake, "key-of-the-app") as client:
        generate(client)
    with pytest.raises(AssertionError) as caught:
        fake.assert_called("createGeneration")
    assert str(caught.value).endswith(
        "createGeneration was called with other keys, which are other accounts: 1 with the key key-…. "
        "The program must use this account's key, or be intercepted by intercept() of this account"
    )


def test_generations_that_an_account_already_has(fake: Fake, client: httpx.Client) -> None:
    """They are finished, cost nothing and are not in the journal."""
    balance = fake.world.account.balance
    ids = fake.add_generations(3)
    rows = client.get(f"/generations/user/{fake.user_id}").json()["generations"]
    assert [row["id"] for row in rows] == ids[::-1]
    assert {row["status"] for row in rows} == {"COMPLETE"}
    assert fake.world.account.balance == balance
    assert len(fake.requests) == 1


# --- money --------------------------------------------------------------------------------------------------


def test_assert_spent_returns_the_credits(fake: Fake, client: httpx.Client) -> None:
    """At most, or exactly."""
    generate(client)
    spent = fake.assert_spent(at_most=100)
    assert spent > 0
    assert fake.assert_spent(exactly=spent) == spent


def test_assert_spent_names_what_was_paid_for(fake: Fake, client: httpx.Client) -> None:
    """Each paid call with its price."""
    generate(client)
    spent = fake.spent
    with pytest.raises(AssertionError) as caught:
        fake.assert_spent(at_most=1)
    assert str(caught.value) == (
        f"leomock: {spent} credits were spent, but at most 1 were allowed:\n  {spent} credits: "
        f"{fake.requests[0]}"
    )


def test_budget_is_a_rule_of_the_verdict(fake: Fake, client: httpx.Client) -> None:
    """More than the budget is a finding; as much as it is none."""
    generate(client)
    fake.budget = fake.spent
    assert fake.verdict().clean
    fake.budget -= 1
    (finding,) = fake.verdict().findings
    assert finding.rule == "over-budget"
    assert finding.what == f"{fake.spent} credits were spent in #1, where the budget is {fake.budget}."


@pytest.mark.parametrize("scenario", ["answer_lost_500", "answer_lost_504", "answer_lost_cut"])
@pytest.mark.parametrize("looks_first", [True, False])
def test_lost_answer_tells_resubmitting_from_looking_first(
    scenario: str, looks_first: bool, fake: Fake, client: httpx.Client
) -> None:
    """The job exists though its answer was lost; whoever submits it again pays twice."""
    with fake.scenario(scenario):
        if scenario == "answer_lost_cut":
            with pytest.raises(httpx.ReadError):
                client.post("/generations", json={"prompt": "a cat"})
        else:
            answer = client.post("/generations", json={"prompt": "a cat"})
            assert answer.status_code == int(scenario[-3:])
        if looks_first:
            (row,) = client.get(f"/generations/user/{fake.user_id}").json()["generations"]
            assert row["prompt"] == "a cat"
        else:
            generate(client)
    rules = [finding.rule for finding in fake.verdict().findings]
    assert rules == ([] if looks_first else ["resubmitted-after-a-broken-answer"])


# --- webhooks -----------------------------------------------------------------------------------------------


class App:
    """A Starlette app with a webhook, which keeps what it got."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Any]] = []
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.asgi = Starlette(routes=[Route("/hook", self.hook, methods=["POST"])])

    async def hook(self, request: Request) -> Response:
        """Take an event."""
        self.got.append((request.headers.get("x-secret", ""), await request.json()))
        self.loops.append(asyncio.get_running_loop())
        return Response()


def test_events_reach_an_app_in_the_loop_of_the_test(fake: Fake) -> None:
    """Without a port, while the loop goes on."""
    app = App()

    async def main() -> list[dict[str, Any]]:
        fake.set_webhook("http://app.test/hook", app=app.asgi, headers={"x-secret": "s"})
        async with httpx.AsyncClient(transport=fake.transport, base_url=fake.base_url) as client:
            key = {"authorization": f"Bearer {fake.api_key}"}
            await client.post("/generations", json={"prompt": "a"}, headers=key)
        fired = await fake.aadvance_until_idle()
        assert app.loops == [asyncio.get_running_loop()]
        return fired

    fired = asyncio.run(main())
    assert [entry.get("status", entry.get("state")) for entry in fired] == ["COMPLETE", "delivered"]
    ((secret, body),) = app.got
    assert (secret, body["type"]) == ("s", "image_generation.complete")


def test_blocking_advance_in_a_running_loop_says_to_await(fake: Fake) -> None:
    """It starts at once, and what it gives can only be awaited."""

    async def main() -> None:
        fake.set_webhook(app=App().asgi)
        started = fake.advance(1)
        with pytest.raises(RuntimeError) as caught:
            list(started)
        assert str(caught.value) == (
            "leomock: time was advanced in a running event loop, which must not be blocked while a webhook "
            "is delivered: write `await leomock.aadvance(...)` or "
            "`await leomock.aadvance_until_idle()`"
        )
        assert await started == []  # type: ignore[misc]  # what the message says

    asyncio.run(main())


def test_fake_as_an_async_context_manager() -> None:
    """It answers inside, and stops without blocking the loop."""

    async def main() -> int:
        async with Fake() as fake, httpx.AsyncClient() as client:
            key = {"authorization": f"Bearer {fake.api_key}"}
            return (await client.get(f"{fake.base_url}/me", headers=key)).status_code

    assert asyncio.run(main()) == 200


def test_event_body_without_an_address(fake: Fake, client: httpx.Client) -> None:
    """It is what would be sent; the job is finished for it."""
    id = generate(client)
    assert fake.event(id) == fake.event()
    assert fake.event(id)["data"]["object"]["id"] == id
    with pytest.raises(LookupError, match=r"^this account has nothing with the id none$"):
        fake.event("none")


@pytest.fixture
def tls_receiver(tmp_path: Path) -> Iterator[tuple[str, Path, list[bytes]]]:
    """A receiver with a certificate of an unknown authority: its url, the authority's file, what it got."""
    authority = temporary()
    file = tmp_path / "authority.pem"
    file.write_text(authority.certificate, "utf-8")
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = authority.context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"https://localhost:{server.server_port}/hook", file, got
    server.shutdown()
    thread.join()
    server.server_close()


def outcome(fake: Fake, client: httpx.Client, **settings: Any) -> str:
    """How the first attempt to deliver an event ends."""
    fake.set_webhook(**settings)
    fake.finish(generate(client))
    fake.run(fake.sender.deliver_due(fake.world))
    attempt = fake.webhooks[-1].attempts[0]
    return attempt.error or str(attempt.status)


def test_timeout_of_a_webhook_is_a_setting(fake: Fake, client: httpx.Client) -> None:
    """In seconds."""

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(30)

    assert outcome(fake, client, app=slow, timeout=0.05) == "no answer within 0.05 s"


def test_receiver_with_a_certificate_of_an_unknown_authority(
    fake: Fake, client: httpx.Client, tls_receiver: tuple[str, Path, list[bytes]]
) -> None:
    """It is reached with the authority's file, or without looking at certificates."""
    url, file, got = tls_receiver
    assert "CERTIFICATE_VERIFY_FAILED" in outcome(fake, client, url=url)
    assert outcome(fake, client, url=url, verify=file) == "200"
    assert outcome(fake, client, url=url, verify=False) == "200"
    assert len(got) == 2


@pytest.mark.parametrize("how", ["authority", "insecure"])
def test_receiver_with_a_certificate_of_an_unknown_authority_by_settings(
    tls_receiver: tuple[str, Path, list[bytes]], how: str
) -> None:
    """The settings hold for every key, and for an address that is set later."""
    url, file, got = tls_receiver
    fake = Fake(webhook_ca=str(file)) if how == "authority" else Fake(webhook_insecure=True)
    with client_of(fake) as client:
        fake.world.set_webhook(url, "")
        fake.finish(generate(client))
        fake.run(fake.sender.deliver_due(fake.world))
    assert len(got) == 1


def test_authority_that_is_not_there_is_refused_at_once() -> None:
    with pytest.raises(SettingError) as refused:
        Fake(webhook_ca="authority.pem")
    assert str(refused.value) == "webhook_ca='authority.pem': there is no such file"


def test_event_before_the_create_call_is_answered(client: httpx.Client) -> None:
    """The receiver has the event while the client still waits."""
    app = App()
    with Fake() as fake, fake.scenario("webhook_before_answer"):
        fake.set_webhook("http://app.test/hook", app=app.asgi)
        key = {"authorization": f"Bearer {fake.api_key}"}
        answer = httpx.post(f"{fake.base_url}/generations", json={"prompt": "a"}, headers=key)
        id = answer.json()["sdGenerationJob"]["generationId"]
        assert [body["data"]["object"]["id"] for _, body in app.got] == [id]


@pytest.mark.parametrize(
    ("scenario", "order"),
    [("webhook_reordered", [1, 0]), ("webhook_twice", [0, 0, 1, 1]), ("webhook_lost", [])],
)
def test_events_in_the_wrong_order_twice_or_never(
    scenario: str, order: list[int], fake: Fake, client: httpx.Client
) -> None:
    """As authors ask how to test."""
    app = App()
    fake.set_webhook("http://app.test/hook", app=app.asgi)
    with fake.scenario(scenario):
        ids = [generate(client, prompt) for prompt in ("a", "b")]
        for id in ids:
            fake.finish(id)
        fake.advance_until_idle()
    assert [ids.index(body["data"]["object"]["id"]) for _, body in app.got] == order


def test_notebook_shows_the_journal(fake: Fake, client: httpx.Client) -> None:
    """As a table, with what a client sent escaped."""
    client.get("/<b>")
    html = fake._repr_html_()
    assert html.startswith("<table><caption>leomock: 1 exchanges</caption>")
    assert "<b>" not in html


def flask_like(environ: object, start_response: object) -> list[bytes]:
    return []


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"app": 3},
            "app=3: is not an ASGI app, which takes scope, receive and send; for a WSGI app (Flask, Django), "
            "set the url of its server, or post event() with its test client",
        ),
        ({"timeout": "x"}, "timeout='x': use seconds, above 0 to 86400"),
        ({"timeout": 0}, "timeout=0: use seconds, above 0 to 86400"),
        ({"verify": "no-such.pem"}, "verify='no-such.pem': there is no such file"),
    ],
)
def test_webhook_that_cannot_work_is_refused_when_it_is_set(
    fake: Fake, values: dict[str, Any], text: str
) -> None:
    """Not when the first event is sent."""
    with pytest.raises(SettingError) as caught:
        fake.set_webhook("http://shop.test/hook", **values)
    assert str(caught.value) == text
    with pytest.raises(SettingError, match=r"^app=<function flask_like at .*>: is not an ASGI app"):
        fake.set_webhook(app=flask_like)


def test_assert_spent_needs_a_limit(fake: Fake) -> None:
    """It could not fail without."""
    with pytest.raises(ValueError, match=r"^assert_spent\(\) needs at_most or exactly;"):
        fake.assert_spent()


def test_events_are_shown_without_their_bodies(fake: Fake, client: httpx.Client) -> None:
    """Which are long, and may contain the API key."""
    with WebhookReceiver() as receiver:
        receiver.answer_with(503, 200)
        fake.set_webhook(receiver.url)
        id = client.post("/generations", json={"prompt": "a"}).json()["sdGenerationJob"]["generationId"]
        fake.advance_until_idle()
    [event] = fake.webhooks
    assert event.body["data"]["object"]["id"] == id
    assert repr(event) == f"<Event image_generation.complete {event.id} delivered: 503, 200>"

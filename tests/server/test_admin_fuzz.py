"""Whatever is sent to the admin API is answered, and the fake goes on."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
from hypothesis import example, given
from hypothesis import strategies as st

from leomock import Fake
from leomock.leonardo.errors import HOOK_DOWN, UNAUTHORIZED
from leomock.operations.dispatch import Dispatcher
from leomock.server.admin.routes import admin_routes
from leomock.server.admin.tenants import Tenants
from leomock.server.health import Health
from leomock.server.webhook_sender import Sender
from leomock.state.settings import Settings
from tests.fixtures import client_of, generate, init_image
from tests.operations.handlers.test_init_images import png

# A port on which nothing listens: deliveries fail at once.
NOWHERE = "http://127.0.0.1:1/hook"
KEY = str(uuid.UUID(int=7, version=4))


@contextmanager
def faked(**settings: Any) -> Iterator[tuple[Fake, httpx.Client]]:
    """A fake whose time stands still, and a client with its key."""
    fake = Fake(clock="frozen", **settings)
    with client_of(fake) as client:
        yield fake, client
    fake.close()


# --- requests ---------------------------------------------------------------------------------------------


class Sent(NamedTuple):
    """A request to the admin API; `key` None is none, `headers` are beside it."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    key: bytes | None = None
    body: bytes = b""
    headers: Sequence[tuple[str, bytes]] = ()


@cache
def routes() -> list[tuple[str, str]]:
    """Method and path of all there are, also of those that are written after this test."""
    api = Dispatcher(Settings())
    table = admin_routes(api, Tenants(api), Sender(), Health())
    return [(method, route.path) for route in table for method in sorted(route.methods)]  # type: ignore[attr-defined]


KNOWN_WORDS = [
    *("freeze", "rate", "advance", "advance_until", "scenarios", "url", "key"),
    *("leomock", "user_id", "clock", "tables", "jobs", "objects"),
]
NAMES = ["flaky", "stalled", "outage", "connection_drops", "upload_expired", "webhook_storm", "../schema"]
numbers = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-1, 0, 0.5, 60, 1e6, 1e300, 2**53, 2**63, 2**64 - 1]),
)
# Not a host that could be looked up.
texts = st.text(max_size=20).filter(lambda text: "://" not in text) | st.sampled_from(
    ["idle", "", NOWHERE, "http://", "http://[", "http://127.0.0.1:1/\r\n", "https://127.0.0.1:1/é", *NAMES]
)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KNOWN_WORDS) | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
deep = st.integers(1, 1100).map(lambda depth: b"[" * depth + b"]" * depth)
told = st.one_of(
    st.dictionaries(st.sampled_from(KNOWN_WORDS), values, max_size=2),
    st.fixed_dictionaries({"scenarios": st.lists(st.sampled_from(NAMES), max_size=3)}),
    st.fixed_dictionaries({"url": texts, "key": st.text(max_size=5)}),
    *(st.fixed_dictionaries({word: scalars}) for word in ("freeze", "rate", "advance", "advance_until")),
)
bodies = st.one_of(
    told.map(lambda value: json.dumps(value).encode()),
    values.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    deep,
    st.builds(lambda word, nest: b'{"%s":%s}' % (word.encode(), nest), st.sampled_from(KNOWN_WORDS), deep),
    st.binary(max_size=40),
)
header_values = st.binary(max_size=20).map(lambda raw: bytes(c for c in raw if c >= 32 and c != 127))
keys = st.one_of(
    st.none(),
    st.sampled_from([f"Bearer {KEY}".encode(), b"Bearer ada", b"Bearer", b"Basic YTpi", b""]),
    header_values,
    header_values.map(lambda raw: b"Bearer " + raw),
)
segments = st.text(max_size=8).map(lambda text: quote(text.encode("utf-8", "replace"), safe="")) | st.binary(
    max_size=8
).map(lambda raw: quote(raw, safe=""))
queries = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("operation", "status", "method", "path", "rule", "since", "limit", "format", "published"),
                *("body.prompt", "body.a.b", "body."),
            ]
        )
        | st.text(max_size=5),
        st.sampled_from(["har", "4xx", "1_0", "-1", "9" * 5000, "*", "createGeneration", "[" * 900])
        | st.text(max_size=8)
        | st.integers().map(str),
    ),
    max_size=3,
)
hosts = st.sampled_from([b"localhost", b"127.0.0.1:80", b"[::1]", b"[", b"evil.example", b"a:b", b"", b"a/b"])
origins = st.sampled_from([b"null", b"http://[", b"http://evil.example", b"http://leomock.invalid", b"a:b"])
headers = st.lists(
    st.tuples(st.just("host"), hosts | header_values)
    | st.tuples(st.just("origin"), origins | header_values)
    | st.tuples(
        st.sampled_from(["sec-fetch-site", "content-type", "range", "content-length"]), header_values
    ),
    max_size=1,
)


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    """Any request to an address that there is, or to one nearby."""
    method, path = draw(st.sampled_from(routes()))
    if not draw(st.integers(0, 5)):
        method = draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"]))
    path = path.replace("{id}", draw(segments)) + draw(st.sampled_from(["", "", "", "", "/", "/x"]))
    body = draw(bodies) if method in ("PUT", "POST") or not draw(st.integers(0, 3)) else b""
    return Sent(method, path, draw(queries), draw(keys), body, draw(st.just([]) | headers))


def send(fake: Fake, client: httpx.Client, sent: Sent) -> httpx.Response:
    """Send a request as it is, without the client's own headers."""
    lines = [(name.encode(), value) for name, value in sent.headers]
    if sent.key is not None:
        lines.append((b"authorization", sent.key))
    url = f"{fake.url}/_leomock{sent.path}"
    return client.send(
        httpx.Request(
            sent.method, url, params=httpx.QueryParams([*sent.query]), headers=lines, content=sent.body
        )
    )


def check_answer(fake: Fake, sent: Sent, answer: httpx.Response) -> None:
    """Below 500; a refusal is JSON and says who speaks."""
    if answer.status_code == 500 and fake.api.settings.auth == "real":
        assert sent.method == "HEAD" or answer.json()["error"] == HOOK_DOWN.text, (sent, answer.text)
        return
    assert answer.status_code < 500, (sent, answer.text)
    assert "Traceback" not in answer.text
    if answer.status_code >= 400 and sent.method != "HEAD":
        error = answer.json()["error"]
        own = answer.status_code == 401 and error == UNAUTHORIZED.text
        assert own or error.startswith("leomock: "), (sent, answer.text)


def check_works(fake: Fake, client: httpx.Client) -> None:
    """Everything can be read, and a generation still completes."""
    admin = f"{fake.url}/_leomock"
    assert client.get(f"{admin}/health").status_code == 200
    assert client.delete(f"{admin}/scenario").status_code == 200
    check_readable(fake, client)
    row = client.get(f"/generations/{generate(client)}").json()["generations_by_pk"]
    assert row["status"] in ("PENDING", "COMPLETE")


def check_readable(fake: Fake, client: httpx.Client) -> None:
    """What the admin API tells of a world, and what the API lists."""
    for path in (
        "clock",
        "jobs",
        "scenario",
        "requests",
        "requests?format=har",
        "state",
        "webhook",
        "webhooks",
    ):
        answer = client.get(f"{fake.url}/_leomock/{path}")
        assert answer.status_code == 200, (path, answer.text)
    page = client.get(f"/generations/user/{fake.user_id}", params={"offset": 0, "limit": 50})
    assert page.status_code == 200, page.text


NEST = b"[" * 1000 + b"]" * 1000


@given(st.lists(requests(), min_size=1, max_size=4), st.sampled_from(["open", "strict", "real"]))
@example([Sent("GET", "/health", headers=[("origin", b"http://[")])], "open")
@example([Sent("GET", "/health/", headers=[("host", b"")])], "open")
@example([Sent("POST", "/clock", body=b'{"freeze": %s}' % NEST)], "open")
@example([Sent("POST", "/clock", body=b'{"rate": %s}' % NEST)], "open")
@example([Sent("PUT", "/state", key=b"Bearer a", body=b'{"leomock": 1, "user_id": %s}' % NEST)], "open")
@example([Sent("GET", "/requests", [("limit", "-1")])], "open")
def test_admin_api_answers_whatever_is_sent(sents: list[Sent], auth: str) -> None:
    """Below 500, and the fake goes on."""
    with faked(auth=auth, api_keys=(KEY,) if auth != "open" else ()) as (fake, client):
        fake.set_webhook(NOWHERE)
        generate(client)
        for sent in sents:
            check_answer(fake, sent, send(fake, client, sent))
        check_works(fake, client)


# --- snapshots --------------------------------------------------------------------------------------------


@cache
def busy_state() -> Any:
    """A snapshot of a world with something of everything."""
    with faked(jobs="seconds:30") as (fake, client):
        fake.set_webhook(NOWHERE)
        generate(client, "done", num_images=3)
        image = init_image(client, png())
        fake.advance(31)
        generate(client, "[leomock:nsfw_flagged] pending", init_image_id=image)
        generate(client, "[leomock:moderation_failed] failing")
        return client.get(f"{fake.url}/_leomock/state").json()


# What is nearly right: of the wrong type, too large, of another time.
odd = st.one_of(
    scalars,
    st.sampled_from(["nan", "-inf", "1e400", [], {}, [[]], [{}], -1, 1e300, 2**64 - 1, "COMPLETE", "all"]),
    st.sampled_from([1, 30, 300, 1000]).map(lambda depth: json.loads("[" * depth + "]" * depth)),
    values,
)


class Mutation(NamedTuple):
    """What is done at a place of a snapshot."""

    where: tuple[str | int, ...]
    how: str
    value: Any = None


@st.composite
def mutations(draw: st.DrawFn) -> list[Mutation]:
    """One to three changes of the busy state."""
    made = []
    for _ in range(draw(st.integers(1, 3))):
        node: Any = busy_state()
        where: list[str | int] = []
        while isinstance(node, dict | list) and node and (not where or draw(st.integers(0, 3))):
            step = draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
            node, where = node[step], [*where, step]
        value = draw(odd)
        if where[-1] in ("num_images", "images") and isinstance(value, int | float) and abs(value) > 20:
            value = 9  # already too many; a fake that took more would fill the memory
        how = draw(st.sampled_from(["replace", "replace", "remove", "repeat", "add"]))
        made.append(Mutation(tuple(where), how, value if how in ("replace", "add") else None))
    return made


def mutated(made: list[Mutation]) -> Any:
    """The busy state with the changes that still have a place."""
    state = copy.deepcopy(busy_state())
    for way, how, value in made:
        holder = state
        try:
            # "?" is the only key that there is.
            where = tuple(next(iter(state["objects"])) if step == "?" else step for step in way)
            for step in where[:-1]:
                holder = holder[step]
            if how == "remove":
                del holder[where[-1]]
            elif how == "replace":
                holder[where[-1]] = value
            elif how == "repeat":
                holder.insert(where[-1], copy.deepcopy(holder[where[-1]]))
            else:
                holder[where[-1]]["added"] = value
        except (KeyError, IndexError, TypeError, AttributeError):
            continue
    return state


def state_of(fake: Fake, client: httpx.Client) -> Any:
    """The state as the admin API tells it."""
    answer = client.get(f"{fake.url}/_leomock/state")
    assert answer.status_code == 200, answer.text
    return answer.json()


def restored(fake: Fake, client: httpx.Client, state: Any) -> bool:
    """Whether a snapshot was taken; where not, nothing has changed."""
    before = state_of(fake, client)
    answer = client.put(f"{fake.url}/_leomock/state", content=json.dumps(state))
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert answer.json()["error"].startswith("leomock: ")
        assert state_of(fake, client) == before
    return answer.status_code == 200


def changed(*where: str | int, to: Any) -> list[Mutation]:
    """One value in place of another."""
    return [Mutation(where, "replace", to)]


@given(mutations())
@example(changed("clock", "moment", to=-1))
@example(changed("clock", "rate", to=-1))
@example(changed("random", to=[]))
@example(changed("random", 1, 0, to=-1))
@example(changed("last_id_step", to=1e300))
@example(changed("tables", "init_images", 0, "createdAt", to=json.loads("[" * 300 + "]" * 300)))
@example(changed("objects", "?", "modified", to="nan"))
@example(changed("jobs", 0, "due", to="nan"))
def test_snapshot_that_is_mutated_is_restored_or_changes_nothing(made: list[Mutation]) -> None:
    """Restored, it can be taken again and is then the same; refused, the world is as it was."""
    with faked(jobs="seconds:30") as (fake, client):
        generate(client, "before")
        if restored(fake, client, mutated(made)):
            client.post(f"{fake.url}/_leomock/clock", json={"freeze": True})
            taken = state_of(fake, client)
            assert restored(fake, client, taken)
            assert state_of(fake, client) == taken
        check_works(fake, client)


@given(mutations())
@example(changed("jobs", 0, "due", to=1e300))
@example(changed("jobs", 0, "images", to="all"))
@example(changed("jobs", 0, "reads_left", to=-1))
@example(changed("tables", "generations", 0, "prompt", to=None))
@example(changed("tables", "generations", 0, "num_images", to=9))
@example(changed("tables", "init_images", 0, "key", to=None))
@example(changed("objects", "?", "modified", to=-1e300))
@example(changed("events", 0, "created", to=None))
def test_snapshot_that_is_mutated_and_restored_can_be_used(made: list[Mutation]) -> None:
    """Every row can be read and deleted, every file fetched, and the time goes on."""
    with faked(jobs="seconds:30") as (fake, client):
        if not restored(fake, client, mutated(made)):
            return
        state = state_of(fake, client)
        check_readable(fake, client)
        advanced = client.post(f"{fake.url}/_leomock/clock", json={"advance_until": "idle"})
        assert advanced.status_code < 500, advanced.text
        check_readable(fake, client)
        rows = [
            f"/{name}/{quote(row['id'], safe='')}"
            for table, name in (("generations", "generations"), ("init_images", "init-image"))
            for row in state["tables"][table]
        ]
        files = [f"{fake.url}/s3/{fake.world.bucket.name}/{quote(key)}" for key in state["objects"]]
        for method, url in (*(("GET", url) for url in rows + files), *(("DELETE", url) for url in rows)):
            answer = client.request(method, url)
            assert answer.status_code < 500, (method, url, answer.text)
        check_works(fake, client)

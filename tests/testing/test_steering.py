"""Faults in one line, rules in Python and over HTTP, and refusals of wrong steering values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest

from leomock import Fake
from leomock.files.scenarios import ScenarioError
from leomock.state.settings import SettingError
from tests.fixtures import generate

BODY = {"prompt": "a cat"}
TEAPOT = {"rules": [{"when": {"operation": "getUserSelf"}, "then": {"status": 418, "body": {"tea": True}}}]}


def statuses(client: httpx.Client, count: int) -> list[int]:
    return [client.post("/generations", json=BODY).status_code for _ in range(count)]


def test_second_create_fails_with_a_body_of_ones_own(fake: Fake, client: httpx.Client) -> None:
    fake.fail("createGeneration", call=2, status=502, json={"error": "bad gateway"})
    assert statuses(client, 3) == [200, 502, 200]
    assert fake.requests[1].response_json == {"error": "bad gateway"}
    assert str(fake.requests[1]).endswith('502 | "bad gateway"; scenario rule fail-1#1 applied')


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, [500] * 4),
        ({"error": "rate_limited", "first": 2}, [429, 429, 200, 200]),
        ({"status": 503, "every": 2}, [200, 503, 200, 503]),
        ({"status": 503, "after": 3}, [200, 200, 200, 503]),
        ({"status": 503, "times": 1}, [503, 200, 200, 200]),
        ({"status": 503, "prompt": "dog"}, [200] * 4),
    ],
)
def test_fail_chooses_calls_and_answers(
    fake: Fake, client: httpx.Client, rule: dict[str, Any], expected: list[int]
) -> None:
    fake.fail(["createGeneration", "getUserSelf"], **rule)
    assert statuses(client, 4) == expected


def test_second_fault_does_not_restart_the_counters_of_the_first(fake: Fake, client: httpx.Client) -> None:
    fake.fail("createGeneration", call=2, status=502)
    assert statuses(client, 1) == [200]
    fake.fail("getUserSelf", status=503)
    assert statuses(client, 2) == [502, 200]
    fake.reset()
    assert client.get("/me").status_code == 200


def test_fault_that_cannot_be_is_refused_by_its_arguments(fake: Fake) -> None:
    """The user wrote no rule, so none is named."""
    with pytest.raises(ScenarioError) as refused:
        fake.fail(cast(Any, "createGenration"), status=99, first=0)
    assert sorted(str(refused.value).splitlines()) == [
        "fail(first=…): must be at least 1, not 0",
        "fail(status=…): must be at least 200, not 99",
    ]
    with pytest.raises(ScenarioError) as refused:
        fake.fail(cast(Any, "createGenration"), status=502)
    assert str(refused.value) == (
        "fail(operation=…): there is no operation 'createGenration'; did you mean 'createGeneration'?"
    )
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"times": 0}, "fail(times=…): must be at least 1, not 0"),
        ({"status": 500, "headers": 3}, "fail(headers=…): must be a mapping, not 3"),
        (
            {"json": {}, "text": "both", "status": 500},
            "fail(text=…): not together with 'json': a response has one content",
        ),
    )
    for arguments, text in cases:
        with pytest.raises(ScenarioError) as refused:
            fake.fail("createGeneration", **arguments)
        assert str(refused.value) == text


def test_rules_and_lists_of_names_as_a_scenario(fake: Fake, client: httpx.Client) -> None:
    with fake.scenario(["happy", TEAPOT]):
        assert client.get("/me").json() == {"tea": True}
    assert client.get("/me").status_code == 200
    whole = Fake(scenario=TEAPOT)
    assert [scenario.name for scenario in whole.api.worlds.scenarios] == ["rules"]


def test_rules_over_http(fake: Fake, client: httpx.Client) -> None:
    address = f"{fake.url}/_leomock/scenario"
    put = client.put(address, json=TEAPOT)
    assert put.json() == {"scenarios": ["rules"]}
    assert client.get("/me").status_code == 418
    assert client.put(address, json={**TEAPOT, "scenarios": "happy"}).json() == {
        "scenarios": ["rules", "happy"]
    }
    wrong = client.put(address, json={"rules": [{"then": {"staus": 1}}]})
    assert wrong.status_code == 400
    assert "rules: rules[0].then.staus: not known here; did you mean 'status'?" in wrong.json()["error"]
    assert client.put(address, json={}).status_code == 400


def test_verdict_over_http(fake: Fake, client: httpx.Client) -> None:
    for _ in range(2):
        client.post("/generations", json={"promt": "a"})
    address = f"{fake.url}/_leomock/verdict"
    rules = [finding["rule"] for finding in client.get(address).json()["findings"]]
    assert rules == ["retried-what-cannot-succeed", "unexpected-variable", "unexpected-variable"]
    assert client.get(address, params={"format": "text"}).text == f"{fake.verdict()}\n"
    waived = client.get(address, params={"ignore": "retried-what-cannot-succeed,unexpected-variable"})
    assert waived.json()["clean"] is True
    report = client.get(address, params={"format": "junit"}).text
    assert '<testcase classname="leomock.verdict" name="polled-too-fast"></testcase>' in report
    assert '<testcase classname="leomock.verdict" name="unexpected-variable"><failure message=' in report
    assert client.get(address, params={"ignore": "unexpected-varable"}).json() == {
        "error": "leomock: the verdict has no rule 'unexpected-varable'; did you mean 'unexpected-variable'?"
    }
    assert client.get(f"{fake.url}/_leomock/journal").text == f"{fake.story()}\n"


def test_verdict_waives_rules(fake: Fake, client: httpx.Client) -> None:
    client.post("/generations", json={"promt": "a"})
    verdict = fake.verdict()
    verdict.assert_clean(ignore=["unexpected-variable"])
    assert verdict.only(["polled-too-fast"]).clean
    with pytest.raises(AssertionError, match="unexpected-variable"):
        verdict.assert_clean(ignore=["polled-too-fast"])


@pytest.mark.parametrize(
    ("steer", "text"),
    [
        (
            lambda fake: fake.finish("nope"),
            "finish('nope'): no job is pending for this id; nothing is pending",
        ),
        (lambda fake: fake.advance("x"), "advance('x'): use a number of seconds, such as advance(2.5)"),
        (
            lambda fake: Fake(**cast(Any, {"job": "immediate"})),
            "Fake has no setting 'job'; did you mean 'jobs'?",
        ),
        (
            lambda fake: Fake(port=cast(Any, "abc")),
            "port='abc': use a number from 0 (any free port) to 65535",
        ),
        (lambda fake: Fake(clock=cast(Any, "stopped")), "clock='stopped': use running or frozen"),
        (lambda fake: fake.new_tenant("a", sed=1), "new_tenant has no setting 'sed'; did you mean 'seed'?"),
    ],
)
def test_wrong_steering_value_is_refused_in_leomocks_own_words(
    fake: Fake, steer: Callable[[Any], object], text: str
) -> None:
    with pytest.raises(SettingError) as refused:
        steer(fake)
    assert str(refused.value) == text


def test_finish_of_another_id_names_those_that_are_pending(client: httpx.Client, fake: Fake) -> None:
    id = generate(client)
    with pytest.raises(SettingError) as refused:
        fake.finish("nope")
    assert str(refused.value) == f"finish('nope'): no job is pending for this id; pending: {id}"
    assert fake.finish(id) == [id]


def test_filter_of_the_journal_names_the_nearest(client: httpx.Client, fake: Fake) -> None:
    address = f"{fake.url}/_leomock/requests"
    wrong = client.get(address, params={"operation": "createGenration"}).json()["error"]
    assert wrong == (
        "leomock: operation=\"createGenration\": there is no such operation; did you mean 'createGeneration'?"
    )
    wrong = client.get(address, params={"oparation": "x"}).json()["error"]
    assert wrong == "leomock: unknown filter \"oparation\"; did you mean 'operation'?"

"""The rules of scenarios: when they strike, how often, and what they say together."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leomock.state.matching import LinearPattern
from leomock.state.scenario import (
    Criteria,
    Delivery,
    MatchContext,
    Outcome,
    Rule,
    RuleEffects,
    Scenario,
    ScenarioEngine,
    StubResponse,
)

CALL = MatchContext(
    "call",
    operation="createGeneration",
    group="generations",
    resource="r1",
    prompt="a cat on a mat",
    body={"num_images": 4, "modelId": "b24e16ff", "public": None, "tiling": True},
    query={"limit": 10},
    headers=lambda: {"user-agent": "sdk/7.0.0"},
)
NO = StubResponse(500)


def rule(name: str = "a#1", times: int | None = None, **when: Any) -> Rule:
    return Rule(name, "call", Criteria(**when), answer=NO, times=times)


def scenario(*rules: Rule, name: str = "a") -> Scenario:
    return Scenario(name, "d", "chosen", "", rules)


def engine(*rules: Rule, seed: int = 0) -> ScenarioEngine:
    return ScenarioEngine(lambda: Random(seed), [scenario(*rules)])


def matches(engine: ScenarioEngine, *contexts: MatchContext) -> list[int]:
    """The numbers, from 1, of the contexts on which something happened."""
    return [number for number, context in enumerate(contexts, 1) if engine.apply_rules(context)]


# --- criteria ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "when",
    [
        {},
        {"operations": frozenset({"createGeneration", "getUserSelf"})},
        {"groups": frozenset({"generations"})},
        {"prompt": LinearPattern("cat")},
        {"prompt": LinearPattern("^a .* mat$")},
        {"body": {"num_images": 4, "modelId": LinearPattern("^b24")}},
        {"body": {"num_images": LinearPattern("4")}},
        {"query": {"limit": 10}},
        {"query": {"limit": "10"}},
        {"body": {"tiling": LinearPattern("^true$")}},
        {"headers": {"user-agent": LinearPattern("sdk")}},
        {
            "operations": frozenset({"createGeneration"}),
            "prompt": LinearPattern("cat"),
            "query": {"limit": 10},
        },
    ],
)
def test_criteria_that_hold(when: dict[str, Any]) -> None:
    """The rule strikes."""
    assert engine(rule(**when)).apply_rules(CALL) == RuleEffects(rules=["a#1"], answer=NO)


@pytest.mark.parametrize(
    "when",
    [
        {"operations": frozenset({"getUserSelf"})},
        {"groups": frozenset({"users"})},
        {"prompt": LinearPattern("dog")},
        {"prompt": LinearPattern("Cat")},
        {"body": {"num_images": 3}},
        {"body": {"num_images": 4, "modelId": LinearPattern("^4")}},
        {"body": {"seed": LinearPattern("")}},
        {"query": {"offset": 0}},
        {"query": {"limit": "010"}},
        {"body": {"num_images": "4"}},
        {"headers": {"user-agent": "sdk"}},
        {"operations": frozenset({"createGeneration"}), "prompt": LinearPattern("dog")},
    ],
)
def test_criteria_of_which_one_does_not_hold(when: dict[str, Any]) -> None:
    """Nothing happens."""
    assert engine(rule(**when)).apply_rules(CALL) is None


def test_rules_that_applied_are_explained() -> None:
    """One or several."""
    assert RuleEffects(["a#1"]).explain == "scenario rule a#1 applied"
    assert RuleEffects(["a#1", "b#2"]).explain == "scenario rules a#1, b#2 applied"


def test_rule_of_another_stage() -> None:
    """What strikes uploads does not strike calls, nor counts them."""
    upload = Rule("a#1", "upload", Criteria(first=1), upload="expired")
    played = engine(upload)
    assert played.apply_rules(CALL) is None
    assert played.apply_rules(MatchContext("upload")) == RuleEffects(rules=["a#1"], upload="expired")
    assert played.apply_rules(MatchContext("upload")) is None


# --- counting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "struck"),
    [
        ({"call": 3}, [3]),
        ({"every": 3}, [3, 6, 9]),
        ({"first": 2}, [1, 2]),
        ({"after": 7}, [8, 9, 10]),
        ({"after": 2, "every": 2, "first": 7}, [4, 6]),
        ({"times": 2}, [1, 2]),
        ({"every": 3, "times": 2}, [3, 6]),
        ({"after": 8, "times": 1}, [9]),
    ],
)
def test_counters_over_ten_calls(when: dict[str, Any], struck: list[int]) -> None:
    """Calls are numbered from 1; `times` counts what struck."""
    assert matches(engine(rule(**when)), *[CALL] * 10) == struck


@given(
    st.fixed_dictionaries(
        {}, optional={name: st.integers(1, 9) for name in ("call", "every", "first", "after", "times")}
    )
)
def test_counters_are_what_they_say(when: dict[str, Any]) -> None:
    """Each as a filter over the numbers, and `times` over what is left."""
    left = [n for n in range(1, 25) if n == when.get("call", n)]
    left = [n for n in left if n % when.get("every", 1) == 0]
    left = [n for n in left if when.get("after", 0) < n <= when.get("first", n)]
    assert matches(engine(rule(**when)), *[CALL] * 24) == left[: when.get("times")]


def test_counters_count_only_what_the_criteria_let_through() -> None:
    """The second call of the operation is the fourth of all."""
    other = MatchContext("call", operation="getUserSelf")
    played = engine(rule(operations=frozenset({"getUserSelf"}), call=2))
    assert matches(played, CALL, other, CALL, other, other) == [4]


def test_counters_each_resource() -> None:
    """Every id has its own first call, and its own `times`."""
    one, two = MatchContext("call", resource="1"), MatchContext("call", resource="2")
    assert matches(engine(rule(first=1, each="resource")), one, one, two, one, two) == [1, 3]
    assert matches(engine(rule(times=1, each="resource")), one, one, two, one, two) == [1, 3]
    assert matches(engine(rule(first=1)), one, one, two) == [1]


def test_counters_each_operation() -> None:
    """Every operation has its own first call, whatever the id."""
    one = MatchContext("call", operation="getGenerationById", resource="1")
    two = MatchContext("call", operation="getGenerationById", resource="2")
    three = MatchContext("call", operation="getModelById", resource="1")
    assert matches(engine(rule(first=1, each="operation")), one, two, three, one, three) == [1, 3]


def test_counters_of_two_rules() -> None:
    """Each counts for itself, also what the other struck."""
    played = engine(rule("a#1", every=2), rule("a#2", every=3))
    struck = [found.rules if found else [] for found in (played.apply_rules(CALL) for _ in range(6))]
    assert struck == [[], ["a#1"], ["a#2"], ["a#1"], [], ["a#1", "a#2"]]


def test_play_begins_to_count_anew() -> None:
    """And forgets how often a rule has struck."""
    played = engine(rule(first=2, times=1))
    assert matches(played, CALL, CALL) == [1]
    played.play(played.scenarios)
    assert matches(played, CALL, CALL) == [1]
    played.play([])
    assert matches(played, CALL, CALL) == []


# --- chance ------------------------------------------------------------------------------------------


def test_probability_is_decided_by_the_seed() -> None:
    """The same seed and calls give the same failures; another seed gives others."""
    one, two, other = (matches(engine(rule(probability=0.5), seed=seed), *[CALL] * 50) for seed in (1, 1, 2))
    assert one == two != other


@pytest.mark.parametrize(
    ("probability", "least", "most"), [(0.1, 60, 140), (0.5, 430, 570), (1.0, 1000, 1000)]
)
def test_probability_over_a_thousand_calls(probability: float, least: int, most: int) -> None:
    """About as many strike as it says."""
    assert least <= len(matches(engine(rule(probability=probability)), *[CALL] * 1000)) <= most


def test_probability_and_times() -> None:
    """Only what struck counts as a time."""
    rare = rule(probability=0.2, times=3)
    assert len(matches(engine(rare), *[CALL] * 200)) == 3


def test_probability_draws_only_where_the_counters_hold() -> None:
    """A call that the rule does not mean leaves the draws of the others as they are."""
    random = Random(7)
    played = ScenarioEngine(lambda: random, [scenario(rule(after=5, probability=0.5))])
    before = random.getstate()
    matches(played, *[CALL] * 5)
    assert random.getstate() == before
    matches(played, CALL)
    assert random.getstate() != before


def test_drawn_span_of_one_number() -> None:
    """Nothing is drawn where there is nothing to choose."""
    random = Random(7)
    before = random.getstate()
    assert ScenarioEngine(lambda: random).drawn((1.5, 1.5)) == 1.5
    assert random.getstate() == before


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.integers())
def test_drawn_span_stays_within(one: float, other: float, seed: int) -> None:
    """And the seed decides."""
    span = (min(one, other), max(one, other))
    drawn = ScenarioEngine(lambda: Random(seed)).drawn(span)
    assert span[0] <= drawn <= span[1]
    assert ScenarioEngine(lambda: Random(seed)).drawn(span) == drawn


# --- what rules say together ------------------------------------------------------------------------


def test_rules_that_strike_together() -> None:
    """The first to speak of a thing decides it; delays add up."""
    first = Rule("a#1", "call", answer=NO, delay=(1.0, 1.0), outcome=Outcome("FAILED"))
    second = Rule(
        "a#2", "call", answer=StubResponse(503), delay=(0.5, 0.5), breakage="reset", outcome=Outcome()
    )
    third = Rule("a#3", "call", breakage="stall")
    assert engine(first, second, third).apply_rules(CALL) == RuleEffects(
        rules=["a#1", "a#2", "a#3"],
        answer=NO,
        delay=1.5,
        breakage="reset",
        outcome=Outcome("FAILED"),
    )


def test_rules_for_uploads_and_events() -> None:
    """The first decides there as well."""
    played = engine(
        Rule("a#1", "upload", upload="refused"),
        Rule("a#2", "upload", upload="expired"),
        Rule("a#3", "webhook", delivery=Delivery(copies=2)),
        Rule("a#4", "webhook", delivery=Delivery(drop=True)),
    )
    assert played.apply_rules(MatchContext("upload")) == RuleEffects(rules=["a#1", "a#2"], upload="refused")
    assert played.apply_rules(MatchContext("webhook")) == RuleEffects(
        rules=["a#3", "a#4"], delivery=Delivery(copies=2)
    )


def test_scenarios_in_their_order() -> None:
    """What a call asks for itself comes before what is in force, and that in the order it was given."""
    played = ScenarioEngine(
        lambda: Random(0), [scenario(rule("a#1"), name="a"), scenario(rule("b#1"), name="b")]
    )
    struck = played.apply_rules(CALL, [scenario(Rule("c#1", "call", answer=StubResponse(418)), name="c")])
    assert struck == RuleEffects(rules=["c#1", "a#1", "b#1"], answer=StubResponse(418))


@pytest.mark.parametrize("counters", [{"every": 2}, {"call": 3}, {"after": 5}, {"probability": 0.0001}])
def test_requested_scenario_applies_whatever_is_counted(counters: dict[str, Any]) -> None:
    """Each request that asks for it meets it; others do not."""
    played, requested = ScenarioEngine(lambda: Random(0)), [scenario(rule(**counters))]
    assert [bool(played.apply_rules(CALL, more)) for more in (requested, (), requested)] == [
        True,
        False,
        True,
    ]


def test_requested_scenario_stops_for_retries() -> None:
    """`first` and `times` count attempts of the same request."""
    played, requested = ScenarioEngine(lambda: Random(0)), [scenario(rule(first=2))]
    one, two = CALL._replace(request="one"), CALL._replace(request="two")
    seen = [bool(played.apply_rules(call, requested)) for call in (one, one, one, two)]
    assert seen == [True, True, False, True]


def test_no_scenario_in_force() -> None:
    """Everything is as usual."""
    assert ScenarioEngine(lambda: Random(0)).apply_rules(CALL) is None
    assert engine().apply_rules(CALL) is None


# --- many rules ---------------------------------------------------------------------------------------

CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "operations": st.sampled_from([frozenset({"createGeneration"}), frozenset({"getUserSelf"})]),
        "prompt": st.sampled_from(["cat", "dog", "(?i)CAT", "(?x)mat # a|b"]).map(LinearPattern),
        "body": st.dictionaries(
            st.sampled_from(["num_images", "modelId", "public", "tags"]),
            st.sampled_from([4, 8, True, "b24e16ff", LinearPattern("^b24"), ["x"]]),
            max_size=2,
        ),
        "query": st.sampled_from([{"limit": 10}, {"limit": 11}]),
        "headers": st.sampled_from([{"user-agent": "sdk/7.0.0"}, {"user-agent": "curl"}]),
    },
)


@given(st.lists(CONDITIONS, max_size=8))
def test_rules_together_match_as_each_alone(conditions: list[dict[str, Any]]) -> None:
    context = CALL._replace(body={**CALL.body, "tags": ["x"]})
    rules = [rule(f"a#{number}", **when) for number, when in enumerate(conditions)]
    alone = [each.name for each in rules if engine(each).apply_rules(context)]
    together = engine(*rules).apply_rules(context)
    assert (together.rules if together else []) == alone

"""Faults as data: rules that say when, what and how often.

A rule knows nothing of YAML (see `scenario_files`) and does nothing itself: it tells what is to happen, and
`answer`, `Jobs`, the bucket's channel and the webhook sender let it happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from leomock.leonardo.errors import ErrorTemplate
from leomock.state.matching import LinearPattern

Stage = Literal["call", "upload", "webhook"]
Breakage = Literal[
    "reset",
    "truncate",
    "stall",
    "wrong_content_type",
    "malformed_json",
    "lost_500",
    "lost_502",
    "lost_504",
]
Span = tuple[float, float]
# With `each: resource` a rule counts for every id; the oldest counters are forgotten beyond this number.
MOST_COUNTERS = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ends, where that is not simply COMPLETE with everything asked for.

    `images` is how many pictures there are, `nsfw` the indexes of those that are flagged, `seconds` how long
    it takes by the world's clock (a number is drawn from the span).
    """

    status: Literal["COMPLETE", "FAILED"] = "COMPLETE"
    images: int | None = None
    nsfw: tuple[int, ...] | Literal["all"] = ()
    seconds: Span | None = None


@dataclass(frozen=True, slots=True)
class StubResponse:
    """A status and a body in place of the operation's own; `body` None with `text` None is an empty one.

    With an `error` it is that refusal, in the form that the operation gives it.
    """

    status: int
    body: Any = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    error: ErrorTemplate | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What happens to an event on its way: `delay` in seconds, `copies` in all, held behind the next one."""

    delay: Span | None = None
    copies: int = 1
    reorder: bool = False
    drop: bool = False


@dataclass(frozen=True, slots=True)
class Criteria:
    """When a rule strikes; all that is given must hold.

    `operations` and `groups` are names; `prompt` is searched in the prompt. `body`, `query` and `headers` map
    names to wanted values, where a compiled pattern is searched in the value's text. The counters count what
    the rest of the criteria let through: the `call`th, `every` nth, the `first` N, those `after` N; `each`
    keeps them, and `times` of the rule, apart per resource id or per operation instead of per world.
    """

    operations: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    prompt: LinearPattern | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    call: int | None = None
    every: int | None = None
    first: int | None = None
    after: int | None = None
    probability: float | None = None
    each: Literal["world", "resource", "operation"] = "world"

    @property
    def counts(self) -> bool:
        """Whether it matters how often the rest of the criteria held."""
        return not (self.call is self.every is self.first is self.after is self.probability is None)

    def counted(self, number: int) -> bool:
        """Whether the `number`th thing (from 1) that fits is one that the counters mean."""
        return (
            (self.call is None or number == self.call)
            and (self.every is None or number % self.every == 0)
            and (self.first is None or number <= self.first)
            and (self.after is None or number > self.after)
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a scenario: when, what, and how often at most (`times`)."""

    name: str
    stage: Stage
    when: Criteria = Criteria()
    answer: StubResponse | None = None
    delay: Span | None = None
    breakage: Breakage | None = None
    outcome: Outcome | None = None
    upload: Literal["refused", "expired"] | None = None
    delivery: Delivery | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named set of rules. `settings` are what a whole fake must be started with (e.g. `ids`)."""

    name: str
    description: str
    basis: str
    source: str
    rules: tuple[Rule, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MatchContext:
    """Something that a rule may strike: a call, an upload, or an event that is about to leave."""

    stage: Stage
    operation: str = ""
    group: str = ""
    resource: str = ""
    prompt: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Callable[[], Mapping[str, str]] = dict  # asked only by rules that look at headers


@dataclass(slots=True)
class RuleEffects:
    """What the rules that struck say together; the first to speak of a thing decides it."""

    rules: list[str] = field(default_factory=list)
    answer: StubResponse | None = None
    delay: float = 0.0
    breakage: Breakage | None = None
    outcome: Outcome | None = None
    upload: Literal["refused", "expired"] | None = None
    delivery: Delivery | None = None


# A rule, what of its criteria looks into an occasion, and whether it counts.
_Candidate = tuple[Rule, Callable[[MatchContext], bool] | None, bool]


class ScenarioEngine:
    """The scenarios in force in one world, and how often each of their rules was met and has struck."""

    def __init__(self, random: Random, scenarios: Sequence[Scenario] = ()) -> None:
        self._random = random
        self.play(scenarios)

    def play(self, scenarios: Sequence[Scenario]) -> None:
        """Put scenarios in force instead of those that were; counting begins anew."""
        self.scenarios = tuple(scenarios)
        # The rules that may strike on each kind of occasion, found when it first comes.
        self._candidates: dict[tuple[str, str], list[_Candidate]] = {}
        self._met: dict[tuple[str, str], int] = {}
        self._struck: dict[tuple[str, str], int] = {}

    def add(self, scenario: Scenario) -> None:
        """Put one more scenario in force, before the others, whose counters go on."""
        self.scenarios = (scenario, *self.scenarios)
        self._candidates = {}

    def as_json(self) -> dict[str, Any]:
        """How often each rule was met and has struck, and where chance stands, as JSON values."""
        version, state, gauss = self._random.getstate()
        return {
            "random": [version, list(state), gauss],
            "met": [[*counter, number] for counter, number in self._met.items()],
            "struck": [[*counter, number] for counter, number in self._struck.items()],
        }

    def resume(self, kept: Any) -> None:
        """Go on counting from a snapshot; raises KeyError, TypeError or ValueError where it is none."""
        version, state, gauss = kept["random"]
        self._random.setstate((version, tuple(state), gauss))
        self._met = {(str(rule), str(resource)): int(number) for rule, resource, number in kept["met"]}
        self._struck = {(str(rule), str(resource)): int(number) for rule, resource, number in kept["struck"]}

    def apply_rules(self, occasion: MatchContext, more: Sequence[Scenario] = ()) -> RuleEffects | None:
        """What happens on an occasion, by the scenarios in force and `more` of them; None is the usual."""
        kind = (occasion.stage, occasion.operation)
        if more:
            # One that is in force and asked for as well strikes once.
            asked = {scenario.name: scenario for scenario in (*more, *self.scenarios)}
            rules = _candidates(asked.values(), occasion)
        elif kind in self._candidates:
            rules = self._candidates[kind]
        else:
            rules = self._candidates[kind] = _candidates(self.scenarios, occasion)
        struck: RuleEffects | None = None
        for rule, fits, counts in rules:
            if (fits is None or fits(occasion)) and (not counts or self._counted(rule, occasion)):
                struck = struck or RuleEffects()
                self._add(struck, rule)
        return struck

    def drawn(self, span: Span) -> float:
        """A number from a span, by the world's seed."""
        low, high = span
        return low if low == high else self._random.uniform(low, high)

    def _counted(self, rule: Rule, occasion: MatchContext) -> bool:
        """Count an occasion on which the rest of a rule's criteria held; whether it strikes this time."""
        when = rule.when
        counter = (rule.name, "" if when.each == "world" else getattr(occasion, when.each))
        number = self._met[counter] = self._met.get(counter, 0) + 1
        if len(self._met) > MOST_COUNTERS:
            del self._met[next(iter(self._met))]
        if not when.counted(number) or self._struck.get(counter, 0) == rule.times:
            return False
        if when.probability is not None and self._random.random() >= when.probability:
            return False
        if rule.times is not None:
            self._struck[counter] = self._struck.get(counter, 0) + 1
        return True

    def _add(self, struck: RuleEffects, rule: Rule) -> None:
        struck.rules.append(rule.name)
        struck.answer = struck.answer or rule.answer
        struck.breakage = struck.breakage or rule.breakage
        struck.outcome = struck.outcome or rule.outcome
        struck.upload = struck.upload or rule.upload
        struck.delivery = struck.delivery or rule.delivery
        if rule.delay:
            struck.delay += self.drawn(rule.delay)


def _candidates(scenarios: Iterable[Scenario], occasion: MatchContext) -> list[_Candidate]:
    """The rules of scenarios that could strike on an occasion of this stage and operation."""
    return [
        (rule, _fits(rule.when), rule.when.counts or rule.times is not None)
        for scenario in scenarios
        for rule in scenario.rules
        if rule.stage == occasion.stage
        and (not rule.when.operations or occasion.operation in rule.when.operations)
        and (not rule.when.groups or occasion.group in rule.when.groups)
    ]


def _fits(when: Criteria) -> Callable[[MatchContext], bool] | None:
    """A check of the criteria that look into an occasion; None where there are none."""
    checks: list[Callable[[MatchContext], bool]] = []
    if when.prompt is not None:
        search = when.prompt.search
        checks.append(lambda occasion: search(occasion.prompt))
    if when.body:
        checks.append(lambda occasion: _holds(when.body, occasion.body))
    if when.query:
        checks.append(lambda occasion: _holds(when.query, occasion.query))
    if when.headers:
        checks.append(lambda occasion: _holds(when.headers, occasion.headers()))
    if len(checks) > 1:
        return lambda occasion: all(check(occasion) for check in checks)
    return checks[0] if checks else None


def _holds(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    for name, value in wanted.items():
        there = found.get(name)
        if there is None:
            return False
        if isinstance(value, LinearPattern):
            if not value.search(str(there)):
                return False
        elif there != value:
            return False
    return True

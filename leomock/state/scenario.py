"""Faults as data: rules that say when something happens, what happens, and how often.

Rules know nothing about YAML (`leomock.files.scenarios` reads it) and have no side effects: they yield
effects, which `Dispatcher`, `Jobs`, the bucket and the webhook sender apply.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any, Literal, NamedTuple, TypeAlias

from leomock.leonardo.errors import ErrorTemplate
from leomock.state.matching import LinearPattern

Stage = Literal["call", "upload", "webhook", "cdn"]
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
# With `each: resource` a rule counts per id. Beyond this number the oldest counters are dropped.
MOST_COUNTERS = 10_000


class Outcome(NamedTuple):
    """An unusual end of a job: failed, incomplete or late.

    `images` is the number of pictures, `nsfw` the indexes of those that are flagged, `no_url` the indexes of
    those whose URL is null, `seconds` the duration by the world's clock (drawn from the span).
    """

    status: Literal["COMPLETE", "FAILED"] = "COMPLETE"
    images: int | None = None
    nsfw: tuple[int, ...] | Literal["all"] = ()
    no_url: tuple[int, ...] | Literal["all"] = ()
    seconds: Span | None = None


class StubResponse(NamedTuple):
    """A status and a body to answer with, instead of calling the handler.

    If `body` and `text` are both None, the body is empty. With an `error`, the response is that error in the
    operation's usual format.
    """

    status: int
    body: Any = None
    text: str | None = None
    headers: Mapping[str, str] = {}
    error: ErrorTemplate | None = None


class Delivery(NamedTuple):
    """Faults in the delivery of an event: `delay` in seconds, `copies` in all, `reorder` after the next."""

    delay: Span | None = None
    copies: int = 1
    reorder: bool = False
    drop: bool = False


class Criteria(NamedTuple):
    """The conditions of a rule; all that are set must hold.

    `operations` and `groups` are names; `prompt` is searched in the prompt. `body`, `query` and `headers` map
    names to expected values; a compiled pattern is searched in the value's text, and values of a query are
    compared as texts. The counters count matches
    of the other conditions: the `call`th, `every` nth, the `first` N, those `after` N. `each` keeps these
    counters, and `times` of the rule, per resource id or per operation instead of per world.
    """

    operations: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    prompt: LinearPattern | None = None
    body: Mapping[str, Any] = {}
    query: Mapping[str, Any] = {}
    headers: Mapping[str, Any] = {}
    call: int | None = None
    every: int | None = None
    first: int | None = None
    after: int | None = None
    probability: float | None = None
    each: Literal["world", "resource", "operation"] = "world"

    @property
    def counts(self) -> bool:
        """True if the rule depends on how often its other conditions held."""
        return not (self.call is self.every is self.first is self.after is self.probability is None)

    def selects(self, number: int) -> bool:
        """Return whether the counters select the `number`th match (from 1)."""
        return (
            (self.call is None or number == self.call)
            and (self.every is None or number % self.every == 0)
            and (self.first is None or number <= self.first)
            and (self.after is None or number > self.after)
        )


class Rule(NamedTuple):
    """One rule of a scenario: its conditions, its effects, and how often it applies at most (`times`)."""

    name: str
    stage: Stage
    when: Criteria = Criteria()
    answer: StubResponse | None = None
    delay: Span | None = None
    breakage: Breakage | None = None
    outcome: Outcome | None = None
    upload: Literal["refused", "expired"] | None = None
    cdn: Literal["refused"] | None = None
    delivery: Delivery | None = None
    times: int | None = None


class Scenario(NamedTuple):
    """A named set of rules. `settings` are settings that the fake must be started with (e.g. `ids`)."""

    name: str
    description: str
    basis: str
    source: str
    rules: tuple[Rule, ...] = ()
    settings: Mapping[str, Any] = {}


class MatchContext(NamedTuple):
    """The facts that rules are matched against: a call, an upload, a CDN read, or an event about to be sent.

    `request` identifies the request, so that a retry can be distinguished from a different request.
    """

    stage: Stage
    operation: str = ""
    group: str = ""
    resource: str = ""
    prompt: str = ""
    body: Mapping[str, Any] = {}
    query: Mapping[str, Any] = {}
    headers: Callable[[], Mapping[str, str]] = dict  # called only by rules with conditions on headers
    request: str = ""


@dataclass(slots=True)
class RuleEffects:
    """The combined effects of all matching rules; delays add up, otherwise the first rule wins."""

    rules: list[str] = field(default_factory=list)
    answer: StubResponse | None = None
    delay: float = 0.0
    breakage: Breakage | None = None
    outcome: Outcome | None = None
    upload: Literal["refused", "expired"] | None = None
    cdn: Literal["refused"] | None = None
    delivery: Delivery | None = None

    @property
    def explain(self) -> str:
        """The rules that applied, for the explanation of an answer."""
        return f"scenario {'rule' if len(self.rules) == 1 else 'rules'} {', '.join(self.rules)} applied"


_Check: TypeAlias = Callable[[MatchContext], bool]
_Part: TypeAlias = Literal["body", "headers"]


class _Candidate(NamedTuple):
    """A rule that can match, its check of the context (None: always true), and whether it counts matches."""

    rule: Rule
    fits: _Check | None
    counts: bool


class _Candidates:
    """The rules that can match contexts of one stage and operation.

    Most rules match few calls. Rules that ask for a value are therefore found by that value, and one search
    shows whether any of the prompt patterns can match.
    """

    def __init__(self, scenarios: Iterable[Scenario], stage: Stage, operation: str, group: str) -> None:
        self._all = [
            _Candidate(rule, _fits(rule.when), rule.when.counts or rule.times is not None)
            for scenario in scenarios
            for rule in scenario.rules
            if rule.stage == stage
            and (not rule.when.operations or operation in rule.when.operations)
            and (not rule.when.groups or group in rule.when.groups)
        ]
        # Positions in `_all`.
        self._prompt: list[int] = []
        self._values: dict[tuple[_Part, str], dict[Any, list[int]]] = {}
        others: list[int] = []
        for position, (rule, _, _) in enumerate(self._all):
            if rule.when.prompt:
                self._prompt.append(position)
            elif asked := _value(rule.when):
                part, name, value = asked
                self._values.setdefault((part, name), {}).setdefault(value, []).append(position)
            else:
                others.append(position)
        self._others = [self._all[position] for position in others]
        self._positions = others
        self._any_prompt = LinearPattern.any_of([p for rule, _, _ in self._all if (p := rule.when.prompt)])

    def of(self, context: MatchContext) -> list[_Candidate]:
        """Return the rules to check, in their order."""
        found: list[int] = []
        if self._prompt and (self._any_prompt is None or self._any_prompt.search(context.prompt)):
            found += self._prompt
        for (part, name), positions in self._values.items():
            there = (context.headers() if part == "headers" else getattr(context, part)).get(name)
            if isinstance(there, Hashable):
                found += positions.get(there, ())
        if not found:
            return self._others
        return [self._all[position] for position in sorted((*self._positions, *found))]


class ScenarioEngine:
    """The active scenarios of one world, with counters of how often each rule matched and was applied.

    `make_random` makes the generator when a rule first draws a number: most worlds have no such rule.
    """

    def __init__(self, make_random: Callable[[], Random], scenarios: Sequence[Scenario] = ()) -> None:
        self._make_random = make_random
        self.play(scenarios)

    @cached_property
    def _random(self) -> Random:
        return self._make_random()

    def play(self, scenarios: Sequence[Scenario]) -> None:
        """Replace the active scenarios and reset all counters."""
        self.scenarios = tuple(scenarios)
        # The rules that can match, by stage and operation; filled on first use.
        self._candidates: dict[tuple[Stage, str, str], _Candidates] = {}
        self._met: dict[tuple[str, str], int] = {}
        self._applied: dict[tuple[str, str], int] = {}

    def add(self, scenario: Scenario) -> None:
        """Activate one more scenario, before the others, and keep their counters."""
        self.scenarios = (scenario, *self.scenarios)
        self._candidates = {}

    def as_json(self) -> dict[str, Any]:
        """Return the counters and the state of the random generator as JSON values."""
        version, state, gauss = self._random.getstate()
        return {
            "random": [version, list(state), gauss],
            "met": [[*counter, number] for counter, number in self._met.items()],
            "applied": [[*counter, number] for counter, number in self._applied.items()],
        }

    def resume(self, kept: Any) -> None:
        """Restore counters from a snapshot; raises KeyError, TypeError or ValueError if it is malformed."""
        version, state, gauss = kept["random"]
        self._random.setstate((version, tuple(state), gauss))
        self._met = {(str(rule), str(resource)): int(number) for rule, resource, number in kept["met"]}
        self._applied = {
            (str(rule), str(resource)): int(number) for rule, resource, number in kept["applied"]
        }

    def apply_rules(self, context: MatchContext, more: Sequence[Scenario] = ()) -> RuleEffects | None:
        """Match the active scenarios and `more` against a context; None if no rule matches.

        `more` are scenarios that the request itself asks for. Their rules apply to it whatever their counters
        say, but `first` and `times` still limit how many identical requests (retries) they apply to.
        """
        kind = (context.stage, context.operation, context.group)
        if more:
            # A scenario that is both active and requested applies once.
            requested = {scenario.name: scenario for scenario in more}
            others = [scenario for scenario in self.scenarios if scenario.name not in requested]
            effects = self._matched(_Candidates(requested.values(), *kind), context, self._limited)
            return self._matched(_Candidates(others, *kind), context, self._counted, effects)
        if kind not in self._candidates:
            self._candidates[kind] = _Candidates(self.scenarios, *kind)
        return self._matched(self._candidates[kind], context, self._counted)

    def _matched(
        self,
        candidates: _Candidates,
        context: MatchContext,
        is_selected: Callable[[Rule, MatchContext], bool],
        effects: RuleEffects | None = None,
    ) -> RuleEffects | None:
        """Add the effects of the candidates that match and that their counters select."""
        for rule, fits, counts in candidates.of(context):
            if (fits is None or fits(context)) and (not counts or is_selected(rule, context)):
                effects = effects or RuleEffects()
                self._add(effects, rule)
        return effects

    def drawn(self, span: Span) -> float:
        """Draw a number from a span with the world's seeded generator."""
        low, high = span
        return low if low == high else self._random.uniform(low, high)

    def _counted(self, rule: Rule, context: MatchContext) -> bool:
        """Count a match of a rule's other conditions and return whether the rule applies this time."""
        when = rule.when
        counter = (rule.name, "" if when.each == "world" else getattr(context, when.each))
        number = self._met[counter] = self._met.get(counter, 0) + 1
        if number == 1:
            self._forget_oldest()
        if not when.selects(number) or self._applied.get(counter, 0) == rule.times:
            return False
        if when.probability is not None and self._random.random() >= when.probability:
            return False
        if rule.times is not None:
            self._applied[counter] = self._applied.get(counter, 0) + 1
        return True

    def _limited(self, rule: Rule, context: MatchContext) -> bool:
        """Return whether a requested rule applies to this request: always, or to its first few attempts."""
        limits = [limit for limit in (rule.when.first, rule.times) if limit is not None]
        if not limits:
            return True
        counter = (rule.name, f"request {context.request}")
        number = self._met[counter] = self._met.get(counter, 0) + 1
        if number == 1:
            self._forget_oldest()
        return number <= min(limits)

    def _forget_oldest(self) -> None:
        if len(self._met) > MOST_COUNTERS:
            del self._met[next(iter(self._met))]

    def _add(self, effects: RuleEffects, rule: Rule) -> None:
        effects.rules.append(rule.name)
        effects.answer = effects.answer or rule.answer
        effects.breakage = effects.breakage or rule.breakage
        effects.outcome = effects.outcome or rule.outcome
        effects.upload = effects.upload or rule.upload
        effects.cdn = effects.cdn or rule.cdn
        effects.delivery = effects.delivery or rule.delivery
        if rule.delay:
            effects.delay += self.drawn(rule.delay)


def _value(when: Criteria) -> tuple[_Part, str, str | float] | None:
    """Return a value that a context must have, with its part and name; None if the rule asks for none."""
    parts: dict[_Part, Mapping[str, Any]] = {"body": when.body, "headers": when.headers}
    for part, wanted in parts.items():
        for name, value in wanted.items():
            if isinstance(value, str | int | float):
                return part, name, value
    return None


def _fits(when: Criteria) -> Callable[[MatchContext], bool] | None:
    """Return a check of the conditions on the content of a context; None if the rule has none."""
    checks: list[Callable[[MatchContext], bool]] = []
    if when.prompt is not None:
        search = when.prompt.search
        checks.append(lambda context: search(context.prompt))
    if when.body:
        checks.append(lambda context: _holds(when.body, context.body))
    if when.query:
        checks.append(lambda context: _holds(when.query, context.query, _text))
    if when.headers:
        checks.append(lambda context: _holds(when.headers, context.headers()))
    if len(checks) > 1:
        return lambda context: all(check(context) for check in checks)
    return checks[0] if checks else None


def _holds(
    wanted: Mapping[str, Any], found: Mapping[str, Any], as_: Callable[[Any], Any] = lambda value: value
) -> bool:
    """Return whether the values of a context are those wanted, compared `as_` given."""
    for name, value in wanted.items():
        there = found.get(name)
        if there is None:
            return False
        if isinstance(value, LinearPattern):
            if not value.search(_text(there)):
                return False
        elif as_(there) != as_(value):
            return False
    return True


def _text(value: Any) -> str:
    """Return a value as a query has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, int | float) else str(value)

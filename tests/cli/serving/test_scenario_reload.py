"""Scenario files that are played again when they are saved."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from leomock.cli.serving.scenario_reload import ScenarioReloader
from leomock.operations.dispatch import Dispatcher
from leomock.state.settings import Settings

RULES = "description: x\nrules:\n  - then: {{status: {status}}}\n"


class Served:
    """What `leomock serve --scenario flaky --scenario mine.yaml` has in force."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "mine.yaml"
        self.save(RULES.format(status=500))
        self.said: list[str] = []
        names = ("flaky", str(self.file))
        self.api = Dispatcher.playing(Settings(), names)
        self.world = self.api.worlds.of("a key")
        self.reloader = ScenarioReloader(self.api, names, self.said.append)

    def save(self, text: str) -> None:
        """Write the file with a time of its own, however fast the test is."""
        later = self.file.stat().st_mtime_ns + 1_000_000 if self.file.exists() else 0
        self.file.write_text(text, "utf-8")
        if later:
            os.utime(self.file, ns=(later, later))

    def statuses(self) -> list[int]:
        """The statuses that the rules in force answer, for a key that is known and for a new one."""
        new = self.api.worlds.scenarios
        answers = [
            rule.answer
            for scenario in (*self.world.scenario_engine.scenarios, *new)
            if scenario.name != "flaky"
            for rule in scenario.rules
        ]
        return [answer.status for answer in answers if answer]


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path)


def test_changed_file_is_in_force(served: Served) -> None:
    """For keys that are known, and for new ones; once, however often somebody looks."""
    assert served.statuses() == [500, 500]
    served.reloader.reload_changed()
    assert served.said == []
    served.save(RULES.format(status=418))
    served.reloader.reload_changed()
    served.reloader.reload_changed()
    assert served.statuses() == [418, 418]
    assert served.said == [f"leomock: {served.file} was reloaded and is now active\n"]


def test_key_with_other_scenarios_keeps_them(served: Served) -> None:
    served.world.scenario_engine.play(())
    served.save(RULES.format(status=418))
    served.reloader.reload_changed()
    assert served.statuses() == [418]
    # The name stands for the new version.
    served.world.scenario_engine.play([served.api.scenario_registry.named("mine")])
    assert served.statuses() == [418, 418]


def test_file_with_a_mistake_leaves_the_scenario_from_before(served: Served) -> None:
    """It is reported once; the next good version counts."""
    served.save("description: x\nrules:\n  - then: {statsu: 418}\n")
    for _ in range(2):
        served.reloader.reload_changed()
    assert served.statuses() == [500, 500]
    assert served.said == [
        f"leomock: the previous scenario stays active: {served.file}:3: then.statsu: not known here; "
        "did you mean 'status'?\n"
    ]
    served.save(RULES.format(status=404))
    served.reloader.reload_changed()
    assert served.statuses() == [404, 404]


def test_file_that_is_missing_for_a_moment_is_waited_for(served: Served) -> None:
    """Editors replace files."""
    served.file.rename(served.file.with_suffix(".bak"))
    served.reloader.reload_changed()
    assert (served.statuses(), served.said) == ([500, 500], [])


def test_settings_of_a_file_need_a_restart(served: Served) -> None:
    served.save(RULES.format(status=418) + "settings: {ids: v6}\n")
    served.reloader.reload_changed()
    assert served.statuses() == [500, 500]
    assert served.said == [
        f"leomock: the previous scenario stays active: {served.file}: settings apply only at the start; "
        "restart leomock\n"
    ]


def test_shipped_scenarios_are_not_watched() -> None:
    api = Dispatcher.playing(Settings(), ("flaky",))
    assert not ScenarioReloader(api, ("flaky",), print)

"""Reload scenario files when they are saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from leomock.files.scenarios import ScenarioError, is_file_name
from leomock.operations.dispatch import Dispatcher
from leomock.state.scenario import Scenario

SECONDS_BETWEEN_LOOKS = 0.5


class _Watched(NamedTuple):
    """A file, its last modification in nanoseconds and its size, and the scenario that was read from it."""

    path: Path
    stamp: tuple[int, int] | None
    scenario: Scenario


class ScenarioReloader:
    """Watch the scenario files that a fake was started with.

    `names` are those that the fake was started with, in order; shipped scenarios are not watched. `say`
    receives one line for each file that was reloaded.
    """

    def __init__(self, api: Dispatcher, names: Sequence[str], say: Callable[[str], object]) -> None:
        self._api = api
        self._say = say
        self._watched = [
            _Watched(Path(name), _stamp(Path(name)), scenario)
            for name, scenario in zip(names, api.worlds.scenarios, strict=True)
            if is_file_name(name)
        ]

    def __bool__(self) -> bool:
        """True if there is a file to watch."""
        return bool(self._watched)

    def reload_changed(self) -> None:
        """Read each file that changed, and apply it if its scenario is active.

        If a file has mistakes, they are reported and the previous scenario stays active.
        """
        self._watched = [self._look_at(each) for each in self._watched]

    def _look_at(self, watched: _Watched) -> _Watched:
        stamp = _stamp(watched.path)
        if stamp is None or stamp == watched.stamp:
            return watched
        watched = watched._replace(stamp=stamp)
        try:
            scenario = self._api.scenario_registry.get(watched.path)
        except ScenarioError as error:
            self._say(f"leomock: the previous scenario stays active: {error}\n")
            return watched
        if scenario.settings != watched.scenario.settings:
            self._say(
                f"leomock: the previous scenario stays active: {watched.path}: settings apply only at the "
                "start; restart leomock\n"
            )
            return watched
        self._api.scenario_registry.add(scenario)
        self._play(watched.scenario, scenario)
        self._say(f"leomock: {watched.path} was reloaded and is now active\n")
        return watched._replace(scenario=scenario)

    def _play(self, before: Scenario, after: Scenario) -> None:
        worlds = self._api.worlds
        worlds.scenarios = _replaced(worlds.scenarios, before, after)
        for world in worlds:
            with world.lock:
                if any(each is before for each in world.scenario_engine.scenarios):
                    world.scenario_engine.play(_replaced(world.scenario_engine.scenarios, before, after))


def _replaced(scenarios: Sequence[Scenario], before: Scenario, after: Scenario) -> tuple[Scenario, ...]:
    return tuple(after if each is before else each for each in scenarios)


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return the modification time and size of a file, or None while an editor replaces it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size

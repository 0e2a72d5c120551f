from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from bench.figures import NAME, Figures
from bench.plan import (
    DAY,
    PATTERNS,
    Call,
    Day,
    Job,
    Pattern,
    PlanError,
    Replay,
    draw_day,
    main,
    plan,
    read_figures,
)

MB = 2.0**20
FIGURES = Figures(
    create_cpu=100e-6,
    read_cpu=60e-6,
    picture_cpu=10e-3,
    base_bytes=40 * MB,
    generation_bytes=1024,
    key_bytes=10 * 1024,
    exchange_bytes=1024,
    picture_bytes=400_000,
)


def pattern(name: str) -> Pattern:
    return next(each for each in PATTERNS if each.name == name)


def kinds(pattern: Pattern, pace: str) -> Counter[str]:
    return Counter(call.kind for call in Replay(pace).run(pattern))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    file = tmp_path / "latest.json"
    file.write_text(json.dumps({"at": "2026-11-29T03:00:00+0000", "samples": {NAME: FIGURES._asdict()}}))
    return file


@pytest.mark.parametrize(("pace", "reads"), [("immediate", 1), ("polls:1", 2), ("seconds:8", 9)])
def test_polls_of_a_job_are_those_that_the_fake_wants(pace: str, reads: int) -> None:
    """A steady job reads every second until its generation is complete."""
    assert kinds(pattern("steady"), pace) == {"create": 20, "read": 20 * reads, "picture": 20}


def test_webhook_job_does_not_poll() -> None:
    assert kinds(pattern("webhook"), "seconds:8") == {"create": 30, "read": 30, "picture": 30}


def test_calls_have_their_moments_in_virtual_time() -> None:
    job = replace(pattern("steady"), generations=2)
    moments = [(round(call.moment, 6), call.kind) for call in Replay("seconds:2").run(job)]
    assert moments == [
        *[(0, "create"), (0, "read"), (1, "read"), (2, "read"), (2, "picture")],
        *[(4, "create"), (4, "read"), (5, "read"), (6, "read"), (6, "picture")],
    ]


def test_pace_that_never_ends_is_refused() -> None:
    job = Pattern("manual", share=1, generations=1, poll=1, pictures=0, think=0)
    with pytest.raises(PlanError, match=r"^a generation is PENDING after 10000 reads; use another --pace$"):
        Replay("manual").run(job)


def test_day_has_its_jobs_and_keys() -> None:
    jobs = draw_day(5000, 100, Random(1))
    assert len(jobs) == 5000
    assert set(Counter(job.key for job in jobs).values()) == {50}
    assert all(0 <= job.begins < DAY for job in jobs)
    busiest = Counter(job.begins // 3600 for job in jobs).most_common(1)[0][0]
    assert busiest in (9, 10, 14, 15)


def day_of(jobs: list[Job], cpu: float, max_worlds: int = 1000) -> Day:
    """A day of jobs that each make one call of some seconds, and another a minute later."""
    return Day(jobs, [[Call(0, "create"), Call(60, "read")]], FIGURES._replace(create_cpu=cpu), max_worlds)


def test_work_that_comes_at_once_has_to_wait() -> None:
    shards = day_of([Job(5, 0, 0)] * 4, cpu=2).with_shards(1)
    assert shards.wait == pytest.approx(7)  # eight seconds of work, one of them in the first second
    assert shards.busy == pytest.approx(8 / 60)
    assert shards.keys == 1


def test_keys_are_shared_out_and_counted_while_their_jobs_run() -> None:
    jobs = [Job(0, 0, 0), Job(10, 0, 1), Job(10, 0, 2), Job(61, 0, 4)]
    assert day_of(jobs, cpu=0).with_shards(1).keys == 3
    assert day_of(jobs, cpu=0).with_shards(2).keys == 2


def test_memory_is_that_of_the_newest_keys() -> None:
    jobs = [Job(number, 0, number) for number in range(10)]
    each = FIGURES.key_bytes + FIGURES.generation_bytes + 2 * FIGURES.exchange_bytes
    assert day_of(jobs, cpu=0).with_shards(1).bytes == FIGURES.base_bytes + 10 * each
    assert day_of(jobs, cpu=0, max_worlds=4).with_shards(1).bytes == FIGURES.base_bytes + 4 * each


def realistic(jobs: int, keys: int = 0, max_worlds: int = 1000) -> Day:
    traces = [Replay("seconds:8").run(each) for each in PATTERNS]
    return Day(draw_day(jobs, keys or jobs, Random(0)), traces, FIGURES, max_worlds)


def test_busier_days_need_more_shards() -> None:
    slow = FIGURES._replace(create_cpu=0.3)
    traces = [Replay("polls:1").run(each) for each in PATTERNS]
    needed = [
        plan(Day(draw_day(jobs, jobs, Random(0)), traces, slow, 1000), 1024 * MB, 1000)[-1].number
        for jobs in (100, 1000, 4000)
    ]
    assert needed == sorted(needed)
    assert needed[0] == 1
    assert needed[-1] > needed[1]


@pytest.mark.parametrize(
    ("memory", "max_worlds", "first"),
    [(1024, 1000, "memory"), (1024, 20, "keys"), (100_000, 1000, "CPU")],
)
def test_bound_that_is_met_first_depends_on_the_others(memory: float, max_worlds: int, first: str) -> None:
    day = realistic(2000, max_worlds=max_worlds)
    bounds = day.with_shards(1).bounds(memory * MB, max_worlds)
    assert bounds[0].name == first
    assert [bound.used for bound in bounds] == sorted((bound.used for bound in bounds), reverse=True)


def test_more_shards_do_not_help_one_busy_key() -> None:
    day = day_of([Job(5, 0, 0)] * 4, cpu=2)
    with pytest.raises(PlanError) as raised:
        plan(day, 1024 * MB, 1000)
    assert str(raised.value) == (
        "256 shards are not enough: waiting, calls wait for 7.0 s; "
        "share the calls of the busiest API key out to several keys"
    )


def test_plan_is_printed(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.plan.MOST_JOBS", 1600)
    slow = FIGURES._replace(create_cpu=0.45)
    results.write_text(json.dumps({"at": "2026-11-29", "samples": {NAME: slow._asdict()}}))
    assert main(["0.4", "--results", str(results)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "measured 2026-11-29: create 450000 µs, read 60 µs, picture 10.0 ms; process 40 MB, "
        "API key 10 KB, generation 1.0 KB, journalled call 1.0 KB",
        "43,180 calls in 400 CI jobs, 0.5 a second on average",
        "",
        "shards  busiest minute  longest wait  memory each  keys at once        nearest bound",
        "     1             46%         1.4 s       159 MB             5  waiting (135% used)",
        "     2             39%         0.8 s       133 MB             5   waiting (84% used)",
        "",
        "2 shards are enough, with 266 MB together.",
        "The first bound that a larger day meets: waiting, with 2 times the jobs.",
    ]


def test_same_seed_gives_the_same_plan(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.plan.MOST_JOBS", 0)
    printed = []
    for seed in ("0", "0", "1"):
        assert main(["0.2", "--results", str(results), "--seed", seed]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != printed[2]


def test_results_that_are_missing_or_old_are_refused(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["1", "--results", str(tmp_path / "none.json")]) == 2
    assert capsys.readouterr().err == (
        f"bench.plan: {tmp_path}/none.json: No such file or directory; run `make bench` or `python -m bench "
        "figures` first\n"
    )
    results.write_text('{"at": "", "samples": {}}')
    with pytest.raises(PlanError, match=r"has no figures for bench\.plan; run `make bench`"):
        read_figures(results)


@pytest.mark.parametrize(
    "arguments", [["0"], ["-1"], ["1", "--keys", "0"], ["1", "--memory", "0"], ["1", "--max-worlds", "0"]]
)
def test_numbers_must_be_above_zero(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert "use numbers above zero" in capsys.readouterr().err


def test_invalid_pace_is_refused(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["1", "--pace", "often", "--results", str(results)]) == 2
    assert "bench.plan: jobs=" in capsys.readouterr().err

"""The parts of a fuzzing campaign: what is done to a file, what counts as another result, and the records."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from campaigns.limited import Limits, Outcome, run_forked
from campaigns.mutations import KINDS, Mutation, apply_mutation, draw_mutation
from campaigns.records import Records, wilson
from campaigns.verdict import difference

BODY, OTHER = bytes(range(256)) * 40, b"other" * 1000
LIMITS = Limits(cpu_s=20, wall_s=60.0, memory_mb=200)


@pytest.mark.parametrize(
    ("mutation", "expected"),
    [
        (Mutation("cut_end", 100, 10140), BODY[:100]),
        (Mutation("cut_begin", 0, 100), BODY[100:]),
        (Mutation("cut_middle", 100, 50), BODY[:100] + BODY[150:]),
        (Mutation("zero", 100, 50), BODY[:100] + b"\0" * 50 + BODY[150:]),
        (Mutation("join", 100, 4000, skip=1000), BODY[:100] + OTHER[1000:]),
    ],
)
def test_what_is_done_to_a_file(mutation: Mutation, expected: bytes) -> None:
    assert apply_mutation(BODY, OTHER, mutation) == expected


def test_flips_stay_within_their_stretch() -> None:
    damaged = apply_mutation(BODY, OTHER, Mutation("flip", 200, 40, within=64, seed=3))
    changed = [i for i, (a, b) in enumerate(zip(BODY, damaged, strict=True)) if a != b]
    assert changed
    assert min(changed) >= 200
    assert max(changed) < 264
    assert sum((a ^ b).bit_count() for a, b in zip(BODY, damaged, strict=True)) <= 40


def test_inserted_bytes_leave_the_others_as_they_are() -> None:
    damaged = apply_mutation(BODY, OTHER, Mutation("insert", 300, 70, seed=3))
    assert damaged[:300] + damaged[370:] == BODY


def test_every_kind_is_drawn_and_is_the_same_again() -> None:
    drawn = [draw_mutation(np.random.default_rng([5, case]), len(BODY), len(OTHER)) for case in range(200)]
    assert {mutation.kind for mutation in drawn} == set(KINDS)
    assert drawn == [draw_mutation(np.random.default_rng([5, case]), len(BODY), len(OTHER)) for case in range(200)]
    for mutation in drawn:
        damaged = apply_mutation(BODY, OTHER, mutation)
        assert damaged == apply_mutation(BODY, OTHER, mutation)


@pytest.mark.parametrize(("successes", "total"), [(0, 10), (10, 10), (198, 200), (2999, 3000)])
def test_the_interval_is_that_of_scipy(successes: int, total: int) -> None:
    expected = binomtest(successes, total).proportion_ci(0.95, "wilson")
    assert wilson(successes, total) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_what_counts_as_a_difference() -> None:
    whole = {"a": np.array([0.0, 10.0, np.nan]), "b:set": np.array([1.0, 2.0, 3.0])}
    assert difference(whole, {"a": np.array([0.0, 10.0, np.nan]), "b:set": np.array([3.0, 2.0, 1.0])}) == 0
    assert difference(whole, whole | {"a": np.array([0.0, 9.5, np.nan])}) == pytest.approx(0.05)
    assert difference(whole, whole | {"b:set": np.array([1.0, 2.0, 4.0])}) == pytest.approx(0.5)
    assert difference(whole, whole | {"a": np.array([0.0, np.nan, 10.0])}) == np.inf
    assert difference(whole, whole | {"a": np.array([0.0, 10.0])}) == np.inf
    assert difference(whole, {"a": whole["a"]}) == np.inf


def ended(command: object, folder: Path) -> Outcome:
    return run_forked(command, folder, LIMITS)  # type: ignore[arg-type]


def test_how_a_child_ends(tmp_path: Path) -> None:
    def fails() -> int:
        os.write(2, b"evoked: no such file\n")
        return 1

    def kills_itself() -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def takes_memory() -> int:
        return len(bytearray(2**30))

    def never_ends() -> int:
        while True:
            pass

    def waits() -> int:
        time.sleep(600)
        return 0

    assert (ended(fails, tmp_path).code, ended(fails, tmp_path).fault) == (1, "")
    assert ended(lambda: 3, tmp_path).fault == "unclear"
    assert ended(lambda: 1 // 0, tmp_path).fault == "traceback"
    assert ended(kills_itself, tmp_path).fault == "crash"
    assert ended(takes_memory, tmp_path).fault == "memory"
    assert run_forked(never_ends, tmp_path, Limits(cpu_s=1, wall_s=60.0)).fault == "hang"
    assert run_forked(waits, tmp_path, Limits(cpu_s=60, wall_s=0.2)).fault == "hang"


def test_a_line_that_a_killed_process_did_not_finish_is_left_out(tmp_path: Path) -> None:
    Records(tmp_path, "cases-0").add({"case": 4})
    with (tmp_path / "cases-0.jsonl").open("a") as file:
        file.write('{"case": 5, "sou')
    Records(tmp_path, "cases-0").add({"case": 6})
    Records(tmp_path, "cases-1").add({"case": 1})
    assert [row["case"] for row in Records(tmp_path).all()] == [1, 4, 6]

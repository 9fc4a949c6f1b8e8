"""Figures that are kept: the same again, under their own key only, and never half."""

import json
from pathlib import Path

import pytest

from evoked.core.errors import OutputError
from staging.conditions import FACTORS
from staging.measure import Figures, planted_map
from staging.recording_plan import TAKE_SIZES, plan_takes
from staging.result_cache import read_kept, write_kept

PLAIN = {name: values[0] for name, values in FACTORS.items()}
MEASURED = Figures(
    "take_001.mp4",
    PLAIN,
    played=10,
    covered=9,
    errors_ms=[0.1, 2.5],
    film=(True, False),
    turned=True,
    box_iou=[0.5],
    viewers=(2, 1),
    ticks=([0, 1, 2], [0, 2, 2]),
    labels=([1], [0]),
    steady=[True],
)


def test_what_is_kept_comes_back_the_same_under_its_key_only(tmp_path: Path) -> None:
    assert read_kept(tmp_path, MEASURED.name, "code 1") is None
    write_kept(tmp_path / "new", "code 1", MEASURED)
    assert read_kept(tmp_path / "new", MEASURED.name, "code 1") == MEASURED
    assert read_kept(tmp_path / "new", MEASURED.name, "code 2") is None
    with pytest.raises(OutputError):
        write_kept(tmp_path / "new" / f"{MEASURED.name}.json", "code 1", MEASURED)


def test_half_a_file_and_one_of_another_version_are_measured_again(tmp_path: Path) -> None:
    write_kept(tmp_path, "k", MEASURED)
    path = tmp_path / f"{MEASURED.name}.json"
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    assert read_kept(tmp_path, MEASURED.name, "k") is None
    held = json.loads(whole)
    del held["figures"]["taken"]
    path.write_text(json.dumps(held))
    assert read_kept(tmp_path, MEASURED.name, "k") is None
    path.write_text("[]")
    assert read_kept(tmp_path, MEASURED.name, "k") is None


def test_the_planted_map_says_where_each_moment_was_played_first() -> None:
    """Against the plan's own exact fractions, over every way of playing and every speed."""
    seen = set()
    for take in plan_takes(TAKE_SIZES["small"], 0):
        parts = [
            {
                "content_start_s": p.content_start_ms / 1000,
                "content_end_s": p.content_end_ms / 1000,
                "reaction_start_s": float(p.reaction_start_ms / 1000),
                "rate": float(p.rate),
            }
            for p in take.parts
        ]
        found = planted_map(parts)
        for ms in range(7, take.content.seconds * 1000, 97):
            played = [at for p in take.parts if (at := p.reaction_ms(ms)) is not None]  # type: ignore[arg-type]
            at_s = found.reaction_time(ms / 1000)
            assert (at_s is None) == (not played), (take.name, ms)
            if at_s is not None:
                assert at_s == pytest.approx(float(min(played)) / 1000, abs=1e-6), (take.name, ms)
        seen.add(take.condition.play)
    assert "rewind" in seen

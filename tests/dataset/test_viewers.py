"""viewers.parquet, and participants out of it: pandas gives the same means."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.viewers import ViewerSeries, by_participant, levels, read_viewers, write_viewers

NAMES = ("joy", "fear")


def series(
    video: str, recording: str, viewer: str, who: str, seed: int, group: str = "", steps: int = 9
) -> ViewerSeries:
    rng = np.random.default_rng(seed)
    valid = rng.random(steps) > 0.3
    track = Track.masked(TimeGrid(Fraction(1), steps), NAMES, rng.random((steps, 2)), valid)
    return ViewerSeries(video, recording, viewer, who, track, {"group": group, "age": "07"})


ALL = [
    series("a.mp4", "r1.mp4", "v1", "P1", 1, "x"),
    series("a.mp4", "r2.mp4", "v1", "P1", 2, "x"),
    series("a.mp4", "r2.mp4", "v2", "P2", 3, "y"),
]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "viewers.parquet"
    write_viewers(path, ALL, NAMES, Provenance("label"))
    return path


def test_what_was_written_is_read(written: Path) -> None:
    read = read_viewers(written)
    assert [(s.recording, s.viewer, s.participant, dict(s.attributes)) for s in read] == [
        (s.recording, s.viewer, s.participant, dict(s.attributes)) for s in ALL
    ]
    for one, other in zip(read, ALL, strict=True):
        np.testing.assert_array_equal(one.scores.values, other.scores.values)
        np.testing.assert_array_equal(one.scores.valid, other.scores.valid)


def test_nobody_is_a_table_too(tmp_path: Path) -> None:
    write_viewers(tmp_path / "viewers.parquet", [], NAMES, Provenance("label"))
    assert read_viewers(tmp_path / "viewers.parquet") == ()


def test_a_participant_in_two_recordings_is_one_row_and_pandas_agrees(written: Path) -> None:
    people, values = by_participant(read_viewers(written), NAMES)
    table = pd.read_parquet(written)
    wanted = table.groupby(["participant", "second"])[list(NAMES)].mean().to_numpy().reshape(2, 9, 2)
    assert people == ("P1", "P2")
    np.testing.assert_allclose(values, wanted, atol=1e-7)


def test_a_selection_counts_only_its_recordings() -> None:
    people, values = by_participant(ALL, NAMES, ("group", "y"))
    assert people == ("P2",)
    np.testing.assert_array_equal(values[0], ALL[2].scores.values)
    assert levels(ALL, "group") == ("x", "y")
    assert levels(ALL, "condition") == ()


def test_seconds_that_are_missing_are_an_error(tmp_path: Path, written: Path) -> None:
    path = tmp_path / "viewers.csv"
    pd.read_parquet(written).drop(index=3).to_csv(path, index=False)
    with pytest.raises(DatasetError, match=r"seconds of r1\.mp4/v1 do not run from 0; delete it and run again"):
        read_viewers(path)

"""Splits: stable under added videos, grouped, stratified, and compared with random splits."""

from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import Labels, write_labels
from evoked.dataset.manifest import MANIFEST, VideoEntry, read_manifest, write_manifest
from evoked.dataset.part_assignment import SplitConfig, assign_parts, compare_parts, count_seconds
from evoked.dataset.split import PARTS, read_split, videos_in
from evoked.dataset.split_dataset import split_dataset

NAMES = ("amusement", "surprise")
VIDEOS = [f"v{i:04d}" for i in range(2000)]


def labels(count: int, seed: int = 0, *, skewed: bool = False) -> dict[str, Labels]:
    """Videos of different lengths; skewed: each has its own share of amusement."""
    random = np.random.default_rng(seed)
    made = {}
    for video in VIDEOS[:count]:
        seconds = int(random.integers(20, 200))
        level = random.random() if skewed else 0.3
        values = (random.random((seconds, 2)) < (level, 0.02)).astype(np.float32)
        valid = random.random(seconds) < 0.9
        made[video] = Labels(Track.masked(TimeGrid(Fraction(1), seconds), NAMES, values, valid), np.ones(seconds, int))
    return made


def test_the_shares_are_those_asked_for() -> None:
    counts = Counter(assign_parts(VIDEOS).values())
    assert [counts[part] / len(VIDEOS) for part in PARTS] == pytest.approx([0.6, 0.15, 0.25], abs=0.03)
    halves = Counter(assign_parts(VIDEOS, SplitConfig(train_percent=10, validate_percent=80)).values())
    assert halves["validate"] / len(VIDEOS) == pytest.approx(0.8, abs=0.03)
    assert assign_parts(VIDEOS, SplitConfig(split_seed=1)) != assign_parts(VIDEOS)


@hypothesis_settings(max_examples=20, deadline=None)
@given(st.permutations(range(60)), st.integers(30, 60))
def test_added_videos_move_no_other(order: list[int], count: int) -> None:
    few = assign_parts([VIDEOS[i] for i in order if i < count])
    many = assign_parts([VIDEOS[i] for i in order] + VIDEOS[500:520])
    assert few.items() <= many.items()


def test_a_group_stays_together_and_with_its_part() -> None:
    groups = {video: f"channel {i // 3}" for i, video in enumerate(VIDEOS[:300])}
    parts = assign_parts(VIDEOS[:300], groups=groups)
    assert all(len({parts[v] for v in VIDEOS[i : i + 3]}) == 1 for i in range(0, 300, 3))
    assert set(parts.values()) == set(PARTS)
    kept = {VIDEOS[0]: "test", VIDEOS[3]: "validate"}
    again = assign_parts(VIDEOS[:300], groups=groups, kept=kept)
    assert [again[v] for v in VIDEOS[:6]] == ["test"] * 3 + ["validate"] * 3
    assert all(again[v] == parts[v] for v in VIDEOS[6:300])
    with pytest.raises(DatasetError, match=r"group 'channel 0' is in the parts test and train already"):
        assign_parts(VIDEOS[:300], groups=groups, kept={VIDEOS[0]: "test", VIDEOS[1]: "train"})


def test_a_group_and_a_video_of_one_name_are_two() -> None:
    parts = assign_parts(VIDEOS[:40], groups={"v0001": "v0000"}, kept={"v0000": "test"})
    assert parts["v0001"] == assign_parts(VIDEOS[:40], groups={"v0001": "v0000"})["v0001"]


@pytest.mark.parametrize(
    ("count", "groups", "message"),
    [
        (2, {}, "2 videos cannot be split into train, validate, test: three are the least"),
        (9, dict.fromkeys(VIDEOS[:9], "all"), "1 group of 9 videos cannot be split"),
        (3, {}, "no video would be in the part .*: 3 are too few to be split by hash"),
    ],
)
def test_what_cannot_be_split_is_refused(count: int, groups: dict[str, str], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        assign_parts(VIDEOS[:count], groups=groups)


def test_stratified_parts_are_alike_to_half_a_point() -> None:
    counts = count_seconds(labels(200, skewed=True))
    parts = assign_parts(VIDEOS[:200], SplitConfig(strategy="stratify"), counts=counts)
    stratified, by_hash = compare_parts(parts, counts), compare_parts(assign_parts(VIDEOS[:200]), counts)
    assert stratified.largest_difference <= 0.005 < by_hash.largest_difference
    assert stratified.p > 0.9
    total = sum(stratified.seconds.values())
    assert [stratified.seconds[part] / total for part in PARTS] == pytest.approx([0.6, 0.15, 0.25], abs=0.005)
    with pytest.raises(ValueError, match="needs counts"):
        assign_parts(VIDEOS[:200], SplitConfig(strategy="stratify"))


def test_three_videos_can_be_stratified() -> None:
    counts = count_seconds(labels(3))
    assert set(assign_parts(VIDEOS[:3], SplitConfig(strategy="stratify"), counts=counts).values()) == set(PARTS)


def test_the_comparison_counts_seconds_and_finds_a_split_that_is_not_alike() -> None:
    made = labels(60, skewed=True)
    counts = count_seconds(made)
    shown = {v: float(np.nanmean(rows.labels["amusement"])) for v, rows in made.items()}
    ranked = sorted(made, key=lambda video: -shown[video])
    unfair = {v: PARTS[i // 20] for i, v in enumerate(ranked)}
    comparison = compare_parts(unfair, counts)
    valid = np.concatenate([made[v].labels["amusement"][made[v].labels.valid] for v in ranked[:20]])
    assert comparison.shares["train"]["amusement"] == pytest.approx(valid.mean())
    assert comparison.seconds["train"] == len(valid)
    assert (comparison.expression, comparison.p) == ("amusement", 1 / 1000)
    assert compare_parts(assign_parts(sorted(made)), counts).p > 0.02


def manifest(folder: Path, entries: list[VideoEntry]) -> Path:
    write_manifest(folder / MANIFEST, entries, Provenance("test"))
    return folder


def test_the_released_split_is_kept_and_new_videos_are_added(tmp_path: Path) -> None:
    released = [VideoEntry(v, PARTS[i % 3]) for i, v in enumerate(VIDEOS[:12])]
    folder = manifest(tmp_path, released + [VideoEntry(v) for v in VIDEOS[12:40]])
    made = split_dataset(folder)
    assert (made.kept, sum(made.counts.values()), made.comparison) == (12, 40, None)
    entries = read_manifest(folder)
    assert [entries[v].part for v in VIDEOS[:12]] == [e.part for e in released]
    before = (folder / MANIFEST).read_bytes()
    split_dataset(folder)  # nothing is left to assign
    assert (folder / MANIFEST).read_bytes() == before
    assert split_dataset(folder, again=True).kept == 0
    assert read_manifest(folder)[VIDEOS[0]].part == assign_parts(VIDEOS[:40])[VIDEOS[0]]
    split = read_split(folder / MANIFEST, VIDEOS[:40])
    assert set(videos_in(split, "test")) == {v for v, e in read_manifest(folder).items() if e.part == "test"}


def test_a_dataset_is_stratified_by_its_labels_and_grouped_by_channel(tmp_path: Path) -> None:
    folder = manifest(tmp_path, [VideoEntry(v, channel=f"c{i // 2}") for i, v in enumerate(VIDEOS[:60])])
    with pytest.raises(DatasetError, match="to stratify, labels are needed"):
        split_dataset(folder, SplitConfig(strategy="stratify"))
    write_labels(folder / "labels.parquet", labels(60), Provenance("test"))
    made = split_dataset(folder, SplitConfig(strategy="stratify"), by_channel=True)
    assert made.comparison is not None
    assert made.comparison.p > 0.5
    parts = {v: e.part for v, e in made.entries.items()}
    assert all(parts[VIDEOS[i]] == parts[VIDEOS[i + 1]] for i in range(0, 60, 2))
    (tmp_path / "groups.csv").write_text("video,group\nelsewhere,a\n")
    with pytest.raises(DatasetError, match="elsewhere is no video of the dataset"):
        split_dataset(folder, groups=tmp_path / "groups.csv")
    with pytest.raises(DatasetError, match="has no channels"):
        split_dataset(manifest(tmp_path / "b", [VideoEntry("a"), VideoEntry("b")]), by_channel=True)

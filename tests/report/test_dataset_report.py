"""Statistics of a dataset equal pandas' counting; tables, figures and page hold them."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import evoked
from evoked.core.errors import DatasetError
from evoked.core.expressions import EEV5
from evoked.core.provenance import Provenance
from evoked.core.tables import read_provenance, read_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.dataset_statistics import DatasetStatistics, dataset_statistics, read_label_columns
from evoked.dataset.labels import Labels, read_labels, write_labels
from evoked.dataset.manifest import MANIFEST, VideoEntry, write_manifest
from evoked.dataset.part_assignment import compare_parts, count_seconds
from evoked.dataset.statistics import statistics as study_statistics
from evoked.report.dataset_figures import FIGURES, draw_dataset_figures
from evoked.report.dataset_report import describe_dataset, write_dataset_report

TABLE_2 = (0.0652, 0.1567, 0.0883, 0.4523, 0.0008)
"""The paper's shares, planted here; nothing is claimed of them."""
THEMES = ("music;film", "film", None, "game", "game; film")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty videos with the paper's shares, a manifest with parts and themes, and pairs."""
    folder = tmp_path_factory.mktemp("dataset")
    random = np.random.default_rng(7)
    lengths = random.integers(300, 900, 20)
    total = int(lengths.sum())
    on = np.zeros((total, 5), np.float32)
    valid = random.random(total) < 0.9
    for k, share in enumerate(TABLE_2):  # exactly the share of the valid seconds
        on[random.permutation(np.flatnonzero(valid))[: round(share * valid.sum())], k] = 1
    made, start = {}, 0
    for i, length in enumerate(lengths):
        rows = slice(start, start + int(length))
        start += int(length)
        grid = TimeGrid(Fraction(1), int(length))
        made[f"v{i:02d}"] = Labels(Track.masked(grid, EEV5, on[rows], valid[rows]), valid[rows].astype(np.int64))
    write_labels(folder / "labels.parquet", made, Provenance("vote", notes=("planted",)))
    parts = ("train", "train", "train", "validate", "test")
    entries = [VideoEntry(f"v{i:02d}", parts[i % 5], themes=THEMES[i % 5], duration_s=float(n) + 0.5)
               for i, n in enumerate(lengths)]  # fmt: skip
    write_manifest(folder / MANIFEST, entries, Provenance("test"))
    lines = [f"r{i}.mp4,v{i % 7:02d}" for i in range(14)]
    (folder / "pairs.csv").write_text("\n".join(["reaction,content", *lines]) + "\n")
    return folder


@pytest.fixture(scope="module")
def described(dataset: Path) -> DatasetStatistics:
    return describe_dataset(dataset / "labels.parquet", dataset / MANIFEST, dataset / "pairs.csv", 0.5)[0]


def test_planted_shares_come_back_to_a_ten_thousandth(described: DatasetStatistics) -> None:
    assert list(described.shares.values()) == pytest.approx(list(TABLE_2), abs=1e-4)
    assert described.cardinality == pytest.approx(sum(TABLE_2), abs=1e-3)


def test_everything_equals_counting_by_pandas(dataset: Path, described: DatasetStatistics) -> None:
    table = pd.read_parquet(dataset / "labels.parquet")
    listed = pd.read_parquet(dataset / MANIFEST).set_index("video")
    seen = table[table["valid"]]
    on = seen[list(EEV5)].astype(float)
    near = {"abs": 1e-12}
    assert (described.videos, described.seconds, described.valid_seconds) == (20, len(table), len(seen))
    assert list(described.shares.values()) == pytest.approx(on.mean().tolist(), **near)
    assert described.several == pytest.approx((on.sum(axis=1) > 1).mean(), **near)
    counts = on.sum(axis=1).astype(int).value_counts()
    assert described.labels_per_second == tuple(int(counts.get(n, 0)) for n in range(6))
    for i, first in enumerate(EEV5):
        expected = on[on[first] == 1].mean().tolist()
        assert list(described.co_occurrence[i]) == pytest.approx(expected, **near)
    for part in ("train", "validate", "test"):
        own = on[seen["video"].map(listed["part"]) == part]
        assert described.parts[part].valid_seconds == len(own)
        assert list(described.parts[part].shares.values()) == pytest.approx(own.mean().tolist(), **near)
    assert described.lengths.mean == pytest.approx(listed["duration_s"].mean(), **near)
    assert described.lengths.median == pytest.approx(listed["duration_s"].median(), **near)
    assert described.themes == {"film": 12, "game": 8, "music": 4}
    with_music = [str(video) for video, themes in listed["themes"].items() if "music" in str(themes)]
    by_music = on[seen["video"].isin(with_music)].sum()
    row = described.expressions_by_theme["music"]
    assert row is not None
    assert list(row) == pytest.approx((by_music / by_music.sum()).tolist(), **near)
    assert described.reactions == (0.7, 0, 2)
    place = table["second"] * 20 // table.groupby("video")["second"].transform(lambda s: s.max() + 1)
    assert list(described.coverage) == pytest.approx(table["valid"].groupby(place).mean().tolist(), **near)


def test_the_parts_are_compared_as_by_the_split(dataset: Path, described: DatasetStatistics) -> None:
    labels = read_labels(dataset / "labels.parquet")
    parts = {video: entry.part for video, entry in evoked.read_manifest(dataset).items() if entry.part}
    assert described.comparison == compare_parts(parts, count_seconds(labels))
    study = study_statistics(labels)
    assert (described.shares, described.several) == (study.shares, study.several)
    assert described.co_occurrence == study.co_occurrence


def test_rows_in_any_order_and_other_formats_give_the_same(
    dataset: Path, described: DatasetStatistics, tmp_path: Path
) -> None:
    table = pd.read_parquet(dataset / "labels.parquet")
    entries = evoked.read_manifest(dataset)
    table.sample(frac=1, random_state=1).to_parquet(tmp_path / "shuffled.parquet", index=False)
    table.to_csv(tmp_path / "labels.csv", index=False)
    for name in ("shuffled.parquet", "labels.csv"):
        found = dataset_statistics(read_label_columns(tmp_path / name), entries)
        assert found.shares == described.shares
        assert found.coverage == described.coverage
    twice = pd.concat([table, table.head(1)])
    twice.to_parquet(tmp_path / "twice.parquet", index=False)
    with pytest.raises(DatasetError, match="second 0 of 'v00' is in the table twice"):
        read_label_columns(tmp_path / "twice.parquet")


def test_soft_labels_are_on_from_the_threshold(tmp_path: Path) -> None:
    text = "video,second,valid,awe\na,0,true,0.2\na,1,true,0.6\na,2,false,\na,3,true,0.9\n"
    (tmp_path / "soft.csv").write_text(text)
    for threshold, share in ((0.5, 2 / 3), (0.2, 1.0), (0.7, 1 / 3)):
        found = dataset_statistics(read_label_columns(tmp_path / "soft.csv", threshold), threshold=threshold)
        assert (found.shares["awe"], found.seconds, found.valid_seconds) == (pytest.approx(share), 4, 3)


def test_tables_figures_and_page_hold_the_numbers(dataset: Path, tmp_path: Path) -> None:
    found, made = describe_dataset(dataset / "labels.parquet", dataset / MANIFEST, None, 0.5)
    write_dataset_report(tmp_path, found, made)
    body = json.loads((tmp_path / "statistics.json").read_text())
    assert body["shares"] == dict(found.shares)
    assert body["provenance"]["notes"] == ["planted"]
    table = read_table(tmp_path / "expressions.csv")
    assert table["share_test"] == pytest.approx(list(found.parts["test"].shares.values()), rel=1e-5)
    assert read_provenance(tmp_path / "co_occurrence.csv") == made.as_dict() | {
        "damage": [],
        "notes": ["planted"],
    }
    page = (tmp_path / "index.html").read_text()
    assert "20 videos" in page
    assert "planted" in page
    assert f"{100 * found.shares['interest']:.2f}" in page  # type: ignore[operator]
    assert page.count("data:image/svg+xml") == len(FIGURES) == 6
    for name in FIGURES:
        svg = (tmp_path / f"{name}.svg").read_text()
        assert (tmp_path / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
        assert "<dc:date>" not in svg
    assert "surprise" in (tmp_path / "co_occurrence.svg").read_text()
    before = (tmp_path / "themes.svg").read_bytes()
    draw_dataset_figures(found, tmp_path, (".svg",))
    assert (tmp_path / "themes.svg").read_bytes() == before


def test_a_manifest_of_other_videos_is_refused(dataset: Path, tmp_path: Path) -> None:
    write_manifest(tmp_path / MANIFEST, [VideoEntry("elsewhere")], Provenance("test"))
    with pytest.raises(DatasetError, match="lists none of the 20 videos"):
        describe_dataset(dataset / "labels.parquet", tmp_path / MANIFEST, None, 0.5)

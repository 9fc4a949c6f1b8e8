"""Exports of a dataset: read back by other readers, with equal sums; the card says what was counted."""

import hashlib
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pympi
import pysubs2
import pytest

from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.dataset_card import BLANK, open_blanks
from evoked.dataset.hub_export import export_hub, write_card
from evoked.dataset.labels import Labels, write_labels
from evoked.dataset.manifest import MANIFEST, VideoEntry, write_manifest
from evoked.report.dataset_exports import export_per_video, export_text_table

NAMES = ("amusement", "surprise")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    random = np.random.default_rng(3)
    made = {}
    for i in range(5):
        valid = random.random(30) < 0.8
        values = (random.random((30, 2)) < 0.4).astype(np.float32)
        made[f"v{i}.mp4"] = Labels(Track.masked(TimeGrid(Fraction(1), 30), NAMES, values, valid), valid.astype(int))
    write_labels(folder / "labels.parquet", made, Provenance("vote", notes=("staged: nobody watched",)))
    parts = ("train", "train", "train", "validate", "test")
    entries = [VideoEntry(f"v{i}.mp4", part, "present", reactions=2, made_by="run") for i, part in enumerate(parts)]
    write_manifest(folder / MANIFEST, [*entries, VideoEntry("gone.mp4")], Provenance("test"))
    return folder


def test_the_hub_layout_loads_without_evoked_and_has_equal_sums(dataset: Path, tmp_path: Path) -> None:
    files = export_hub(dataset, dataset / "labels.parquet", tmp_path)
    assert [str(p.relative_to(tmp_path)) for p in files] == [
        "data/train.parquet", "data/validate.parquet", "data/test.parquet", "manifest.parquet", "README.md",
        "croissant.json",
    ]  # fmt: skip
    whole = pd.read_parquet(dataset / "labels.parquet")
    parts = pd.concat([pd.read_parquet(path) for path in files[:3]])
    assert parts[list(NAMES)].sum().tolist() == whole[list(NAMES)].sum().tolist()
    assert sorted(parts["video"].unique()) == [f"v{i}.mp4" for i in range(5)]

    described = json.loads((tmp_path / "croissant.json").read_text())
    assert described["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    for entry in described["distribution"]:
        content = (tmp_path / entry["contentUrl"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    fields = [f["source"]["extract"]["column"] for f in described["recordSet"][0]["field"]]
    assert fields == list(pd.read_parquet(files[0]).columns)
    kinds = {f["source"]["extract"]["column"]: f["dataType"] for f in described["recordSet"][0]["field"]}
    assert (kinds["video"], kinds["valid"], kinds["surprise"]) == ("sc:Text", "sc:Boolean", "sc:Integer")


def test_the_card_counts_and_leaves_blanks_and_is_kept(dataset: Path, tmp_path: Path) -> None:
    export_hub(dataset, dataset / "labels.parquet", tmp_path)
    text = (tmp_path / "README.md").read_text()
    whole = pd.read_parquet(dataset / "labels.parquet")
    seconds = int(whole["amusement"].sum())
    assert f"| amusement | {seconds} | {100 * seconds / whole['valid'].sum():.2f} |" in text
    assert "5 labelled videos of 6 (train 3, validate 1, test 1)" in text
    assert "- staged: nobody watched" in text
    assert "State of the videos when this was written: absent 1, present 5." in text
    assert "10 recordings of people who watched, 1.67 per video." in text
    assert "  - split: validation\n    path:\n    - data/validate.parquet" in text
    assert len(open_blanks(text)) == 5
    filled = text.replace(BLANK, "answered")
    (tmp_path / "README.md").write_text(filled)
    export_hub(dataset, dataset / "labels.parquet", tmp_path)
    assert (tmp_path / "README.md").read_text() == filled
    assert write_card(dataset, dataset / "labels.parquet", tmp_path / "again.md").count(BLANK) == 5


def test_subtitles_and_elan_files_open_in_other_readers(dataset: Path, tmp_path: Path) -> None:
    whole = pd.read_parquet(dataset / "labels.parquet")
    (first, *_), elan = (export_per_video(dataset / "labels.parquet", tmp_path, s) for s in (".vtt", ".eaf"))
    assert [p.name for p in elan] == [f"v{i}.mp4.eaf" for i in range(5)]
    own = whole[(whole["video"] == "v0.mp4") & whole["valid"]]
    tiers = pympi.Elan.Eaf(str(elan[0]))
    shown = sum(end - start for start, end, *_ in tiers.get_annotation_data_for_tier("amusement"))
    assert shown == 1000 * own["amusement"].sum()
    assert len(pysubs2.load(str(first))) > 0


def test_the_codebook_names_every_column(dataset: Path, tmp_path: Path) -> None:
    table, codebook = (pd.read_csv(p) for p in export_text_table(dataset / "labels.parquet", tmp_path / "labels.csv"))
    assert codebook["column"].tolist() == table.columns.tolist()
    assert codebook.set_index("column").loc["surprise", "values"] == "0 = off, 1 = on"
    assert table["surprise"].sum() == pd.read_parquet(dataset / "labels.parquet")["surprise"].sum()

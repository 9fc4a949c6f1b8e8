"""A forgotten video leaves no trace in the dataset's files, and the others are as if it had never been there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.tables import read_provenance
from evoked.dataset.eev_bridge import export_labels
from evoked.dataset.eev_release import import_release, release_files
from evoked.dataset.forget_video import find_traces, forget_video
from evoked.dataset.labels import read_labels
from evoked.dataset.manifest import MANIFEST, read_manifest, write_manifest
from staging.eev_release import ReleaseShape, write_release

VIDEO = "-2bjRa1cFfY"
DIGEST = "d1" * 32


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A small release with labels, features and hashes of one video, and a model that learnt from it."""
    shape = ReleaseShape({"train": [40, 30], "val": [20], "test": [10]}, absent=0.3)
    write_release(tmp_path / "EEV", shape, names=[VIDEO])
    folder = tmp_path / "dataset"
    entries = import_release(release_files([tmp_path / "EEV"]), folder)
    export_labels(folder, folder / "labels.parquet")
    own = replace(entries[VIDEO], sha256=DIGEST, features=f"features/{VIDEO}.safetensors")
    made = Provenance("dataset build", {}, {f"{VIDEO}.mp4": DIGEST}, notes=(f"{VIDEO} is absent", "staged"))
    write_manifest(folder / MANIFEST, [own, *(e for v, e in entries.items() if v != VIDEO)], made)
    for place, name in (("features", f"{VIDEO}.safetensors"), ("hashes", f"{DIGEST}.npy")):
        (folder / place).mkdir()
        (folder / place / name).write_bytes(b"0" * 100)
    (folder / "model").mkdir()
    (folder / "model" / "model.json").write_text(f'{{"inputs": {{"{VIDEO}.safetensors": "00"}}}}')
    return folder


def test_nothing_names_it_but_what_is_listed(dataset: Path) -> None:
    before = {name: pd.read_parquet(dataset / name) for name in ("labels.parquet", "frames/train.parquet")}
    labels = read_labels(dataset / "labels.parquet")
    assert len(find_traces(dataset, [VIDEO])) == 5
    gone = forget_video(dataset, VIDEO)
    assert gone.removed == (
        "labels.parquet: 7 rows",
        "frames/train.parquet: 40 rows",
        f"features/{VIDEO}.safetensors: deleted",
        f"hashes/{DIGEST}.npy: deleted",
        "manifest.parquet: 1 row",
    )
    assert gone.remaining == ("model/model.json",)  # it learnt from it
    (dataset / "model" / "model.json").unlink()
    assert find_traces(dataset, [VIDEO, DIGEST]) == ()

    for name, table in before.items():
        after = pd.read_parquet(dataset / name)
        pd.testing.assert_frame_equal(after, table[table["video"] != VIDEO].reset_index(drop=True))
    back = read_labels(dataset / "labels.parquet")
    assert set(labels) - set(back) == {VIDEO}
    for video, rows in back.items():
        np.testing.assert_array_equal(rows.labels.values, labels[video].labels.values)
    assert VIDEO not in read_manifest(dataset)
    made = read_provenance(dataset / MANIFEST)
    assert made is not None
    assert (made["notes"], made["inputs"]) == (["staged"], {})


def test_names_in_compressed_tables_are_found(dataset: Path) -> None:
    table = pd.DataFrame({"who": [VIDEO] * 1000, "n": range(1000)})
    table.to_parquet(dataset / "extra.parquet", compression="zstd", index=False)
    assert "extra.parquet" in find_traces(dataset, [VIDEO])


def test_what_cannot_be_forgotten_is_refused(dataset: Path) -> None:
    with pytest.raises(DatasetError, match="lists no video 'elsewhere'"):
        forget_video(dataset, "elsewhere")
    *others, last = read_manifest(dataset)
    for video in others:
        forget_video(dataset, video)
    with pytest.raises(DatasetError, match="is the only video of"):
        forget_video(dataset, last)


def test_a_table_of_no_other_video_is_deleted(dataset: Path) -> None:
    validate = next(v for v, e in read_manifest(dataset).items() if e.part == "validate")
    gone = forget_video(dataset, validate)
    assert "frames/validate.parquet: 20 rows, and the file, which held no other video" in gone.removed
    assert not (dataset / "frames" / "validate.parquet").exists()
    assert gone.remaining == ()

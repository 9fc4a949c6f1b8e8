"""Studies joined into a dataset: names, states, parts that stay, and labels that never slide onto another video."""

import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.study_layout import StudyLayout
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.build_dataset import build_dataset
from evoked.dataset.labels import Labels, read_labels, write_labels
from evoked.dataset.manifest import MANIFEST, read_manifest, write_manifest
from staged_media import staged_folder

NAMES = ("amusement", "surprise")


def labels(seconds: int, seed: int, names: tuple[str, ...] = NAMES) -> Labels:
    random = np.random.default_rng(seed)
    values = (random.random((seconds, len(names))) < 0.5).astype(np.float32)
    return Labels(
        Track.masked(TimeGrid(Fraction(1), seconds), names, values, np.ones(seconds, bool)), np.ones(seconds, int)
    )


def render(folder: Path) -> None:
    import subprocess

    for name, hz in (("a.mp4", 300), ("b.mp4", 500), ("c.mp4", 700)):
        subprocess.run(
            ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:r=5:d=4", "-f", "lavfi", "-i",
             f"sine={hz}:d=4", "-c:v", "libx264", "-c:a", "aac", str(folder / name)],
            check=True,
        )  # fmt: skip


@pytest.fixture(scope="module")
def media() -> Path:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg renders these videos: install it")
    return staged_folder("build_dataset", __file__, render)


def study(root: Path, media: Path, contents: dict[str, str], made: dict[str, Labels]) -> Path:
    """A study that was run: name → file of `media`, and the labels of its contents."""
    layout = StudyLayout(root)
    layout.contents_folder.mkdir(parents=True)
    layout.features_folder.mkdir(parents=True)
    for name, source in contents.items():
        shutil.copy(media / source, layout.content(name))
        layout.features(name).write_bytes(f"features of {root.name}/{name}".encode())
    write_labels(layout.labels, made, Provenance("vote", notes=(f"staged: {root.name}",)))
    layout.pairs.write_text("\n".join(["reaction,content", *(f"r{i}.mp4,{n}" for i, n in enumerate(made))]) + "\n")
    return root


def test_two_studies_become_one_dataset(media: Path, tmp_path: Path) -> None:
    one = study(tmp_path / "one", media, {"x.mp4": "a.mp4", "y.mp4": "b.mp4"},
                {"x.mp4": labels(4, 1), "y.mp4": labels(4, 2), "gone.mp4": labels(6, 3)})  # fmt: skip
    two = study(tmp_path / "two", media, {"x.mp4": "c.mp4"}, {"x.mp4": labels(9, 4)})
    out = tmp_path / "dataset"

    built = build_dataset([one, two], out)

    entries = read_manifest(out)
    assert dict(entries) == built.entries
    assert list(entries) == ["gone.mp4", "one-x.mp4", "two-x.mp4", "y.mp4"]
    assert {v: e.state for v, e in entries.items()} == {
        "gone.mp4": "absent",
        "one-x.mp4": "present",
        "two-x.mp4": "truncated",  # its labels are of 9 s, the file has 4
        "y.mp4": "present",
    }
    assert entries["y.mp4"].duration_s == pytest.approx(4, abs=0.1)
    assert (entries["y.mp4"].reactions, entries["one-x.mp4"].source_id) == (1, "one/x.mp4")
    assert (out / "features" / "one-x.mp4.safetensors").read_text() == "features of one/x.mp4"
    assert not (out / "features" / "two-x.mp4.safetensors").exists()
    back = read_labels(out / "labels.parquet")
    for video, seed, seconds in (("gone.mp4", 3, 6), ("one-x.mp4", 1, 4), ("two-x.mp4", 4, 9), ("y.mp4", 2, 4)):
        np.testing.assert_array_equal(back[video].labels.values, labels(seconds, seed).labels.values)
    assert "x.mp4 of one is called one-x.mp4 here" in built.notes

    tested = [replace(e, part="test" if e.video == "y.mp4" else "train") for e in entries.values()]
    write_manifest(out / MANIFEST, tested, Provenance("dataset split"))
    build_dataset([one, two], out)
    assert {e.part for e in read_manifest(out).values() if e.video != "y.mp4"} == {"train"}
    assert read_manifest(out)["y.mp4"].part == "test"


def test_what_cannot_be_joined_is_refused(media: Path, tmp_path: Path) -> None:
    one = study(tmp_path / "one", media, {"x.mp4": "a.mp4"}, {"x.mp4": labels(4, 1)})
    same = study(tmp_path / "same", media, {"z.mp4": "a.mp4"}, {"z.mp4": labels(4, 2)})
    other = study(tmp_path / "other", media, {"w.mp4": "b.mp4"}, {"w.mp4": labels(4, 3, ("joy",))})
    with pytest.raises(DatasetError, match=r"x.mp4 and z.mp4 are the same file"):
        build_dataset([one, same], tmp_path / "out")
    with pytest.raises(DatasetError, match="other has the expressions joy, others amusement, surprise"):
        build_dataset([one, other], tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="has no labels: evoked run"):
        build_dataset([tmp_path / "empty"], tmp_path / "out")
    assert not (tmp_path / "out" / MANIFEST).exists()

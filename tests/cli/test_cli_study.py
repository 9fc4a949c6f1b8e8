"""A study folder with usable and unusable files: usable files are processed, the others are reported with a reason.

Runs, repeated, changed and interrupted runs of a study of usable files are in tests/study/test_run.py.
"""

import json
from pathlib import Path
from unittest.mock import Mock

import pytest

from evoked.core.tables import read_table
from evoked.dataset.labels import read_labels
from evoked.media.decode import MediaReader
from evoked.weights.session import Session

pytestmark = pytest.mark.nets

TOML = """\
[model]
image_units = 8
face_units = 4
audio_units = 4
window_s = 3
[train]
epochs = 2
threads = 1
[evaluate]
resamples = 20
time_shifts = 5
[report]
preview_height = 72
"""
GOOD = ("rotated", "late_clock", "late_sound")
BAD = {
    "text": "is no media file",
    "silent": "has no sound",
    "foreign": "no sound in common",
    "no_index": "was cut off before its index",
}


def make_study(root: Path, media: dict[str, Path], reactions: tuple[str, ...], contents: tuple[str, ...]) -> Path:
    for folder, names in (("reactions", reactions), ("contents", contents)):
        (root / folder).mkdir(parents=True)
        for name in names:
            (root / folder / media[name].name).symlink_to(media[name])
    (root / "study.toml").write_text(TOML)
    return root


def result_files(study: Path) -> dict[str, bytes]:
    paths = [p for p in (study / "results").rglob("*") if p.is_file() and p.name != "items.json"]
    return {str(p.relative_to(study)): p.read_bytes() for p in paths}


def failures(study: Path) -> dict[str, str]:
    items = json.loads((study / "results" / "state" / "items.json").read_text())
    return {item["name"]: item["reason"] for item in items if item["state"] == "failed"}


def test_usable_and_unusable_files(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    study = make_study(tmp_path / "study", media, (*GOOD, *BAD), ("content", "faceless", "noise"))
    lines = [f"{media[name].name},content.mp4" for name in (*GOOD, *BAD)]
    lines += ["nobody.mp4,content.mp4", "rotated.mp4,contemt.mp4"]
    (study / "pairs.csv").write_text("\n".join(["reaction,content", *lines]) + "\n")

    result = evoked("run", study)

    assert result.code == 1
    assert result.out == f"{study / 'results' / 'report.html'}\n"
    assert "Traceback" not in result.err
    assert result.lines[-1].endswith("items failed; the reasons are above and in the report")
    reasons = failures(study)
    assert set(reasons) >= {media[name].name for name in BAD} | {"noise.mp4", "pairs.csv"}
    assert not set(reasons) & {media[name].name for name in GOOD}
    for name, reason in BAD.items():
        assert reason in reasons[media[name].name]
    assert all("\n" not in reason for reason in reasons.values())
    pair_notes = [line for line in result.lines if "pairs.csv line" in line]
    assert any("no reaction 'nobody.mp4'" in line for line in pair_notes)
    assert any("did you mean 'content.mp4'?" in line for line in pair_notes)
    labels = read_labels(study / "results" / "labels.parquet")
    content_labels = labels["content.mp4"].labels
    assert content_labels.valid.all()
    assert content_labels.values[:, content_labels.names.index("amusement")].tolist() == [1] * 6
    pairs = read_table(study / "results" / "pairs.csv")
    assert sorted(pairs["reaction"]) == sorted(media[name].name for name in GOOD)
    assert {p.name for p in (study / "results" / "features").iterdir()} == {
        "content.mp4.safetensors",
        "faceless.mp4.safetensors",
    }

    before = result_files(study)
    opened = Mock(side_effect=AssertionError("a video was decoded, or a network was loaded"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MediaReader, "__init__", opened)
        patch.setattr(Session, "__init__", opened)
        second_run = evoked("run", study, "--json")
    assert not opened.called
    assert second_run.code == 1
    assert "done" not in {item["state"] for item in json.loads(second_run.out)["items"]}
    assert failures(study) == reasons
    assert result_files(study) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reaction,video\nplain.mp4,content.mp4\n", r"has no column content; its first line must be reaction,content"),
        ("", "has no column reaction, content"),
        ("reaction,content\n", "has a header and no pairs below it"),
    ],
)
def test_an_unusable_pairs_table(evoked, media, tmp_path: Path, text: str, message: str) -> None:  # type: ignore[no-untyped-def]
    study = make_study(tmp_path / "study", media, ("plain",), ("content",))
    (study / "pairs.csv").write_text(text)

    result = evoked("run", study)

    assert (result.code, result.out, len(result.lines)) == (1, "", 1), result.err
    assert result.err.startswith(f"evoked: {study / 'pairs.csv'} ")
    assert message in result.err


def test_folders_that_are_not_a_study(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").write_text("")
    (tmp_path / "bare").mkdir()
    empty = make_study(tmp_path / "empty", media, (), ("content",))
    wrong = make_study(tmp_path / "wrong", media, ("plain",), ("content",))
    (wrong / "study.toml").write_text("[votes]\nquorums = 9\n")
    for root, message in (
        (tmp_path / "none", "no study folder at"),
        (tmp_path / "file", "is a file; a study is a folder"),
        (tmp_path / "bare", "has no folder contents/"),
        (empty, "holds no video. Put the recordings"),
        (wrong, "study.toml [votes]: no setting 'quorums'; there are: "),
    ):
        result = evoked("run", root)
        assert (result.code, result.out, len(result.lines)) == (1, "", 1), result.err
        assert message in result.err


def test_results_that_cannot_be_written(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    study = make_study(tmp_path / "study", media, ("plain",), ("content",))
    (study / "results").write_text("mine")

    result = evoked("run", study)

    assert (result.code, result.out, len(result.lines)) == (1, "", 1), result.err
    assert result.err.startswith("evoked: cannot write ")
    assert "/results is a file, not a folder. Move it" in result.err
    assert (study / "results").read_text() == "mine"


def test_offline_without_networks(evoked, media, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("EVOKED_CACHE", str(tmp_path / "empty"))
    study = make_study(tmp_path / "study", media, ("plain",), ("content",))

    result = evoked("run", study, "--offline")

    assert result.code == 1
    assert "Traceback" not in result.err
    reasons = failures(study)
    for name in ("plain.mp4", "content.mp4"):
        assert "we are offline. Run once with a network: evoked weights fetch" in reasons[name]
    assert (study / "results" / "alignments" / "plain.mp4.json").is_file()  # steps without a network are done


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--executor", "serial", "--workers", 2), "the executor serial has one worker, got 2; use processes or ray"),
        (
            ("--executor", "processes", "--address", "auto"),
            "an address is for the executor ray, got 'auto' for 'processes'",
        ),
        (("--executor", "slurm"), "'slurm' is not one of 'serial', 'processes', 'ray'"),
    ],
)
def test_executor_options_that_cannot_be_combined(
    evoked, tmp_path: Path, options: tuple[object, ...], message: str
) -> None:  # type: ignore[no-untyped-def]
    result = evoked("run", tmp_path, *options)
    assert result.code == 2
    assert message in result.err

"""A study folder with everything in it that people put there: what can be used is used, the rest has its reason.

What a study of good files gives, kept, changed or killed, is held by tests/study/test_run.py.
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


def study_of(root: Path, media: dict[str, Path], reactions: tuple[str, ...], contents: tuple[str, ...]) -> Path:
    for part, names in (("reactions", reactions), ("contents", contents)):
        (root / part).mkdir(parents=True)
        for name in names:
            (root / part / media[name].name).symlink_to(media[name])
    (root / "study.toml").write_text(TOML)
    return root


def kept_files(study: Path) -> dict[str, bytes]:
    found = [p for p in (study / "results").rglob("*") if p.is_file() and p.name != "items.json"]
    return {str(p.relative_to(study)): p.read_bytes() for p in found}


def failures(study: Path) -> dict[str, str]:
    items = json.loads((study / "results" / "state" / "items.json").read_text())
    return {item["name"]: item["reason"] for item in items if item["state"] == "failed"}


def test_all_that_people_put_there(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    study = study_of(tmp_path / "study", media, (*GOOD, *BAD), ("content", "faceless", "noise"))
    lines = [f"{media[name].name},content.mp4" for name in (*GOOD, *BAD)]
    lines += ["nobody.mp4,content.mp4", "rotated.mp4,contemt.mp4"]
    (study / "pairs.csv").write_text("\n".join(["reaction,content", *lines]) + "\n")

    ran = evoked("run", study)

    assert ran.code == 1
    assert ran.out == f"{study / 'results' / 'report.html'}\n"
    assert "Traceback" not in ran.err
    assert ran.lines[-1].endswith("items failed; the reasons are above and in the report")
    why = failures(study)
    assert set(why) >= {media[name].name for name in BAD} | {"noise.mp4", "pairs.csv"}
    assert not set(why) & {media[name].name for name in GOOD}
    for name, reason in BAD.items():
        assert reason in why[media[name].name]
    assert all("\n" not in reason for reason in why.values())
    told = [line for line in ran.lines if "pairs.csv line" in line]
    assert any("no reaction 'nobody.mp4'" in line for line in told)
    assert any("did you mean 'content.mp4'?" in line for line in told)
    labels = read_labels(study / "results" / "labels.parquet")
    amused = labels["content.mp4"].labels
    assert amused.valid.all()
    assert amused.values[:, amused.names.index("amusement")].tolist() == [1] * 6
    pairs = read_table(study / "results" / "pairs.csv")
    assert sorted(pairs["reaction"]) == sorted(media[name].name for name in GOOD)
    assert {p.name for p in (study / "results" / "features").iterdir()} == {
        "content.mp4.safetensors",
        "faceless.mp4.safetensors",
    }

    before, opened = kept_files(study), Mock(side_effect=AssertionError("it was decoded, or a net was loaded"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MediaReader, "__init__", opened)
        patch.setattr(Session, "__init__", opened)
        again = evoked("run", study, "--json")
    assert not opened.called
    assert again.code == 1
    assert "done" not in {item["state"] for item in json.loads(again.out)["items"]}
    assert failures(study) == why
    assert kept_files(study) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reaction,film\nplain.mp4,content.mp4\n", r"has no column content; its first line must be reaction,content"),
        ("", "has no column reaction, content"),
        ("reaction,content\n", "has a header and no pairs below it"),
    ],
)
def test_a_pairs_table_that_is_none(evoked, media, tmp_path: Path, text: str, message: str) -> None:  # type: ignore[no-untyped-def]
    study = study_of(tmp_path / "study", media, ("plain",), ("content",))
    (study / "pairs.csv").write_text(text)

    ran = evoked("run", study)

    assert (ran.code, ran.out, len(ran.lines)) == (1, "", 1), ran.err
    assert ran.err.startswith(f"evoked: {study / 'pairs.csv'} ")
    assert message in ran.err


def test_a_folder_that_is_no_study(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").write_text("")
    (tmp_path / "bare").mkdir()
    empty = study_of(tmp_path / "empty", media, (), ("content",))
    wrong = study_of(tmp_path / "wrong", media, ("plain",), ("content",))
    (wrong / "study.toml").write_text("[votes]\nquorums = 9\n")
    for root, message in (
        (tmp_path / "none", "no study folder at"),
        (tmp_path / "file", "no study folder at"),
        (tmp_path / "bare", "has no folder contents/"),
        (empty, "holds no video. Put the recordings"),
        (wrong, "study.toml [votes]: no setting 'quorums'; there are: "),
    ):
        ran = evoked("run", root)
        assert (ran.code, ran.out, len(ran.lines)) == (1, "", 1), ran.err
        assert message in ran.err


def test_results_that_cannot_be_written(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    study = study_of(tmp_path / "study", media, ("plain",), ("content",))
    (study / "results").write_text("mine")

    ran = evoked("run", study)

    assert (ran.code, ran.out, len(ran.lines)) == (1, "", 1), ran.err
    assert ran.err.startswith("evoked: cannot write ")
    assert "/results is a file, not a folder. Move it" in ran.err
    assert (study / "results").read_text() == "mine"


def test_offline_without_nets(evoked, media, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("EVOKED_CACHE", str(tmp_path / "empty"))
    study = study_of(tmp_path / "study", media, ("plain",), ("content",))

    ran = evoked("run", study, "--offline")

    assert ran.code == 1
    assert "Traceback" not in ran.err
    why = failures(study)
    for name in ("plain.mp4", "content.mp4"):
        assert "we are offline. Run once with a network: evoked weights fetch" in why[name]
    assert (study / "results" / "alignments" / "plain.mp4.json").is_file()  # what needs no net is done


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--executor", "serial", "--workers", 2), "the executor serial has one worker, got 2; use processes or ray"),
        (
            ("--executor", "processes", "--address", "auto"),
            "an address is for the executor ray, got 'auto' for 'processes'",
        ),
        (("--executor", "slurm"), "'slurm' is not one of 'serial', 'processes', 'ray'"),
    ],
)
def test_an_executor_that_makes_no_sense(evoked, tmp_path: Path, words: tuple[object, ...], message: str) -> None:  # type: ignore[no-untyped-def]
    ran = evoked("run", tmp_path, *words)
    assert ran.code == 2
    assert message in ran.err

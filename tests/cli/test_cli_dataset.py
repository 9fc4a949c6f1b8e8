"""evoked dataset on the command line: in and out, JSON, what may be replaced, and one line for what is wrong."""

import json
from pathlib import Path

import pytest

from evoked.core.expressions import EEV15
from evoked.core.provenance import Provenance
from evoked.core.tables import read_provenance, read_table, write_table
from evoked.dataset.manifest import VideoEntry, write_manifest
from staging.eev_release import ReleaseShape, write_release


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    write_release(folder, ReleaseShape({"train": [30, 18], "val": [24], "test": [12]}))
    return folder


@pytest.fixture(scope="module")
def dataset(evoked, release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("cli") / "dataset"
    result = evoked("dataset", "import", release, "-o", folder, "--json")
    assert result.code == 0, result.err
    parts = json.loads(result.out)["parts"]
    assert [(p["part"], p["videos"], p["rows"]) for p in parts] == [
        ("train", 2, 48),
        ("validate", 1, 24),
        ("test", 1, 12),
    ]
    assert parts[2]["valid"] is None
    return folder


def test_the_release_comes_back(evoked, release: Path, dataset: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = evoked("dataset", "export", dataset, "--format", "eev", "-o", tmp_path / "out")
    assert result.code == 0, result.err
    assert [Path(line).name for line in result.out.splitlines()] == ["train.csv", "val.csv", "test.csv"]
    for name in ("train.csv", "val.csv", "test.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (release / name).read_bytes()
    made = read_provenance(tmp_path / "out" / "train.csv")
    assert made is not None
    assert made["made_by"] == "dataset export"


def test_a_second_import_says_the_same(evoked, release: Path, dataset: Path) -> None:  # type: ignore[no-untyped-def]
    result = evoked("dataset", "import", release, "-o", dataset)
    assert result.code == 0
    assert result.out.splitlines()[0].startswith("train: 2 videos, 48 rows, ")
    assert result.out.splitlines()[2] == "test: 1 videos, 12 rows, no scores (test.csv)"


def test_labels_say_how_they_were_made(evoked, dataset: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "labels.parquet"
    result = evoked(
        "dataset",
        "export",
        dataset,
        "--format",
        "eev-v1",
        "--threshold",
        0.2,
        "--thresholds",
        "surprise=0.1",
        "-o",
        out,
    )
    assert (result.code, result.out) == (0, f"{out}\n")
    assert result.err == "note: test.parquet has no scores: no labels of its videos\n"
    made = read_provenance(out)
    assert made is not None
    assert (made["config"]["threshold"], made["config"]["thresholds"]) == (0.2, {"surprise": 0.1})
    assert made["config"]["format"] == "eev-v1"
    assert made["notes"] == ["test.parquet has no scores: no labels of its videos"]


def test_a_submission_is_made_and_scored(evoked, dataset: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder, out = tmp_path / "predictions", tmp_path / "submission.csv"
    table = read_table(dataset / "frames" / "validate.parquet")
    rows = range(0, len(table["video"]), 6)  # the first frame of each second
    columns = {name: [table[name][i] or 0.0 for i in rows] for name in EEV15}
    made = {"time_s": list(range(len(rows))), "valid": [True] * len(rows), **columns}
    write_table(folder / f"{table['video'][0]}.csv", made, Provenance("predict"))
    words = ("dataset", "export", dataset, "--format", "challenge", "--part", "validate", "-o", out)
    assert evoked(*words).code == 2
    result = evoked(*words, "--predictions", folder)
    assert (result.code, result.out) == (0, f"{out}\n"), result.err
    with out.open() as file:
        assert file.readline() == ",".join(["YouTube ID", "Timestamp (milliseconds)", *EEV15]) + "\n"
        assert sum(1 for _ in file) == len(table["video"])

    scored = ("evaluate", "--labels", dataset, "--predictions", out, "--resamples", 20)
    assert evoked(*scored).code == 2  # a submission has the challenge's score only
    result = evoked(*scored, "--score", "challenge", "--json", "-o", tmp_path / "scores.json")
    assert result.code == 0, result.err
    mean = json.loads(result.out)["rows"][-1]
    assert mean["name"] == "mean"
    assert 0.3 < mean["r"] < 1
    assert json.loads((tmp_path / "scores.json").read_text())["provenance"]["config"]["score"] == "challenge"
    assert "chance" in evoked(*scored, "--score", "challenge").out.splitlines()[0]


@pytest.mark.parametrize("form", ["eev", "labels"])
def test_foreign_files_are_not_replaced(evoked, dataset: Path, tmp_path: Path, form: str) -> None:  # type: ignore[no-untyped-def]
    mine = tmp_path / ("train.csv" if form == "eev" else "labels.csv")
    mine.write_text("mine\n")
    result = evoked("dataset", "export", dataset, "--format", form, "-o", tmp_path if form == "eev" else mine)
    assert result.code == 1
    assert "evoked did not write it" in result.err
    assert mine.read_text() == "mine\n"


def test_a_dataset_is_split(evoked, dataset: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = evoked("dataset", "split", dataset, "--json")
    assert (result.code, json.loads(result.out)) == (
        0,
        {"videos": {"train": 2, "validate": 1, "test": 1}, "kept": 4, "comparison": None},
    )
    folder = tmp_path / "other"
    write_manifest(folder / "manifest.parquet", [VideoEntry(f"v{i}") for i in range(30)], Provenance("test"))
    rows = [f"v{i},{s},true,{(i + s) % 2},0" for i in range(30) for s in range(4)]
    (folder / "labels.csv").write_text("\n".join(["video,second,valid,awe,pain", *rows]) + "\n")
    words = ("dataset", "split", folder, "--strategy", "stratify")
    refused = evoked(*words)
    assert (refused.code, len(refused.lines)) == (1, 1)
    assert "to stratify, labels are needed" in refused.err
    result = evoked(*words, "--labels", folder / "labels.csv")
    assert result.code == 0
    assert result.out.splitlines()[0] == "train: 18 videos, 60.0 %"
    assert "largest difference from all: 0.00 points" in result.out
    assert evoked("dataset", "split", folder, "--train-percent", 90, "--validate-percent", 10).code == 2


def test_a_video_is_forgotten(evoked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    write_manifest(tmp_path / "manifest.parquet", [VideoEntry("anna.mp4"), VideoEntry("b.mp4")], Provenance("test"))
    (tmp_path / "card.md").write_text("anna.mp4 is in it")
    assert evoked("dataset", "forget", tmp_path, "anna.mp4", "--check").code == 1
    result = evoked("dataset", "forget", tmp_path, "anna.mp4")
    assert (result.code, result.out) == (1, "manifest.parquet: 1 row\n1 files still name it\n")
    assert result.err == "still named in card.md\n"
    (tmp_path / "card.md").unlink()
    shown = evoked("dataset", "forget", tmp_path, "anna.mp4", "--check", "--json")
    assert (shown.code, json.loads(shown.out)) == (0, {"remaining": []})
    assert evoked("dataset", "forget", tmp_path, "anna.mp4").code == 1


def test_a_dataset_is_published(evoked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder, out = tmp_path / "own", tmp_path / "hub"
    entries = [VideoEntry("a.mp4", "train"), VideoEntry("b.mp4", "test")]
    write_manifest(folder / "manifest.parquet", entries, Provenance("test"))
    rows = [f"{v},{s},true,{s % 2},0" for v in ("a.mp4", "b.mp4") for s in range(4)]
    labels = folder / "labels.csv"
    labels.write_text("\n".join(["video,second,valid,awe,pain", *rows]) + "\n")
    words = ("dataset", "export", folder, "--labels", labels)
    assert evoked(*words[:3], "--format", "huggingface", "-o", out).code == 1  # no labels.parquet
    result = evoked(*words, "--format", "huggingface", "-o", out)
    assert result.code == 0, result.err
    assert [Path(line).name for line in result.out.splitlines()][:2] == ["train.parquet", "test.parquet"]
    for form, name in (("webvtt", "a.mp4.vtt"), ("elan", "a.mp4.eaf"), ("csv", "codebook.csv")):
        target = tmp_path / form / "labels.csv" if form == "csv" else tmp_path / form
        assert evoked(*words, "--format", form, "-o", target).code == 0
        assert (tmp_path / form / name).is_file()

    made = evoked("dataset", "card", folder, "--labels", labels)
    assert (made.code, made.out) == (0, f"{folder / 'README.md'}\n")
    assert evoked("dataset", "card", folder, "--labels", labels).code == 1  # people may have filled it in
    assert evoked("dataset", "card", folder, "--labels", labels, "--force").code == 0
    open_card = evoked("dataset", "card", folder, "--check")
    assert (open_card.code, open_card.out) == (1, f"{len(open_card.lines)} blanks\n")
    card = folder / "README.md"
    card.write_text(card.read_text().replace("[TO FILL IN]", "said"))
    assert evoked("dataset", "card", folder, "--check").code == 0


def test_a_leak_ends_with_1(evoked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for parts, code in ((("train", "train"), 0), (("train", "test"), 1)):
        entries = [VideoEntry(f"v{i}", part, sha256="same") for i, part in enumerate(parts)]
        write_manifest(tmp_path / "manifest.parquet", entries, Provenance("test"))
        result = evoked("dataset", "audit", tmp_path)
        assert result.code == code
        assert result.out.splitlines()[-1].startswith(f"{code} leaks, {1 - code} other findings; pictures not compared")
    assert result.out.splitlines()[0] == "LEAK  same file: v0 (train), v1 (test)"
    shown = evoked("dataset", "audit", tmp_path, "--json")
    assert (shown.code, json.loads(shown.out)["findings"][0]["leak"]) == (1, True)


def test_statistics_are_printed_and_written(evoked, dataset: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    labels, out = tmp_path / "labels.parquet", tmp_path / "statistics"
    assert evoked("dataset", "export", dataset, "--format", "labels", "-o", labels).code == 0
    refused = evoked("dataset", "stats", dataset)
    assert (refused.code, len(refused.lines)) == (1, 1)
    assert "no labels.parquet in" in refused.err
    result = evoked("dataset", "stats", dataset, "--labels", labels, "--label-threshold", 0.1, "-o", out)
    assert result.code == 0, result.err
    assert "videos that train: 2" in result.out
    assert result.err == f"page: {out / 'index.html'}\n"
    shown = evoked("dataset", "stats", labels, "--label-threshold", 0.1, "--json")
    assert json.loads(shown.out)["positives"] == json.loads((out / "statistics.json").read_text())["positives"]
    assert evoked("dataset", "stats", labels, "-o", out).code == 1  # of other inputs: needs --force


def test_what_is_wrong_is_one_line(evoked, dataset: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "train.csv").write_text("YouTube ID,Timestamp (milliseconds),joy\na,0,much\n")
    out = tmp_path / "new"
    result = evoked("dataset", "import", tmp_path, "-o", out, "--expressions", "joy")
    assert (result.code, len(result.lines)) == (1, 1)
    assert "train.csv row 1: joy must be a number in [0, 1], got 'much'" in result.err
    assert evoked("dataset", "export", tmp_path, "--format", "eev", "-o", out).code == 1
    strange = evoked("dataset", "export", dataset, "--format", "labels", "--expressions", "joy", "-o", out / "l.csv")
    assert (strange.code, len(strange.lines)) == (1, 1)
    assert "has no expression joy; it has: amusement" in strange.err


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("webvtt", "a.mp4.vtt"),
        ("elan", "a.mp4.eaf"),
        ("csv", "codebook.csv"),
        ("huggingface", "data/train.parquet"),
        ("huggingface", "croissant.json"),
    ],
)
def test_an_export_replaces_its_own_files_alone(evoked, tmp_path: Path, form: str, name: str) -> None:  # type: ignore[no-untyped-def]
    folder, out = tmp_path / "own", tmp_path / "out"
    write_manifest(folder / "manifest.parquet", [VideoEntry("a.mp4", "train")], Provenance("test"))
    labels = folder / "labels.csv"
    labels.write_text("video,second,valid,awe\na.mp4,0,true,1\na.mp4,1,true,0\n")
    target = out / "labels.csv" if form == "csv" else out
    words = ("dataset", "export", folder, "--labels", labels, "--format", form, "-o", target)
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("of the user")
    refused = evoked(*words)
    assert (refused.code, len(refused.lines)) == (1, 1)
    assert f"{out / name} is there, and evoked did not write it" in refused.err
    assert [p for p in out.rglob("*") if p.is_file()] == [out / name]
    assert (out / name).read_text() == "of the user"
    assert evoked(*words, "--force").code == 0
    again = evoked(*words)
    assert again.code == 0, again.err

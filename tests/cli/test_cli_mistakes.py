"""Mistakes of a new user: each gets a line that says what is wrong and what to do, and a non-zero exit code."""

from pathlib import Path

import pytest

MISTAKES = {
    "content instead of contents": (("run", "s1"), 1, "s1 has no folder contents/, but content/: is that meant?"),
    "reaction instead of reactions": (("run", "s2"), 1, "s2 has no folder reactions/, but reaction/: is that meant?"),
    "a mistyped study": (("run", "s22"), 1, "no study folder at s22, but s2/: is that meant?"),
    "no such study": (("run", "elsewhere"), 1, "no study folder at elsewhere. Make one with: evoked init elsewhere"),
    "a video instead of a study": (("run", "v.mp4"), 1, "v.mp4 is a file; a study is a folder. Make one with"),
    "training no study": (("train", "elsewhere"), 1, "no study folder at elsewhere"),
    "a report without results": (("report", "s1"), 1, "s1 has no results yet: run `evoked run s1` first"),
    "a URL": (("annotate", "https://example.com/x.mp4"), 1, "is a URL, and only files are read: download the video"),
    "a URL of features": (("features", "http://x.org/a.mp4", "-o", "f.safetensors"), 1, "is a URL, and only files"),
    "a folder instead of a video": (("annotate", "s1"), 1, "s1 is a folder, not a media file: name a file in it"),
    "a text instead of a video": (("annotate", "text.mp4"), 1, "text.mp4"),
    "a missing video": (("annotate", "none.mp4"), 1, "no media file at none.mp4: check the name"),
    "no output of features": (("features", "v.mp4"), 2, "Missing option '-o'"),
    "an unknown suffix of features": (("features", "v.mp4", "-o", "x.xyz"), 1, "end it in .safetensors"),
    "an unknown suffix of predict": (("predict", "v.mp4", "--model", "s1", "-o", "x.xlsx"), 1, "no model in s1"),
    "an unknown suffix of align": (("align", "v.mp4", "v.mp4", "-o", "x.csv"), 1, "end it in .json"),
    "no content": (("align", "v.mp4"), 2, "Missing argument 'CONTENT'"),
    "a step that does not exist": (("run", "s2", "--only", "votes"), 2, "'votes' is not one of 'align', 'annotate'"),
    "a video instead of a model": (("predict", "v.mp4", "--model", "v.mp4"), 1, "no model in v.mp4"),
    "a video instead of labels": (
        ("evaluate", "--labels", "v.mp4", "--predictions", "s1"),
        1,
        "cannot be read as a table",
    ),
    "neither predictions nor model": (("evaluate", "--labels", "l.csv"), 2, "give either --predictions"),
    "a missing table": (("agree", "none.parquet", "none.csv"), 1, "none.parquet"),
    "a mistyped command": (("anotate", "v.mp4"), 2, "Did you mean: evoked annotate"),
    "help as a command": (("help",), 2, "Did you mean: evoked --help?"),
    "version as a command": (("version",), 2, "Did you mean: evoked --version?"),
    "a mistyped option": (("predict", "v.mp4", "--modle", "m"), 2, "'--model'"),
    "a mistyped choice": (("train", "--architecture", "gruu", "s1"), 2, "'gru', 'tcn'"),
    "a number that is none": (("annotate", "v.mp4", "--min-score", "much"), 2, "'much' is not a valid float"),
    "a value out of range": (("annotate", "v.mp4", "--min-score", "7"), 2, "min_score must be below 1"),
    "an unknown expression": (("annotate", "v.mp4", "--labels", "-o", "l.csv", "--thresholds", "joy=.5"), 2, "joy"),
    "labels without a place": (("annotate", "v.mp4", "--labels"), 2, "--labels needs -o FILE"),
    "an unknown network": (("weights", "fetch", "nonet"), 2, "the catalogue has no nonet"),
    "an unknown set of networks": (("features", "v.mp4", "-o", "f.safetensors", "--features", "best"), 2, "open"),
    "a file for the sample": (("sample", "v.mp4"), 1, "v.mp4 is a file, not a folder"),
    "init over a file": (("init", "v.mp4"), 1, "v.mp4 is a file, not a folder"),
    "config of nothing": (("config", "--show"), 2, "--show needs a STUDY"),
    "a mistyped setting": (("run", "s3"), 1, "no setting 'quorm'; there are: "),
    "a mistyped section": (("run", "s4"), 1, "no section [vote]; there are: "),
    "an address without ray": (
        ("features", "v.mp4", "-o", "f.safetensors", "--address", "x:1"),
        2,
        "an address is for the executor ray",
    ),
    "serial with several workers": (
        ("features", "v.mp4", "-o", "f.safetensors", "--executor", "serial", "--workers", "2"),
        2,
        "serial has one worker",
    ),
    "two outputs of one name": (("features", "v.mp4", "v.mp4", "-o", "out"), 2, "a video is given twice"),
    "a file as folder of features": (
        ("features", "v.mp4", "text.mp4", "-o", "text.mp4"),
        2,
        "is a file: name a folder",
    ),
}


@pytest.fixture(scope="module")
def place(media, tmp_path_factory: pytest.TempPathFactory) -> Path:  # type: ignore[no-untyped-def]
    """A working folder with a video and folders that are not quite studies."""
    root = tmp_path_factory.mktemp("mistakes")
    (root / "v.mp4").symlink_to(media["content"])
    (root / "text.mp4").write_text("this is not a video\n" * 400)
    for folder in ("s1/content", "s1/reactions", "s2/contents", "s2/reaction"):
        (root / folder).mkdir(parents=True)
    (root / "s2" / "contents" / "v.mp4").symlink_to(media["content"])
    for name, text in (("s3", "[votes]\nquorm = 3\n"), ("s4", "[vote]\nquorum = 3\n")):
        for folder in ("contents", "reactions"):
            (root / name / folder).mkdir(parents=True)
            (root / name / folder / "v.mp4").symlink_to(media["content"])
        (root / name / "study.toml").write_text(text)
    return root


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake(evoked, place: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    arguments, code, said = MISTAKES[name]
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    result = evoked(*arguments)
    assert result.code == code, result.err
    assert said in result.err
    assert "Traceback" not in result.err
    lines = [line for line in result.lines if line]
    assert len(lines) == 1 if code == 1 else lines[-1].startswith("Error: ")
    assert sorted(place.rglob("*")) == before  # nothing is made, neither

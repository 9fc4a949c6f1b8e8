"""Unusable or unrelated files: one line that names the file, exit code 1, and the usable files are processed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from evoked.core.tables import read_table

pytestmark = pytest.mark.nets

DAMAGED = {
    "missing": r"no media file at \S+missing\.mp4: check the name",
    "folder": r"folder\.mp4 is a folder, not a media file: name a file in it",
    "empty": r"empty\.mp4 is empty \(0 bytes\): copy or download it again",
    "text": r"text\.mp4 is no media file: its content is of no known kind\. Name a video",
    "noise": r"noise\.mp4 is no media file: its content is of no known kind\. Name a video",
    "no_index": r"no_index\.mp4 was cut off before its index \(moov\): copy, record or download it again",
}
VIDEO_CASES = ("annotate", "annotate, content", "annotate, as content", "labels", "features", "predict")
AUDIO_CASES = ("annotate, content", "annotate, as content", "labels", "align", "align, as content")
CASES = tuple(dict.fromkeys((*VIDEO_CASES, *AUDIO_CASES)))


def command_line(case: str, bad: Path, media: dict[str, Path], model: Path, out: Path) -> list[object]:
    """A command line with one bad file, in each argument that takes a file."""
    content, plain = media["content"], media["plain"]
    return {
        "annotate": ["annotate", bad, "-o", out / "x.csv"],
        "annotate, content": ["annotate", bad, "--content", content, "-o", out / "x.csv"],
        "annotate, as content": ["annotate", plain, "--content", bad, "-o", out / "x.csv"],
        "labels": ["annotate", bad, "--content", content, "--labels", "-o", out / "x.csv"],
        "align": ["align", bad, content, "-o", out / "x.json"],
        "align, as content": ["align", plain, bad, "-o", out / "x.json"],
        "features": ["features", bad, "-o", out / "x.safetensors"],
        "predict": ["predict", bad, "--model", model, "-o", out / "x.csv"],
    }[case]


def assert_refused(result, path: Path, pattern: str) -> None:  # type: ignore[no-untyped-def]
    assert result.code == 1
    assert result.out == ""
    assert len(result.lines) == 1, result.err
    assert result.err.startswith("evoked: ")
    assert result.err.count(str(path)) == 1
    assert re.search(pattern, result.err), result.err


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", DAMAGED)
def test_files_that_are_not_media(evoked, media, model, tmp_path: Path, name: str, case: str) -> None:  # type: ignore[no-untyped-def]
    result = evoked(*command_line(case, media[name], media, model, tmp_path))

    assert_refused(result, media[name], DAMAGED[name])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", VIDEO_CASES)
@pytest.mark.parametrize("name", ["audio_m4a", "audio_wav"])
def test_files_without_video(evoked, media, model, tmp_path: Path, name: str, case: str) -> None:  # type: ignore[no-untyped-def]
    result = evoked(*command_line(case, media[name], media, model, tmp_path))

    assert_refused(result, media[name], r"has no picture: name a file with a video stream")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", AUDIO_CASES)
@pytest.mark.parametrize("name", ["silent", "one_frame", "still"])
def test_files_without_audio(evoked, media, model, tmp_path: Path, name: str, case: str) -> None:  # type: ignore[no-untyped-def]
    result = evoked(*command_line(case, media[name], media, model, tmp_path))

    assert_refused(result, media[name], r"has no sound: name a file with an audio stream")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", AUDIO_CASES)
def test_a_reaction_to_another_content(evoked, media, model, tmp_path: Path, case: str) -> None:  # type: ignore[no-untyped-def]
    result = evoked(*command_line(case, media["foreign"], media, model, tmp_path))

    assert_refused(result, media["foreign"], r"no sound in common.* Check that they belong together")
    counterpart = media["plain"] if "as content" in case else media["content"]
    assert str(counterpart) in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", CASES)
def test_a_name_that_is_too_long(evoked, media, model, tmp_path: Path, case: str) -> None:  # type: ignore[no-untyped-def]
    too_long = tmp_path / ("a" * 300 + ".mp4")

    assert_refused(evoked(*command_line(case, too_long, media, model, tmp_path)), too_long, "File name too long")


@pytest.mark.parametrize("command", ["annotate", "features", "predict"])
def test_usable_files_of_a_batch_are_processed(evoked, media, model, tmp_path: Path, command: str) -> None:  # type: ignore[no-untyped-def]
    options = ["--model", model] if command == "predict" else []
    bad = [media["text"], media["missing"], media["audio_wav"]]

    result = evoked(command, bad[0], media["one_frame"], *bad[1:], *options, "-o", tmp_path / "out")

    assert result.code == 1
    (written,) = (tmp_path / "out").iterdir()
    assert result.out == f"{written}\n"
    assert written.name.startswith("one_frame.")
    failed = [line for line in result.lines if line.startswith("failed: ")]
    assert [sum(line.count(str(path)) for line in failed) for path in bad] == [1, 1, 1]
    assert re.fullmatch(r"evoked: 3 of 4 \w+ could not be \w+; the reasons are above", result.lines[-1])
    notes = [line for line in result.lines if line.startswith("note: ")]
    assert len(result.lines) == len(failed) + len(notes) + 1
    assert len(notes) == (command in ("annotate", "predict"))  # no viewer in one frame; no sound


def test_labels_of_the_usable_reactions(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    reactions = [media["foreign"], media["plain"], media["silent"], media["empty"]]

    result = evoked("annotate", *reactions, "--content", media["content"], "--labels", "-o", tmp_path / "l.csv")

    assert result.code == 1
    assert result.out == f"{tmp_path / 'l.csv'}\n"
    assert len(result.lines) == 4
    labels = read_table(tmp_path / "l.csv")
    assert set(labels["video"]) == {"content.mp4"}
    assert labels["viewers"] == [1] * 6
    assert labels["amusement"] == [1] * 6  # she laughs all the time


def test_two_reactions_of_one_name_are_refused(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    namesake = tmp_path / "other" / "plain.mp4"
    namesake.parent.mkdir()
    namesake.symlink_to(media["silent"])
    for options in (["--labels", "-o", tmp_path / "l.csv"], ["-o", tmp_path / "out"]):
        result = evoked("annotate", media["plain"], namesake, *options)
        assert (result.code, len(result.lines)) == (1, 1)
        assert "two reactions are called plain.mp4: rename one" in result.err


def test_the_installed_command(media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    program = Path(sys.executable).parent / "evoked"
    for command, name in (("align", "x.json"), ("features", "x.safetensors")):
        contents = [media["content"]] if command == "align" else []
        call = [program, command, media["noise"], *contents, "-o", tmp_path / name]
        completed = subprocess.run(call, capture_output=True, text=True, check=False)
        assert (completed.returncode, completed.stdout) == (1, "")
        assert completed.stderr.count("\n") == 1
        assert completed.stderr.startswith(f"evoked: {media['noise']} is no media file")
    completed = subprocess.run([program, "annotate"], capture_output=True, text=True, check=False)
    assert completed.returncode == 2
    assert "Missing argument 'REACTIONS...'" in completed.stderr

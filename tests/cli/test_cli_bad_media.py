"""What is no film, or not the right one: one line that names it, exit code 1, and the good ones are still done."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from evoked.core.tables import read_table

pytestmark = pytest.mark.nets

BROKEN = {
    "missing": r"no media file at \S+missing\.mp4: check the name",
    "folder": r"folder\.mp4 is a folder, not a media file: name a file in it",
    "empty": r"empty\.mp4 is empty \(0 bytes\): copy or download it again",
    "text": r"text\.mp4 is no media file: its content is of no known kind\. Name a video",
    "noise": r"noise\.mp4 is no media file: its content is of no known kind\. Name a video",
    "no_index": r"no_index\.mp4 was cut off before its index \(moov\): copy, record or download it again",
}
LOOKS = ("annotate", "annotate, content", "annotate, as content", "labels", "features", "predict")
HEARS = ("annotate, content", "annotate, as content", "labels", "align", "align, as content")
VERBS = tuple(dict.fromkeys((*LOOKS, *HEARS)))


def words(verb: str, bad: Path, media: dict[str, Path], model: Path, out: Path) -> list[object]:
    """A command line that is given one bad file, in any place that takes one."""
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
    }[verb]


def refused(ran, path: Path, pattern: str) -> None:  # type: ignore[no-untyped-def]
    assert ran.code == 1
    assert ran.out == ""
    assert len(ran.lines) == 1, ran.err
    assert ran.err.startswith("evoked: ")
    assert ran.err.count(str(path)) == 1
    assert re.search(pattern, ran.err), ran.err


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_film(evoked, media, model, tmp_path: Path, kind: str, verb: str) -> None:  # type: ignore[no-untyped-def]
    ran = evoked(*words(verb, media[kind], media, model, tmp_path))

    refused(ran, media[kind], BROKEN[kind])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", LOOKS)
@pytest.mark.parametrize("kind", ["heard_m4a", "heard_wav"])
def test_what_has_no_picture(evoked, media, model, tmp_path: Path, kind: str, verb: str) -> None:  # type: ignore[no-untyped-def]
    ran = evoked(*words(verb, media[kind], media, model, tmp_path))

    refused(ran, media[kind], r"has no picture: name a file with a video stream")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", HEARS)
@pytest.mark.parametrize("kind", ["silent", "one_frame", "still"])
def test_what_has_no_sound(evoked, media, model, tmp_path: Path, kind: str, verb: str) -> None:  # type: ignore[no-untyped-def]
    ran = evoked(*words(verb, media[kind], media, model, tmp_path))

    refused(ran, media[kind], r"has no sound: name a file with an audio stream")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", HEARS)
def test_a_reaction_to_something_else(evoked, media, model, tmp_path: Path, verb: str) -> None:  # type: ignore[no-untyped-def]
    ran = evoked(*words(verb, media["foreign"], media, model, tmp_path))

    refused(ran, media["foreign"], r"no sound in common.* Check that they belong together")
    other = media["plain"] if "as content" in verb else media["content"]
    assert str(other) in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_name_that_the_system_refuses(evoked, media, model, tmp_path: Path, verb: str) -> None:  # type: ignore[no-untyped-def]
    endless = tmp_path / ("a" * 300 + ".mp4")

    refused(evoked(*words(verb, endless, media, model, tmp_path)), endless, "File name too long")


@pytest.mark.parametrize("verb", ["annotate", "features", "predict"])
def test_in_a_batch_the_good_ones_are_done(evoked, media, model, tmp_path: Path, verb: str) -> None:  # type: ignore[no-untyped-def]
    more = ["--model", model] if verb == "predict" else []
    bad = [media["text"], media["missing"], media["heard_wav"]]

    ran = evoked(verb, bad[0], media["one_frame"], *bad[1:], *more, "-o", tmp_path / "out")

    assert ran.code == 1
    (made,) = (tmp_path / "out").iterdir()
    assert ran.out == f"{made}\n"
    assert made.name.startswith("one_frame.")
    failed = [line for line in ran.lines if line.startswith("failed: ")]
    assert [sum(line.count(str(path)) for line in failed) for path in bad] == [1, 1, 1]
    assert re.fullmatch(r"evoked: 3 of 4 \w+ could not be \w+; the reasons are above", ran.lines[-1])
    told = [line for line in ran.lines if line.startswith("note: ")]
    assert len(ran.lines) == len(failed) + len(told) + 1
    assert len(told) == (verb in ("annotate", "predict"))  # nobody is seen in one frame; it has no sound


def test_labels_of_those_that_can_be_used(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    reactions = [media["foreign"], media["plain"], media["silent"], media["empty"]]

    ran = evoked("annotate", *reactions, "--content", media["content"], "--labels", "-o", tmp_path / "l.csv")

    assert ran.code == 1
    assert ran.out == f"{tmp_path / 'l.csv'}\n"
    assert len(ran.lines) == 4
    labels = read_table(tmp_path / "l.csv")
    assert set(labels["video"]) == {"content.mp4"}
    assert labels["viewers"] == [1] * 6
    assert labels["amusement"] == [1] * 6  # she laughs all the time


def test_two_reactions_of_one_name_are_not_mixed_up(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    other = tmp_path / "other" / "plain.mp4"
    other.parent.mkdir()
    other.symlink_to(media["silent"])
    for more in (["--labels", "-o", tmp_path / "l.csv"], ["-o", tmp_path / "out"]):
        ran = evoked("annotate", media["plain"], other, *more)
        assert (ran.code, len(ran.lines)) == (1, 1)
        assert "two reactions are called plain.mp4: rename one" in ran.err


def test_the_installed_command(media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    command = Path(sys.executable).parent / "evoked"
    for verb in ("align", "features"):
        more = [media["content"]] if verb == "align" else []
        call = [command, verb, media["noise"], *more, "-o", tmp_path / "x"]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith(f"evoked: {media['noise']} is no media file")
    done = subprocess.run([command, "annotate"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Missing argument 'REACTIONS...'" in done.stderr

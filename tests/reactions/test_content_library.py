"""A library of contents on disk: what it finds, what it keeps, and what it says when it is damaged."""

import json
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from filmed import HZ, Samples, cut, hush, joined, under

from evoked.cli.main import evoked
from evoked.core.errors import AlignmentError, LibraryError, NoSoundError
from evoked.media.write import VideoWriter
from evoked.reactions.alignment.audio.speed_pitch import resample_speed
from evoked.reactions.alignment.library.content_library import ContentLibrary
from evoked.sample.soundtrack import viewer_murmur

pytestmark = pytest.mark.nets


def spoken(path: Path, sound: Samples) -> Path:
    """A WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(HZ)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    return [spoken(folder / f"part{i}.wav", cut(40.0 * i, 40.0 * i + 40)) for i in range(1, 6)]


@pytest.fixture(scope="module")
def library(films: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    there = ContentLibrary(folder)
    assert [there.add(path) for path in films] == [True] * 5
    return folder


def reaction(part: int) -> Samples:
    voice = viewer_murmur(40 * HZ, np.random.default_rng(7)).astype(np.float32)
    return joined(hush(4.5), under(cut(40.0 * part, 40.0 * part + 40), voice, -9))


def test_the_content_is_found_and_none_is_said(library: Path) -> None:
    there = ContentLibrary(library)
    found = there.find(reaction(3))
    assert found.content == "part3.wav"
    assert found.offsets.reaction_time(20.0) == pytest.approx(24.5, abs=0.003)
    with pytest.raises(AlignmentError, match="plays none of 5 contents"):
        there.find(cut(400, 440))


def test_a_faster_film_is_found(library: Path) -> None:
    found = ContentLibrary(library).find(resample_speed(reaction(2), 1.04))
    assert found.content == "part2.wav"
    assert found.offsets.segments[0].rate == pytest.approx(1 / 1.04, abs=1e-4)


def test_the_order_and_the_hour_of_adding_do_not_matter(library: Path, films: list[Path], tmp_path: Path) -> None:
    there = ContentLibrary(tmp_path)
    for path in films[::-1]:
        there.add(path)
        there.index()  # made anew each time
    one, other = ContentLibrary(library).index(), ContentLibrary(tmp_path).index()
    assert one.names == other.names
    assert np.array_equal(one.starts, other.starts)
    assert np.array_equal(one.places, other.places)
    assert not there.add(films[0], "called otherwise")  # the same bytes


def test_what_cannot_be_taken_in_is_told(library: Path, films: list[Path], tmp_path: Path) -> None:
    there = ContentLibrary(library)
    silent = spoken(tmp_path / "silent.wav", np.zeros(5 * HZ, np.float32))
    few = spoken(tmp_path / "few.wav", cut(60, 60.002))
    for path in (silent, few):
        with pytest.raises((LibraryError, NoSoundError), match=r"no sound"):
            there.add(path)
    other = tmp_path / "x"
    other.mkdir()
    with pytest.raises(LibraryError, match=r"another content called part1\.wav"):
        there.add(spoken(other / "part1.wav", cut(300, 310)))
    assert len(ContentLibrary(library).entries) == 5


def test_a_damaged_index_is_made_again_and_damaged_marks_are_told(films: list[Path], tmp_path: Path) -> None:
    there = ContentLibrary(tmp_path / "l")
    there.add(films[0])
    whole = there.index().places.copy()
    for name in ("places.npy", "starts.npy", "index.json"):
        path = tmp_path / "l" / name
        path.write_bytes(path.read_bytes()[:50])
        assert np.array_equal(ContentLibrary(tmp_path / "l").index().places, whole)
    (marks,) = (tmp_path / "l" / "marks").iterdir()
    marks.write_bytes(marks.read_bytes()[:-100])
    (tmp_path / "l" / "index.json").unlink()
    with pytest.raises(LibraryError, match=r"audio fingerprint of part1\.wav, cannot be read"):
        ContentLibrary(tmp_path / "l").index()
    (tmp_path / "l" / "contents.json").write_text("{}")
    with pytest.raises(LibraryError, match="no list of contents"):
        ContentLibrary(tmp_path / "l")


def test_a_content_that_is_gone_or_changed_is_told(tmp_path: Path) -> None:
    film = spoken(tmp_path / "film.wav", cut(60, 90))
    there = ContentLibrary(tmp_path / "l")
    there.add(film)
    spoken(film, cut(60, 89))
    with pytest.raises(LibraryError, match="has changed since it was added"):
        there.find(cut(60, 90))
    film.unlink()
    with pytest.raises(LibraryError, match="add it again from where it is now"):
        there.find(cut(60, 90))


def test_a_recording_without_sound_is_sent_to_the_picture(films: list[Path], tmp_path: Path) -> None:
    library, mute, silent = tmp_path / "l", tmp_path / "mute.mp4", spoken(tmp_path / "silent.wav", np.zeros(20 * HZ))
    with VideoWriter(mute, (64, 64), Fraction(5)) as writer:
        for level in range(50):
            writer.picture(np.full((64, 64, 3), 40 + level, np.uint8))
    CliRunner().invoke(evoked, ["library", "add", str(library), str(films[0])])
    for path, what in ((mute, "has no sound"), (silent, "is silent")):
        found = CliRunner().invoke(evoked, ["library", "find", str(library), str(path)])
        assert str(found.exception) == (
            f"{path} {what}, and a library is searched by sound. "
            f"If you know the content: evoked align {path} CONTENT --by video"
        )


def test_the_command_line(films: list[Path], tmp_path: Path) -> None:
    seen, wrong = spoken(tmp_path / "seen.wav", reaction(2)), spoken(tmp_path / "wrong.wav", cut(400, 440))
    gone = tmp_path / "gone.wav"
    run = CliRunner().invoke
    added = run(evoked, ["library", "add", str(tmp_path / "l"), *map(str, films[:3])])
    assert added.exit_code == 0, added.output
    found = run(evoked, ["library", "find", str(tmp_path / "l"), str(seen), "--json", "-o", str(tmp_path / "maps")])
    body = json.loads(found.stdout)
    assert (body["reaction"], body["content"]) == ("seen.wav", "part2.wav")
    assert set(body["provenance"]["inputs"]) == {"seen.wav", "part2.wav"}
    assert (tmp_path / "maps" / "seen.wav.json").exists()
    both = run(evoked, ["library", "find", str(tmp_path / "l"), str(wrong), str(seen), str(gone)])
    assert both.stdout.split("\t")[1] == "part2.wav"
    assert "plays none of 3 contents" in both.stderr
    assert isinstance(both.exception, Exception)  # two of three failed: exit 1 by main()
    listed = run(evoked, ["library", "list", str(tmp_path / "l")])
    assert [line.split("\t")[0] for line in listed.stdout.splitlines()] == ["part1.wav", "part2.wav", "part3.wav"]


def test_what_find_is_asked_is_looked_at_before_the_work(films: list[Path], library: Path, tmp_path: Path) -> None:
    twice = [spoken(tmp_path / part / "me.wav", reaction(3)) for part in ("a", "b") if not (tmp_path / part).mkdir()]

    def find(*words: object) -> tuple[int, str]:
        run = CliRunner().invoke(evoked, ["library", "find", *map(str, words)])
        return run.exit_code, run.output + str(run.exception)

    code, said = find(library, *twice, "-o", tmp_path / "maps")
    assert code == 1
    assert "two reactions are called me.wav" in said
    assert not (tmp_path / "maps").exists()
    code, said = find(tmp_path / "typo", twice[0])
    assert code == 2
    assert "does not exist" in said
    assert not (tmp_path / "typo").exists()


def test_damage_of_a_content_and_of_a_reaction_is_told(films: list[Path], tmp_path: Path) -> None:
    """Both WAVs state 40 s and hold 30: the stated end is not reached."""
    content, other = tmp_path / "content.wav", tmp_path / "reaction.wav"
    for path, source in ((content, films[1]), (other, films[1])):
        body = source.read_bytes()
        path.write_bytes(body[: 44 + 30 * HZ * 2] + (b"" if path is content else b"\0\0"))
    library, maps = tmp_path / "library", tmp_path / "maps"
    cut_off = "cut off: it ends after 30.0 s of the 40.0 s that it states"

    added = CliRunner().invoke(evoked, ["library", "add", str(library), str(content)])
    again = CliRunner().invoke(evoked, ["library", "add", str(library), str(content)])
    found = CliRunner().invoke(evoked, ["library", "find", str(library), str(other), "-o", str(maps)])

    assert f"note: {content}: {cut_off}" in added.stderr.splitlines()
    assert f"note: {content}: {cut_off}" in again.stderr.splitlines()
    listed = json.loads((library / "contents.json").read_text())
    assert [defect["kind"] for defect in listed["contents"][0]["damage"]] == ["cut_off"]
    assert listed["provenance"]["notes"] == [f"content.wav: {cut_off}"]
    assert found.exit_code == 0, found.stderr
    provenance = json.loads((maps / "reaction.wav.json").read_text())["provenance"]
    assert [(entry["file"], entry["kind"]) for entry in provenance["damage"]] == [
        ("reaction.wav", "cut_off"),
        ("content.wav", "cut_off"),
    ]
    assert provenance["notes"] == [f"reaction.wav: {cut_off}", f"content.wav: {cut_off}"]


@pytest.mark.parametrize(
    "entry",
    [
        {"damage": [{"kind": "cut_off", "text": "two\nlines"}]},
        {"sha256": "../../../outside"},  # it becomes part of a path
        {"sha256": "A" * 64},
        {"sha256": None},
        {"audio_track": -1},
        {"seconds": -1.0},
        {"name": 7},
        {"unknown": 1},
    ],
)
def test_a_list_with_an_entry_that_is_none_is_refused(library: Path, tmp_path: Path, entry: dict[str, object]) -> None:
    body = json.loads((library / "contents.json").read_text())
    body["contents"][0] |= entry
    (tmp_path / "contents.json").write_text(json.dumps(body))
    with pytest.raises(LibraryError, match="is no list of contents"):
        ContentLibrary(tmp_path)

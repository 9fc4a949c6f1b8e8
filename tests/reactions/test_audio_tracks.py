"""Files with several audio tracks: which is used, which are tried, and what is told."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.core.damage import Damage
from evoked.core.errors import AlignmentError, MediaError
from evoked.media.decode import audio_of, read_media
from evoked.media.probe import probe, track_notes
from evoked.reactions.alignment.config import MatchConfig
from evoked.reactions.alignment.library.content_library import ContentLibrary
from evoked.reactions.alignment.matcher import ContentMatcher
from evoked.reactions.alignment.offset_map import OffsetMap, offsets_from
from evoked.reactions.alignment.recording import Recording

HZ = 16000
DELAY_S = 2.0

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg makes these files: install it")


def modulated(seed: int, seconds: float = 16) -> NDArray[np.float32]:
    """Noise whose loudness jumps twenty times a second, shape (samples,)."""
    rng = np.random.default_rng(seed)
    loud = np.repeat(rng.uniform(0.02, 1, int(seconds * 20)), HZ // 20)
    return (0.2 * loud * rng.standard_normal(len(loud))).clip(-1, 1).astype(np.float32)


def delayed(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([np.zeros(int(DELAY_S * HZ), np.float32), sound])


def movie(path: Path, *tracks: NDArray[np.float32], languages: tuple[str, ...] = (), codec: str = "flac") -> Path:
    """A file with a small picture and these mono audio tracks; the first is the one that a player plays."""
    words: list[object] = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=s=64x48:r=5"]
    maps: list[object] = ["-map", "0:v"]
    for i, track in enumerate(tracks):
        raw = path.with_name(f"{path.name}.{i}.f32")
        track.tofile(raw)
        words += ["-f", "f32le", "-ar", HZ, "-ac", 1, "-i", raw]
        maps += ["-map", f"{i + 1}:a", f"-disposition:a:{i}", "default" if i == 0 else "0"]
    for i, language in enumerate(languages):
        maps += [f"-metadata:s:a:{i}", f"language={language}"]
    end = ["-t", max(map(len, tracks)) / HZ, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", codec, path]
    subprocess.run([str(word) for word in (*words, *maps, *end)], check=True)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A content, and recordings that play it on one of their tracks, two seconds late."""
    root = tmp_path_factory.mktemp("tracks")
    film, dubbed, voice = modulated(1), modulated(2), modulated(3, 18)
    movie(root / "film.mkv", film)
    movie(root / "languages.mkv", dubbed, film, languages=("deu", "eng"))
    movie(root / "headphones.mkv", voice, delayed(film))
    movie(root / "silent_first.mkv", 0 * voice, voice, delayed(film))
    movie(root / "room.mkv", delayed(film))
    movie(root / "unrelated.mkv", modulated(5, 18), modulated(4, 18))
    return root


def matched(folder: Path, reaction: str, content: str, config: MatchConfig | None = None) -> OffsetMap:
    return ContentMatcher({content: folder / content}, config).match(folder / reaction).offsets


@pytest.mark.parametrize(
    ("reaction", "content", "tracks"),
    [
        ("headphones.mkv", "film.mkv", (2, 0)),
        ("silent_first.mkv", "film.mkv", (3, 0)),
        ("room.mkv", "languages.mkv", (0, 2)),
        ("headphones.mkv", "languages.mkv", (2, 2)),
        ("room.mkv", "film.mkv", (0, 0)),
    ],
)
def test_the_other_tracks_are_tried_and_the_map_says_which(
    folder: Path, reaction: str, content: str, tracks: tuple[int, int]
) -> None:
    offsets = matched(folder, reaction, content)
    assert (offsets.reaction_audio_track, offsets.content_audio_track) == tracks
    assert offsets.by == "audio"
    assert offsets.segments[0].offset_s == pytest.approx(DELAY_S, abs=0.002)
    assert offsets.covered_s > 15
    body = offsets.as_dict()
    assert ("reaction_audio_track" in body, "content_audio_track" in body) == (tracks[0] > 0, tracks[1] > 0)
    again = offsets_from(json.loads(json.dumps(body)))
    assert (again.reaction_audio_track, again.content_audio_track) == tracks


def test_one_of_several_contents_is_found_at_another_track(folder: Path) -> None:
    contents = {name: folder / name for name in ("unrelated.mkv", "languages.mkv")}
    for reaction in ("room.mkv", "headphones.mkv"):
        match = ContentMatcher(contents, MatchConfig(by="audio")).match(folder / reaction)
        assert match.content == "languages.mkv"
        assert match.offsets.content_audio_track == 2


def test_the_order_of_reactions_changes_nothing(folder: Path) -> None:
    matcher = ContentMatcher({"languages.mkv": folder / "languages.mkv"}, MatchConfig(by="audio"))
    for _ in range(2):
        assert matcher.match(folder / "headphones.mkv").offsets.reaction_audio_track == 2
        with pytest.raises(AlignmentError, match="other audio tracks were tried"):
            matcher.match(folder / "unrelated.mkv")
        assert matcher.match(folder / "room.mkv").offsets.content_audio_track == 2


def test_a_track_that_is_named_is_the_only_one(folder: Path) -> None:
    assert matched(folder, "headphones.mkv", "film.mkv", MatchConfig(audio_track=2)).reaction_audio_track == 2
    with pytest.raises(AlignmentError, match="no sound in common") as told:
        matched(folder, "headphones.mkv", "film.mkv", MatchConfig(by="audio", audio_track=1))
    assert "other audio tracks" not in str(told.value)
    config = MatchConfig(content_audio_track=2)
    assert matched(folder, "room.mkv", "languages.mkv", config).content_audio_track == 2


@pytest.mark.parametrize(("name", "track", "has"), [("film.mkv", 2, "it has one"), ("silent_first.mkv", 4, "it has 3")])
def test_a_track_that_is_not_there_is_refused(folder: Path, name: str, track: int, has: str) -> None:
    with pytest.raises(MediaError, match=f"no audio track {track} that can be read: {has}"):
        probe(folder / name, track)


def test_a_note_says_which_of_several_tracks_is_used(folder: Path) -> None:
    assert track_notes(probe(folder / "film.mkv")) == ()
    used = track_notes(probe(folder / "languages.mkv"))
    assert used == ("2 audio tracks: track 1 (deu) is used, not track 2 (eng)",)
    recording = Recording(folder / "headphones.mkv")
    ContentMatcher({"film.mkv": folder / "film.mkv"}).match(recording)
    assert recording.damage == ("2 audio tracks: track 2 is used, not track 1",)


@pytest.mark.parametrize("track", [1, 2, 3])
def test_a_track_is_what_ffmpeg_reads_under_its_number(folder: Path, track: int) -> None:
    path = folder / "silent_first.mkv"
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", f"0:a:{track - 1}", "-f", "f32le", "-"]
    theirs = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)
    ours = audio_of(read_media(path, audio_hz=HZ, media=probe(path, track)))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_damage_of_a_track_that_is_not_used_is_not_told(folder: Path, tmp_path: Path) -> None:
    broken = modulated(6, 18)
    broken[5 * HZ : 6 * HZ] = np.nan
    path = movie(tmp_path / "broken.mkv", broken, delayed(modulated(1)), codec="pcm_f32le")
    recording = Recording(path)
    matcher = ContentMatcher({"film.mkv": folder / "film.mkv"})
    assert "sound_damaged" in [entry.kind for entry in first_track_defects(path)]
    assert matcher.match(recording).offsets.reaction_audio_track == 2
    assert recording.damage == ("2 audio tracks: track 2 is used, not track 1",)
    assert matcher.defects(recording, "film.mkv") == ()


def first_track_defects(path: Path) -> tuple[Damage, ...]:
    recording = Recording(path)
    assert len(recording.soundtrack.samples)
    return recording.defects_of()


def evoked(*words: object) -> subprocess.CompletedProcess[str]:
    code = "from evoked.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False)


def test_a_library_is_searched_for_each_track(folder: Path, tmp_path: Path) -> None:
    library = ContentLibrary(tmp_path / "library")
    assert library.add(folder / "unrelated.mkv")
    assert library.add(folder / "languages.mkv")
    assert library.add(folder / "languages.mkv", audio_track=2)
    assert not library.add(folder / "languages.mkv", audio_track=2)
    assert [(e.name, e.audio_track) for e in ContentLibrary(tmp_path / "library").entries] == [
        ("languages.mkv", 1),
        ("languages.mkv track 2", 2),
        ("unrelated.mkv", 1),
    ]
    done = evoked("library", "find", tmp_path / "library", folder / "headphones.mkv", "--json")
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    assert body["content"] == "languages.mkv track 2"
    assert (body["reaction_audio_track"], body["content_audio_track"]) == (2, 2)
    assert "note: " in done.stderr
    assert "2 audio tracks: track 2 is used, not track 1" in done.stderr
    refused = evoked("library", "find", tmp_path / "library", folder / "headphones.mkv", "--audio-track", 3)
    assert refused.returncode == 1
    assert "no audio track 3" in refused.stderr


def test_align_says_which_track_it_used(folder: Path, tmp_path: Path) -> None:
    done = evoked("align", folder / "headphones.mkv", folder / "film.mkv", "-o", tmp_path / "map.json")
    assert done.returncode == 0, done.stderr
    body = json.loads((tmp_path / "map.json").read_text())
    assert body["reaction_audio_track"] == 2
    assert body["provenance"]["notes"] == ["2 audio tracks: track 2 is used, not track 1"]
    assert "2 audio tracks: track 2 is used, not track 1" in done.stderr
    assert "audio track 2 of headphones.mkv" in done.stderr

"""By audio, else by video: what is compared, what is reported, and a study whose recordings are silent."""

import json
import re
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from shown import SIZE, Stretch, content, film, recorded
from staged_scenes import CORNER, SIDE, film_path

from evoked.core.errors import AlignmentError, NoSoundError
from evoked.core.study_layout import StudyLayout
from evoked.media.decode import read_audio
from evoked.media.write import VideoWriter
from evoked.reactions.alignment.config import MatchConfig
from evoked.reactions.alignment.matcher import ContentMatcher
from evoked.reactions.alignment.offset_map import read_offsets
from evoked.reactions.alignment.recording import Recording

pytestmark = pytest.mark.nets
START, SECONDS, HZ = 60, 24, 8000
PLAYED = [Stretch(0, 24, 2.53)]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two contents without sound, and a silent recording of the first."""
    root = tmp_path_factory.mktemp("silent")
    for part in ("contents", "reactions"):
        (root / part).mkdir()
    content(root / "contents" / "burrow.mp4", START, SECONDS)
    content(root / "contents" / "forest.mp4", 300, SECONDS)
    recorded(root / "reactions" / "mute.mp4", film(START, SECONDS), SIDE, PLAYED, 28)
    return root


def heard(path: Path, sound: np.ndarray) -> Path:
    """The same kind of recording with a sound that has nothing to do with the film."""
    with VideoWriter(path, SIZE, 25, HZ, preset="ultrafast") as writer:
        for picture in film(START, SECONDS)[:50]:
            writer.picture(picture)
        writer.sound(sound.astype(np.float32))
    return path


def test_a_silent_recording_finds_its_content_among_several(study: Path) -> None:
    contents = ContentMatcher({p.name: p for p in (study / "contents").iterdir()})
    told: list[tuple[float, str]] = []
    found = contents.match(
        study / "reactions" / "mute.mp4", progress=lambda done, total, note="": told.append((done / (total or 1), note))
    )
    assert {note for _, note in told} == {"looking for the content in the video"}
    shares = [share for share, _ in told]
    assert (shares[0], shares[-1]) == (0, 1)
    assert shares == sorted(shares)
    assert len(shares) > 100  # it moves: seconds to minutes without a word look like standing still
    assert (found.content, found.offsets.by) == ("burrow.mp4", "video")
    assert found.offsets.segments[0].offset_s == pytest.approx(2.53, abs=0.06)
    with pytest.raises(AlignmentError, match=r"mute\.mp4 has no sound.*; by video: the content is not clearly visible"):
        contents.match(study / "reactions" / "mute.mp4", ["forest.mp4"])


def test_the_modality_can_be_chosen(study: Path) -> None:
    paths = {"burrow.mp4": study / "contents" / "burrow.mp4"}
    reaction = study / "reactions" / "mute.mp4"
    with pytest.raises(NoSoundError):
        ContentMatcher(paths, MatchConfig(by="audio")).match(reaction)
    assert ContentMatcher(paths, MatchConfig(by="video")).match(reaction).offsets.by == "video"
    with pytest.raises(ValueError, match="by must be one of auto, audio, video"):
        MatchConfig(by="smell")


def test_the_content_itself_is_no_recording_of_it(study: Path, tmp_path: Path) -> None:
    path = study / "contents" / "burrow.mp4"
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(path.read_bytes())
    for one in (path, copy):
        for by in ("auto", "audio", "video"):
            with pytest.raises(AlignmentError, match=rf"{one.name} is the content itself \(burrow\.mp4\)"):
                ContentMatcher({"burrow.mp4": path}, MatchConfig(by=by)).match(one)


def test_both_reasons_are_reported_where_neither_modality_matches(study: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * HZ)
    one, other = heard(tmp_path / "one.mp4", noise), heard(tmp_path / "other.mp4", np.zeros(2 * HZ))
    with pytest.raises(
        AlignmentError, match=r"the content is silent from end to end.*; by video: the content is not clearly visible"
    ) as told:
        ContentMatcher({"other.mp4": other}).match(one)
    assert "\n" not in str(told.value)


def damaged(path: Path, source: Path) -> Path:
    """The same film, after two seconds the bytes of its pictures drawn at random."""
    rng = np.random.default_rng(0)
    with av.open(str(source)) as read, av.open(str(path), "w") as write:
        streams = {s.index: write.add_stream_from_template(s) for s in read.streams}
        for packet in read.demux():
            if packet.dts is None:
                continue
            whole = packet
            if packet.stream.type == "video" and packet.pts * packet.time_base > 2:
                whole = av.Packet(rng.bytes(packet.size))
                whole.pts, whole.dts, whole.time_base = packet.pts, packet.dts, packet.time_base
                whole.is_keyframe = packet.is_keyframe
            whole.stream = streams[packet.stream.index]
            write.mux(whole)
    return path


def test_a_damaged_picture_leaves_the_map_by_audio(tmp_path: Path) -> None:
    played = read_audio(film_path(), HZ)[START * HZ : (START + SECONDS) * HZ]
    hidden = played.copy()
    hidden[10 * HZ :] = np.random.default_rng(0).normal(0, 0.3, len(hidden) - 10 * HZ)  # so the video is compared
    for name, samples in (("film.mp4", played), ("whole.mp4", hidden)):
        with VideoWriter(tmp_path / name, SIZE, 24, HZ, preset="ultrafast") as writer:
            for picture in film(START, SECONDS):
                writer.picture(picture)
            writer.sound(samples.astype(np.float32))
    broken = damaged(tmp_path / "broken.mp4", tmp_path / "whole.mp4")
    contents = ContentMatcher({"film.mp4": tmp_path / "film.mp4"})

    recording = Recording(broken)
    found = contents.match(recording).offsets

    assert found.by == "audio"
    assert 8 < found.covered_s < 12
    assert found.segments[0].offset_s == pytest.approx(0, abs=0.01)
    line, reported = recording.damage
    assert contents.damage_notes(recording, "film.mp4") == (line, reported)
    contents.match(broken)
    assert contents.damage_notes(broken, "film.mp4") == (line, reported)  # the same of one given as a path
    assert reported.startswith("damaged: libav reports ")
    assert re.fullmatch(r"damaged: \d{3} packets of its picture could not be decoded", line)
    whole = contents.match(tmp_path / "whole.mp4").offsets
    assert (whole.by, whole.covered_s) == ("audio and video", pytest.approx(SECONDS, abs=0.5))
    done = evoked("align", broken, tmp_path / "film.mp4")
    assert done.returncode == 0, done.stderr
    assert line in done.stderr
    with pytest.raises(
        AlignmentError, match=r"the content is not clearly visible.* \(broken\.mp4 is damaged: \d+ packets"
    ):
        ContentMatcher(contents.paths, MatchConfig(by="video")).match(broken)


def test_damage_notes_do_not_depend_on_earlier_matches(tmp_path: Path) -> None:
    """A content with a damaged picture, one reaction that audio covers, and one that needs the picture as well."""
    played = read_audio(film_path(), HZ)[START * HZ : (START + SECONDS) * HZ]
    hidden = played.copy()
    hidden[10 * HZ :] = np.random.default_rng(0).normal(0, 0.3, len(hidden) - 10 * HZ)
    for name, samples in (("clear.mp4", played), ("hidden.mp4", hidden)):
        with VideoWriter(tmp_path / name, SIZE, 24, HZ, preset="ultrafast") as writer:
            for picture in film(START, SECONDS):
                writer.picture(picture)
            writer.sound(samples.astype(np.float32))
    content_path = damaged(tmp_path / "content.mp4", tmp_path / "clear.mp4")
    notes = []
    for order in (("clear.mp4", "hidden.mp4"), ("hidden.mp4", "clear.mp4")):
        matcher = ContentMatcher({"content.mp4": content_path})
        for name in order:
            matcher.match(tmp_path / name)
        notes.append({name: matcher.damage_notes(tmp_path / name, "content.mp4") for name in order})

    assert notes[0] == notes[1]
    assert notes[0]["clear.mp4"] == ()
    line, reported = notes[0]["hidden.mp4"]
    assert reported.startswith("content.mp4: damaged: libav reports ")
    assert re.fullmatch(r"content\.mp4: damaged: \d{3} packets of its picture could not be decoded", line)


def evoked(*args: object) -> subprocess.CompletedProcess[str]:
    script = "from evoked.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", script, *map(str, args)], capture_output=True, text=True)


def test_the_command_reports_an_alignment_by_video(study: Path, tmp_path: Path) -> None:
    pair = study / "reactions" / "mute.mp4", study / "contents" / "burrow.mp4"
    done = evoked("align", *pair, "-o", tmp_path / "map.json", "--draw", tmp_path / "map.svg")
    assert done.returncode == 0, done.stderr
    assert "by video" in done.stderr
    body = json.loads((tmp_path / "map.json").read_text())
    assert (body["by"], body["provenance"]["config"]["by"]) == ("video", "auto")
    assert read_offsets(tmp_path / "map.json").by == "video"
    refused = evoked("align", *pair, "--by", "audio")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)


@pytest.mark.full
def test_annotate_aligns_by_video(tmp_path: Path) -> None:
    reaction = recorded(tmp_path / "mute.mp4", film(START, SECONDS), CORNER, PLAYED, 28)
    watched = content(tmp_path / "film.mp4", START, SECONDS)
    done = evoked("annotate", reaction, "--content", watched, "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["reactions"]
    assert row["notes"][0] == "aligned by video: no sound in common"


@pytest.mark.full
def test_a_study_with_silent_recordings(study: Path) -> None:
    (study / "study.toml").write_text('[align]\nby = "auto"\n')
    done = evoked("run", study, "--json")
    items = json.loads(done.stdout)["items"]
    aligned = [i for i in items if i["step"] == "align"]
    assert [(i["name"], i["state"], i["reason"]) for i in aligned] == [
        ("mute.mp4", "done", "aligned by video: no sound in common")
    ]
    found = read_offsets(StudyLayout(study).alignment("mute.mp4"))
    assert found.by == "video"
    assert found.segments[0].offset_s == pytest.approx(2.53, abs=0.06)
    assert ("label", "done") in [(i["step"], i["state"]) for i in items]

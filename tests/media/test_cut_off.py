"""Files that were cut off are told also where they state no duration; whole files are not."""

import subprocess
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from make_clips import Studio, read_code, run

from evoked.core.damage import Damage
from evoked.core.errors import MediaError
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.probe import probe

X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", 25, "-bf", 2)
FRAGMENTS = (*X264, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov+default_base_moof+skip_trailer")
HOW: dict[str, tuple[object, ...]] = {
    "h264.ts": (*X264, "-c:a", "aac"),
    "mpeg2.ts": ("-c:v", "mpeg2video", "-bf", 2, "-c:a", "mp2"),
    "blu_ray.m2ts": (*X264, "-c:a", "ac3"),
    "theora.ogg": ("-c:v", "libtheora", "-c:a", "libvorbis"),
    "sound.opus": ("-vn", "-c:a", "libopus"),
    "flac.oga": ("-vn", "-c:a", "flac"),
    "fragments.mp4": FRAGMENTS,
    "no_xing.mp3": ("-vn", "-c:a", "libmp3lame", "-write_xing", 0),
    "tagged.mp3": ("-vn", "-c:a", "libmp3lame", "-write_xing", 0, "-write_id3v1", 1, "-metadata", "title=a"),
    "layer2.mp2": ("-vn", "-c:a", "mp2"),
    "sound.aac": ("-vn", "-c:a", "aac"),
    "sound.ac3": ("-vn", "-c:a", "ac3", "-ar", 44100),
    "sound.eac3": ("-vn", "-c:a", "eac3", "-ar", 48000),
    "sound.dts": ("-vn", "-c:a", "dca", "-strict", -2, "-ar", 48000),
    "dvd.vob": ("-c:v", "mpeg2video", "-bf", 2, "-c:a", "ac3"),
    "recorder.flv": ("-c:v", "flv1", "-c:a", "libmp3lame", "-flvflags", "no_duration_filesize"),
    "live.webm": ("-c:v", "libvpx", "-cpu-used", 8, "-c:a", "libopus", "-live", 1),
    "near_end.wav": ("-vn",),
    "near_end.mkv": (*X264, "-c:a", "aac"),
    "near_end.avi": (*X264, "-c:a", "libmp3lame"),
}


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s of picture and clicks."""
    return Studio(tmp_path_factory.mktemp("cut")).master(Fraction(25), 100)


def damage_of(path: Path) -> tuple[float, tuple[Damage, ...]]:
    """How long a file is, and its damage after it was read."""
    media = probe(path)
    reader = read_media(path, frames=media.seconds if media.picture else None, audio_hz=8000 if media.sound else None)
    for _ in reader:
        pass
    return float(media.duration_s), reader.damage


@pytest.mark.parametrize("name", HOW)
def test_a_file_without_its_end_is_told_and_a_whole_one_is_not(master: Path, name: str) -> None:
    whole = master.with_name(name)
    run("-i", master, *HOW[name], whole)
    assert damage_of(whole)[1] == ()
    data = whole.read_bytes()
    for share in (0.97,) if name.startswith("near_end") else (0.55, 0.8, 0.97):
        path = master.with_name(f"part_{name}")
        path.write_bytes(data[: int(len(data) * share) | 1])  # odd: not the end of a packet or sector

        duration_s, damage = damage_of(path)

        (entry,) = [entry for entry in damage if entry.kind == "cut_off"]
        assert entry.text.startswith("cut off: ")
        assert entry.from_s == pytest.approx(duration_s, abs=0.5)


def test_a_transport_stream_cut_between_two_of_its_packets_is_told(master: Path) -> None:
    whole, part = master.with_name("even.ts"), master.with_name("even_part.ts")
    run("-i", master, *HOW["h264.ts"], whole)
    data, told = whole.read_bytes(), []
    packets = range(0, len(data), 188)
    starts = [p for p in packets if data[p + 1] & 0x5F == 0x41 and data[p + 2] == 0]  # of frames: the first video PID
    later = [p for p in starts[len(starts) // 2 :] if data[p + 189 : p + 191] == b"\x01\x00"]  # goes on in the next
    for at in later[::5]:
        part.write_bytes(data[: at + 188])
        told.append([entry.kind for entry in damage_of(part)[1]].count("cut_off"))
    assert told == [1] * len(told)
    assert len(told) >= 3


def test_an_ogg_file_cut_between_two_pages_is_told(master: Path) -> None:
    whole, part = master.with_name("pages.ogg"), master.with_name("pages_part.ogg")
    run("-i", master, "-vn", "-c:a", "libvorbis", "-page_duration", 100_000, whole)
    data = whole.read_bytes()
    part.write_bytes(data[: data.rindex(b"OggS")])
    assert [(e.kind, "not marked" in e.text) for e in damage_of(part)[1]] == [("cut_off", True)]


def test_a_fragmented_file_without_the_media_of_its_last_fragment_is_told(master: Path) -> None:
    whole, part = master.with_name("moof.mp4"), master.with_name("moof_part.mp4")
    run("-i", master, *FRAGMENTS, whole)
    data = whole.read_bytes()
    last = data.rindex(b"moof") - 4
    part.write_bytes(data[: last + int.from_bytes(data[last : last + 4], "big")])
    texts = [entry.text for entry in damage_of(part)[1] if entry.kind == "cut_off"]
    assert len(texts) == 1


def test_fragments_before_one_whose_index_is_cut_are_read(master: Path) -> None:
    whole, part = master.with_name("index.mp4"), master.with_name("index_part, 1.mp4")
    run("-i", master, *FRAGMENTS, whole)
    data = whole.read_bytes()
    part.write_bytes(data[: data.rindex(b"moof") + 300])
    duration_s, damage = damage_of(part)
    assert duration_s == pytest.approx(3, abs=0.15)  # three fragments of a second
    assert [entry.kind for entry in damage] == ["cut_off", "reported"]


@pytest.mark.parametrize(("place", "reason"), [("ftyp", "before its index"), ("moov", "within its index")])
def test_a_file_without_its_index_is_refused_with_what_is_missing(master: Path, place: str, reason: str) -> None:
    whole, part = master.with_name("moov.mp4"), master.with_name("moov_part.mp4")
    run("-i", master, *FRAGMENTS, whole)
    data = whole.read_bytes()
    part.write_bytes(data[: data.index(place.encode()) + 20])
    with pytest.raises(MediaError, match=reason):
        probe(part)


def test_an_flv_that_states_no_duration_is_given_none(master: Path) -> None:
    path = master.with_name("open.flv")
    run("-i", master, *HOW["recorder.flv"], path)
    assert probe(path).stated_s is None


def test_tags_and_padding_behind_the_last_frame_are_no_cut(master: Path) -> None:
    for name, behind in (("no_xing.mp3", b"APETAGEX" + bytes(40)), ("sound.aac", bytes(500)), ("dvd.vob", bytes(2048))):
        whole, padded = master.with_name(f"p_{name}"), master.with_name(f"padded_{name}")
        run("-i", master, *HOW[name], whole)
        padded.write_bytes(whole.read_bytes() + behind)
        assert "cut_off" not in [entry.kind for entry in damage_of(padded)[1]], name


def test_seconds_before_the_first_frame_that_can_be_decoded_are_not_valid(master: Path) -> None:
    """A stream that refreshes its picture by stripes has no key frame: one joined late begins with nothing to show."""
    whole, late = master.with_name("stripes.ts"), master.with_name("joined_late.ts")
    run("-i", master, *X264, "-x264-params", "intra-refresh=1:keyint=25", "-c:a", "mp2", whole)
    data = whole.read_bytes()
    late.write_bytes(data[len(data) // 3 // 188 * 188 :])
    to_stdout = ("-map", "0:v", "-fps_mode", "passthrough", "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
    raw = subprocess.run(["ffmpeg", "-v", "quiet", "-i", late, *to_stdout], capture_output=True, check=True).stdout
    first = read_code(np.frombuffer(raw, np.uint8)[: 192 * 108 * 3].reshape(108, 192, 3))
    media = probe(late)
    assert media.picture is not None
    grid = TimeGrid(Fraction(5), int(5 * media.duration_s))
    reader = read_media(late, frames=grid)
    frames = [frame for frame in reader if isinstance(frame, VideoFrame)]
    shown_s = np.array([float(frame.pts_s) for frame in frames])
    assert read_code(frames[0].rgb((192, 108))) == first  # ffmpeg's first is ours
    assert shown_s[0] > 0.5
    assert reader.picture_valid(grid, shown_s).tolist() == [second >= shown_s[0] for second in grid.seconds]
    (late_begin,) = [entry for entry in reader.damage if entry.kind == "late_begin"]
    assert late_begin.to_s == pytest.approx(shown_s[0])
    assert not [entry for entry in damage_of(whole)[1] if entry.kind == "late_begin"]


@pytest.mark.parametrize("options", [(), ("-ar", 22050)], ids=["MPEG-1", "MPEG-2"])
def test_an_mp3_without_its_begin_is_told(master: Path, options: tuple[object, ...]) -> None:
    whole, cut = master.with_name("begun.mp3"), master.with_name("joined.mp3")
    run("-f", "lavfi", "-i", "anoisesrc=d=4:seed=1", *options, "-c:a", "libmp3lame", "-b:a", "64k", whole)
    data = whole.read_bytes()
    cut.write_bytes(data[len(data) // 2 :])
    assert damage_of(whole)[1] == ()
    assert "late_begin" in [entry.kind for entry in damage_of(cut)[1]]


@pytest.mark.parametrize("name", ["near_end.wav", "near_end.avi"])
def test_bytes_that_are_missing_in_the_middle_of_a_riff_file_are_told(master: Path, name: str) -> None:
    whole, less = master.with_name(name), master.with_name(f"less_{name}")
    run("-i", master, *HOW[name], whole)
    data, middle = whole.read_bytes(), whole.stat().st_size // 2
    less.write_bytes(data[:middle] + data[middle + 1 :])
    assert damage_of(whole)[1] == ()
    assert "it has 1 byte less than it states" in " ".join(entry.text for entry in damage_of(less)[1])
    counts_header = master.with_name(f"header_{name}")  # as some writers do
    counts_header.write_bytes(data[:4] + (len(data)).to_bytes(4, "little") + data[8:])
    assert damage_of(counts_header)[1] == ()


def test_a_wav_of_odd_length_without_its_padding_is_whole(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "odd.wav"), "wb") as sound:  # as Python's own module writes it
        sound.setparams((1, 1, 8000, 8001, "NONE", ""))
        sound.writeframes(bytes([128]) * 8001)
    assert damage_of(tmp_path / "odd.wav")[1] == ()

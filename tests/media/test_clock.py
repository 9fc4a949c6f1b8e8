"""A clock that restarts, jumps or has gaps is continued; what is cut off, missing or wrong is told and not valid."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from make_clips import Studio, read_code, run

from evoked.core.damage import Damage
from evoked.core.errors import MediaError
from evoked.media.decode import AudioChunk, MediaReader, VideoFrame, read_media
from evoked.media.live import LiveReader
from evoked.media.probe import frame_times, probe

HZ = 16000
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", 50, "-bf", 2)
TS = (*X264, "-c:a", "mp2")
VOB = ("-c:v", "mpeg2video", "-q:v", 2, "-g", 15, "-c:a", "ac3", "-f", "vob")


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 s, 25/s: frame n carries its number; a click at each second."""
    return Studio(tmp_path_factory.mktemp("clock")).master(Fraction(25), 200)


def cut(master: Path, name: str, from_s: float, *how: object) -> bytes:
    path = master.with_name(name)
    run("-ss", from_s, "-i", master, "-t", 4, *how, path)
    return path.read_bytes()


def joined(master: Path, name: str, *pieces: bytes) -> Path:
    path = master.with_name(name)
    path.write_bytes(b"".join(pieces))
    return path


def read(path: Path, rate: int = 25) -> tuple[MediaReader, list[VideoFrame], np.ndarray]:
    media = probe(path)
    reader = read_media(
        path, frames=media.grid(Fraction(rate)) if media.picture else None, audio_hz=HZ if media.sound else None
    )
    items = list(reader)
    sound = [i.samples for i in items if isinstance(i, AudioChunk)]
    return reader, [i for i in items if isinstance(i, VideoFrame)], np.concatenate(sound) if sound else np.zeros(0)


def onsets(sound: np.ndarray) -> list[float]:
    loud = np.flatnonzero(np.abs(sound) > 0.2 * np.abs(sound).max()) / HZ
    return [float(t) for i, t in enumerate(loud) if i == 0 or t - loud[i - 1] > 0.3]


def kinds(damage: tuple[Damage, ...]) -> list[str]:
    return [entry.kind for entry in damage]


@pytest.mark.parametrize(
    ("case", "offset_s", "kind"),
    [
        ("restart", 0, "clock_restart"),
        ("back by seconds", 2, "clock_restart"),
        ("an hour ahead", 3600, "clock_jump"),
        ("vob", 0, "clock_restart"),
        ("matroska", 0, "clock_restart"),
        ("no sound", 0, "clock_restart"),
    ],
)
def test_joined_pieces_go_on(
    master: Path, case: str, offset_s: float, kind: str, ask_ffmpeg: Callable[..., bytes]
) -> None:
    how, suffix = {"vob": (VOB, "vob"), "matroska": ((*X264, "-c:a", "aac"), "mkv")}.get(case, (TS, "ts"))
    how = (*X264, "-an") if case == "no sound" else how
    second = (*how, "-output_ts_offset", offset_s) if offset_s else how
    name = case.replace(" ", "_")
    path = joined(
        master,
        f"{name}.{suffix}",
        cut(master, f"{name}1.{suffix}", 0, *how),
        cut(master, f"{name}2.{suffix}", 4, *second),
    )

    reader, frames, sound = read(path)

    assert float(reader.media.duration_s) == pytest.approx(8, abs=0.15)
    codes = [read_code(f.rgb()) for f in frames]
    assert sorted(set(codes)) == list(range(200))  # every frame of both pieces, as ffmpeg decodes them
    assert codes == sorted(codes)
    raw = ask_ffmpeg("-i", path, "-map", "0:v", "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray")
    assert len(raw) // len(set(codes)) == 192 * 108
    assert kinds(reader.damage) == [kind]
    assert reader.damage[0].from_s == pytest.approx(4, abs=0.15)
    if len(sound):  # picture and sound by the same shift: the click of a second is where its frame is
        first_shown = {n: float(frames[codes.index(n)].pts_s) for n in (25, 75, 125, 175)}
        clicks = np.array(onsets(sound))
        delay = np.array([clicks[np.abs(clicks - t).argmin()] - t for t in first_shown.values()])
        assert np.ptp(delay) < 0.045, delay
    assert len(frame_times(path)) == 200
    assert np.all(np.diff(frame_times(path)) > 0)


@pytest.mark.parametrize("b_frames", [0, 1, 2, 3])
def test_joined_vobs_with_b_frames_are_right_to_the_frame(
    master: Path, b_frames: int, ask_ffmpeg: Callable[..., bytes]
) -> None:
    how = (*VOB[:-2], "-bf", b_frames, *VOB[-2:])
    pieces = [cut(master, f"b{b_frames}_{i}.vob", 4 * i, *how) for i in (0, 1)]
    path = joined(master, f"b{b_frames}.vob", *pieces)

    reader, frames, _ = read(path)

    raw = ask_ffmpeg("-i", path, "-map", "0:v", "-r", 25, "-f", "rawvideo", "-pix_fmt", "rgb24")
    expected = [read_code(frame) for frame in np.frombuffer(raw, np.uint8).reshape(-1, 108, 192, 3)]
    first_shown: dict[int, float] = {}
    for frame in frames:
        first_shown.setdefault(read_code(frame.rgb()), float(frame.pts_s))
    assert list(first_shown) == expected == list(range(200))
    assert np.diff(list(first_shown.values())) == pytest.approx(np.full(199, 1 / 25), abs=1e-4)
    assert kinds(reader.damage) == ["clock_restart"]


def test_a_far_stamp_makes_no_hours(master: Path) -> None:
    data = bytearray(cut(master, "whole.ts", 0, *TS, "-t", 4))
    units = [p for p in range(0, len(data), 188) if data[p + 1] & 0x40 and data[p + 1] & 0x1F == 1 and data[p + 2] == 0]
    place = units[40]  # the start of a video PES
    pes = data.index(b"\x00\x00\x01\xe0", place)
    assert pes < place + 188
    data[pes + 9] ^= 0x08  # the top bit of its 33-bit timestamp: 13 hours
    path = joined(master, "far.ts", bytes(data))

    reader, frames, _ = read(path)

    assert float(reader.media.duration_s) == pytest.approx(4, abs=0.15)
    assert [read_code(f.rgb()) for f in frames][90] == pytest.approx(90, abs=1)


def test_a_gap_is_kept_told_and_not_valid(master: Path) -> None:
    first = cut(master, "g1.ts", 0, *TS)
    second = cut(master, "g2.ts", 4, *TS, "-output_ts_offset", 9)
    reader, frames, _ = read(joined(master, "gap.ts", first, second), rate=1)

    assert float(reader.media.duration_s) == pytest.approx(13, abs=0.15)
    shown_s = np.array([float(f.pts_s) for f in frames])
    valid = reader.picture_valid(reader.media.seconds, shown_s)
    assert np.flatnonzero(~valid).tolist() == [5, 6, 7, 8]
    assert set(kinds(reader.damage)) == {"gap"}
    assert [(round(d.from_s or 0), round(d.to_s or 0)) for d in reader.damage] == [(4, 9), (4, 9)]


def test_slides_and_whole_files_are_no_damage(master: Path) -> None:
    slides = master.with_name("slides.mkv")
    run("-i", master, "-vf", "fps=1/4", *X264, "-an", slides)
    webm = master.with_name("live.webm")
    run("-i", master, "-c:v", "libvpx", "-cpu-used", 8, "-b:v", "1M", "-c:a", "libopus", "-live", 1, webm)
    for path in (slides, webm):
        assert read(path, rate=1)[0].damage == ()


@pytest.mark.parametrize("suffix", ["mkv", "webm", "flv", "avi", "asf", "wav", "flac", "mp3", "mp4", "mov"])
def test_a_stated_duration_that_is_not_reached_is_told(master: Path, suffix: str) -> None:
    whole = master.with_name(f"stated.{suffix}")
    how = {
        "webm": ("-c:v", "libvpx", "-cpu-used", 8, "-c:a", "libopus"),
        "asf": ("-c:v", "wmv2", "-c:a", "wmav2"),
        "avi": (*X264, "-c:a", "mp3"),
    }.get(suffix, ("-vn",) if suffix in ("wav", "flac", "mp3") else (*X264, "-c:a", "aac", "-movflags", "faststart"))
    if suffix in ("mkv", "flv"):
        how = (*X264, "-c:a", "aac")
    run("-i", master, *how, whole)
    assert read(whole, rate=1)[0].damage == ()
    half = joined(master, f"half.{suffix}", whole.read_bytes()[: whole.stat().st_size * 6 // 10])

    damage = read(half, rate=1)[0].damage

    told = [entry for entry in damage if entry.kind == "cut_off"]
    assert told
    assert told[-1].to_s == pytest.approx(8, abs=0.2)
    assert (told[-1].from_s or 0) < 6


def test_a_second_file_that_is_left_out_is_told(master: Path) -> None:
    for name, how in (("j.mp4", (*X264, "-c:a", "aac")), ("j.wav", ("-vn",))):
        whole = master.with_name(name)
        run("-i", master, *how, whole)
        path = joined(master, f"twice_{name}", whole.read_bytes(), whole.read_bytes())
        (entry,) = read(path, rate=1)[0].damage
        assert entry.kind == "joined"
        assert str(whole.stat().st_size) in entry.text


@pytest.mark.parametrize("how", [(*X264, "-c:a", "mp3"), ("-c:v", "mpeg4", "-bf", 2, "-q:v", 2, "-c:a", "mp3")])
def test_avi_with_b_frames_is_right_to_the_frame(master: Path, how: tuple[object, ...]) -> None:
    path = master.with_name("b.avi")
    run("-i", master, *how, path)
    _, frames, _ = read(path)
    assert [read_code(f.rgb()) for f in frames][:200] == list(range(200))
    assert all(b.pts_s > a.pts_s for a, b in pairwise(frames[:200]))


def test_corrupt_frames_are_told_and_not_valid(master: Path) -> None:
    path = master.with_name("good.mp4")
    run("-i", master, *X264, "-an", path)
    data = bytearray(path.read_bytes())
    (third,) = (p for p, n in zip(*key_frames(path), strict=True) if n == 50)
    data[third + 100 : third + 160] = bytes(60)  # within the key frame of second 2
    reader, frames, _ = read(joined(master, "bad.mp4", bytes(data)), rate=1)

    valid = reader.picture_valid(reader.media.seconds, np.array([float(f.pts_s) for f in frames]))
    assert "corrupt_frames" in kinds(reader.damage)
    assert np.flatnonzero(~valid).tolist() == [2, 3]  # up to the next key frame
    assert [read_code(f.rgb()) for f in frames if valid[f.step]] == [0, 25, 100, 125, 150, 175]


def key_frames(path: Path) -> tuple[list[int], list[int]]:
    """Where each key frame begins in a file, and its number."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size and p.is_keyframe]
        return [int(p.pos) for p in packets], [round(float(p.pts * p.time_base) * 25) for p in packets]  # type: ignore[operator]


def test_a_live_stream_that_restarts_goes_on(master: Path) -> None:
    pieces = cut(master, "l1.ts", 0, *TS), cut(master, "l2.ts", 4, *TS)
    path = joined(master, "live.ts", *pieces)
    reader = LiveReader(path, HZ, patience_s=0.1)
    codes = [read_code(i.rgb()) for i in reader if isinstance(i, VideoFrame)]
    assert np.abs(np.array(codes) - 25 * np.arange(len(codes))).max() <= 1
    assert len(codes) >= 8
    assert kinds(reader.damage) == ["clock_restart"]


def test_what_libav_raises_is_a_media_error(master: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 256, 4000, dtype=np.uint8).tobytes()
    whole = cut(master, "w.mkv", 0, *X264, "-c:a", "aac")
    for number, place in enumerate(range(200, len(whole) - 4000, len(whole) // 12)):
        path = tmp_path / f"{number}.mkv"
        path.write_bytes(whole[:place] + noise + whole[place + 4000 :])
        try:
            lines = [entry.text for entry in read(path, rate=1)[0].damage]
        except MediaError as error:
            lines = [str(error)]
        assert lines
        assert all(len(line.splitlines()) == 1 for line in lines)

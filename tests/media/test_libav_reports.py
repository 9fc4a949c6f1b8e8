"""What libav reports while it reads a damaged file is told; whole files have nothing to tell."""

import io
import logging
from contextlib import redirect_stderr
from fractions import Fraction
from pathlib import Path

import av
import pytest
from make_clips import Studio, run

from evoked.core.errors import MediaError
from evoked.media.decode import read_media
from evoked.media.live import LiveReader
from evoked.media.probe import probe

HZ = 16000
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", 25)
FORMATS = {
    "mp4": (*X264, "-c:a", "aac"),
    "mkv": (*X264, "-c:a", "libopus"),
    "ts": (*X264, "-c:a", "mp2"),
    "webm": ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis"),
    "avi": ("-c:v", "mpeg4", "-c:a", "libmp3lame"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Four seconds in each format."""
    master = Studio(tmp_path_factory.mktemp("reports")).master(Fraction(25), 100)
    made = {}
    for suffix, how in FORMATS.items():
        made[suffix] = master.with_name(f"whole.{suffix}")
        run("-i", master, *how, made[suffix])
    return made


def kinds(path: Path, *, picture: bool = True) -> list[str]:
    media = probe(path)
    reader = read_media(path, frames=media.grid(Fraction(25)) if picture else None, audio_hz=HZ)
    for _ in reader:
        pass
    return [entry.kind for entry in reader.damage]


def damaged(path: Path, name: str, at: int, body: bytes) -> Path:
    whole = path.read_bytes()
    target = path.with_name(f"{name}{path.suffix}")
    target.write_bytes(whole[:at] + body + whole[at + len(body) :])
    return target


def second_packet(path: Path, stream: str, second: float) -> tuple[int, int]:
    """Where in the file the first packet of a stream from a second on is, and its bytes."""
    with av.open(str(path)) as container:
        for packet in container.demux(next(s for s in container.streams if s.type == stream)):
            if packet.pts is not None and packet.pts * packet.time_base >= second and not packet.is_keyframe:
                assert packet.pos is not None
                return packet.pos, packet.size
    raise AssertionError("the file is too short")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_whole_file_has_nothing_to_tell(files: dict[str, Path], suffix: str) -> None:
    assert kinds(files[suffix]) == []


def test_bytes_that_a_demuxer_skips_are_told(files: dict[str, Path]) -> None:
    """The EBML of a block in the middle: libav goes on at the next cluster, and every packet that is left decodes."""
    place, _ = second_packet(files["mkv"], "video", 1.5)
    path = damaged(files["mkv"], "skipped", place - 12, b"\0" * 40)
    assert "reported" in kinds(path)
    assert "reported" in kinds(path, picture=False)


def test_blocks_that_a_decoder_conceals_are_told(files: dict[str, Path]) -> None:
    place, size = second_packet(files["avi"], "video", 1.5)
    path = damaged(files["avi"], "concealed", place + size // 2, b"\x55" * (size // 2))
    assert "reported" in kinds(path)
    with redirect_stderr(io.StringIO()) as stderr:
        assert "reported" in kinds(path), "the same errors again, which PyAV skips by default"
    assert stderr.getvalue() == ""


def test_seconds_and_words(files: dict[str, Path]) -> None:
    place, _ = second_packet(files["mkv"], "video", 1.5)
    path = damaged(files["mkv"], "words", place - 12, b"\0" * 40)
    reader = read_media(path, frames=probe(path).seconds)
    list(reader)
    (entry,) = (entry for entry in reader.damage if entry.kind == "reported")
    assert entry.from_s == pytest.approx(1.5, abs=0.2)
    assert entry.text.startswith("damaged: libav reports ")
    assert "matroska,webm: " in entry.text


def test_a_header_that_libav_complains_about_is_told(files: dict[str, Path]) -> None:
    """A TS cut at its begin: the first frames refer to settings that are gone."""
    whole = files["ts"].read_bytes()
    path = files["ts"].with_name("begins_late.ts")
    path.write_bytes(whole[188 * 60 :])
    assert "reported" in kinds(path)


def test_damage_of_a_live_stream_is_told(files: dict[str, Path]) -> None:
    place, _ = second_packet(files["mkv"], "video", 1.5)
    path = damaged(files["mkv"], "live", place - 12, b"\0" * 40)
    for source, is_told in ((files["mkv"], False), (path, True)):
        reader = LiveReader(source, HZ, patience_s=0.1)
        list(reader)
        assert ("reported" in [entry.kind for entry in reader.damage]) == is_told


def test_corrupt_frames_of_a_live_stream_are_told(files: dict[str, Path]) -> None:
    place, size = second_packet(files["avi"], "video", 1.5)
    body = bytearray(files["avi"].read_bytes())
    body[place + size // 2 : place + size] = b"\x55" * (size - size // 2)
    broken = files["avi"].with_name("broken.avi")
    broken.write_bytes(body)
    path = files["avi"].with_name("broken.mkv")
    run("-i", broken, "-c", "copy", path)
    reader = LiveReader(path, HZ, patience_s=0.1)
    list(reader)
    assert {"corrupt_frames", "reported"} & {entry.kind for entry in reader.damage}


def test_a_level_that_was_set_stays(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    before = av.logging.get_level()
    av.logging.set_level(av.logging.FATAL)
    try:
        assert kinds(files["mp4"]) == []
        assert av.logging.get_level() == av.logging.FATAL
    finally:
        av.logging.set_level(before)
        logging.getLogger("libav").setLevel(logging.WARNING)


def test_a_file_whose_streams_are_empty_is_refused(files: dict[str, Path]) -> None:
    """The header of a WebM and a cluster without blocks: it lists streams, and there is not one packet."""
    whole = files["webm"].read_bytes()
    path = files["webm"].with_name("header.webm")
    empty_cluster = b"\x1f\x43\xb6\x75\x83\xe7\x81\x00"
    path.write_bytes(whole[: whole.index(empty_cluster[:4])] + empty_cluster)
    with pytest.raises(MediaError, match="nothing of its picture or sound can be read"):
        probe(path)

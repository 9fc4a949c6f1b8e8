"""A file that holds more bytes than its own structure states; bytes that are missing are in test_cut_off.py."""

from fractions import Fraction
from pathlib import Path

import pytest
from make_clips import Studio, run

from evoked.core.damage import Damage
from evoked.media.decode import read_media
from evoked.media.probe import probe

X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", 25)
FORMATS = {
    "wav": ("-vn", "-af", "aeval=val(0)+0.1*sin(2*PI*440*t)", "-c:a", "pcm_s16le"),
    "avi": ("-c:v", "mjpeg", "-c:a", "pcm_s16le"),
    "mp4": (*X264, "-c:a", "aac"),
    "mov": (*X264, "-c:a", "pcm_s16le", "-movflags", "+faststart"),
    "mkv": (*X264, "-c:a", "pcm_s16le"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three seconds in each format."""
    master = Studio(tmp_path_factory.mktemp("sizes")).master(Fraction(25), 75)
    made = {}
    for suffix, how in FORMATS.items():
        made[suffix] = master.with_name(f"whole.{suffix}")
        run("-i", master, *how, made[suffix])
    return made


def damage_of(path: Path) -> tuple[Damage, ...]:
    media = probe(path)
    reader = read_media(path, frames=media.seconds if media.picture else None, audio_hz=16000)
    list(reader)
    return reader.damage


def variant(path: Path, body: bytes, name: str = "variant") -> Path:
    target = path.with_name(f"{name}{path.suffix}")
    target.write_bytes(body)
    return target


@pytest.mark.parametrize("suffix", FORMATS)
def test_whole_files_have_the_size_that_they_state(files: dict[str, Path], suffix: str) -> None:
    assert damage_of(files[suffix]) == ()


@pytest.mark.parametrize(("suffix", "place"), [("wav", 100_000), ("avi", 200_000), ("mkv", 150_000)])
def test_bytes_that_were_inserted(files: dict[str, Path], suffix: str, place: int) -> None:
    whole = files[suffix].read_bytes()
    path = variant(files[suffix], whole[:place] + b"\x5a" * 209 + whole[place:])
    text = f"damaged: it holds 209 bytes more than the {len(whole)} that it states"
    assert Damage("too_long", text) in damage_of(path)


@pytest.mark.parametrize("tail", [b"TAG" + bytes(125), b"ID3\4\0\0\0\0\0\0", bytes(512)])
@pytest.mark.parametrize("suffix", ["wav", "mkv"])
def test_tags_and_padding_behind_the_end_are_no_damage(files: dict[str, Path], suffix: str, tail: bytes) -> None:
    assert damage_of(variant(files[suffix], files[suffix].read_bytes() + tail)) == ()


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_size_that_was_left_open_states_nothing(files: dict[str, Path], size: int) -> None:
    """As recorders write it that cannot go back."""
    whole = bytearray(files["wav"].read_bytes())
    place = whole.index(b"data") + 4
    for at in (4, place):
        whole[at : at + 4] = size.to_bytes(4, "little")
    assert damage_of(variant(files["wav"], bytes(whole))) == ()


def test_an_avi_of_several_riff_chunks(files: dict[str, Path]) -> None:
    whole = files["avi"].read_bytes()
    second = b"RIFF" + (60).to_bytes(4, "little") + b"AVIXJUNK" + (48).to_bytes(4, "little") + bytes(48)
    assert damage_of(variant(files["avi"], whole + second)) == ()
    assert [entry.kind for entry in damage_of(variant(files["avi"], whole + second[:-10]))] == ["cut_off"]


def test_a_live_recording_of_matroska_states_no_size(files: dict[str, Path]) -> None:
    path = files["mkv"].with_name("live.mkv")
    run("-i", files["mkv"], "-c", "copy", "-f", "matroska", "-live", 1, path)
    assert damage_of(path) == ()

"""Skipping frames that are not needed gives the same pixels as decoding everything."""

from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import make_clips
import numpy as np
import pytest
from make_clips import Clip

from evoked.core.time_grid import TimeGrid
from evoked.media.container import open_source
from evoked.media.decode import VideoFrame, read_media
from evoked.media.frame_sampler import PtsGrid
from evoked.media.gop_decoder import FullDecoder, SparseDecoder, decoder_for
from evoked.media.nal_units import PacketKind, packet_kind_reader

PLAIN = ["constant", "ntsc", "variable", "slides", "transport", "matroska", "cut", "late_picture"]
SPARSE = [*PLAIN, "ten_bit", "open_gop", "hevc", "hevc_closed"]


def pixels(path: Path, grid: TimeGrid, skip: bool) -> list[tuple[Fraction, int, bytes]]:
    items = read_media(path, frames=grid, skip=skip)
    return [(p.pts_s, p.index, p.rgb((96, 54)).tobytes()) for p in items if isinstance(p, VideoFrame)]


def watched(path: Path, grid: TimeGrid, monkeypatch: pytest.MonkeyPatch) -> tuple[SparseDecoder, int, int]:
    """A decoder at the end of a file, how many packets there were, how many it decoded."""
    sent: Counter[str] = Counter()
    feed = FullDecoder.feed
    monkeypatch.setattr(FullDecoder, "feed", lambda self, packet: sent.update("x") or feed(self, packet))
    source = open_source(path)
    decoder = decoder_for(source, PtsGrid(grid, source.picture.time_base, source.zero), skip=True)
    assert isinstance(decoder, SparseDecoder)
    packets = [p for p in source.container.demux(source.picture) if p.size]
    for packet in packets:
        list(decoder.feed(packet))
    list(decoder.end())
    source.container.close()
    return decoder, len(packets), sent["x"]


@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("rate", [Fraction(1), Fraction(6), Fraction(1, 3), Fraction(50)])
def test_the_same_pixels_as_a_full_decode(clips: dict[str, Clip], name: str, rate: Fraction) -> None:
    path = clips[name].path
    grid = TimeGrid(rate, int(7 * rate) + 1, Fraction(-1, 7))
    assert pixels(path, grid, skip=True) == pixels(path, grid, skip=False)


@pytest.mark.parametrize("name", SPARSE)
def test_less_is_decoded_and_nothing_twice(clips: dict[str, Clip], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, packets, sent = watched(clips[name].path, TimeGrid(Fraction(1, 2), 3), monkeypatch)
    assert decoder.redone == 0
    assert decoder.dropped == 0
    assert sent < packets


def test_a_film_that_is_not_looked_at_is_not_decoded(clips: dict[str, Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    _, packets, sent = watched(clips["constant"].path, TimeGrid(Fraction(1), 1, Fraction(5)), monkeypatch)
    assert packets == 150
    assert sent <= 1 + 30  # the first frame may be asked for; then the last group up to second 5


def test_a_group_whose_wanted_frame_is_missing_is_decoded_in_full(
    clips: dict[str, Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulate a wrong plan: reference frames are skipped, so that the decoder gives other frames."""
    path = clips["constant"].path
    grid = TimeGrid(Fraction(1), 6)
    expected = pixels(path, grid, skip=False)
    monkeypatch.setattr(SparseDecoder, "_needed", lambda self, part, due, anew: part.packets[:1])
    assert pixels(path, grid, skip=True) == expected
    decoder, _, _ = watched(path, grid, monkeypatch)
    assert decoder.redone == 3


def test_damage_stays_in_its_group(broken: dict[str, Path]) -> None:
    """The concealed frames differ; those before and from the next group (at 4 s) on do not."""
    grid = TimeGrid(Fraction(3), 18)
    readers = [read_media(broken["damaged.mp4"], frames=grid, skip=skip) for skip in (True, False)]
    sparse, full = ([(p.pts_s, p.rgb().tobytes()) for p in items if isinstance(p, VideoFrame)] for items in readers)
    whole = [*range(6), *range(12, 18)]
    assert [sparse[i] for i in whole] == [full[i] for i in whole]
    assert min(p.dropped for p in readers) > 0


def test_a_cut_off_film_is_the_same_to_its_end(broken: dict[str, Path]) -> None:
    grid = TimeGrid(Fraction(3), 18)
    sparse, full = (pixels(broken["truncated.mp4"], grid, skip=skip) for skip in (True, False))
    assert sparse == full


def test_a_change_of_size_and_format_within_a_film(clips: dict[str, Clip], tmp_path: Path) -> None:
    path = tmp_path / "change.ts"
    small = ("-vf", "scale=96:54", "-pix_fmt", "yuv444p", "-profile:v", "high444")
    parts = [tmp_path / "a.ts", tmp_path / "b.ts"]
    make_clips.run("-i", clips["silent"].path, *make_clips.X264, parts[0])
    make_clips.run("-i", clips["silent"].path, *make_clips.X264, *small, "-output_ts_offset", 6.08, parts[1])
    path.write_bytes(b"".join(p.read_bytes() for p in parts))
    grid = TimeGrid(Fraction(2), 24, Fraction(1, 100))

    for skip in (True, False):
        seen = [p for p in read_media(path, frames=grid, skip=skip) if isinstance(p, VideoFrame)]
        shapes = [p.rgb().shape for p in seen]
        assert shapes == [(108, 192, 3)] * 24  # boxes of all frames are in the same pixels
        assert [make_clips.read_code(p.rgb((192, 108))) for p in seen] == [int(12.5 * i) for i in range(12)] * 2


def test_long_groups_are_read_in_parts(clips: dict[str, Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    grid = TimeGrid(Fraction(5), 30)
    expected = {n: pixels(clips[n].path, grid, skip=False) for n in ("constant", "open_gop", "hevc", "variable")}
    for most in (1, 2, 7, 31):
        monkeypatch.setattr("evoked.media.gop_decoder.MOST_PACKETS", most)
        for name, pictures in expected.items():
            assert pixels(clips[name].path, grid, skip=True) == pictures


def test_other_codecs_are_decoded_in_full(clips: dict[str, Clip]) -> None:
    assert packet_kind_reader("vp9", None) is None
    for name in ("webm", "avi", "odd"):
        source = open_source(clips[name].path)
        pts_grid = PtsGrid(TimeGrid(Fraction(1), 3), source.picture.time_base, source.zero)
        assert isinstance(decoder_for(source, pts_grid, skip=True), FullDecoder)
        source.container.close()


def nature(codec: str, data: bytes, extradata: bytes | None = None) -> PacketKind:
    reader = packet_kind_reader(codec, extradata)
    assert reader is not None
    return reader(av.Packet(data))


def test_headers_are_read_as_the_standards_say() -> None:
    start = b"\0\0\0\1"
    assert nature("h264", start + b"\x01\x9a\0") == PacketKind(unreferenced=True)  # a slice, nal_ref_idc 0
    assert nature("h264", start + b"\x41\x9a\0") == PacketKind()  # ... 2
    assert nature("h264", start + b"\x65\x88\0") == PacketKind(starts_anew=True)
    assert nature("h264", start + b"\x67\x64\0" + start + b"\x01\x9a\0") == PacketKind(carries_settings=True)
    assert nature("h264", start + b"\x01\x9a\0" + start + b"\x41\x9a\0") == PacketKind()  # two fields, one referenced
    assert nature("h264", start + b"\x06\x05\0") == PacketKind()  # no slice at all
    boxed = b"\x01\x64\0\x1f\xff\xe1\0"
    assert nature("h264", b"\0\0\0\3\x06\5\5" + b"\0\0\0\2\x01\x9a", boxed) == PacketKind(unreferenced=True)
    assert nature("hevc", start + b"\0\1\xd0") == PacketKind(unreferenced=True)  # TRAIL_N
    assert nature("hevc", start + b"\2\1\xd0") == PacketKind()  # TRAIL_R
    assert nature("hevc", start + b"\4\3\xd0") == PacketKind(unreferenced=True, layer=2)  # TSA_N
    assert nature("hevc", start + b"\x26\1\xaf") == PacketKind(starts_anew=True)  # IDR_W_RADL
    assert nature("hevc", start + b"\x2a\1\xaf") == PacketKind()  # CRA
    assert nature("hevc", start + b"\x42\1\1") == PacketKind(carries_settings=True)


def test_pts_grid_are_exact_for_any_rate() -> None:
    """Against Fractions: an instant shows a frame exactly where pts * base - zero <= instant."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        base = Fraction(1, int(rng.integers(1, 100_000)))
        zero = Fraction(int(rng.integers(-1000, 1000)), int(rng.integers(1, 1000)))
        grid = TimeGrid(Fraction(*map(int, rng.integers(1, 2000, 2))), 5, Fraction(int(rng.integers(-50, 50)), 7))
        for step, pts in enumerate(PtsGrid(grid, base, zero).pts_at.tolist()):
            assert pts * base - zero <= grid.second(step) < (pts + 1) * base - zero

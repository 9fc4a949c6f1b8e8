"""Films are written whole, at a constant rate, or not at all."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import OutputError
from evoked.core.timeline import Grid
from evoked.media.play import Picture, play, sound
from evoked.media.probe import frame_times, probe
from evoked.media.write import VideoWriter


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "film.mp4"
    rate = Fraction(30000, 1001)
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(44100) / 44100).astype(np.float32)

    with VideoWriter(path, (321, 241), rate, sound_hz=44100) as writer:
        for step in range(30):
            writer.picture(np.full((241, 321, 3), (200, 8 * step, 30), np.uint8))
        writer.sound(tone)

    media = probe(path)
    assert media.picture is not None
    assert (media.picture.width, media.picture.height) == (322, 242)  # made even
    assert media.picture.average_rate == rate
    assert frame_times(path) == pytest.approx([float(i / rate) for i in range(30)], abs=1e-4)
    for item in play(path, pictures=Grid(rate, 30)):
        assert isinstance(item, Picture)
        assert np.abs(item.rgb().mean(axis=(0, 1)) - (200, 8 * item.step, 30)).max() < 4
    inside = slice(2000, 40000)  # libav's AAC is coarse where a tone begins and stops
    assert np.corrcoef(sound(path, 44100)[inside], tone[inside])[0, 1] > 0.999  # one sample off: .998


def test_an_error_inside_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"old")

    def broken() -> None:
        with VideoWriter(path, (16, 16), Fraction(5)) as writer:
            writer.picture(np.zeros((16, 16, 3), np.uint8))
            raise KeyError("stop")

    with pytest.raises(KeyError):
        broken()

    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*film\.mp4: .*choose another place"):
        VideoWriter(tmp_path / "file" / "film.mp4", (16, 16), Fraction(5)).__enter__()

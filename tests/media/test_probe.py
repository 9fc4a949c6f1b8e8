"""The description of a media file, and the message for a file that is not one."""

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import make_clips
import pytest
from make_clips import Clip

from evoked.core.errors import MediaError, MissingMedia, NoPictureError
from evoked.media.probe import AudioStream, Media, VideoStream, frame_times, probe


def ffprobe(path: Path, *what: str) -> dict[str, list[dict[str, str]]]:
    words = ["ffprobe", "-v", "error", *what, "-of", "json", str(path)]
    found: dict[str, list[dict[str, str]]] = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    return found


@pytest.mark.parametrize(
    "name",
    ["constant", "ntsc", "variable", "slides", "webm", "transport", "matroska", "ten_bit", "odd", "late_picture"],
)
def test_ffprobe_reports_the_same(clips: dict[str, Clip], name: str) -> None:
    path = clips[name].path
    media = probe(path)
    theirs = {s["codec_type"]: s for s in ffprobe(path, "-show_streams")["streams"]}
    assert media.picture is not None
    assert media.picture.pixel_format == theirs["video"]["pix_fmt"]
    assert (media.picture.width, media.picture.height) == (theirs["video"]["width"], theirs["video"]["height"])
    assert media.picture.average_rate == Fraction(theirs["video"]["avg_frame_rate"])
    if media.sound is None:
        assert "audio" not in theirs
    else:
        assert media.sound.sample_rate == int(theirs["audio"]["sample_rate"])
        assert media.sound.channels == 1
    packets = ffprobe(path, "-select_streams", "v", "-show_entries", "packet=pts_time,duration_time,flags")["packets"]
    times = [float(p["pts_time"]) for p in packets if "D" not in p["flags"]]
    ends = [float(p["pts_time"]) + float(p.get("duration_time", 0.04)) for p in packets]
    # an MP4's last frame lasts as long as the last one stored, which uneven times make another
    slack = 0.05 if name == "variable" else 0.002
    assert float(media.picture.duration_s) == pytest.approx(max(ends) - min(times), abs=slack)


def test_the_clock_starts_with_the_earlier_stream(clips: dict[str, Clip]) -> None:
    def starts(name: str) -> tuple[float, float]:
        media = probe(clips[name].path)
        assert media.picture is not None
        assert media.sound is not None
        return float(media.picture.start_s), float(media.sound.start_s)

    assert starts("constant") == (0, 0)  # AAC's priming shifts nothing
    assert starts("late_picture") == pytest.approx((1.5, 0), abs=0.03)
    assert starts("late_sound") == pytest.approx((0, 1.5), abs=0.03)
    assert starts("transport") == pytest.approx((0, 0), abs=0.03)  # though the file's own time starts at 11.4 s


def test_whole_seconds_and_grids(clips: dict[str, Clip]) -> None:
    assert probe(clips["constant"].path).seconds.steps == 6
    assert probe(clips["ntsc"].path).seconds.steps == 7  # 180 frames last 6.006 s
    assert probe(clips["one"].path).seconds.steps == 1
    assert probe(clips["late_picture"].path).grid(Fraction(6)).steps == 45


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("empty.mp4", MissingMedia, r"is empty \(0 bytes\): copy or download it again"),
        ("text.mp4", MissingMedia, "is no media file"),
        ("notes.txt", MissingMedia, "is no media file"),
        ("noise.mp4", MissingMedia, "is no media file"),
        ("noise.mp3", MissingMedia, "is no media file"),
        ("folder.mp4", MissingMedia, "is a folder, not a media file: name a file in it"),
        ("no_index.mp4", MediaError, r"was cut off before its index \(moov\)"),
    ],
)
def test_what_is_no_media_file(broken: dict[str, Path], name: str, error: type[MediaError], message: str) -> None:
    for read in (probe, frame_times):
        if read is frame_times and name == "noise.mp3":
            continue  # without decoding it looks like sound
        with pytest.raises(error, match=message) as caught:
            read(broken[name])
        assert str(broken[name]) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingMedia, match=r"no media file at .*film\.mp4: check the name"):
        probe(tmp_path / "film.mp4")


def test_a_picture_that_cannot_be_decoded(clips: dict[str, Clip], tmp_path: Path) -> None:
    path = tmp_path / "dead.mp4"
    data = bytearray(clips["silent"].path.read_bytes())
    at, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[at:end] = bytes(end - at)
    path.write_bytes(data)
    with pytest.raises(NoPictureError, match="not one frame of its picture can be decoded"):
        probe(path)


def test_frames_without_times_are_refused(clips: dict[str, Clip], tmp_path: Path) -> None:
    path = tmp_path / "raw.h264"
    make_clips.run("-i", clips["constant"].path, "-c", "copy", "-an", path)
    for read in (probe, frame_times):
        with pytest.raises(MediaError, match="does not say when its frames are shown: put it into a container"):
            read(path)


def test_names_that_look_like_something_else(clips: dict[str, Clip], tmp_path: Path) -> None:
    for name in ("a:b.mp4", "50%.mp4", "ä ö.mp4", "-x.mp4"):
        path = tmp_path / name
        path.write_bytes(clips["one"].path.read_bytes())
        assert probe(path).seconds.steps == 1


def test_nothing_is_printed(clips: dict[str, Clip], broken: dict[str, Path]) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from evoked.core.errors import MediaError\nfrom evoked.media.decode import read_media\n"
        "from evoked.media.probe import probe\n"
        "for name in sys.argv[1:]:\n"
        "    try: list(read_media(Path(name), frames=probe(Path(name)).seconds, audio_hz=16000))\n"
        "    except MediaError: pass\n"
    )
    files = [str(p) for p in broken.values()] + [str(clips["avi"].path)]
    done = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_descriptions_check_themselves() -> None:
    shown = VideoStream("h264", 90, 160, 160, 90, 90, "yuv420p", None, Fraction(0), Fraction(3))
    heard = AudioStream("aac", 44100, 2, Fraction(1), Fraction(1))
    assert Media(Path("x"), "mp4", Fraction(3), shown, heard).seconds.steps == 3
    with pytest.raises(ValueError, match="turned by 180 degrees"):
        replace(shown, rotation=180)
    with pytest.raises(ValueError, match="rotation must be 0, 90, 180 or 270"):
        replace(shown, rotation=45)
    with pytest.raises(ValueError, match="must have pixels"):
        replace(shown, width=0)
    with pytest.raises(ValueError, match="must lie on the clock"):
        replace(heard, start_s=Fraction(-1))
    with pytest.raises(ValueError, match="must have samples"):
        replace(heard, channels=0)
    with pytest.raises(ValueError, match="latest end 3"):
        Media(Path("x"), "mp4", Fraction(2), shown, heard)
    with pytest.raises(ValueError, match="a picture or a sound"):
        Media(Path("x"), "mp4", Fraction(2), None, None)

"""A short grid, really made, and read back with ffmpeg and scipy: sound and faces stand where grid.json says."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import correlate, resample_poly

from evoked.core.errors import StudyError
from evoked.reactions.viewers.annotator import Annotator
from evoked.weights.cache import default_cache
from evoked.weights.clips import clip
from staging.generate import shoot
from staging.ground_truth import read_known
from staging.measure import Measurer, wrong_pairs
from staging.recording_plan import TakeSize
from staging.tables import bars, summary

HZ = 8000
pytestmark = [pytest.mark.nets, pytest.mark.full]


def heard(path: Path) -> np.ndarray:
    command = ["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", str(HZ), "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)


def frame(path: Path, number: int, size: list[int]) -> np.ndarray:
    chosen = ["-vf", f"select=eq(n\\,{number})", "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, *chosen], capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(size[1], size[0], 3).astype(float)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grid") / "short"
    shoot(folder, TakeSize(8, 14, 1), 0, cache=default_cache(), workers=2)
    return folder


def test_files_are_as_long_and_large_as_they_should_be(grid: Path) -> None:
    for name, take in read_known(grid)["takes"].items():
        show = ["ffprobe", "-v", "error", "-count_packets", "-of", "json", "-show_streams", grid / "takes" / name]
        picture, sound = json.loads(subprocess.run(show, capture_output=True, check=True).stdout)["streams"]
        assert [picture["width"], picture["height"]] == take["frame"]
        assert int(picture["nb_read_packets"]) == round(take["duration_s"] * 25)
        assert float(sound["duration"]) == pytest.approx(take["duration_s"], abs=0.05)


def test_the_sound_of_each_part_stands_where_the_truth_says(grid: Path) -> None:
    tried = 0
    for name, take in read_known(grid)["takes"].items():
        speed = take["condition"]["speed"]
        if take["condition"]["speech"] == "throughout" or speed.startswith(("stretched", "pitch")):
            continue  # under a voice, or with grains moved about, this plain correlation finds nothing exact
        room, content = heard(grid / "takes" / name), heard(grid / "contents" / take["content"])
        for p in take["parts"]:
            piece = content[round((p["content_start_s"] + 0.2) * HZ) : round((p["content_end_s"] - 0.2) * HZ)]
            up = {"same": (1, 1), "tape +5 %": (20, 21), "tape -5 %": (20, 19)}[speed]
            piece = resample_poly(piece, *up)  # scipy's own filter; another way than numpy's interpolation
            found = int(np.argmax(correlate(room, piece, "valid", method="fft"))) / HZ
            assert found == pytest.approx(p["reaction_start_s"] + 0.2 / p["rate"], abs=0.003), (name, p)
            tried += 1
    assert tried >= 4


def test_a_planted_face_is_a_face_and_a_covered_one_is_not(grid: Path) -> None:
    """The pictures at planted boxes: skin is redder than it is blue; what covers it is not."""
    seen = set()
    for name, take in read_known(grid)["takes"].items():
        if take["condition"]["light"] == "dim":
            continue
        for viewer in take["viewers"]:
            for state in "nsc":
                if state not in viewer["states"]:
                    continue
                tick = viewer["states"].index(state) + 2
                if viewer["states"][tick] != state:
                    continue
                shown = frame(grid / "takes" / name, tick * 25 // 6, take["frame"])
                box = viewer["boxes"][tick if state != "c" else viewer["states"].index("n")]
                x, y, w, h = (round(v) for v in box)
                red, _, blue = shown[y + h // 3 : y + 2 * h // 3, x + w // 3 : x + 2 * w // 3].mean(axis=(0, 1))
                assert (red > blue + 5) == (state != "c"), (name, viewer["name"], state, red, blue)
                seen.add(state)
    assert seen >= set("ns")  # a covered one is looked at where the first eight recordings have one by day


def test_made_again_nothing_changes_and_another_seed_is_refused(grid: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in grid.glob("*/*.mp4")}
    gone = min(before)
    data = gone.read_bytes()
    gone.unlink()
    shoot(grid, TakeSize(8, 14, 1), 0, cache=default_cache(), workers=1)
    assert gone.read_bytes() == data
    assert {p for p in before if p.stat().st_mtime_ns != before[p]} == {gone}
    with pytest.raises(StudyError, match="another grid"):
        shoot(grid, TakeSize(8, 14, 1), 1, cache=default_cache())


def test_end_to_end_what_was_planted_is_mostly_found(grid: Path) -> None:
    known = read_known(grid)
    measure = Measurer(grid, known, Annotator(cache=default_cache()))
    plain = [n for n, t in known["takes"].items() if t["condition"]["speed"] == "same"]
    figures = [measure(name) for name in plain]
    one = summary(figures)
    assert one.median_ms is not None
    assert one.median_ms < 20
    assert one.box_iou is not None
    assert one.box_iou > 0.7
    tried, accepted = wrong_pairs(grid, known, default_cache().clip(clip("bbb.mp4").name), 20)
    assert tried == 20
    assert accepted == []
    assert "offset error" in bars(figures, (tried, 0))

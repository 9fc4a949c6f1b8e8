"""An hour of a reaction takes the memory of some minutes, and time in proportion."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.write import VideoWriter
from evoked.weights.cache import default_cache

pytestmark = [pytest.mark.nets, pytest.mark.full]
EVERY_S = 2  # the picture changes this seldom, so that an hour takes the models half a minute
MEASURED = """
import json, resource, sys, time
from pathlib import Path
from evoked.reactions.viewers.annotator import Annotator
annotator, begun = Annotator(), time.process_time()
found = annotator(Path(sys.argv[1]))
print(json.dumps({"mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "cpu_s": time.process_time() - begun, "ticks": found.grid.steps,
    "seen": {name: int(v.scores.valid.sum()) for name, v in found.viewers.items()}}))
"""


def reaction(path: Path, minutes: int) -> Path:
    """A woman who laughs, a picture every other second, again and again."""
    grid = TimeGrid(Fraction(6), 108)
    frames = [
        p.rgb()
        for p in read_media(default_cache().clip("WolfgangLanger_Pexels.mp4"), frames=grid)
        if isinstance(p, VideoFrame)
    ]
    with VideoWriter(
        path, (frames[0].shape[1], frames[0].shape[0]), Fraction(1, EVERY_S), preset="ultrafast"
    ) as writer:
        for i in range(minutes * 60 // EVERY_S):
            writer.picture(frames[i % len(frames)])
    return path


def test_an_hour(tmp_path: Path) -> None:
    measured = {}
    for minutes in (6, 60):
        path = reaction(tmp_path / f"{minutes}.mp4", minutes)
        ran = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True)
        measured[minutes] = json.loads(ran.stdout)
        assert measured[minutes]["ticks"] == minutes * 360
        assert list(measured[minutes]["seen"]) == ["v1"]
        assert measured[minutes]["seen"]["v1"] > 0.95 * minutes * 360
    print(measured)
    assert measured[60]["mb"] < measured[6]["mb"] + 60  # stored per frame: blendshapes, scores, boxes
    assert measured[60]["cpu_s"] < 12 * measured[6]["cpu_s"]

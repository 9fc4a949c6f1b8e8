"""Videos to measure with: a cut of the film, and a staged reaction with one face, as long as wanted.

    python benchmarks/clips.py film                     # where the film is
    python benchmarks/clips.py cut SECONDS OUT
    python benchmarks/clips.py reaction SECONDS OUT     # staged: this person did not watch this film

Cutting and repeating copy the packets as they are stored. The reaction is 1280x720 at 25 frames a second: the
film full frame, a stretch of it in which nobody's face is found, and a real viewer in its lower right corner.
"""

import argparse
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import resize
from evoked.media.write import VideoWriter
from evoked.sample.source_clips import MAN, SOURCE_VIDEO, WOMAN, ViewerClip
from evoked.weights.cache import default_cache

STRETCH_S = (495, 30)  # of the film: from where, how long
RATE = Fraction(25)
FRAME, CORNER = (1280, 720), (448, 252)


def copied(source: Path, out: Path, seconds: float, streams: tuple[str, ...] = ("video", "audio")) -> None:
    """The packets of a file, from its start, again and again until so many seconds are full."""
    with av.open(str(source)) as given, av.open(str(out), "w") as made:
        pairs = {s.index: made.add_stream_from_template(s) for s in given.streams if s.type in streams}
        length, at = given.duration / av.time_base, 0.0
        while at < seconds:
            given.seek(0)
            for packet in given.demux([given.streams[i] for i in pairs]):
                if packet.dts is None or packet.pts is None or at + float(packet.pts * packet.time_base) >= seconds:
                    continue
                later = round(Fraction(at) / packet.time_base)
                packet.pts, packet.dts = packet.pts + later, packet.dts + later
                packet.stream = pairs[packet.stream_index]
                made.mux(packet)
            at += length


def staged(out: Path, two: bool = False) -> None:
    """Write the reaction's stretch: the film, the viewer in its corner, and for `two` a man in the other one."""
    start, seconds = STRETCH_S
    grid = TimeGrid(RATE, int(seconds * RATE), Fraction(start))
    faces, other = shown(WOMAN), shown(MAN) if two else []
    with VideoWriter(out, FRAME, RATE) as writer:
        for item in read_media(default_cache().clip(SOURCE_VIDEO), frames=grid):
            if isinstance(item, VideoFrame):
                canvas = item.rgb(FRAME)
                canvas[-CORNER[1] :, -CORNER[0] :] = faces[item.step % len(faces)]
                if two:
                    canvas[-CORNER[1] :, : CORNER[0]] = other[item.step % len(other)]
                writer.picture(canvas)


def shown(viewer: ViewerClip) -> list[NDArray[np.uint8]]:
    """A viewer's frames for the corner, plain then smiling, to and fro without a jump."""
    x, y, w, h = viewer.person(CORNER[0] / CORNER[1])
    spans = [
        TimeGrid(RATE, int((b - a) * RATE), Fraction(a))
        for a, b in (viewer.neutral_s, viewer.smile_s or viewer.neutral_s)
    ]
    faces = [
        resize(item.rgb()[y : y + h, x : x + w].copy(), CORNER)
        for span in spans
        for item in read_media(default_cache().clip(viewer.clip), frames=span)
        if isinstance(item, VideoFrame)
    ]
    return faces + faces[::-1]


def reaction(out: Path, seconds: float, two: bool = False) -> None:
    """The staged reaction, repeated to a length."""
    with TemporaryDirectory() as folder:
        once = Path(folder) / "once.mp4"
        staged(once, two)
        copied(once, out, seconds)


def main() -> None:
    """Read the command line, and write."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("what", choices=("film", "cut", "reaction"))
    words.add_argument("seconds", type=float, nargs="?")
    words.add_argument("out", type=Path, nargs="?")
    words.add_argument("--two", action="store_true", help="a reaction with two faces")
    given = words.parse_args()
    if given.what == "film":
        print(default_cache().clip(SOURCE_VIDEO))
    elif given.seconds is None or given.out is None:
        words.error(f"{given.what} needs SECONDS and OUT")
    elif given.what == "cut":
        copied(default_cache().clip(SOURCE_VIDEO), given.out, given.seconds)
    else:
        reaction(given.out, given.seconds, given.two)


if __name__ == "__main__":
    main()

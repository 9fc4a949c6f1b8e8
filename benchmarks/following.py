"""Who is who: staged moments of real people with a known truth through detector, watch and follower.

    python benchmarks/following.py [--json]

Each case is shown as it is, mirrored, and in low light (a fifth of the light, noise on top). A switch is a
person whose name changes from one tick where they are seen to the next. "right" is the share of their ticks
under the name that most of their ticks have, if nobody else's ticks have mostly that name.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.faces.detect import Face, FaceDetector
from evoked.faces.identity import FaceIdentity
from evoked.faces.tracker import FaceTracker
from evoked.faces.video_detector import VideoFaceDetector
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import resize
from evoked.sample.source_clips import MAN, TALKER, WOMAN, ViewerClip
from evoked.weights.cache import default_cache

Rgb = NDArray[np.uint8]
Shown = tuple[ViewerClip, int, int, int]  # who, left, top, height; later ones lie on top
RATE = Fraction(6)
SIZE = (1280, 720)
LOOKS = ("plain", "mirrored", "dark")


@cache
def frames(viewer: ViewerClip) -> tuple[Rgb, ...]:
    """A person's footage at 6 Hz, square, to and fro."""
    spans = [viewer.neutral_s, *([viewer.smile_s] if viewer.smile_s else [])]
    x, y, w, h = viewer.person(1.0)
    grids = [TimeGrid(RATE, max(2, int((b - a) * RATE)), Fraction(a).limit_denominator(100)) for a, b in spans]
    film = default_cache().clip(viewer.clip)
    there = [p.rgb(viewer.size)[y : y + h, x : x + w].copy() for g in grids for p in read_media(film, frames=g)
             if isinstance(p, VideoFrame)]  # fmt: skip
    return tuple(there + there[::-1])


def crossing(t: int) -> list[Shown]:
    """Two walk through each other, one in front."""
    return [(WOMAN, 900 - 14 * t, 220, 300), (MAN, 40 + 14 * t, 200, 330)]


def leaving(t: int) -> list[Shown]:
    """A woman stays; the man goes after 4 s and comes back to another place after 9 s."""
    man: list[Shown] = [] if 24 <= t < 54 else [(MAN, 80 if t < 24 else 480, 150, 320)]
    return [(WOMAN, 900, 180, 320), *man]


def cuts(t: int) -> list[Shown]:
    """The camera shows one of three at a time, in the same place, two seconds each."""
    return [((WOMAN, MAN, TALKER)[t // 12 % 3], 400, 160, 420)]


def seats(t: int) -> list[Shown]:
    """Two change seats at a cut, every three seconds."""
    places = (100, 760) if t // 18 % 2 == 0 else (760, 100)
    return [(WOMAN, places[0], 200, 340), (MAN, places[1], 200, 340)]


def corner(t: int) -> list[Shown]:
    """In a small picture in the corner the person changes without a cut of the rest."""
    return [(WOMAN if t // 20 % 2 == 0 else MAN, 1000, 440, 260)]


def handover(t: int) -> list[Shown]:
    """One slides out while another slides into the same seat."""
    return [(WOMAN, 500 - 20 * t, 200, 330), (MAN, 1100 - 20 * min(t, 30), 200, 330)]


def behind(t: int) -> list[Shown]:
    """One is hidden behind the other for two seconds, then comes out where they went in."""
    hidden = 24 <= t < 36
    return [*([] if hidden else [(TALKER, 300 + 8 * min(t, 24, max(0, 60 - t)), 240, 280)]), (MAN, 560, 180, 380)]


def three(t: int) -> list[Shown]:
    """Three at once, who rock and come nearer."""
    return [
        (WOMAN, 60 + int(50 * np.sin(t / 4)), 200, 300),
        (MAN, 470 + int(60 * np.sin(t / 3)), 180, 320 + 2 * (t % 40)),
        (TALKER, 930 + int(40 * np.cos(t / 5)), 220, 280),
    ]


CASES: tuple[Callable[[int], list[Shown]], ...] = (crossing, leaving, cuts, seats, corner, handover, behind, three)
TICKS = 72


@dataclass
class Result:
    """What became of the people of a case."""

    switches: int
    extra: int
    right: float
    missed: float


def pictures(case: Callable[[int], list[Shown]], look: str) -> Iterator[tuple[Rgb, list[tuple[str, float, float]]]]:
    """Each tick's picture, and who is where: name and centre of the face, those on top last."""
    random = np.random.default_rng(0)
    for t in range(TICKS):
        rgb = np.full((SIZE[1], SIZE[0], 3), (70, 80, 90), np.uint8)
        where = []
        for viewer, x, y, side in case(t):
            film = frames(viewer)
            face = resize(film[t % len(film)], (side, side))
            left, right = max(0, x), min(SIZE[0], x + side)
            bottom = min(SIZE[1], y + side)
            if left < right:
                rgb[y:bottom, left:right] = face[: bottom - y, left - x : right - x]
            fx, fy, fw, fh = viewer.face
            px, py, _, ph = viewer.person(1.0)
            where.append((viewer.name, x + (fx + fw / 2 - px) * side / ph, y + (fy + fh / 2 - py) * side / ph))
        if look == "mirrored":
            rgb = np.ascontiguousarray(rgb[:, ::-1])
            where = [(name, SIZE[0] - x, y) for name, x, y in where]
        if look == "dark":
            noisy = 0.2 * rgb.astype(np.float32) + random.normal(scale=4, size=rgb.shape)
            rgb = np.clip(noisy, 0, 255).astype(np.uint8)
        yield rgb, where


def followed(case: Callable[[int], list[Shown]], look: str, detect: FaceDetector, identity: FaceIdentity) -> Result:
    """Run a case and count."""
    follower, watch = FaceTracker(RATE), VideoFaceDetector(detect, 3, 24)
    given: dict[str, list[int]] = {}
    due: Counter[str] = Counter()
    for t, (rgb, where) in enumerate(pictures(case, look)):
        glance = watch.detect(rgb)

        def describe(face: Face, rgb: Rgb = rgb) -> NDArray[np.float32]:
            return identity(rgb, [face])[0]

        numbers = follower.update(t, glance.faces, describe, changed=glance.changed)
        due.update(name for name, x, _ in where if 40 < x < SIZE[0] - 40)
        for face, number in zip(glance.faces, numbers, strict=True):
            near = [(float(np.hypot(*(face.centre - (x, y)))), -k, n) for k, (n, x, y) in enumerate(where)]
            apart, _, name = min(near)
            if apart < 0.6 * max(face.box[2:]):
                given.setdefault(name, []).append(number)
    people = follower.merged_tracks()
    names = {name: [people.get(n, -1) for n in numbers] for name, numbers in given.items()}
    return counted(names, len(set(people.values())), due)


def counted(names: dict[str, list[int]], people: int, due: Counter[str]) -> Result:
    """The figures of a case: what each real person was called, tick by tick."""
    switches = sum(a != b for ids in names.values() for a, b in pairwise(ids))
    main = {name: Counter(ids).most_common(1)[0][0] for name, ids in names.items()}
    good = sum(ids.count(main[n]) for n, ids in names.items() if list(main.values()).count(main[n]) == 1)
    seen = sum(len(ids) for ids in names.values())
    return Result(switches, people - len(names), good / max(1, seen), 1 - seen / max(1, sum(due.values())))


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    detect, identity = FaceDetector(threads=1), FaceIdentity(threads=1)
    told = {f"{c.__name__}, {look}": followed(c, look, detect, identity) for c in CASES for look in LOOKS}
    if given.json:
        print(json.dumps({name: vars(result) for name, result in told.items()}))
        return
    print(
        f"| {TICKS} ticks of | switches | people too many | under the right name | not found |\n|---|---|---|---|---|"
    )
    for name, r in told.items():
        print(f"| {name} | {r.switches} | {r.extra} | {100 * r.right:.1f} % | {100 * r.missed:.1f} % |")


if __name__ == "__main__":
    main()

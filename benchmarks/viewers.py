"""Whose face is it: staged reactions of known layout, and the faces of their content that are taken for viewers.

    python benchmarks/viewers.py [--seconds 12] [--look LOOK] [--json]

Two contents: an animated one, whose rabbit is found as a face, and a real person's face, as in a talk. Layouts of the
stage (viewer in a corner, beside the content, content inset in the viewer's picture) and no content in sight; each as
it is, mirrored (the whole frame, as many recordings are) and with the viewer's picture in low light and noise.
A face whose centre lies in the content's visible part is the content's; "taken" is the share of those faces for which
a viewer's box is there. "seen" is the share of frames at which the viewer is. Nothing here uses sound: the offset is
given, what is measured is the picture.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.faces.detect import FaceDetector
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import resize
from evoked.media.probe import probe
from evoked.media.write import VideoWriter
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.content_region.content_faces import open_content_filter
from evoked.reactions.viewers.annotator import Annotator
from evoked.sample.layout import FRAME, Layout, corner, inset, side
from evoked.sample.source_clips import MAN, SOURCE_VIDEO, WOMAN, Box, ViewerClip
from evoked.weights.cache import default_cache

Rgb = NDArray[np.uint8]
RATE = Fraction(12)
LOOKS = ("plain", "mirrored", "dark viewer", "mirrored content")


@dataclass(frozen=True)
class Story:
    """A content, where it is played from, and who watches."""

    name: str
    clip: str
    start_s: int
    watcher: ViewerClip


STORIES = (Story("animated", SOURCE_VIDEO, 130, WOMAN), Story("a person", WOMAN.clip, 0, MAN))


def layouts(viewer: ViewerClip) -> dict[str, Layout]:
    """By name; "unseen" shows the viewer alone."""
    made = {"corner": corner(viewer, 3, 3), "side": side(viewer_left=True)}
    made["inset"] = inset(viewer) if viewer is WOMAN else Layout("inset", (16, 16, 432, 242), (0, 0, *FRAME), "content")
    made["unseen"] = Layout("unseen", (0, 0, 0, 0), (0, 0, *FRAME), "viewer")
    return made


def faces_of(viewer: ViewerClip, aspect: float) -> list[Rgb]:
    """The viewer's frames, to and fro."""
    x, y, w, h = viewer.person(aspect)
    grids = [TimeGrid(RATE, max(2, int((b - a) * RATE)), Fraction(a).limit_denominator(100))
             for a, b in (viewer.neutral_s, viewer.smile_s or viewer.neutral_s)]  # fmt: skip
    clip = default_cache().clip(viewer.clip)
    there = [np.ascontiguousarray(p.rgb()[y : y + h, x : x + w]) for g in grids for p in read_media(clip, frames=g)
             if isinstance(p, VideoFrame)]  # fmt: skip
    return there + there[::-1]


def frames(story: Story, layout: Layout, look: str, steps: int) -> Iterator[Rgb]:
    """The reaction."""
    random = np.random.default_rng(0)
    people = faces_of(story.watcher, layout.viewer[2] / layout.viewer[3])
    grid = TimeGrid(RATE, steps, Fraction(story.start_s))
    for picture in read_media(default_cache().clip(story.clip), frames=grid):
        assert isinstance(picture, VideoFrame)
        face = resize(people[picture.step % len(people)], (layout.viewer[2], layout.viewer[3]))
        if look == "dark viewer":
            noisy = face.astype(np.float32) / 5 + random.normal(scale=4, size=face.shape)
            face = np.clip(noisy, 0, 255).astype(np.uint8)
        parts = [(layout.viewer, face)]
        if layout.content[2]:
            shown = picture.rgb((layout.content[2], layout.content[3]))
            parts.append(
                (layout.content, np.ascontiguousarray(shown[:, ::-1]) if look == "mirrored content" else shown)
            )
        canvas = np.full((FRAME[1], FRAME[0], 3), 16, np.uint8)
        for (x, y, w, h), rgb in parts if layout.over == "content" else reversed(parts):
            canvas[y : y + h, x : x + w] = rgb
        yield np.ascontiguousarray(canvas[:, ::-1]) if look == "mirrored" else canvas


def holds(box: Box, centre: NDArray[np.floating]) -> bool:
    """Whether a box of the frame holds a point."""
    x, y, w, h = box
    return bool(x <= centre[0] < x + w and y <= centre[1] < y + h)


def tried(story: Story, layout: Layout, look: str, steps: int, annotator: Annotator) -> dict[str, float | str | None]:
    """Stage one reaction, annotate it, and count."""
    content_box, viewer_box = layout.content, layout.viewer
    if look == "mirrored":
        content_box, viewer_box = ((FRAME[0] - x - w, y, w, h) for x, y, w, h in (content_box, viewer_box))
    content = default_cache().clip(story.clip)
    seconds = float(steps / RATE)
    offsets = OffsetMap(50.0, (Segment(float(story.start_s), story.start_s + seconds, 0.0, 50.0),))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "reaction.mp4"
        with VideoWriter(path, FRAME, RATE) as writer:
            for rgb in frames(story, layout, look, steps):
                writer.picture(rgb)
        content_filter = open_content_filter(path, content, offsets)
        annotation = annotator(path, content_filter)
        detect, content_faces, taken, boxes = FaceDetector(threads=1), 0, 0, []
        for viewer in annotation.viewers.values():
            boxes += [(t, viewer.boxes.values[t]) for t in np.flatnonzero(viewer.boxes.valid)]
        on_top = viewer_box if layout.over == "viewer" else content_box
        in_content = lambda c: holds(content_box, c) and not (layout.over == "viewer" and holds(on_top, c))  # noqa: E731
        for picture in read_media(path, frames=probe(path).grid(Fraction(6))):
            assert isinstance(picture, VideoFrame)
            content_faces += sum(in_content(f.centre) for f in detect(picture.rgb()) if f.box[2] >= 24)
        taken = sum(in_content(box[:2] + box[2:] / 2) for _, box in boxes)
        seen = {t for t, box in boxes if not in_content(box[:2] + box[2:] / 2)}
    error = None
    if content_filter is not None and content_box[2]:
        error = float(np.abs(np.array(content_filter.matcher.region.box) - content_box).max())
    return {
        "content": story.name, "layout": layout.kind, "look": look, "content_faces": content_faces, "taken": taken,
        "seen": len(seen) / annotation.grid.steps, "viewers": len(annotation.viewers), "rectangle_px": error,
    }  # fmt: skip


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seconds", type=int, default=12)
    words.add_argument("--look", choices=LOOKS, help="only this one")
    words.add_argument("--json", action="store_true")
    options = words.parse_args()
    annotator, steps = Annotator(), options.seconds * int(RATE)
    rows = [
        tried(story, layout, look, steps, annotator)
        for story in STORIES
        for layout in layouts(story.watcher).values()
        for look in LOOKS
        if options.look in (None, look) and (layout.content[2] or look in ("plain", "dark viewer"))
    ]
    if options.json:
        print(json.dumps(rows))
        return
    print("| content | layout | look | content faces | taken for a viewer | viewer seen | viewers | rectangle |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        error = "not found" if row["rectangle_px"] is None else f"{row['rectangle_px']:.1f} px"
        print(f"| {row['content']} | {row['layout']} | {row['look']} | {row['content_faces']} | {row['taken']} | "
              f"{100 * float(row['seen'] or 0):.0f} % | {row['viewers']} | {error} |")  # fmt: skip
    content_faces, taken = (sum(int(row[k] or 0) for row in rows) for k in ("content_faces", "taken"))
    print(f"\n{taken} of {content_faces} content faces taken for viewers: {100 * taken / max(1, content_faces):.2f} %")


if __name__ == "__main__":
    main()

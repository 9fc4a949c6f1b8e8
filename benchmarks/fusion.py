"""Does a small expression network beside the blendshapes tell more: on stills, on talking and distressed faces?

    python benchmarks/fusion.py FOLDER STORE [--clips FOLDER …] [--json]

FOLDER holds labelled stills as for still_faces.py, STORE keeps what was described, `--clips` are folders with the files
of talking_faces.CLIPS. The fusion has few weights, the same for everybody:

    log-odds = log-odds of the prototype + weight · log-odds of the network + shift

with mini-Xception's probability of *happy* for amusement and of *surprise* for surprise (clipped to LIMIT), in
videos as it is or as far as it is held for a second (as the prototypes' actions are). In each of five folds of people
the weight that gives the best average precision is taken from WEIGHTS, and the shift so that one half keeps the
prototype's own recall on the training people; people held out are then scored. **mini-Xception was trained on
FER-2013, web faces with the same six labels**: some of these stills may be among them. The clips are scored with the
median weight and shift of the folds; nobody in them is in the stills.

Printed: AUC, precision and recall, the share of each other label that is called so, with intervals over people; and
shares of frames of the clips. The network alone is shown beside both.
"""

import argparse
import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from evoked.core.files import digest, sha256
from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.faces.basic_emotions import EXPRESSIONS, BasicEmotions
from evoked.faces.descriptors import column_names
from evoked.faces.detect import FaceDetector
from evoked.faces.landmarks import BLENDSHAPES
from evoked.faces.mesh import FaceMesh
from evoked.media.images import read_image
from evoked.metrics.average_precision import average_precision, roc_auc
from evoked.metrics.bootstrap import bootstrap
from evoked.metrics.calibration import log_odds
from evoked.model.stored import read_arrays, write_arrays
from evoked.reactions.expressions.held_actions import held_intensities
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.viewers.annotator import Annotator
from talking_faces import CLIPS, still_track

Array = NDArray[np.float64]
WANTED = {"amusement": ("happiness", "happy"), "surprise": ("surprise", "surprise")}
"""Expression → the label of stills it stands for, and the network's name of it."""
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
LIMIT = 1e-3
PROTOTYPE, FUSION, HELD, NETWORK = "prototype", "fusion", "fusion, network held", "network alone"


@dataclass(frozen=True, eq=False)
class Stills:
    """Labelled stills in which a face is detected: blendshapes (n, 52), the network's probabilities (n, 7)."""

    shapes: NDArray[np.float32]
    emotions: NDArray[np.float32]
    labels: NDArray[np.str_]
    people: NDArray[np.int64]


def described(folder: Path, store: Path) -> Stills:
    """Describe every still, or take it from the store; people are file names without the number at their end."""
    with (folder / "labels.csv").open(newline="") as file:
        lines = [(row["image"], row["expression"]) for row in csv.DictReader(file)]
    place = store / f"stills-{digest([list(line) for line in lines])[:16]}.safetensors"
    if not place.is_file():
        detect, mesh, basic = FaceDetector(), FaceMesh(), BasicEmotions()
        rows = np.full((len(lines), len(BLENDSHAPES) + len(EXPRESSIONS)), np.nan, dtype=np.float32)
        for row, (image, _) in zip(rows, lines, strict=True):
            picture = read_image(folder / "images" / image)
            if faces := detect(picture):
                logits = basic(picture, faces[:1])[0, -len(EXPRESSIONS) :]
                row[:] = np.concatenate([mesh(picture, faces[0]).blendshapes, probabilities(logits[None])[0]])
        write_arrays(place, {"rows": rows}, "{}")
    rows = read_arrays(place)[0]["rows"]
    seen = ~np.isnan(rows[:, 0])
    names = [re.sub(r"_?\d+$", "", Path(image).stem) or image for image, _ in lines]
    people = np.unique(np.array(names)[seen], return_inverse=True)[1].astype(np.int64)
    count = len(BLENDSHAPES)
    return Stills(rows[seen, :count], rows[seen, count:], np.array([label for _, label in lines])[seen], people)


def probabilities(logits: NDArray[np.floating]) -> Array:
    """Softmax over the last axis."""
    p = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(p / p.sum(axis=-1, keepdims=True))


def network_odds(p: Array) -> Array:
    """Log-odds of the network, clipped: it is never as sure as it says."""
    return log_odds(np.clip(p, LIMIT, 1 - LIMIT))


def shift_for(fused: Array, alone: Array) -> float:
    """The shift with which as many are above one half as in the scores of the prototype."""
    share = float((alone >= 0.5).mean())
    return -float(np.quantile(fused, 1 - share))


class StillScores:
    """Scores of one expression on the stills, each from folds without its person."""

    def __init__(self, alone: Array, network: Array, truth: NDArray[np.bool_], people: NDArray[np.int64]) -> None:
        own, beside = log_odds(alone), network_odds(network)
        fused, only = np.zeros(len(own)), np.zeros(len(own))
        chosen = []
        for learn, held in GroupKFold(5, shuffle=True, random_state=0).split(own, groups=people):
            merits = [average_precision(own[learn] + w * beside[learn], truth[learn]) or 0 for w in WEIGHTS]
            weight = WEIGHTS[int(np.argmax(merits))]
            yes = learn[truth[learn]]
            chosen.append((weight, shift_for((own + weight * beside)[yes], alone[yes])))
            fused[held] = own[held] + weight * beside[held] + chosen[-1][1]
            only[held] = beside[held] + shift_for(beside[yes], alone[yes])
        self.weights = chosen
        self.weight, self.shift = (float(np.median(values)) for values in zip(*chosen, strict=True))
        self.network_shift = shift_for(beside[truth], alone[truth])
        self.ways = {PROTOTYPE: own, FUSION: fused, NETWORK: only}


def still_rows(labels: NDArray[np.str_], people: NDArray[np.int64], name: str, scores: StillScores) -> list[dict]:
    """A row per way: AUC, precision, recall and the share of each label at one half; values with intervals."""
    truth = labels == WANTED[name][0]
    kinds = [str(label) for label in np.unique(labels)]

    def values(way: Array, at: NDArray[np.int64]) -> list[float | None]:
        on, yes, label = way[at] >= 0, truth[at], labels[at]
        shares = [float(on[label == kind].mean()) if (label == kind).any() else None for kind in kinds]
        return [roc_auc(way[at], yes), float(yes[on].mean()) if on.any() else None, *shares]

    def resampled(weights: NDArray[np.int64]) -> list[float | None]:
        at = np.repeat(np.arange(len(people)), weights[people])
        rows = [values(way, at) for way in scores.ways.values()]
        gains = [None if a is None or b is None else b - a for a, b in zip(rows[0], rows[1], strict=True)]
        return [v for row in (*rows, gains) for v in row]

    everybody = np.ones(int(people.max()) + 1, dtype=np.int64)
    estimates, intervals = resampled(everybody), bootstrap(len(everybody), resampled)
    columns = ("AUC", "precision", *kinds)
    rows = []
    for i, way in enumerate((*scores.ways, "fusion less prototype")):
        cells = {}
        for j, column in enumerate(columns):
            at = i * len(columns) + j
            cells[column] = (estimates[at], intervals[at].low, intervals[at].high)
        rows.append({"expression": name, "way": way, **cells})
    return rows


class BothDescribed:
    """Stands in for a recogniser: passes the blendshapes and the network's probabilities on, all in [0, 1]."""

    names = (*BLENDSHAPES, *EXPRESSIONS)
    describes = ("blendshapes", "mini-xception")

    def describe(self) -> dict[str, object]:
        """For provenance."""
        return {"recogniser": "none"}

    def score(self, described: Track, /) -> Track:
        """The columns side by side."""
        p = probabilities(described.values[:, -len(EXPRESSIONS) :])
        values = np.concatenate([described.values[:, : len(BLENDSHAPES)], p], axis=1)
        assert described.names == column_names(self.describes)
        return Track.masked(described.grid, self.names, np.nan_to_num(values), described.valid)


def clip_tracks(folders: list[Path], store: Path) -> dict[str, Track]:
    """File → BothDescribed of the viewer who is visible longest, from the store where it is there."""
    annotator, tracks = Annotator(BothDescribed()), {}
    for file in dict.fromkeys(file for _, file, _, _ in CLIPS):
        path = next((folder / file for folder in folders if (folder / file).is_file()), None)
        if path is None:
            print(f"left out: {file} is in none of the folders")
            continue
        place = store / f"clip-{sha256(path)[:16]}.safetensors"
        if not place.is_file():
            track = max((v.scores for v in annotator(path).viewers.values()), key=lambda t: int(t.valid.sum()))
            write_arrays(place, {"rows": np.nan_to_num(track.values), "valid": track.valid}, "{}")
        arrays, _ = read_arrays(place)
        grid = TimeGrid(ANNOTATION_FPS, len(arrays["valid"]))
        tracks[file] = Track.masked(grid, BothDescribed.names, arrays["rows"], arrays["valid"])
    return tracks


def clip_frames(
    tracks: Mapping[str, Track], scores: Mapping[str, StillScores]
) -> dict[tuple[str, str], dict[str, Array]]:
    """(What is shown, person) → way and expression → frames at which it is on."""
    recogniser = PrototypeRecogniser()
    found: dict[tuple[str, str], dict[str, Array]] = {}
    for person, file, shown, spans in CLIPS:
        if file not in tracks:
            continue
        track = tracks[file]
        shapes = Track(track.grid, BLENDSHAPES, track.values[:, : len(BLENDSHAPES)], track.valid)
        alone = recogniser.score(shapes)
        seconds = track.grid.seconds
        inside = track.valid & np.any([(seconds >= a) & (seconds < b) for a, b in spans], axis=0)
        for name, (_, emotion) in WANTED.items():
            own = log_odds(np.nan_to_num(alone[name]))
            beside = network_odds(np.nan_to_num(track[emotion]).astype(np.float64))
            held = held_intensities(beside[:, None], track.valid, track.grid.rate)[:, 0]
            s = scores[name]
            ways = {
                PROTOTYPE: own,
                FUSION: own + s.weight * beside + s.shift,
                HELD: own + s.weight * held + s.shift,
                NETWORK: beside + s.network_shift,
            }
            for way, odds in ways.items():
                parts = found.setdefault((shown, person), {})
                key = f"{name}: {way}"
                parts[key] = np.concatenate([parts.get(key, np.zeros(0)), odds[inside] >= 0])
    return found


def clip_rows(found: Mapping[tuple[str, str], Mapping[str, Array]]) -> list[dict[str, object]]:
    """A row per way and what is shown: share of frames over all people, its interval over people, each person's."""
    rows: list[dict[str, object]] = []
    for shown in dict.fromkeys(shown for shown, _ in found):
        people = {person: on for (kind, person), on in found.items() if kind == shown}
        for key in next(iter(people.values())):
            frames = np.array([len(on[key]) for on in people.values()])
            sums = np.array([on[key].sum() for on in people.values()])
            (interval,) = bootstrap(
                len(people),
                lambda w, s=sums, n=frames: [float((w * s).sum() / (w * n).sum())] if (w * n).sum() else [None],
            )
            rows.append(
                {
                    "shown": shown,
                    "way": key,
                    "people": len(people),
                    "frames": int(frames.sum()),
                    "share": float(sums.sum() / frames.sum()),
                    "interval": interval.span,
                    "each": {p: round(float(s / n), 3) for p, s, n in zip(people, sums, frames, strict=True)},
                }
            )
    return rows


def text(value: float | None) -> str:
    """Two or three digits, without the zero before the point."""
    return "–" if value is None else f"{value:.3f}".replace("0.", ".")


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path)
    words.add_argument("store", type=Path)
    words.add_argument("--clips", type=Path, nargs="*", default=[])
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    given.store.mkdir(parents=True, exist_ok=True)
    stills = described(given.folder, given.store)
    recogniser = PrototypeRecogniser()
    alone = np.stack([recogniser.score(still_track(row)).values[9] for row in stills.shapes]).astype(np.float64)
    scores = {
        name: StillScores(
            alone[:, recogniser.names.index(name)],
            stills.emotions[:, EXPRESSIONS.index(emotion)].astype(np.float64),
            stills.labels == label,
            stills.people,
        )
        for name, (label, emotion) in WANTED.items()
    }
    on_stills = [row for name in WANTED for row in still_rows(stills.labels, stills.people, name, scores[name])]
    on_clips = clip_rows(clip_frames(clip_tracks(given.clips, given.store), scores)) if given.clips else []
    chosen = {name: s.weights for name, s in scores.items()}
    if given.json:
        print(json.dumps({"stills": on_stills, "clips": on_clips, "weights": chosen}))
        return
    print(f"{len(stills.labels)} stills of {stills.people.max() + 1} people; (weight, shift) of the folds: {chosen}")
    for line in on_stills:
        cells = [
            f"{column} {text(v[0])} ({text(v[1])} … {text(v[2])})" for column, v in line.items() if isinstance(v, tuple)
        ]
        print(f"{line['expression']:10} {line['way']:22} {'; '.join(cells)}")
    for line in on_clips:
        span = "" if line["interval"] is None else f" ({text(line['interval'][0])} … {text(line['interval'][1])})"
        print(
            f"{line['shown']:9} {line['people']} people {line['frames']:5} frames  {line['way']:32} "
            f"{text(line['share'])}{span}  {line['each']}"
        )


if __name__ == "__main__":
    main()

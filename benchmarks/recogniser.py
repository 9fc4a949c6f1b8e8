"""What a recogniser trained on labelled stills is worth beside the prototype one, description by description.

    python benchmarks/recogniser.py FOLDER STORE [--describe blendshapes mini-xception] [--turns 1] [--dropout 0.7]

FOLDER holds labels.csv with the columns image, expression and images/. Each still is shown for 3 s, which is 18 equal
descriptions of its largest face; STORE keeps descriptions and scores, so that each is made once. People are told apart
by file names and by SFace (above ALIKE two stills are of one person), and never stand on both sides: five folds, each
still scored by networks that never saw its person. `--turns` draws the folds and first weights so many times, and a
still's score is the mean over them. A dropout of .7 was preferred to .1, and to .5 at half the rate, by the loss of
the people by whom the first turn stops, not by these figures. All labels are learnt together. Beside each network
stands a logistic regression on the same numbers and people, its penalty fixed at PENALTY for all.

Figures: area under the ROC curve and average precision, surprise for surprise and amusement for happiness, chance, and
what is gained over the prototype; 95 % intervals of people drawn again, the same draws for both recognisers.
The prototype was chosen on these very stills, so its figures are not of faces it never met.
"""

import argparse
import csv
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evoked.core.errors import DatasetError
from evoked.core.files import digest
from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.faces.basic_emotions import EXPRESSIONS as SEVEN
from evoked.faces.descriptors import DESCRIPTORS, column_names, width_of
from evoked.learning.recognition.config import RecogniserConfig
from evoked.learning.recognition.cross_fit import cross_fit
from evoked.learning.recognition.training_clips import ClipDataset
from evoked.metrics.average_precision import average_precision, chance_level, roc_auc
from evoked.metrics.bootstrap import bootstrap
from evoked.model.stored import read_arrays, write_arrays
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.viewers.rated_clip import IMAGE_FRAMES, ClipFaceDescriber

KEPT = ("blendshapes", "geometry", "mini-xception", "sface")
WANTED = {"surprise": "surprise", "happiness": "amusement"}
"""Label → the prototype's score that should put its stills first."""
ALIKE = 0.45
SETS = (
    ("blendshapes",),
    ("geometry",),
    ("mini-xception",),
    ("blendshapes", "mini-xception"),
    ("blendshapes", "geometry", "mini-xception"),
)
PENALTY = 0.01
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stills:
    """Described stills, n of them: rows (n, D) of KEPT, labels, people, and how many were not seen."""

    images: tuple[str, ...]
    rows: NDArray[np.float32]
    labels: NDArray[np.str_]
    people: NDArray[np.int64]
    unseen: int

    def of(self, name: str) -> NDArray[np.float32]:
        """One description, (n, its width)."""
        at = width_of(KEPT[: KEPT.index(name)]) if KEPT.index(name) else 0
        return self.rows[:, at : at + DESCRIPTORS[name].width]


def described(folder: Path, store: Path) -> Stills:
    """Describe every still, or take it from the store."""
    with (folder / "labels.csv").open(newline="") as file:
        labelled = [(row["image"], row["expression"]) for row in csv.DictReader(file)]
    place = store / f"rows-{digest([column_names(KEPT), [image for image, _ in labelled]])[:16]}.safetensors"
    if not place.is_file():
        write_arrays(place, dict(zip(("rows", "seen"), _rows(folder, [i for i, _ in labelled]), strict=True)), "")
    arrays, _ = read_arrays(place)
    seen, rows = arrays["seen"], arrays["rows"]
    kept = [labelled[i] for i in np.flatnonzero(seen)]
    images = tuple(image for image, _ in kept)
    people = linked(images, rows[seen][:, -DESCRIPTORS["sface"].width :])
    return Stills(images, rows[seen], np.array([label for _, label in kept]), people, int((~seen).sum()))


def _rows(folder: Path, images: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    faces = ClipFaceDescriber(KEPT)
    rows, seen = np.zeros((len(images), width_of(KEPT)), dtype=np.float32), np.zeros(len(images), dtype=np.bool_)
    for i, image in enumerate(images):
        with suppress(DatasetError):  # no face is seen in it: counted
            rows[i], seen[i] = faces(folder / "images" / image).track.values[0], True
        if i % 100 == 99:
            print(f"{i + 1} of {len(images)} described", file=sys.stderr, flush=True)
    return rows, seen


def linked(images: Sequence[str], sface: NDArray[np.float32]) -> NDArray[np.int64]:
    """A number for each still's person: stills of one file name (but for its number) or of like faces are linked."""
    names = [re.sub(r"_?\d+$", "", Path(image).stem) or image for image in images]
    head = np.unique(names, return_inverse=True)[1].astype(np.int64)
    unit = sface / np.linalg.norm(sface, axis=1, keepdims=True)
    for one, other in np.argwhere(np.triu(unit @ unit.T > ALIKE, 1)):
        head[head == head[other]] = head[one]
    return np.unique(head, return_inverse=True)[1].astype(np.int64)


def prototype(stills: Stills) -> dict[str, Array]:
    """Label of WANTED → the prototype recogniser's scores."""
    found = []
    recogniser = PrototypeRecogniser()
    for row in stills.of("blendshapes"):
        rows = np.repeat(row[None], IMAGE_FRAMES, axis=0)
        track = Track(
            TimeGrid(ANNOTATION_FPS, IMAGE_FRAMES), column_names(("blendshapes",)), rows, np.ones(IMAGE_FRAMES, bool)
        )
        found.append(recogniser.score(track).values[-1])
    scores = np.array(found, dtype=np.float64)
    return {label: scores[:, recogniser.names.index(name)] for label, name in WANTED.items()}


def untrained(stills: Stills) -> dict[str, Array]:
    """Label of WANTED → mini-Xception's own probability."""
    logits = stills.of("mini-xception")[:, -len(SEVEN) :].astype(np.float64)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return {"surprise": p[:, SEVEN.index("surprise")], "happiness": p[:, SEVEN.index("happy")]}


def trained(
    stills: Stills, describe: tuple[str, ...], count: int, dropout: float | None, store: Path
) -> dict[str, Array]:
    """Label of WANTED → scores of networks that never saw the still's person, the mean over several draws."""
    expressions = tuple(sorted(set(stills.labels.tolist())))
    said = (stills.labels[:, None] == np.array(expressions)).astype(np.float64)
    rows = np.concatenate([stills.of(name) for name in describe], axis=1)
    clips = tuple(np.repeat(row[None], IMAGE_FRAMES, axis=0) for row in rows)
    people = tuple(f"p{p}" for p in stills.people)
    rated = ClipDataset(expressions, stills.images, clips, said, people, {})
    total = np.zeros(said.shape)
    for seed in range(count):
        config = RecogniserConfig(descriptors=describe, dropout=dropout, seed=seed)
        place = store / f"scores-{digest([repr(config), digest(rows.tobytes().hex()), people])[:16]}.safetensors"
        if not place.is_file():
            found = cross_fit(rated, config)
            write_arrays(place, {"scores": found.scores}, "")
            print(f"{' + '.join(describe)}, draw {seed}: tried {found.tried}", file=sys.stderr, flush=True)
        total += read_arrays(place)[0]["scores"]
    return {label: total[:, expressions.index(label)] / count for label in WANTED}


def regressed(stills: Stills, describe: tuple[str, ...]) -> dict[str, Array]:
    """Label of WANTED → probabilities of a logistic regression that never saw the still's person."""
    rows = np.concatenate([stills.of(name) for name in describe], axis=1)
    given = {label: np.zeros(len(rows)) for label in WANTED}
    for learn, held in GroupKFold(5, shuffle=True, random_state=0).split(rows, groups=stills.people):
        for label in WANTED:
            one = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=1000))
            one.fit(rows[learn], stills.labels[learn] == label)
            given[label][held] = one.predict_proba(rows[held])[:, 1]
    return given


def figures(stills: Stills, label: str, ways: dict[str, dict[str, Array]]) -> list[str]:
    """A line of the table per way, for one label; the first way is what the others are compared with."""
    truth, who = stills.labels == label, stills.people
    given = [scores[label] for scores in ways.values()]

    def values(at: NDArray[np.int64]) -> list[float | None]:
        own = [(roc_auc(s[at], truth[at]), average_precision(s[at], truth[at])) for s in given]
        gains = [[None if a is None or b is None else a - b for a, b in zip(o, own[0], strict=True)] for o in own]
        return [v for o, g in zip(own, gains, strict=True) for v in (*o, *g)]

    intervals = bootstrap(int(who.max()) + 1, lambda weights: values(np.repeat(np.arange(len(who)), weights[who])))
    whole = values(np.arange(len(who)))
    lines = []
    for i, name in enumerate(ways):
        cells = [_cell(whole[4 * i + j], intervals[4 * i + j].low, intervals[4 * i + j].high, j > 1) for j in range(4)]
        auc, ap, more_auc, more_ap = cells if i else [*cells[:2], "", ""]
        lines.append(f"| {name} | {auc} | {ap} | {more_auc} | {more_ap} |")
    base = chance_level(truth.astype(float))
    head = f"{label}: {int(truth.sum())} of {len(truth)}; chance AUC .500, AP {base:.3f}"
    return [head, "", "| | AUC | AP | AUC gained | AP gained |", "|---|---|---|---|---|", *lines, ""]


def _cell(value: float | None, low: float | None, high: float | None, signed: bool) -> str:
    assert value is not None
    assert low is not None
    assert high is not None
    form = "{:+.3f}" if signed else "{:.3f}"
    return f"{form.format(value)} ({form.format(low)} … {form.format(high)})".replace("0.", ".")


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path)
    words.add_argument("store", type=Path)
    words.add_argument("--describe", nargs="+", help="one set of descriptions; several sets where left out")
    words.add_argument("--turns", type=int, default=1)
    words.add_argument("--dropout", type=float, help="by default the trainer chooses")
    given = words.parse_args()
    given.store.mkdir(parents=True, exist_ok=True)
    stills = described(given.folder, given.store)
    ways = {"prototype": prototype(stills), "mini-Xception, as it is": untrained(stills)}
    for describe in [tuple(given.describe)] if given.describe else SETS:
        ways[f"regression: {', '.join(describe)}"] = regressed(stills, describe)
        ways[f"trained: {', '.join(describe)}"] = trained(stills, describe, given.turns, given.dropout, given.store)
    print(f"{len(stills.images)} stills, {stills.unseen} more without a face; {stills.people.max() + 1} people\n")
    for label in WANTED:
        print("\n".join(figures(stills, label, ways)))


if __name__ == "__main__":
    main()

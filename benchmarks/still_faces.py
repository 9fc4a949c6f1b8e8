"""How well surprise and amusement are told on labelled stills of faces shown for 3 s, by evoked annotate's own way.

    python benchmarks/still_faces.py FOLDER [--side 48] [--limit N] [--rate 1] [--prove 30] [--json]

FOLDER holds labels.csv with the columns image, expression (surprise, happiness, …) and images/. Every still is
written as a 3 s H.264 video and goes through the Annotator from that file, as the command does it; the score of
a still is the mean over the ticks of the viewer with the largest face, 0 where nobody was seen. `--rate` is the
video's, in pictures a second: at 1 a still is looked at three times, at 25 at all of its 18 ticks, at 1/3 once.
`--prove N` shows N stills at 25 too, and says how far apart they come out. `--side 48` first cuts the face out (half
as much again as its box) and makes it 48x48, as small web faces are.

Figures: area under the ROC curve of surprise for surprise, and of amusement for happiness, against all other
stills, with 95 % intervals over people (an image's name without the number at its end).
"""

import argparse
import csv
import json
import re
import sys
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from evoked.faces.detect import FaceDetector
from evoked.media.images import read_image, resize
from evoked.media.write import VideoWriter
from evoked.metrics.average_precision import roc_auc
from evoked.metrics.bootstrap import bootstrap
from evoked.reactions.viewers.annotator import Annotator

SHOWN_S = 3
USUAL = Fraction(25)
WANTED = {"surprise": "surprise", "amusement": "happiness"}
"""Score → the label whose stills it should put first."""

Rgb = NDArray[np.uint8]


def labelled(folder: Path, limit: int) -> list[tuple[str, str]]:
    """(image, expression) of labels.csv; with a limit, every n-th, so that all expressions are there."""
    with (folder / "labels.csv").open(newline="") as file:
        rows = [(row["image"], row["expression"]) for row in csv.DictReader(file)]
    return rows if not limit or limit >= len(rows) else [rows[i * len(rows) // limit] for i in range(limit)]


class Stills:
    """Scores stills; the nets are loaded once."""

    def __init__(self, side: int, place: Path) -> None:
        self._side, self._place = side, place
        self._annotator = Annotator()
        self._detect = FaceDetector()

    def score(self, rgb: Rgb, rate: Fraction) -> dict[str, float] | None:
        """Expression → mean score over the ticks; None where nobody was seen."""
        picture = self._small(rgb) if self._side else rgb
        video = self._place / "still.mp4"
        with VideoWriter(video, (picture.shape[1], picture.shape[0]), rate) as writer:
            for _ in range(int(SHOWN_S * rate)):
                writer.picture(picture)
        viewers = self._annotator(video).viewers.values()
        if not viewers:
            return None
        seen = max(viewers, key=lambda v: float(np.nanmean(v.boxes.values[:, 2] * v.boxes.values[:, 3])))
        means = seen.scores.values[seen.scores.valid].mean(axis=0)
        return dict(zip(seen.scores.names, means.tolist(), strict=True))

    def _small(self, rgb: Rgb) -> Rgb:
        faces = self._detect(rgb)
        if faces:
            x, y = faces[0].centre
            reach = 0.75 * float(max(faces[0].box[2:]))
            left, top = max(0, round(x - reach)), max(0, round(y - reach))
            rgb = np.ascontiguousarray(rgb[top : round(y + reach), left : round(x + reach)])
        return resize(rgb, (self._side, self._side))


def people(rows: list[tuple[str, str]]) -> NDArray[np.int64]:
    """A number for each still's person."""
    names = [re.sub(r"_?\d+$", "", Path(image).stem) or image for image, _ in rows]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def areas(rows: list[tuple[str, str]], scores: list[dict[str, float] | None]) -> list[dict[str, object]]:
    """A row per score of WANTED."""
    who = people(rows)
    truth = {name: np.array([label == wanted for _, label in rows]) for name, wanted in WANTED.items()}
    given = {name: np.array([s[name] if s else 0.0 for s in scores]) for name in WANTED}

    def drawn(weights: NDArray[np.int64]) -> list[float | None]:
        at = np.repeat(np.arange(len(rows)), weights[who])
        return [roc_auc(given[name][at], truth[name][at]) for name in WANTED]

    intervals = bootstrap(int(who.max()) + 1, drawn)
    return [
        {"score": name, "label": WANTED[name], "positives": int(truth[name].sum()), "stills": len(rows)}
        | {"auc": roc_auc(given[name], truth[name]), "low": interval.low, "high": interval.high}
        for name, interval in zip(WANTED, intervals, strict=True)
    ]


def proven(stills: Stills, folder: Path, rows: list[tuple[str, str]], count: int, rate: Fraction) -> dict[str, object]:
    """How far scores at this rate and at the usual one come apart, over all expressions."""
    apart, seen = [], 0
    for image, _ in [rows[i * len(rows) // count] for i in range(count)]:
        rgb = read_image(folder / "images" / image)
        one, other = stills.score(rgb, rate), stills.score(rgb, USUAL)
        seen += (one is None) == (other is None)
        if one and other:
            apart += [abs(one[name] - other[name]) for name in one]
    distances = np.array(apart or [np.nan])
    return {
        "stills": count,
        "seen_alike": seen,
        "mean": float(distances.mean()),
        "p95": float(np.quantile(distances, 0.95)),
        "largest": float(distances.max()),
    }


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path)
    words.add_argument("--side", type=int, default=0)
    words.add_argument("--limit", type=int, default=0)
    words.add_argument("--rate", type=Fraction, default=Fraction(1))
    words.add_argument("--prove", type=int, default=0)
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    rows = labelled(given.folder, given.limit)
    with TemporaryDirectory() as place:
        stills = Stills(given.side, Path(place))
        scores = []
        for number, (image, _) in enumerate(rows, start=1):
            scores.append(stills.score(read_image(given.folder / "images" / image), given.rate))
            if number % 100 == 0:
                print(f"{number} of {len(rows)}", file=sys.stderr, flush=True)
        told: dict[str, object] = {
            "stills": len(rows),
            "unseen": sum(s is None for s in scores),
            "rate": str(given.rate),
            "side": given.side,
            "rows": areas(rows, scores),
        }
        if given.prove:
            told["both_ways"] = proven(stills, given.folder, rows, min(given.prove, len(rows)), given.rate)
    if given.json:
        print(json.dumps(told))
        return
    size = f"{given.side}x{given.side}" if given.side else "as it is"
    print(f"{len(rows)} stills, each {size} at {given.rate} a second; in {told['unseen']} nobody was seen")
    for row in areas(rows, scores):
        print(
            f"  {row['score']:10} for {row['label']:10} ({row['positives']} of them) AUC {row['auc']:.3f}, "
            f"95 % {row['low']:.3f} … {row['high']:.3f}"
        )
    if given.prove:
        print(f"  against 25 a second: {told['both_ways']}")


if __name__ == "__main__":
    main()

"""Whether the recogniser and a net of other authors see smiles and surprise come and go alike, clip by clip.

    python benchmarks/against_net.py [VIDEO …] [--recogniser FOLDER]

Every viewer of every video (where none is named, of the catalogue's clips with faces) goes through the Annotator at
6 Hz; mini-Xception describes the same faces at the same ticks. Printed, per viewer of at least LEAST_S: Spearman's rank
correlation over ticks of amusement with happy and of surprise with surprise; an interval from stretches of 2 s drawn
again, as neighbouring ticks are hardly independent, none where there are fewer than FEWEST of these; chance is 0. Last,
all viewers' ticks together. A dash: the one or the other hardly moves there (its scores stay within MOVES), so the
ranks of such a clip are of noise.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from evoked.core.track import Track
from evoked.faces.describe import column_names
from evoked.faces.seven import EXPRESSIONS
from evoked.metrics.correlation import pearson
from evoked.metrics.resampling import bootstrap
from evoked.reactions.annotate import Annotator
from evoked.reactions.prototype import PrototypeRecogniser, Recogniser
from evoked.reactions.trained import load_trained
from evoked.weights.cache import default_cache

CLIPS = (
    "WolfgangLanger_Pexels.mp4",
    "single_face.mp4",
    "face_noface.mov",
    "noface_face.mov",
    "carphone_pristine.mp4",
)
LEAST_S, MOVES, BLOCK, FEWEST = 2, 0.05, 12, 5
COMPARED = {"amusement": "happy", "surprise": "surprise"}
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Both:
    """A recogniser, and mini-Xception's probabilities beside its scores."""

    own: Recogniser

    @property
    def names(self) -> tuple[str, ...]:
        """The recogniser's expressions, then the net's."""
        return (*COMPARED, *(f"net {name}" for name in EXPRESSIONS))

    @property
    def describes(self) -> tuple[str, ...]:
        """What the recogniser reads, and the net."""
        return tuple(dict.fromkeys((*self.own.describes, "mini-xception")))

    def describe(self) -> dict[str, object]:
        """For provenance."""
        return self.own.describe()

    def score(self, described: Track, /) -> Track:
        """Scores side by side."""
        wanted = column_names(self.own.describes)
        read = described.values[:, [described.names.index(name) for name in wanted]]
        own = self.own.score(Track.masked(described.grid, wanted, np.nan_to_num(read), described.valid))
        scores = own.values[:, [own.names.index(name) for name in COMPARED]]
        logits = described.values[:, [described.names.index(f"mini-xception {name}") for name in EXPRESSIONS]]
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        joined = np.nan_to_num(np.concatenate([scores, p / p.sum(axis=1, keepdims=True)], axis=1))
        return Track.masked(described.grid, self.names, joined, described.valid)


def spearman(one: Array, other: Array) -> float | None:
    """Rank correlation, ties sharing their mean rank; None where one does not move."""
    r = pearson(rankdata(one), rankdata(other))
    return None if np.isnan(r) else r


def cell(one: Array, other: Array) -> str:
    """The correlation and its interval over stretches where there are enough; a dash where nothing moves."""
    if min(np.ptp(one), np.ptp(other)) < MOVES:
        return "–"
    block = np.arange(len(one)) // BLOCK
    places = [np.flatnonzero(block == b) for b in range(int(block.max()) + 1)]

    def drawn(weights: NDArray[np.int64]) -> Sequence[float | None]:
        at = np.concatenate([p for p, w in zip(places, weights, strict=True) for _ in range(w)])
        return [spearman(one[at], other[at])]

    value = spearman(one, other)
    if value is None:
        return "–"
    if len(places) < FEWEST:
        return f"{value:+.2f}"
    (interval,) = bootstrap(len(places), drawn)
    assert interval.low is not None
    assert interval.high is not None
    return f"{value:+.2f} ({interval.low:+.2f} … {interval.high:+.2f})"


def main() -> None:
    """Read the command line, and compare."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("video", type=Path, nargs="*")
    words.add_argument("--recogniser", type=Path, help="folder of a trained one that knows both; else the prototype")
    given = words.parse_args()
    both = Both(load_trained(given.recogniser) if given.recogniser else PrototypeRecogniser())
    annotator = Annotator(both)
    print(f"| viewer | ticks | {' | '.join(f'{own} – {net}' for own, net in COMPARED.items())} |\n|---|---|---|---|")
    seen = []
    for path in given.video or [default_cache().clip(name) for name in CLIPS]:
        for name, viewer in annotator(path).viewers.items():
            scores = viewer.scores.values[viewer.scores.valid].astype(np.float64)
            if len(scores) >= LEAST_S * viewer.scores.grid.rate:
                seen.append(scores)
                print(f"| {path.name} {name} | {len(scores)} | {' | '.join(cells(both, scores))} |", flush=True)
    if seen:
        print(f"| together | {sum(map(len, seen))} | {' | '.join(cells(both, np.concatenate(seen)))} |")


def cells(both: Both, scores: Array) -> list[str]:
    """A cell per pair of COMPARED; scores: (ticks, names)."""
    return [cell(*(scores[:, both.names.index(n)] for n in (own, f"net {net}"))) for own, net in COMPARED.items()]


if __name__ == "__main__":
    main()

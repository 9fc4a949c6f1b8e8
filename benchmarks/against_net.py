"""Whether recognisers and nets of other authors see smiles and surprise come and go alike, clip by clip.

    python benchmarks/against_net.py [VIDEO …] [--recogniser NAME=FOLDER …] [--face-api FOLDER]

Every viewer of every video (where none is named, of the catalogue's clips with faces) goes through the Annotator at
6 Hz. The prototype recogniser, each that is named, and mini-Xception see the same faces at the same ticks; the net of
face-api.js (face_api.py says where it is had) is given the same boxes. Printed, for smiles (amusement, happy) and for
surprise, per viewer of at least LEAST_S: Spearman's rank correlation over ticks; an interval from stretches of 2 s
drawn again, as neighbouring ticks are hardly independent, none where there are fewer than FEWEST of these; chance is 0.
The last column, the nets with each other, says what two nets of other authors reach. Last, all viewers' ticks together,
and what each recogniser gains over the prototype in the same draws. A dash: the one or the other hardly moves there
(its scores stay within MOVES), so the ranks of such a clip are of noise.

A recogniser that reads mini-Xception is no independent witness beside it; beside face-api.js it is.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from evoked.core.track import Track
from evoked.faces.basic_emotions import EXPRESSIONS
from evoked.faces.descriptors import column_names
from evoked.media.decode import VideoFrame, read_media
from evoked.metrics.bootstrap import bootstrap
from evoked.metrics.correlation import pearson
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.expressions.recogniser import Recogniser
from evoked.reactions.expressions.trained import load_trained
from evoked.reactions.viewers.annotation import Viewer
from evoked.reactions.viewers.annotator import Annotator
from evoked.weights.cache import default_cache
from face_api import EXPRESSIONS as FACE_API
from face_api import FaceApi

CLIPS = (
    "WolfgangLanger_Pexels.mp4",
    "single_face.mp4",
    "face_noface.mov",
    "noface_face.mov",
    "carphone_pristine.mp4",
)
LEAST_S, MOVES, BLOCK, FEWEST = 2, 0.05, 12, 5
SHOWN = ("amusement", "surprise")
SEVEN, OTHER = "mini-Xception", "face-api.js"
Array = NDArray[np.float64]
Seen = Mapping[str, Array]
"""Who looks → (ticks, 2): scores of SHOWN, or of happy and surprise."""


@dataclass(frozen=True)
class Beside:
    """Several recognisers, and mini-Xception's probabilities beside their scores."""

    owns: Mapping[str, Recogniser]

    @property
    def names(self) -> tuple[str, ...]:
        """Each one's expressions, then the net's."""
        return tuple(f"{who} {name}" for who, name in product((*self.owns, SEVEN), SHOWN))

    @property
    def describes(self) -> tuple[str, ...]:
        """What they read, and the net."""
        return tuple(dict.fromkeys([*(d for own in self.owns.values() for d in own.describes), "mini-xception"]))

    def describe(self) -> dict[str, object]:
        """For provenance."""
        return {who: own.describe() for who, own in self.owns.items()}

    def score(self, described: Track, /) -> Track:
        """Scores side by side."""
        columns = []
        for own in self.owns.values():
            wanted = column_names(own.describes)
            read = described.values[:, [described.names.index(name) for name in wanted]]
            scores = own.score(Track.masked(described.grid, wanted, np.nan_to_num(read), described.valid))
            columns.append(scores.values[:, [scores.names.index(name) for name in SHOWN]])
        logits = described.values[:, [described.names.index(f"mini-xception {name}") for name in EXPRESSIONS]]
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        columns.append(p[:, [EXPRESSIONS.index("happy"), EXPRESSIONS.index("surprise")]])
        return Track.masked(described.grid, self.names, np.nan_to_num(np.concatenate(columns, axis=1)), described.valid)


def by_face_api(net: FaceApi, path: Path, viewer: Viewer) -> Array:
    """(valid ticks, 2): what it says at the viewer's boxes."""
    places = [FACE_API.index("happy"), FACE_API.index("surprised")]
    boxes, said = viewer.boxes, {}
    for picture in read_media(path, frames=boxes.grid):
        if isinstance(picture, VideoFrame) and boxes.valid[picture.step]:
            said[picture.step] = net(picture.rgb(), boxes.values[picture.step])[places]
    return np.array([said[step] for step in np.flatnonzero(boxes.valid)], dtype=np.float64)


def looked_at(path: Path, annotator: Annotator, owns: Sequence[str], net: FaceApi | None) -> dict[str, Seen]:
    """Viewer → what everybody sees at the ticks where it is there; of viewers that are there for LEAST_S."""
    found: dict[str, Seen] = {}
    for name, viewer in annotator(path).viewers.items():
        scores = viewer.scores.values[viewer.scores.valid].astype(np.float64)
        if len(scores) < LEAST_S * viewer.scores.grid.rate:
            continue
        seen = {who: scores[:, 2 * i : 2 * i + 2] for i, who in enumerate((*owns, SEVEN))}
        found[f"{path.name} {name}"] = seen | ({OTHER: by_face_api(net, path, viewer)} if net else {})
    return found


def spearman(one: Array, other: Array) -> float | None:
    """Rank correlation, ties sharing their mean rank; None where one does not move."""
    r = pearson(rankdata(one), rankdata(other))
    return None if np.isnan(r) else r


def stretches(ticks: int, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the ticks when each stretch is drawn so many times."""
    return np.concatenate([np.arange(b * BLOCK, min((b + 1) * BLOCK, ticks)).repeat(w) for b, w in enumerate(weights)])


def cell(series: Sequence[Array]) -> str:
    """Of two their correlation, of three how much more the first goes with the last than the second does; intervals."""
    ticks = len(series[0])
    if min(map(np.ptp, series)) < MOVES:
        return "–"

    def value(at: NDArray[np.int64]) -> float | None:
        *ones, net = (s[at] for s in series)
        r = [spearman(one, net) for one in ones]
        return None if None in r else (r[0] or 0.0) - (r[1] or 0.0 if len(r) > 1 else 0.0)

    whole, count = value(np.arange(ticks)), -(-ticks // BLOCK)
    if whole is None:
        return "–"
    if count < FEWEST:
        return f"{whole:+.2f}"
    (span,) = bootstrap(count, lambda weights: [value(stretches(ticks, weights))])
    return f"{whole:+.2f}" if span.low is None else f"{whole:+.2f} ({span.low:+.2f} … {span.high:+.2f})"


def table(shown: int, owns: Sequence[str], seen: Mapping[str, Seen]) -> list[str]:
    """The table of one of SHOWN."""
    nets = [who for who in next(iter(seen.values())) if who not in owns]
    pairs = [*product(owns, nets), *combinations(nets, 2)]
    lines = [
        f"| {SHOWN[shown]} | ticks | {' | '.join(f'{a} – {b}' for a, b in pairs)} |",
        "|---" * (2 + len(pairs)) + "|",
    ]
    whole = {who: np.concatenate([s[who] for s in seen.values()]) for who in (*owns, *nets)}
    for name, each in (*seen.items(), ("together", whole)):
        cells = [cell((each[a][:, shown], each[b][:, shown])) for a, b in pairs]
        lines.append(f"| {name} | {len(each[owns[0]])} | {' | '.join(cells)} |")
    first = whole[owns[0]][:, shown]
    gains = ["" if a in (owns[0], *nets) else cell((whole[a][:, shown], first, whole[b][:, shown])) for a, b in pairs]
    return [*lines, f"| more than {owns[0]} | | {' | '.join(gains)} |"] if len(owns) > 1 else lines


def main() -> None:
    """Read the command line, and compare."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("video", type=Path, nargs="*")
    words.add_argument("--recogniser", action="append", default=[], help="NAME=FOLDER of a trained one that knows both")
    words.add_argument("--face-api", type=Path, help="folder of face-api.js's net, see face_api.py")
    given = words.parse_args()
    named = dict(word.split("=", 1) for word in given.recogniser)
    owns: dict[str, Recogniser] = {"prototype": PrototypeRecogniser()}
    owns |= {name: load_trained(Path(folder)) for name, folder in named.items()}
    annotator, net = Annotator(Beside(owns)), FaceApi(given.face_api) if given.face_api else None
    seen: dict[str, Seen] = {}
    for path in given.video or [default_cache().clip(name) for name in CLIPS]:
        seen |= looked_at(path, annotator, list(owns), net)
    if not seen:
        raise SystemExit(f"no viewer is seen for {LEAST_S} s")
    for shown in range(len(SHOWN)):
        print("\n".join(table(shown, list(owns), seen)), "\n")


if __name__ == "__main__":
    main()

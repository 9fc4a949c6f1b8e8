"""Why a recogniser trained on stills follows videos or does not: the same stills, trained in six ways.

    python benchmarks/stills_on_video.py FOLDER STORE [VIDEO …] [--seeds 3] [--few 168] [--recogniser TRAINED]

FOLDER holds labels.csv and images/ as for recogniser.py; STORE keeps descriptors. The videos are those named and the
catalogue's clips with faces. Networks are trained on blendshapes of all stills, of some drawn at random, and of as
many posed ones (smiles without a dropped jaw, surprise without a smile: what a studio has), in these ways, one more
step each: windows that never change, one of each still an epoch (as it was); the same, LEAST_WINDOWS an epoch; windows
that begin in another state; the LSTM taught to hold the last frame; and, apart, no recurrence.

Each network scores each viewer twice: frame by frame (that frame for 3 s, as in training), and as annotate does, from
the 3 s that end there. Printed over the viewers and expressions whose prototype score moves by MOVES: Spearman's rank
correlation of the two (at no lag; at the best lag), the lag in seconds at which it is best, the rank correlation of
the second with the prototype's score of single frames, the share of the largest frame-wise score that the second
reaches; and over pairs of a neutral and a happy still the seconds until a change has had half its effect. With
`--recogniser`, a folder that `evoked recogniser train` made, nothing is trained: that one is looked at.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.faces.descriptors import column_names
from evoked.faces.landmarks import BLENDSHAPES
from evoked.learning.recognition import descriptor_windows, initial_network
from evoked.learning.recognition.config import RecogniserConfig
from evoked.learning.recognition.cross_fit import fit_recogniser, shape_of
from evoked.learning.recognition.descriptor_windows import window_scores
from evoked.learning.recognition.training_clips import ClipDataset
from evoked.metrics.average_precision import roc_auc
from evoked.metrics.correlation import pearson
from evoked.model.recognition import RecognitionForward
from evoked.model.recognition_checkpoint import load_recognition
from evoked.model.stored import read_arrays, write_arrays
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.viewers.annotator import Annotator
from evoked.reactions.viewers.rated_clip import IMAGE_FRAMES
from evoked.weights.cache import default_cache
from recogniser import WANTED, Stills, described

CLIPS = (
    "WolfgangLanger_Pexels.mp4",
    "single_face.mp4",
    "face_noface.mov",
    "noface_face.mov",
    "carphone_pristine.mp4",
)
MOVES, LEAST_FRAMES, PAIRS = 0.3, 12, 60
WAYS: dict[str, tuple[dict[str, str], int, int]] = {
    "never change, one a still": ({"still_windows": "constant"}, 1, 0),
    "never change": ({"still_windows": "constant"}, descriptor_windows.LEAST_WINDOWS, 0),
    "moving": ({}, descriptor_windows.LEAST_WINDOWS, 0),
    "moving, last frame taught": ({}, descriptor_windows.LEAST_WINDOWS, initial_network.BATCHES),
    "no recurrence": ({"recurrence": "none"}, descriptor_windows.LEAST_WINDOWS, 0),
}
"""Name → settings, LEAST_WINDOWS, batches that teach the last frame."""
Array = NDArray[np.float64]
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class AsDescribed:
    """A recogniser whose scores are the blendshapes themselves, to have them for each viewer."""

    @property
    def names(self) -> tuple[str, ...]:
        """The 52 blendshapes."""
        return BLENDSHAPES

    @property
    def describes(self) -> tuple[str, ...]:
        """The same."""
        return ("blendshapes",)

    def describe(self) -> dict[str, object]:
        """Nothing."""
        return {}

    def score(self, described_face: Track, /) -> Track:
        """The blendshapes."""
        return described_face


def viewers(paths: list[Path], store: Path) -> dict[str, Rows]:
    """Name of each video and viewer → blendshapes of the frames where the viewer is seen."""
    annotator = Annotator(AsDescribed())
    found: dict[str, Rows] = {}
    for path in paths:
        place = store / f"viewers-{path.name}.safetensors"
        if not place.is_file():
            seen = annotator(path).viewers
            write_arrays(place, {name: v.scores.values[v.scores.valid] for name, v in seen.items()}, "")
        found |= {f"{path.name} {name}": rows for name, rows in sorted(read_arrays(place)[0].items())}
    return {name: rows for name, rows in found.items() if len(rows) >= LEAST_FRAMES}


def posed(stills: Stills) -> NDArray[np.bool_]:
    """Stills as a studio has them."""
    shapes = stills.of("blendshapes")
    column = {name: shapes[:, i] for i, name in enumerate(BLENDSHAPES)}
    jaw, smile = column["jawOpen"], (column["mouthSmileLeft"] + column["mouthSmileRight"]) / 2
    happy, surprised = stills.labels == "happiness", stills.labels == "surprise"
    usual = ~happy & ~surprised & (jaw < 0.08) & (smile < 0.1)
    return np.asarray((happy & (jaw < 0.05) & (smile > 0.5)) | (surprised & (jaw > 0.3) & (smile < 0.1)) | usual)


def drawn(stills: Stills, allowed: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Indices of as many stills of each label, by lot."""
    labels, random = sorted(set(stills.labels.tolist())), np.random.default_rng(0)
    each = [np.flatnonzero(allowed & (stills.labels == label)) for label in labels]
    return np.concatenate([random.choice(e, min(len(e), count // len(labels)), replace=False) for e in each])


def rated(stills: Stills, index: NDArray[np.int64]) -> ClipDataset:
    """Stills as the trainer takes them."""
    labels = tuple(sorted(set(stills.labels.tolist())))
    rows = tuple(np.repeat(stills.of("blendshapes")[i][None], IMAGE_FRAMES, axis=0) for i in index)
    said = (stills.labels[index, None] == np.array(labels)).astype(np.float64)
    return ClipDataset(
        labels, tuple(stills.images[i] for i in index), rows, said, tuple(f"p{stills.people[i]}" for i in index), {}
    )


@contextmanager
def way_of(least: int, batches: int) -> Iterator[None]:
    """Train with these numbers of windows and batches."""
    with patch.object(descriptor_windows, "LEAST_WINDOWS", least), patch.object(initial_network, "BATCHES", batches):
        yield


def ranks(a: Array, b: Array) -> float:
    """Spearman's rank correlation."""
    return pearson(rankdata(a), rankdata(b))


def prototype_scores(rows: Rows) -> Track:
    """The prototype's score of each frame, without a neutral baseline."""
    track = Track(
        TimeGrid(ANNOTATION_FPS, len(rows)), column_names(("blendshapes",)), rows, np.ones(len(rows), np.bool_)
    )
    return PrototypeRecogniser(rest_least_s=1e9).score(track)


def followed(forward: RecognitionForward, seen: dict[str, Rows]) -> Array:
    """A row per viewer and expression that moves: the five figures of the module's docstring."""
    figures = []
    for rows in seen.values():
        usual, video = prototype_scores(rows), forward(rows)
        frames = forward.windows(np.repeat(rows[:, None], IMAGE_FRAMES, axis=1))
        for label, name in WANTED.items():
            known = usual.values[:, usual.names.index(name)]
            k = forward.config.expressions.index(label if label in forward.config.expressions else name)
            if np.ptp(known) < MOVES:
                continue
            v, f = video[:, k].astype(np.float64), frames[:, k].astype(np.float64)
            by_lag = [ranks(v[lag:], f[: len(f) - lag]) for lag in range(min(IMAGE_FRAMES, len(v) - 10))]
            best = int(np.argmax(by_lag))
            figures.append((by_lag[0], by_lag[best], best / 6, ranks(v, known.astype(np.float64)), v.max() / f.max()))
    return np.array(figures)


def half_time(forward: RecognitionForward, before: Rows, after: Rows) -> float:
    """Seconds after a change, in the mean over pairs of stills, until half of its effect is there."""
    k = forward.config.expressions.index("happiness")
    effect = []
    for held in range(IMAGE_FRAMES + 1):
        window = np.repeat(before[:, None], IMAGE_FRAMES, axis=1)
        window[:, IMAGE_FRAMES - held :] = after[:, None]
        effect.append(float(forward.windows(window)[:, k].mean()))
    share = (np.array(effect) - effect[0]) / (effect[-1] - effect[0])
    first = int(np.argmax(share >= 0.5))
    return float(first - (share[first] - 0.5) / (share[first] - share[first - 1])) / 6


def line(stills: Stills, index: NDArray[np.int64], way: str, seeds: int, seen: dict[str, Rows]) -> str:
    """One row of the table."""
    settings, least, batches = WAYS[way]
    clips = rated(stills, index)
    people = sorted(set(clips.people))
    random = np.random.default_rng(1).permutation(len(people))
    held = {people[i] for i in random[: len(people) // 5]}
    stop = np.array([person in held for person in clips.people])
    shapes = stills.of("blendshapes")
    neutral, happy = (shapes[stills.labels == label][:PAIRS] for label in ("neutral", "happiness"))
    figures, times, aucs = [], [], []
    for seed in range(seeds):
        config = RecogniserConfig(seed=seed, **settings)  # type: ignore[arg-type]
        with way_of(least, batches):
            fitted = fit_recogniser(
                clips.subset(np.flatnonzero(~stop).tolist()), clips.subset(np.flatnonzero(stop).tolist()), config
            )
        shape = shape_of(clips, config)
        forward = RecognitionForward(shape, fitted.arrays)
        figures.append(followed(forward, seen))
        times.append((half_time(forward, neutral, happy), half_time(forward, happy, neutral)))
        scores = window_scores(shape, fitted.arrays, [c for c, s in zip(clips.rows, stop, strict=True) if s])
        aucs.append([roc_auc(scores[:, clips.expressions.index(e)], stills.labels[index][stop] == e) for e in WANTED])
    f, (rise, fall) = np.concatenate(figures), np.mean(times, axis=0)
    auc = " ".join(f"{a:.2f}" for a in np.array(aucs, dtype=np.float64).mean(axis=0))
    cells = (
        f"{auc} | {f[:, 0].mean():.2f} ({f[:, 0].min():.2f})",
        f"{f[:, 1].mean():.2f} ({f[:, 1].min():.2f}) | {np.median(f[:, 2]):.2f} ({f[:, 2].max():.2f})",
        f"{f[:, 3].mean():.2f} | {f[:, 4].mean():.2f} ({f[:, 4].min():.2f}) | {rise:.2f} | {fall:.2f}",
    )
    return f"| {way} | {' | '.join(cells)} |"


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path)
    words.add_argument("store", type=Path)
    words.add_argument("video", type=Path, nargs="*")
    words.add_argument("--seeds", type=int, default=3)
    words.add_argument("--few", type=int, default=168)
    words.add_argument("--recogniser", type=Path, help="a trained one to look at, instead of training")
    given = words.parse_args()
    given.store.mkdir(parents=True, exist_ok=True)
    seen = viewers([*(default_cache().clip(name) for name in CLIPS), *given.video], given.store)
    print(f"{len(seen)} viewers: {', '.join(f'{name} ({len(rows)} frames)' for name, rows in seen.items())}")
    if given.recogniser:
        recognition, _ = load_recognition(given.recogniser)
        f = followed(RecognitionForward(recognition.config, recognition.arrays), seen)
        print(f"{len(f)} viewers and expressions that move; mean, worst")
        for title, values, worst in (
            ("rank correlation, no lag", f[:, 0], np.min),
            ("at the best lag", f[:, 1], np.min),
            ("best lag, s", f[:, 2], np.max),
            ("peak of the frames'", f[:, 4], np.min),
        ):
            print(f"{title:25} {values.mean():.2f} {worst(values):.2f}")
        return
    stills = described(given.folder, given.store)
    everyone = np.ones(len(stills.images), dtype=np.bool_)
    for title, index in (
        ("all", np.arange(len(stills.images))),
        ("drawn at random", drawn(stills, everyone, given.few)),
        ("posed", drawn(stills, posed(stills), given.few)),
    ):
        print(f"\n{len(index)} stills, {title}; mean over {given.seeds} seeds (worst)")
        head = (
            "windows | held-out AUC surprise, happiness | rho, no lag | rho, best lag | lag, s, median | rho, prototype"
        )
        print(f"| {head} | peak of the frames' | rise, s | fall, s |\n{'|---' * 9}|")
        for way in WAYS:
            print(line(stills, index, way, given.seeds, seen), flush=True)


if __name__ == "__main__":
    main()

"""From expressions to valence and arousal: the paper's transfer experiment (spec §8).

The GRUs and the input gate are taken from a content model, experts and output gate are new, and all of it
learns on; beside it the same network from first weights. Both are compared with the dullest guess
there is: the mean of the training films.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from evoked.core.errors import DatasetError
from evoked.core.progress import Progress, silent
from evoked.core.settings import setting
from evoked.dataset.examples import Example
from evoked.dataset.liris import AFFECT, LEAST_ROWS, LirisFilm
from evoked.features.extract import Features
from evoked.learning.evaluation.affect_scores import AffectConfig, AffectScore, Series, low_pass, score_affect
from evoked.learning.experiments.load_or_train import progress_of_part
from evoked.learning.training.config import TrainConfig
from evoked.learning.training.train import Trained, train
from evoked.model.checkpoint import Checkpoint
from evoked.model.config import ModelConfig
from evoked.predict.forward import Forward

__all__ = ["MEAN", "SCRATCH", "TRANSFER", "Outcome", "TransferConfig", "join_affect", "transfer", "transfer_provenance"]

MEAN, SCRATCH, TRANSFER = "mean of the training films", "from scratch", "transfer"
HEADS = {"identity": "value", "sigmoid": "share"}


@dataclass(frozen=True)
class TransferConfig:
    """How the head is made and how often the experiment is run."""

    head: str = setting("identity", "experts: identity, or sigmoid on (y + 1) / 2")
    repeats: int = setting(1, "how often each way is trained, from different seeds; scores are their mean")

    def __post_init__(self) -> None:
        if self.head not in HEADS:
            raise ValueError(f"head must be one of {', '.join(HEADS)}, got {self.head!r}")
        if self.repeats < 1:
            raise ValueError(f"repeats must be 1 or more, got {self.repeats}")


@dataclass(frozen=True, eq=False)
class Outcome:
    """Result of the experiment.

    Attributes:
        lines: every score of every way.
        truth: test film → (T, 2), NaN where there is none.
        predictions: way → test film → (T, 2), of the first run.
        trained: way → the first run's model.
        films: part of the split → films.
    """

    lines: tuple[AffectScore, ...]
    truth: Mapping[str, Series]
    predictions: Mapping[str, Mapping[str, Series]]
    trained: Mapping[str, Trained]
    films: Mapping[str, tuple[str, ...]]


def join_affect(film: LirisFilm, features: Features) -> Example:
    """A film's features beside its valence and arousal, cut to the shorter of the two, which is noted.

    Raises:
        DatasetError: if fewer than LEAST_ROWS seconds have both.
    """
    described, felt = features.grid.steps, film.affect.grid.steps
    steps = min(described, felt)
    valid = film.affect.valid[:steps] & features.image.valid[:steps]
    if int(valid.sum()) < LEAST_ROWS:
        raise DatasetError(
            f"{film.name}: {int(valid.sum())} of {steps} seconds have features and affect; {LEAST_ROWS} are the least"
        )
    cut = () if described == felt else (f"{film.name}: features {described} s and affect {felt} s: cut to {steps} s",)
    rows = {name: values[:steps].astype(np.float16) for name, values in features.filled().items()}
    labels = np.where(valid[:, None], film.affect.values[:steps], np.float32(0)).astype(np.float32)
    return Example(film.name, rows, labels, valid, AFFECT, (*film.notes, *cut), values=True)


def transfer(
    model: Checkpoint,
    examples: Mapping[str, Example],
    split: Mapping[str, str],
    configs: tuple[TransferConfig, TrainConfig, AffectConfig],
    *,
    state: Path | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Train both ways, foresee the test films, score.

    Args:
        model: a content model; its modalities must be as wide as the films' features.
        examples: film → features and affect, of `joined`.
        split: film → train, validate or test; the epoch with the smallest error on the validation films is kept.
        configs: of the head, of training, of the scores.
        state: a folder in which training keeps where it stands; it goes on from there.
        progress: told in trainings.

    Raises:
        DatasetError: if a part of the split has no film, or widths differ.
    """
    head, training, scoring = configs
    parts = {p: tuple(f for f in sorted(examples) if split[f] == p) for p in ("train", "validate", "test")}
    if empty := [part for part, films in parts.items() if not films]:
        raise DatasetError(f"no film to {' and none to '.join(empty)}; give the films of more parts of the set")
    shape = replace(model.config, expressions=AFFECT, answer=HEADS[head.head])
    learnt, checked = ([_scaled(examples[f], head) for f in parts[p]] for p in ("train", "validate"))
    kept = (
        "scale.",
        f"{shape.architecture}.",
        "input_gate.",
    )  # what reads the features, with the scale that it read them in
    begun = {name: a for name, a in model.arrays.items() if name.startswith(kept)}
    tested = [examples[f] for f in parts["test"]]
    found: dict[str, list[dict[str, Series]]] = {MEAN: [_mean_of(learnt, tested, head)], SCRATCH: [], TRANSFER: []}
    trained: dict[str, Trained] = {}
    todo = [(way, run) for run in range(head.repeats) for way in (SCRATCH, TRANSFER)]
    for done, (way, run) in enumerate(todo):
        config = replace(training, seed=training.seed + run, monitor="loss")
        made = train(
            learnt,
            shape,
            config,
            validation=checked,
            start=begun if way == TRANSFER else None,
            state=state / f"{way.replace(' ', '-')}-{run}" if state else None,
            progress=progress_of_part(progress, done, len(todo), f"{way}, run {run + 1}"),
        )
        trained.setdefault(way, made)
        found[way].append(_foreseen(made, shape, tested, head, scoring))
    truth = {e.video: np.where(e.valid[:, None], e.labels, np.nan) for e in tested}
    lines = score_affect(found, truth, AFFECT, scoring, against=SCRATCH)
    return Outcome(lines, truth, {way: runs[0] for way, runs in found.items()}, trained, parts)


def transfer_provenance(configs: Sequence[object]) -> dict[str, object]:
    """Settings as plain values, for the provenance."""
    return {name: value for config in configs for name, value in asdict(config).items()}  # type: ignore[call-overload]


def _scaled(example: Example, head: TransferConfig) -> Example:
    """Labels as the head answers: as they are, or on 0 … 1."""
    if head.head == "identity":
        return example
    shares = np.where(example.valid[:, None], (example.labels + 1) / 2, 0).astype(np.float32)
    return replace(example, labels=shares)


def _felt(values: Series, head: TransferConfig) -> Series:
    """What the head answers, as valence and arousal in −1 … 1."""
    back = values if head.head == "identity" else 2 * values - 1
    return np.clip(back, -1, 1)


def _mean_of(learnt: Sequence[Example], tested: Sequence[Example], head: TransferConfig) -> dict[str, Series]:
    mean = _felt(np.concatenate([e.labels[e.valid] for e in learnt]).mean(axis=0), head)
    return {e.video: np.tile(mean, (e.seconds, 1)) for e in tested}


def _foreseen(
    made: Trained, shape: ModelConfig, tested: Sequence[Example], head: TransferConfig, scoring: AffectConfig
) -> dict[str, Series]:
    forward = Forward(shape, made.checkpoint.arrays)
    return {e.video: low_pass(_felt(forward(e.features), head), scoring.lowpass_hz) for e in tested}

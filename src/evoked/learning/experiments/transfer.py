"""From expressions to valence and arousal: the paper's transfer experiment (spec §8).

The GRUs and the input gate are taken from a content model, experts and output gate are new, and all weights are
fine-tuned. The same network trained from random weights, and the constant mean of the training videos, are the
baselines.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.expressions import AFFECT
from evoked.core.progress import Progress, silent
from evoked.core.settings import setting, settings
from evoked.dataset.examples import Example
from evoked.dataset.liris import LEAST_ROWS, LirisVideo
from evoked.dataset.split import PARTS
from evoked.features.extract import Features
from evoked.learning.evaluation.affect_scores import (
    AffectConfig,
    AffectScore,
    Series,
    VideoScore,
    low_pass,
    score_affect,
    score_videos,
)
from evoked.learning.experiments.load_or_train import progress_of_part
from evoked.learning.training.config import TrainConfig
from evoked.model.checkpoint import Checkpoint
from evoked.model.config import Answer, ModelConfig
from evoked.prediction.forward import Forward

if TYPE_CHECKING:  # torch is imported where a training begins: a help text needs none
    from evoked.learning.training.train import Trained

__all__ = [
    "MEAN",
    "SCRATCH",
    "TRANSFER",
    "Outcome",
    "TransferConfig",
    "check_split",
    "join_affect",
    "transfer",
    "transfer_provenance",
]

MEAN, SCRATCH, TRANSFER = "mean of the training videos", "from scratch", "transfer"
HEADS: Mapping[str, Answer] = {"identity": "value", "sigmoid": "share"}


@settings
class TransferConfig:
    """Settings of the experiment."""

    head: Literal["identity", "sigmoid"] = setting("identity", "experts: identity, or sigmoid on (y + 1) / 2")
    repeats: int = setting(1, "how often each variant is trained, from different seeds; scores are their mean", ge=1)
    fixed_epochs: bool = setting(
        False, "train for all --epochs and keep the last, not the one that is best on the validation videos"
    )


@dataclass(frozen=True, eq=False)
class Outcome:
    """Result of the experiment.

    Attributes:
        scores: test (where there are test videos) and validate → every score of every variant over these videos.
        truth: test or validation video → (T, 2), NaN where there is none; the test videos first.
        predictions: variant → the same videos → (T, 2), of the first run.
        trained: variant → the model of the first run.
        videos: train, validate or test → names of the videos.
    """

    scores: Mapping[str, tuple[AffectScore, ...]]
    truth: Mapping[str, Series]
    predictions: Mapping[str, Mapping[str, Series]]
    trained: Mapping[str, "Trained"]
    videos: Mapping[str, tuple[str, ...]]

    @property
    def scored_part(self) -> str:
        """The part whose scores are the result: test, or validate where there are no test videos."""
        return next(iter(self.scores))

    @property
    def lines(self) -> tuple[AffectScore, ...]:
        """The scores of that part."""
        return self.scores[self.scored_part]

    @property
    def video_scores(self) -> tuple[VideoScore, ...]:
        """Scores of each test and validation video by itself, of the first run: of the curves that are drawn."""
        return score_videos(self.predictions, self.truth, AFFECT)


def join_affect(video: LirisVideo, features: Features) -> Example:
    """Join the features of a video with its valence and arousal, cut to the shorter of the two, with a note.

    Args:
        video: annotated video.
        features: of the video.

    Returns:
        An example with values as labels.

    Raises:
        DatasetError: if fewer than LEAST_ROWS seconds have both.
    """
    feature_s, affect_s = features.grid.steps, video.affect.grid.steps
    steps = min(feature_s, affect_s)
    valid = video.affect.valid[:steps] & features.image.valid[:steps]
    if int(valid.sum()) < LEAST_ROWS:
        raise DatasetError(
            f"{video.name}: {int(valid.sum())} of {steps} seconds have features and affect; {LEAST_ROWS} are the least"
        )
    cut = f"{video.name}: features {feature_s} s and affect {affect_s} s: cut to {steps} s"
    notes = video.notes if feature_s == affect_s else (*video.notes, cut)
    rows = {name: values[:steps].astype(np.float16) for name, values in features.filled().items()}
    labels = np.where(valid[:, None], video.affect.values[:steps], np.float32(0)).astype(np.float32)
    return Example(video.name, rows, labels, valid, AFFECT, notes, values=True)


def check_split(split: Mapping[str, str], videos: Iterable[str]) -> None:
    """Check that there is something to train and to validate.

    Args:
        split: video → train, validate or test.
        videos: those that there are.

    Raises:
        DatasetError: naming the part that has none of these videos.
    """
    used = {split.get(video) for video in videos}
    if empty := [subset for subset in ("train", "validate") if subset not in used]:
        raise DatasetError(f"no video to {' and none to '.join(empty)}; give the videos of more parts of the set")


def transfer(
    model: Checkpoint,
    examples: Mapping[str, Example],
    split: Mapping[str, str],
    configs: tuple[TransferConfig, TrainConfig, AffectConfig],
    *,
    state: Path | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Train with transfer and from scratch, predict the test and validation videos, score.

    Args:
        model: a content model; its modalities must be as wide as the features of the videos.
        examples: video → features and affect, of `join_affect`.
        split: video → train, validate or test, others are left out; the epoch with the smallest error on the
            validation videos is kept, unless their number is fixed. Without test videos, as when their annotations
            are not given out, the validation videos are scored alone.
        configs: of the head, of training, of the scores.
        state: a folder for the training states, from which interrupted trainings are resumed.
        progress: receives trainings done.

    Returns:
        Scores, predictions and models.

    Raises:
        DatasetError: if there is no video to train or none to validate, or widths differ.
    """
    head, training, scoring = configs
    check_split(split, examples)
    parts = {name: tuple(v for v in sorted(examples) if split.get(v) == name) for name in PARTS}
    shape = replace(model.config, expressions=AFFECT, answer=HEADS[head.head])
    train_set, validation_set = ([_scaled(examples[v], head) for v in parts[name]] for name in ("train", "validate"))
    scored_parts = {name: parts[name] for name in ("test", "validate") if parts[name]}
    scored_set = [examples[v] for videos in scored_parts.values() for v in videos]
    predictions: dict[str, list[dict[str, Series]]] = {
        MEAN: [_constant_mean(train_set, scored_set, head)],
        SCRATCH: [],
        TRANSFER: [],
    }
    trained: dict[str, Trained] = {}
    training = replace(training, monitor="loss", patience=0 if head.fixed_epochs else training.patience)
    choosing = [] if head.fixed_epochs else validation_set
    job = _TransferJob(train_set, choosing, shape, training, _transferred(model))
    for variant, fitted in _train_runs(job, head.repeats, state, progress):
        trained.setdefault(variant, fitted)
        predictions[variant].append(_predict(fitted, shape, scored_set, head, scoring))
    truth = {e.video: np.where(e.valid[:, None], e.labels, np.nan) for e in scored_set}
    scores = {
        name: score_affect(predictions, {v: truth[v] for v in videos}, AFFECT, scoring, baseline=SCRATCH)
        for name, videos in scored_parts.items()
    }
    first_runs = {variant: by_run[0] for variant, by_run in predictions.items()}
    return Outcome(scores, truth, first_runs, trained, parts)


@dataclass(frozen=True, eq=False)
class _TransferJob:
    """What all trainings of the experiment have in common; `start`: the weights that are transferred."""

    train_set: Sequence[Example]
    validation_set: Sequence[Example]
    shape: ModelConfig
    config: TrainConfig
    start: Mapping[str, NDArray[np.float32]]


def _transferred(model: Checkpoint) -> dict[str, NDArray[np.float32]]:
    """Encoder and input gate, with the feature scale that they were trained with."""
    prefixes = ("scale.", f"{model.config.architecture}.", "input_gate.")
    return {name: array for name, array in model.arrays.items() if name.startswith(prefixes)}


def _train_runs(
    job: _TransferJob, repeats: int, state: Path | None, progress: Progress
) -> Iterator[tuple[str, "Trained"]]:
    """Train every variant with every seed; the variant with the model, in the order in which they are trained."""
    from evoked.learning.training.train import train

    runs = [(variant, run) for run in range(repeats) for variant in (SCRATCH, TRANSFER)]
    for done, (variant, run) in enumerate(runs):
        yield (
            variant,
            train(
                job.train_set,
                job.shape,
                replace(job.config, seed=job.config.seed + run),
                validation=job.validation_set,
                start=job.start if variant == TRANSFER else None,
                state=state / f"{variant.replace(' ', '-')}-{run}" if state else None,
                progress=progress_of_part(progress, done, len(runs), f"{variant}, run {run + 1}"),
            ),
        )


def transfer_provenance(configs: Sequence[object]) -> dict[str, object]:
    """Settings as plain values, for the provenance."""
    return {name: value for config in configs for name, value in asdict(config).items()}  # type: ignore[call-overload]


def _scaled(example: Example, head: TransferConfig) -> Example:
    """Labels in the range of the head: −1 … 1, or 0 … 1."""
    if head.head == "identity":
        return example
    shares = np.where(example.valid[:, None], (example.labels + 1) / 2, 0).astype(np.float32)
    return replace(example, labels=shares)


def _affect(values: Series, head: TransferConfig) -> Series:
    """Outputs of the head as valence and arousal in −1 … 1."""
    unscaled = values if head.head == "identity" else 2 * values - 1
    return np.clip(unscaled, -1, 1)


def _constant_mean(
    train_set: Sequence[Example], scored_set: Sequence[Example], head: TransferConfig
) -> dict[str, Series]:
    """The mean of the training videos as the prediction of every second."""
    mean = _affect(np.concatenate([e.labels[e.valid] for e in train_set]).mean(axis=0), head)
    return {e.video: np.tile(mean, (e.seconds, 1)) for e in scored_set}


def _predict(
    fitted: "Trained", shape: ModelConfig, scored_set: Sequence[Example], head: TransferConfig, scoring: AffectConfig
) -> dict[str, Series]:
    """Predictions of these videos, low-pass filtered if that is asked for."""
    forward = Forward(shape, fitted.checkpoint.arrays)
    return {e.video: low_pass(_affect(forward(e.features), head), scoring.lowpass_hz) for e in scored_set}

"""What each part of the content model is worth: the same training without it, several times (the paper's Table 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evoked.core.errors import DatasetError
from evoked.core.progress import Progress, silent
from evoked.core.settings import setting
from evoked.dataset.examples import Example
from evoked.dataset.liris import PARTS, split_of
from evoked.learning.evaluation.comparison import CompareConfig, Predicted
from evoked.learning.experiments.load_or_train import TrainingJob, load_or_train, progress_of_part
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelSettings
from evoked.predict.forward import Forward

__all__ = ["FULL", "VARIANTS", "AblateConfig", "Split", "Variant", "run_variants", "split_videos", "variants"]

FULL = "full"
MAKER = "ablate"
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    FULL: {},
    "image+audio": {"modalities": ("image", "audio")},
    "image": {"modalities": ("image",)},
    "no gating": {"input_gate": False, "output_gate": False},
    "no output gate": {"output_gate": False},
    "no experts": {"experts": 0},
}
"""Name → what differs from the settings that are given. Full: all of `modalities`. No experts: a plain logistic
regression on the gated states in the place of the mixture and its dummy."""


@dataclass(frozen=True)
class AblateConfig(CompareConfig):
    """What is left out in turn, and how often each way is trained."""

    seeds: int = setting(3, "how often each variant is trained, from different seeds")
    only: tuple[str, ...] = setting((), f"these variants alone (and full); there are: {', '.join(VARIANTS)}")
    split_seed: int = setting(0, "without a given split, videos are dealt out by this lot, 60 : 15 : 25")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seeds < 1:
            raise ValueError(f"seeds must be 1 or more, got {self.seeds}")
        if unknown := set(self.only) - set(VARIANTS):
            raise ValueError(f"unknown variant {', '.join(sorted(unknown))}; there are: {', '.join(VARIANTS)}")


@dataclass(frozen=True)
class Variant:
    """One way to learn."""

    name: str
    model: ModelSettings
    config: TrainConfig


@dataclass(frozen=True, eq=False)
class Split:
    """Videos to learn from, to choose the epoch by, and to score; no video in two of them."""

    train: tuple[Example, ...]
    validate: tuple[Example, ...]
    test: tuple[Example, ...]

    @property
    def parts(self) -> dict[str, tuple[Example, ...]]:
        """By name, in the order of PARTS."""
        return {part: getattr(self, part) for part in PARTS}


def variants(model: ModelSettings, config: TrainConfig, only: Sequence[str] = ()) -> tuple[Variant, ...]:
    """The full model, then what is left of it; a variant that lacks nothing of it, or needs more, is left out."""
    ways = []
    for name, choice in VARIANTS.items():
        if only and name not in (FULL, *only):
            continue
        changed = replace(model, **choice)
        if name == FULL or (set(changed.modalities) <= set(model.modalities) and changed != model):
            ways.append(Variant(name, changed, config))
    return tuple(ways)


def split_videos(examples: Sequence[Example], given: Mapping[str, str] | None = None, seed: int = 0) -> Split:
    """Share videos out, whole, 60 : 15 : 25 at random, or as it is given: video → train, validate or test.

    The same names and seed give the same split, in whatever order they come.

    Raises:
        DatasetError: if a part stays empty or is not one of the three.
    """
    advice = "give more videos" if given is None else "name some in the split"
    if given is None:
        given = split_of([e.video for e in examples], seed) if len(examples) >= len(PARTS) else {}
    if wrong := sorted({part for part in given.values() if part not in PARTS}):
        raise DatasetError(f"a video can be one to {', '.join(PARTS)}, not {', '.join(map(repr, wrong))}")
    parts = {part: tuple(e for e in examples if given.get(e.video) == part) for part in PARTS}
    if empty := [part for part, videos in parts.items() if not videos]:
        raise DatasetError(f"{len(examples)} videos leave none to {' and none to '.join(empty)}; {advice}")
    return Split(**parts)


def run_variants(
    ways: Sequence[Variant],
    split: Split,
    seeds: int,
    folder: Path,
    *,
    features: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> dict[str, list[Predicted]]:
    """Train each way from each seed, and predict the test videos.

    Each run's model is in `folder/WAY-SEED`; one that was made from the same videos and settings is kept, one
    that was cut off goes on from where it stood. The result is the same either way.

    Args:
        ways: each with a name of its own.
        split: the epoch with the best validation is kept.
        seeds: runs of each way, from the config's seed upwards.
        folder: for the models.
        features: what the features were made with, for the models' files.
        progress: told in runs.

    Returns:
        Way → run → test video → (T, K).

    Raises:
        DatasetError, TrainingError, OutputError: as `train` does.
    """
    predictions: dict[str, list[Predicted]] = {way.name: [] for way in ways}
    todo = [(way, seed) for seed in range(seeds) for way in ways]  # all ways of a seed, then the next: early tables
    for done, (way, seed) in enumerate(todo):
        place = folder / f"{way.name.replace(' ', '-')}-{seed}"
        config = replace(way.config, seed=way.config.seed + seed)
        label = f"{way.name}, run {seed + 1} of {seeds}"
        checkpoint, _ = load_or_train(
            TrainingJob(split.train, split.validate, way.model, config),
            place,
            MAKER,
            {"model": asdict(way.model), "train": asdict(config)},
            features=features,
            progress=progress_of_part(progress, done, len(todo), label),
        )
        forward = Forward(checkpoint.config, checkpoint.arrays, threads=way.config.threads)
        predictions[way.name].append({e.video: forward(e.features) for e in split.test})
        progress(done + 1, len(todo), f"{label} done")
    return predictions

"""Ablation of the content model: train without one of its parts, from several seeds (the paper's Table 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evoked.core.errors import DatasetError
from evoked.core.progress import Progress, silent
from evoked.core.settings import setting, settings
from evoked.dataset.examples import Example
from evoked.dataset.split import PARTS, split_at_random
from evoked.learning.evaluation.comparison import CompareConfig, Predicted
from evoked.learning.experiments.load_or_train import TrainingJob, load_or_train, progress_of_part
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelSettings
from evoked.prediction.forward import Forward

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
"""Name → settings that differ from those of the full model. No experts: a logistic regression on the gated states in
place of the mixture and its dummy expert."""


@settings
class AblateConfig(CompareConfig):
    """Settings of the ablation."""

    seeds: int = setting(3, "how often each variant is trained, from different seeds", ge=1)
    only: tuple[str, ...] = setting((), f"only these variants (and full), of: {', '.join(VARIANTS)}")
    split_seed: int = setting(0, "seed of the random split of the videos, 60 : 15 : 25, where no split is given")

    def __post_init__(self) -> None:
        if unknown := set(self.only) - set(VARIANTS):
            raise ValueError(f"unknown variant {', '.join(sorted(unknown))}; there are: {', '.join(VARIANTS)}")


@dataclass(frozen=True)
class Variant:
    """One variant of the model.

    Attributes:
        name: of the variant.
        model: settings of the model.
        config: settings of training.
    """

    name: str
    model: ModelSettings
    config: TrainConfig


@dataclass(frozen=True, eq=False)
class Split:
    """Training, validation and test videos; no video is in two of them.

    Attributes:
        train: videos to train on.
        validate: videos that select the epoch.
        test: videos that are scored.
    """

    train: tuple[Example, ...]
    validate: tuple[Example, ...]
    test: tuple[Example, ...]

    @property
    def parts(self) -> dict[str, tuple[Example, ...]]:
        """By name, in the order of PARTS."""
        return {name: getattr(self, name) for name in PARTS}


def variants(model: ModelSettings, config: TrainConfig, only: Sequence[str] = ()) -> tuple[Variant, ...]:
    """The full model and its variants.

    Args:
        model: settings of the full model.
        config: settings of training, the same for all.
        only: names of variants; empty: all. The full model always comes first.

    Returns:
        The variants; one that equals the full model, or needs modalities that it lacks, is left out.
    """
    selected = []
    for name, choice in VARIANTS.items():
        if only and name not in (FULL, *only):
            continue
        changed = replace(model, **choice)
        if name == FULL or (set(changed.modalities) <= set(model.modalities) and changed != model):
            selected.append(Variant(name, changed, config))
    return tuple(selected)


def split_videos(examples: Sequence[Example], assigned: Mapping[str, str] | None = None, seed: int = 0) -> Split:
    """Split whole videos into train, validate and test.

    The same names and seed give the same split, independent of the order of the videos.

    Args:
        examples: all videos.
        assigned: video → train, validate or test; None: at random, 60 : 15 : 25.
        seed: of the random split.

    Returns:
        The split; a video that is not assigned is in none of its parts.

    Raises:
        DatasetError: if a part of the split is empty, or a video is assigned to anything else.
    """
    advice = "give more videos" if assigned is None else "name some in the split"
    if assigned is None:
        names = [e.video for e in examples]
        assigned = split_at_random(names, seed).parts if len(names) >= len(PARTS) else {}
    if wrong := sorted({name for name in assigned.values() if name not in PARTS}):
        raise DatasetError(f"a video can be one to {', '.join(PARTS)}, not {', '.join(map(repr, wrong))}")
    parts = {name: tuple(e for e in examples if assigned.get(e.video) == name) for name in PARTS}
    if empty := [name for name, videos in parts.items() if not videos]:
        raise DatasetError(f"{len(examples)} videos leave none to {' and none to '.join(empty)}; {advice}")
    return Split(**parts)


def run_variants(
    selected: Sequence[Variant],
    split: Split,
    seeds: int,
    folder: Path,
    *,
    features: Mapping[str, object] | None = None,
    progress: Progress = silent,
) -> dict[str, list[Predicted]]:
    """Train each variant from each seed, and predict the test videos.

    The model of each run is in `folder/VARIANT-SEED`; one that was trained on the same videos with the same settings is
    reused, an interrupted training is resumed. The result is the same.

    Args:
        selected: variants with distinct names.
        split: of the videos; the epoch with the best validation score is kept.
        seeds: number of runs of each variant, from the seed of its config upwards.
        folder: for the models.
        features: networks and settings the features were made with, for the model files.
        progress: receives runs done.

    Returns:
        Variant → run → test video → (T, K).

    Raises:
        DatasetError, TrainingError, OutputError: as `train` does.
    """
    predictions: dict[str, list[Predicted]] = {variant.name: [] for variant in selected}
    runs = [(variant, seed) for seed in range(seeds) for variant in selected]
    for done, (variant, seed) in enumerate(runs):
        run_folder = folder / f"{variant.name.replace(' ', '-')}-{seed}"
        config = replace(variant.config, seed=variant.config.seed + seed)
        label = f"{variant.name}, run {seed + 1} of {seeds}"
        checkpoint, _ = load_or_train(
            TrainingJob(split.train, split.validate, variant.model, config),
            run_folder,
            MAKER,
            {"model": asdict(variant.model), "train": asdict(config)},
            features=features,
            progress=progress_of_part(progress, done, len(runs), label),
        )
        forward = Forward(checkpoint.config, checkpoint.arrays, threads=variant.config.threads or 0)
        predictions[variant.name].append({e.video: forward(e.features) for e in split.test})
        progress(done + 1, len(runs), f"{label} done")
    return predictions

"""`--preset paper`: every setting of the paper at once, each beside our default and the reason where they differ.

The page docs/concepts/paper-settings.md is made from these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["FIXED", "PAPER", "PRESETS", "PaperSetting", "preset_values", "with_preset"]


@dataclass(frozen=True)
class PaperSetting:
    """A setting that the preset sets.

    Attributes:
        section: of study.toml, or "recogniser" for `evoked recogniser train`.
        name: of the setting.
        value: the paper's.
        stated: what the paper states.
        reason: why our default is another; "" where it is the same.
    """

    section: str
    name: str
    value: object
    stated: str
    reason: str = ""


_SMALL = "smaller below 10,000 labelled seconds: the paper's sizes overfit a few hundred"
PAPER: tuple[PaperSetting, ...] = (
    PaperSetting(
        "features",
        "features",
        "paper",
        "Inception V3 (2048 numbers) and VGGish (128) once a second",
        "smaller files that a package index carries; the paper's are fetched from their official addresses",
    ),
    PaperSetting(
        "features",
        "face_net",
        "nn2",
        "FaceNet NN2, 1024 numbers of each of the two largest faces",
        "its weights are not public: bring your own, or override with `--face-net inception-resnet-v1`",
    ),
    PaperSetting("model", "architecture", "gru", "a GRU per modality"),
    PaperSetting("model", "modalities", ("image", "face", "audio"), "image, face and audio"),
    PaperSetting("model", "window_s", 60, "60 seconds"),
    PaperSetting("model", "layers", 1, "one GRU per modality"),
    PaperSetting("model", "image_units", 512, "512", _SMALL),
    PaperSetting("model", "face_units", 256, "256", _SMALL),
    PaperSetting("model", "audio_units", 128, "128", _SMALL),
    PaperSetting("model", "dropout", 0.3, "0.3 in each layer"),
    PaperSetting("model", "input_gate", True, "context gating of the 896 joined numbers"),
    PaperSetting("model", "output_gate", True, "context gating of the probabilities"),
    PaperSetting("model", "output_gate_from", "probabilities", "as Miech et al. 2017"),
    PaperSetting("model", "remove_diagonal", False, "as Miech et al. 2017"),
    PaperSetting("model", "experts", 2, "two mixtures and a dummy expert"),
    PaperSetting("model", "standardise", "none", "none stated"),
    PaperSetting("train", "loss", "cross_entropy", "cross entropy"),
    PaperSetting(
        "train", "learning_rate", 5e-4, "Adam, 5e-4", "5e-3 below 10,000 labelled seconds: few steps are made"
    ),
    PaperSetting("train", "runs_per_batch", 8, "128 windows a batch: 8 runs of 16"),
    PaperSetting("train", "windows_per_run", 16, "128 windows a batch: 8 runs of 16"),
    PaperSetting("train", "weight_decay", 0.0, "none stated"),
    PaperSetting("train", "label_smoothing_s", 0, "none stated"),
    PaperSetting(
        "train",
        "missing_labels",
        "zeros",
        "a label for every second, so seconds without a face are most likely all off",
        "a face that is not seen is no evidence",
    ),
    PaperSetting(
        "recogniser",
        "descriptors",
        ("nn2",),
        "FaceNet NN2, 1024 numbers a face",
        "its weights are not public; blendshapes can be explained. Override with `--descriptors inception-resnet-v1`",
    ),
    PaperSetting("recogniser", "recurrence", "lstm", "two LSTM layers over 3 s at 6 Hz"),
    PaperSetting("recogniser", "hidden_units", 64, "64 units"),
    PaperSetting("recogniser", "experts", 2, "two mixtures and a dummy expert"),
    PaperSetting(
        "recogniser",
        "still_windows",
        "constant",
        "a still face is repeated",
        "a window that ends in a face begins in others: so the score follows faces that change",
    ),
    PaperSetting(
        "recogniser",
        "class_weighting",
        "none",
        "cross entropy summed over expressions",
        "rare expressions would hardly be learnt from few ratings",
    ),
    PaperSetting("recogniser", "target_precision", 0.73, "operating points at precision 0.73"),
)
"""What the preset sets. What the paper does not state (epochs, the merging of reactions, …) keeps our default."""

FIXED: tuple[tuple[str, str, str, str], ...] = (
    ("faces of reactions", "6 Hz", "6 Hz", ""),
    (
        "recogniser of `annotate`",
        "trained on 274,000 ratings",
        "a table of actions and prototypes",
        "without ratings nothing can be trained: `evoked recogniser train --preset paper` on yours, then `recogniser`",
    ),
    (
        "vote",
        "majority of a 3 s window, merging of reactions not stated",
        "more than half of the visible frames in 3 s, all viewers pooled",
        "`[votes] merge` has other ways",
    ),
    (
        "split",
        "60:15:25 by video",
        "cross-validation by content",
        "a study has few contents; `evoked train --validate` for a split of your own",
    ),
    (
        "face description of annotated reactions",
        "as the recogniser's",
        "mesh and 52 blendshapes",
        "NN2's weights are not public; blendshapes can be explained",
    ),
)
"""What no setting of the preset changes: subject, the paper, here, how and why."""

PRESETS = ("none", "paper")


def preset_values(section: str, preset: str) -> dict[str, object]:
    """The settings of a section under a preset.

    Args:
        section: of study.toml, or "recogniser".
        preset: of PRESETS.

    Returns:
        Name → value; empty for "none".

    Raises:
        ValueError: for an unknown preset.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}")
    return {s.name: s.value for s in PAPER if s.section == section} if preset == "paper" else {}


def with_preset(values: Mapping[str, object], sections: Mapping[str, type]) -> dict[str, object]:
    """The values of a study.toml, and those of its preset where it says nothing else.

    Args:
        values: of study.toml; `preset` names the preset.
        sections: names of its sections.

    Returns:
        The values, unchanged without a preset.
    """
    preset = values.get("preset", "none")
    if not isinstance(preset, str) or preset not in PRESETS:
        return dict(values)  # refused where the header is read
    merged = dict(values)
    for section in sections:
        own = values.get(section, {})
        if (added := preset_values(section, preset)) and isinstance(own, Mapping):
            merged[section] = added | dict(own)
    return merged

"""The shape of a content model: inputs, outputs and architecture (spec §7)."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Literal

from evoked.core.settings import setting, settings

__all__ = [
    "ARCHITECTURES",
    "BN_EPSILON",
    "SMALL_BELOW_S",
    "Answer",
    "Modality",
    "ModelConfig",
    "ModelSettings",
    "NetworkSettings",
    "config_from",
    "dilations",
    "shapes",
]

PARTS = {"face": 2}
"""Modalities whose row consists of several parts: the two largest faces. Other modalities have one part."""


PAPER_UNITS = {"image": 512, "face": 256, "audio": 128}
SMALL_UNITS = {"image": 64, "face": 32, "audio": 64}
SMALL_BELOW_S = 10_000
"""Labelled seconds below which the small sizes are the default: with a few hundred, the paper's 6 million weights
overfit the training videos, see docs/decisions/0002-trainer.md."""

Answer = Literal["probability", "value", "share"]
"""Type of the outputs: probability, with sigmoid experts; value, any number, with identity experts; share, (y + 1) / 2
of a y in −1 … 1, with sigmoid experts. The last two are for regression (spec §8)."""

Standardise = Literal["modality", "column", "none"]
"""modality: each column to mean 0, all columns of a modality divided by one deviation, so that a nearly constant
column stays small. column: each column to deviation 1, noise included. See docs/decisions/0002-trainer.md."""

MAX_WINDOW_S = 3600
"""Maximum length of a window: with more than an hour a batch does not fit into memory."""

BN_EPSILON = 1e-3
"""Epsilon of the gates' batch norm, added to the variance."""


@settings
class NetworkSettings:
    """Settings of the network that do not depend on the data."""

    architecture: Literal["gru", "tcn"] = setting(
        "gru", "encoder of each modality: gru, or tcn (a causal, dilated convolution)"
    )
    window_s: int = setting(
        60, "seconds of content that a prediction depends on, its own second included", ge=1, le=MAX_WINDOW_S
    )
    experts: int = setting(
        2,
        "experts per expression, besides the dummy expert that always outputs 0; 0: a plain logistic regression",
        ge=0,
    )
    layers: int = setting(1, "GRU layers per modality", ge=1)
    dropout: float = setting(0.3, "share of each GRU's input and final state dropped in training", ge=0, lt=1)
    input_gate: bool = setting(True, "context gating of the joined GRU states")
    output_gate: bool = setting(True, "context gating of the probabilities")
    output_gate_from: Literal["probabilities", "input"] = setting(
        "probabilities", "input of the output gate: probabilities; input, the joined states that the experts read"
    )
    remove_diagonal: bool = setting(
        False, "the gate of a feature depends on all other features, not on the feature itself"
    )
    standardise: Standardise = setting("none", "scale the features by the training seconds: modality, column or none")

    def __post_init__(self) -> None:
        if self.architecture == "tcn" and self.layers != 1:
            raise ValueError(
                f"architecture tcn has the layers that its window needs; leave layers at 1, got {self.layers}"
            )


@dataclass(frozen=True)
class Modality:
    """Features of one modality and the size of their encoder.

    Attributes:
        name: "image", "face", "audio" or another; name of the tensor in feature files.
        width: numbers per second, D.
        units: size of the encoder's state, H.
        parts: equal parts of a row, e.g. two faces; a part that is all zeros is absent and stays zero when the
            others are standardised.
    """

    name: str
    width: int
    units: int
    parts: int = 1

    def __post_init__(self) -> None:
        if min(self.width, self.units, self.parts) < 1:
            raise ValueError(f"modality {self.name!r}: width, units and parts must be 1 or more, got {self}")
        if self.width % self.parts:
            raise ValueError(f"modality {self.name!r}: {self.width} columns do not make {self.parts} equal parts")


@settings
class ModelConfig(NetworkSettings):
    """The exact shape of one network; with its arrays it is the model.

    Attributes:
        modalities: in the order in which their states are joined.
        expressions: names of the K outputs.
        answer: type of the outputs, see Answer.
    """

    modalities: tuple[Modality, ...]
    expressions: tuple[str, ...]
    answer: Answer = "probability"

    def __post_init__(self) -> None:
        super().__post_init__()
        for field, names in (
            ("modalities", [modality.name for modality in self.modalities]),
            ("expressions", list(self.expressions)),
        ):
            if not names or len(set(names)) != len(names):
                raise ValueError(f"{field} must be one or more different names, got {names}")

    @property
    def fused(self) -> int:
        """Size of the joined states: 896 with image, face and audio at the paper's sizes."""
        return sum(modality.units for modality in self.modalities)

    def as_dict(self) -> dict[str, object]:
        """JSON values; the inverse of `config_from`."""
        plain = asdict(self)
        return plain | {
            "modalities": [asdict(modality) for modality in self.modalities],
            "expressions": list(self.expressions),
        }


SMALL_DEFAULT = f"or {{}} with less than {SMALL_BELOW_S} labelled seconds"


@settings
class ModelSettings(NetworkSettings):
    """User settings of a model; the input sizes come from the features."""

    modalities: tuple[str, ...] = setting(("image", "face", "audio"), "modalities to learn from, in this order")
    image_units: int | None = setting(
        None,
        f"size of the image GRU state; by default {PAPER_UNITS['image']}, {SMALL_DEFAULT.format(SMALL_UNITS['image'])}",
        ge=1,
    )
    face_units: int | None = setting(
        None,
        f"size of the face GRU state; by default {PAPER_UNITS['face']}, {SMALL_DEFAULT.format(SMALL_UNITS['face'])}",
        ge=1,
    )
    audio_units: int | None = setting(
        None,
        f"size of the audio GRU state; by default {PAPER_UNITS['audio']}, {SMALL_DEFAULT.format(SMALL_UNITS['audio'])}",
        ge=1,
    )

    def fit(self, widths: Mapping[str, int], expressions: tuple[str, ...], seconds: int | None = None) -> ModelConfig:
        """The config for features of these widths.

        Args:
            widths: modality → columns of its features; may contain more modalities than are used.
            expressions: names of the outputs.
            seconds: labelled seconds in the training set, which decide the default sizes; None: the paper's sizes.

        Returns:
            The config.

        Raises:
            ValueError: if a modality of `modalities` is not in the features, or has no setting for its units.
        """
        if missing := [name for name in self.modalities if name not in widths]:
            raise ValueError(f"no features of {' or '.join(missing)}; there are: {', '.join(widths) or 'none'}")
        default = PAPER_UNITS if seconds is None or seconds >= SMALL_BELOW_S else SMALL_UNITS
        if unknown := [name for name in self.modalities if name not in default]:
            raise ValueError(f"unknown modality {', '.join(unknown)}; known: {', '.join(default)}")
        sizes = {name: getattr(self, f"{name}_units") or size for name, size in default.items()}
        modalities = tuple(
            Modality(name, widths[name], sizes[name], _parts(name, widths[name])) for name in self.modalities
        )
        values = {f.name: getattr(self, f.name) for f in fields(NetworkSettings)}
        return ModelConfig(modalities=modalities, expressions=expressions, **values)


OTHER_KEYS = {"format", "features", "training", "provenance"}
"""Keys of a checkpoint's description that are not part of the config."""


def config_from(plain: Mapping[str, object]) -> ModelConfig:
    """The config of JSON values, the inverse of `ModelConfig.as_dict`.

    Raises:
        KeyError, TypeError, ValueError: if something is missing, of another type, or out of range.
    """
    # Values of models from before these settings existed; older models call their architecture "kind".
    defaults: dict[str, object] = {"architecture": plain.get("kind", "gru"), "answer": "probability"}
    defaults |= {"output_gate_from": "probabilities", "remove_diagonal": False}
    plain = defaults | {name: value for name, value in plain.items() if name != "kind"}
    known = {f.name for f in fields(ModelConfig)}
    if newer := sorted(plain.keys() - known - OTHER_KEYS):
        raise ValueError(f"it has settings that this program does not know ({', '.join(newer)}): update evoked")
    if missing := known - set(plain):
        raise KeyError(f"no {', '.join(sorted(missing))}")
    choices = {name: plain[name] for name in known - {"modalities", "expressions", "answer"}}
    modalities, expressions = plain["modalities"], plain["expressions"]
    if not isinstance(modalities, list) or not isinstance(expressions, list):
        raise TypeError("modalities and expressions must be lists")
    return ModelConfig(
        modalities=tuple(Modality(**m) for m in modalities),
        expressions=tuple(str(e) for e in expressions),
        answer=plain["answer"],  # type: ignore[arg-type]  # checked by the class, as the choices are
        **choices,  # type: ignore[arg-type]
    )


def _parts(name: str, width: int) -> int:
    parts = PARTS.get(name, 1)
    return parts if width % parts == 0 else 1


def shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array of a model, all float32, as in the network and the checkpoint.

    All are trained except `scale.*` (fixed before training) and `*.mean`, `*.variance` of the gates (running
    statistics).
    """
    array_shapes: dict[str, tuple[int, ...]] = {}
    for modality in config.modalities:
        array_shapes |= {
            f"scale.{modality.name}.mean": (modality.width,),
            f"scale.{modality.name}.deviation": (modality.width,),
        }
        encoder_shapes = ARCHITECTURES[config.architecture](config, modality)
        array_shapes |= {
            f"{config.architecture}.{modality.name}.{name}": shape for name, shape in encoder_shapes.items()
        }
    fused, classes, experts = config.fused, len(config.expressions), config.experts
    if config.input_gate:
        array_shapes |= _gate("input_gate", fused)
    if experts:
        array_shapes["experts.gate_weight"] = (classes, experts + 1, fused)
    array_shapes |= {
        "experts.expert_weight": (classes, max(experts, 1), fused),
        "experts.expert_bias": (classes, max(experts, 1)),
    }
    if config.output_gate:
        array_shapes |= _gate("output_gate", classes, fused if config.output_gate_from == "input" else classes)
    return array_shapes


def _gate(name: str, units: int, inputs: int | None = None) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (units, inputs or units)} | {
        f"{name}.{array}": (units,) for array in ("gain", "bias", "mean", "variance")
    }


def dilations(window_s: int) -> tuple[int, ...]:
    """Dilation of each layer of a convolution: 1, 2, 4 …, and a last one that makes the receptive field exactly
    `window_s` seconds.

    >>> dilations(60)
    (1, 2, 4, 8, 16, 28)
    """
    steps, remaining, step = [], window_s - 1, 1
    while remaining > 0:
        steps.append(min(step, remaining))
        remaining, step = remaining - step, 2 * step
    return tuple(steps)


def _tcn(config: ModelConfig, modality: Modality) -> dict[str, tuple[int, ...]]:
    """Rows of the weights: first the candidate (tanh), then its gate (sigmoid)."""
    array_shapes: dict[str, tuple[int, ...]] = {
        "first.weight": (modality.units, modality.width),
        "first.bias": (modality.units,),
    }
    for layer in range(len(dilations(config.window_s))):
        array_shapes |= {
            f"{layer}.now": (2 * modality.units, modality.units),
            f"{layer}.before": (2 * modality.units, modality.units),
            f"{layer}.bias": (2 * modality.units,),
        }
    return array_shapes


def _gru(config: ModelConfig, modality: Modality) -> dict[str, tuple[int, ...]]:
    """Rows of the weights are in torch's order: reset, update, new."""
    array_shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(config.layers):
        array_shapes |= {
            f"{layer}.weight_ih": (3 * modality.units, modality.width if layer == 0 else modality.units),
            f"{layer}.weight_hh": (3 * modality.units, modality.units),
            f"{layer}.bias_ih": (3 * modality.units,),
            f"{layer}.bias_hh": (3 * modality.units,),
        }
    return array_shapes


ARCHITECTURES: Mapping[str, Callable[[ModelConfig, Modality], dict[str, tuple[int, ...]]]] = {"gru": _gru, "tcn": _tcn}
"""Architecture → shapes of the arrays of one modality's encoder. The encoders themselves are in
`predict.encoders.RUNTIME_ENCODERS` (for prediction, without torch) and `model.encoders.ENCODERS` (torch, for
training); both compute the same."""

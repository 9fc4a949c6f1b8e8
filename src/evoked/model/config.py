"""The shape of a content model: what goes in, what comes out, and the choices between (spec §7)."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Literal

from evoked.core.settings import setting, settings

__all__ = [
    "ARCHITECTURES",
    "BN_EPSILON",
    "SMALL_BELOW_S",
    "Answer",
    "InputNets",
    "Modality",
    "ModelConfig",
    "ModelSettings",
    "config_from",
    "dilations",
    "shapes",
]

PARTS = {"face": 2}
"""Modalities whose row is several things side by side: the two largest faces. Others are one thing."""


PAPER_UNITS = {"image": 512, "face": 256, "audio": 128}
SMALL_UNITS = {"image": 64, "face": 32, "audio": 64}
SMALL_BELOW_S = 10_000
"""Labelled seconds below which the small sizes are taken where none are asked for: with a few hundred, the
paper's 6 million weights learn the training videos by heart, see docs/decisions/0002-trainer.md."""

Answer = Literal["probability", "value", "share"]
"""What an output is: probability, with sigmoid experts; value, any number, with identity experts; share, where a y
in −1 … 1 stands as (y + 1) / 2, with sigmoid experts. The last two are for regression (spec §8)."""

Standardise = Literal["modality", "column", "none"]
"""modality: each column to mean 0, all columns of a modality by one deviation, so that a column that hardly
moves stays small. column: each column to deviation 1, noise as well. See docs/decisions/0002-trainer.md."""

LONGEST_S = 3600
"""Seconds in a window at most: beyond an hour a batch would not fit into memory."""

BN_EPSILON = 1e-3
"""Of the gates' batch norm, added to the variance."""


@settings
class InputNets:
    """The choices that do not depend on the data; each stands here once."""

    architecture: Literal["gru", "tcn"] = setting(
        "gru", "encoder of each modality: gru, or tcn (a causal, dilated convolution)"
    )
    window_s: int = setting(
        60, "seconds of content that a prediction looks back on, its own second included", ge=1, le=LONGEST_S
    )
    experts: int = setting(
        2, "experts per expression; one more, the dummy, always says 0; 0: a plain logistic regression", ge=0
    )
    layers: int = setting(1, "GRU layers per modality", ge=1)
    dropout: float = setting(0.3, "share of each GRU's input and final state dropped in training", ge=0, lt=1)
    input_gate: bool = setting(True, "context gating of the joined GRU states")
    output_gate: bool = setting(True, "context gating of the probabilities")
    output_gate_from: Literal["probabilities", "input"] = setting(
        "probabilities", "what the output gate sees: probabilities; input, the joined states that the experts read"
    )
    remove_diagonal: bool = setting(False, "a number's gate sees all other numbers, not the number itself")
    standardise: Standardise = setting("none", "scale the features by the training seconds: modality, column or none")

    def __post_init__(self) -> None:
        if self.architecture == "tcn" and self.layers != 1:
            raise ValueError(
                f"architecture tcn has the layers that its window needs; leave layers at 1, got {self.layers}"
            )


@dataclass(frozen=True)
class Modality:
    """One kind of feature and the GRU that reads it.

    Attributes:
        name: "image", "face", "audio" or another; the feature file's tensor name.
        width: numbers per second, D.
        units: size of the GRU's state, H.
        parts: how many things stand side by side in a row; a part that is all zeros is absent and stays
            zero when the others are standardised.
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
class ModelConfig(InputNets):
    """The exact shape of one network; together with its arrays it is the model.

    Attributes:
        modalities: in the order in which their states are joined.
        expressions: what each output is, K names.
        answer: what kind of number each output is, see Answer.
    """

    modalities: tuple[Modality, ...]
    expressions: tuple[str, ...]
    answer: Answer = "probability"

    def __post_init__(self) -> None:
        super().__post_init__()
        for what, names in (("modalities", [m.name for m in self.modalities]), ("expressions", list(self.expressions))):
            if not names or len(set(names)) != len(names):
                raise ValueError(f"{what} must be one or more different names, got {names}")

    @property
    def fused(self) -> int:
        """Size of the joined states: 896 with image, face and audio at the paper's sizes."""
        return sum(m.units for m in self.modalities)

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values; `config_from` turns them back."""
        plain = asdict(self)
        return plain | {"modalities": [asdict(m) for m in self.modalities], "expressions": list(self.expressions)}


LITTLE = f"or {{}} with less than {SMALL_BELOW_S} labelled seconds"


@settings
class ModelSettings(InputNets):
    """What a user may choose about a model; sizes come from the features."""

    modalities: tuple[str, ...] = setting(("image", "face", "audio"), "modalities to learn from, in this order")
    image_units: int | None = setting(
        None,
        f"size of the image GRU's state; by default {PAPER_UNITS['image']}, {LITTLE.format(SMALL_UNITS['image'])}",
        ge=1,
    )
    face_units: int | None = setting(
        None,
        f"size of the face GRU's state; by default {PAPER_UNITS['face']}, {LITTLE.format(SMALL_UNITS['face'])}",
        ge=1,
    )
    audio_units: int | None = setting(
        None,
        f"size of the audio GRU's state; by default {PAPER_UNITS['audio']}, {LITTLE.format(SMALL_UNITS['audio'])}",
        ge=1,
    )

    def fit(self, widths: Mapping[str, int], expressions: tuple[str, ...], seconds: int | None = None) -> ModelConfig:
        """The config for features of these widths.

        Args:
            widths: modality → numbers per second, as found in the features; more than `modalities` may be given.
            expressions: what the model shall predict.
            seconds: labelled seconds to learn from, which decide the sizes that are not asked for; None:
                as many as the paper's.

        Raises:
            ValueError: if a modality of `modalities` is not in the features, or has no setting for its units.
        """
        if missing := [name for name in self.modalities if name not in widths]:
            raise ValueError(f"no features of {' or '.join(missing)}; there are: {', '.join(widths) or 'none'}")
        default = PAPER_UNITS if seconds is None or seconds >= SMALL_BELOW_S else SMALL_UNITS
        if unknown := [name for name in self.modalities if name not in default]:
            raise ValueError(f"unknown modality {', '.join(unknown)}; known: {', '.join(default)}")
        sizes = {name: getattr(self, f"{name}_units") or size for name, size in default.items()}
        found = tuple(Modality(name, widths[name], sizes[name], _parts(name, widths[name])) for name in self.modalities)
        choices = {f.name: getattr(self, f.name) for f in fields(InputNets)}
        return ModelConfig(modalities=found, expressions=expressions, **choices)


BESIDE = {"format", "features", "training", "provenance"}
"""What stands beside a config in a checkpoint."""


def config_from(plain: Mapping[str, object]) -> ModelConfig:
    """Turn `ModelConfig.as_dict` back.

    Raises:
        KeyError, TypeError, ValueError: if something is missing, of another type, or out of range.
    """
    # What every model was before these settings existed; "kind" is what older models call their architecture.
    defaults: dict[str, object] = {"architecture": plain.get("kind", "gru"), "answer": "probability"}
    defaults |= {"output_gate_from": "probabilities", "remove_diagonal": False}
    plain = defaults | {name: value for name, value in plain.items() if name != "kind"}
    known = {f.name for f in fields(ModelConfig)}
    if newer := sorted(plain.keys() - known - BESIDE):
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
    """Name and shape of every array of a model, all float32; the network and the checkpoint keep to it.

    Learnt: all but `scale.*` (fixed before training) and `*.mean`, `*.variance` of the gates (running
    statistics).
    """
    found: dict[str, tuple[int, ...]] = {}
    for m in config.modalities:
        found |= {f"scale.{m.name}.mean": (m.width,), f"scale.{m.name}.deviation": (m.width,)}
        own = ARCHITECTURES[config.architecture](config, m)
        found |= {f"{config.architecture}.{m.name}.{name}": shape for name, shape in own.items()}
    n, k, m_ = config.fused, len(config.expressions), config.experts
    if config.input_gate:
        found |= _gate("input_gate", n)
    if m_:
        found["experts.gate_weight"] = (k, m_ + 1, n)
    found |= {"experts.expert_weight": (k, max(m_, 1), n), "experts.expert_bias": (k, max(m_, 1))}
    if config.output_gate:
        found |= _gate("output_gate", k, n if config.output_gate_from == "input" else k)
    return found


def _gate(name: str, n: int, sees: int | None = None) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (n, sees or n)} | {
        f"{name}.{part}": (n,) for part in ("gain", "bias", "mean", "variance")
    }


def dilations(window_s: int) -> tuple[int, ...]:
    """How far back each layer of a convolution looks: 1, 2, 4 …, the last what is left, so that the last of all
    sees a window of this length, each second of it, and nothing before it.

    >>> dilations(60)
    (1, 2, 4, 8, 16, 28)
    """
    found, left, step = [], window_s - 1, 1
    while left > 0:
        found.append(min(step, left))
        left, step = left - step, 2 * step
    return tuple(found)


def _tcn(config: ModelConfig, m: Modality) -> dict[str, tuple[int, ...]]:
    """Rows of the weights: first what is let in (tanh), then how much of it (sigmoid)."""
    found: dict[str, tuple[int, ...]] = {"first.weight": (m.units, m.width), "first.bias": (m.units,)}
    for layer in range(len(dilations(config.window_s))):
        found |= {
            f"{layer}.now": (2 * m.units, m.units),
            f"{layer}.before": (2 * m.units, m.units),
            f"{layer}.bias": (2 * m.units,),
        }
    return found


def _gru(config: ModelConfig, m: Modality) -> dict[str, tuple[int, ...]]:
    """Rows of the weights stand in torch's order: reset, update, new."""
    found: dict[str, tuple[int, ...]] = {}
    for layer in range(config.layers):
        found |= {
            f"{layer}.weight_ih": (3 * m.units, m.width if layer == 0 else m.units),
            f"{layer}.weight_hh": (3 * m.units, m.units),
            f"{layer}.bias_ih": (3 * m.units,),
            f"{layer}.bias_hh": (3 * m.units,),
        }
    return found


ARCHITECTURES: Mapping[str, Callable[[ModelConfig, Modality], dict[str, tuple[int, ...]]]] = {"gru": _gru, "tcn": _tcn}
"""Kind of network → the arrays with which it reads one modality. Each kind has two more places: `readers.READERS`
(for prediction, without torch) and `encoders.ENCODERS` (torch, for training); all three say the same arithmetic."""

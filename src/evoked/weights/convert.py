"""Conversion of distributed files, done once, to fp32 ONNX that any runtime reads.

A converted file is cached under the sha256 of its source and the version here: raise the version
whenever the result changes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evoked.core.errors import WeightsError
from evoked.weights.blocks import plain_sface, plain_yunet
from evoked.weights.efficientnet import lite0, lite2
from evoked.weights.inception import inception_v3
from evoked.weights.inception_resnet import inception_resnet_v1
from evoked.weights.mini_xception import mini_xception
from evoked.weights.nn2 import nn2
from evoked.weights.vggish import vggish
from evoked.weights.yamnet import plain_yamnet

__all__ = ["CONVERSIONS", "Conversion", "Converter", "convert"]

Converter = Callable[[Path, Path], None]


@dataclass(frozen=True)
class Conversion:
    """How a network's file is converted.

    Attributes:
        version: part of the converted file's key in the cache.
        make: `make(source, target)` writes the ONNX file.
    """

    version: int
    make: Converter


CONVERSIONS: dict[str, Conversion] = {
    "yunet": Conversion(1, plain_yunet),
    "sface": Conversion(1, plain_sface),
    "efficientnet-lite0": Conversion(1, lite0),
    "efficientnet-lite2": Conversion(1, lite2),
    "yamnet": Conversion(2, plain_yamnet),
    "inception-v3-fid": Conversion(1, inception_v3),
    "inception-resnet-v1": Conversion(1, inception_resnet_v1),
    "nn2": Conversion(1, nn2),
    "mini-xception": Conversion(1, mini_xception),
    "vggish": Conversion(1, vggish),
}


def convert(name: str, source: Path, target: Path) -> None:
    """Convert a network's file.

    Args:
        name: of the catalogue, one of CONVERSIONS.
        source: the file as distributed.
        target: the ONNX file to write.

    Raises:
        KeyError: if this network needs no conversion.
        WeightsError: if the file does not have the expected content.
    """
    try:
        CONVERSIONS[name].make(source, target)
    except (ValueError, KeyError, IndexError, EOFError) as error:
        raise WeightsError(
            f"weights {name!r}: {source} cannot be converted: {error}. Run: evoked weights verify"
        ) from error

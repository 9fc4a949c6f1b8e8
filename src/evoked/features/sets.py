"""Feature sets: the networks of the paper, and networks that are freely available.

- open: EfficientNet-Lite2 1280, SFace 2 × 128, YAMNet 1024: from the package index;
- paper: Inception V3 2048, Inception-ResNet-v1 2 × 1792, VGGish 128: from official URLs.

The paper's face network, NN2 (2 × 1024), has no public weights. Users with weights select it: face_net = "nn2".
It is never selected because a file exists: the same command gives the same features on every machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from evoked.faces.descriptors import DESCRIPTORS, models_of
from evoked.features.audio import FLOORS

__all__ = ["DETECTOR", "SETS", "FeatureSet"]

DETECTOR = "yunet"


@dataclass(frozen=True)
class FeatureSet:
    """The networks that describe a content.

    Attributes:
        image: the image network: (n, 3, side, side) → features as its first output.
        face: the face descriptor, see faces/descriptors.py.
        audio: the audio network: (n, 1, 96, 64) → features as its first output.
    """

    image: str
    face: str
    audio: str

    def __post_init__(self) -> None:
        if self.face not in DESCRIPTORS:
            raise ValueError(f"face_net must be one of {', '.join(DESCRIPTORS)}, got {self.face!r}")
        if self.audio not in FLOORS:
            raise ValueError(f"no front end for the audio network {self.audio!r}; there are: {', '.join(FLOORS)}")

    @property
    def nets(self) -> tuple[str, ...]:
        """Names of all networks that are run, as in the catalogue."""
        return tuple(dict.fromkeys((self.image, DETECTOR, *models_of((self.face,)), self.audio)))


SETS: Mapping[str, FeatureSet] = {
    "open": FeatureSet("efficientnet-lite2", "sface", "yamnet"),
    "paper": FeatureSet("inception-v3-fid", "inception-resnet-v1", "vggish"),
}
"""Name → FeatureSet."""

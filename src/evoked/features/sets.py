"""Which nets make the features: a set per name, the nets of the paper and those that can be had everywhere.

- open: EfficientNet-Lite2 1280, SFace 2 × 128, YAMNet 1024: through the package index;
- paper: Inception V3 2048, Inception-ResNet-v1 2 × 1792, VGGish 128: from official URLs.

The paper's own face net, NN2 (2 × 1024), has no public weights. Who has some names it: face_net = "nn2".
It is never taken because a file happens to lie there: the same command gives the same features everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from evoked.faces.descriptors import DESCRIPTORS, models_of
from evoked.features.audio import FLOORS

__all__ = ["DETECTOR", "SETS", "FeatureSet"]

DETECTOR = "yunet"


@dataclass(frozen=True)
class FeatureSet:
    """What describes a content.

    Attributes:
        image: the net of the pictures: (n, 3, side, side) → features first.
        face: the description of faces, a row of faces/descriptors.py.
        audio: the net of the sound: (n, 1, 96, 64) → features first.
    """

    image: str
    face: str
    audio: str

    def __post_init__(self) -> None:
        if self.face not in DESCRIPTORS:
            raise ValueError(f"face_net must be one of {', '.join(DESCRIPTORS)}, got {self.face!r}")
        if self.audio not in FLOORS:
            raise ValueError(f"no front end for the sound net {self.audio!r}; there are: {', '.join(FLOORS)}")

    @property
    def nets(self) -> tuple[str, ...]:
        """Every net that is run, by its name in the catalogue."""
        return tuple(dict.fromkeys((self.image, DETECTOR, *models_of((self.face,)), self.audio)))


SETS: Mapping[str, FeatureSet] = {
    "open": FeatureSet("efficientnet-lite2", "sface", "yamnet"),
    "paper": FeatureSet("inception-v3-fid", "inception-resnet-v1", "vggish"),
}
"""Name → FeatureSet."""

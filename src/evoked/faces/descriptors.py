"""What a face can be described by: a table of names, each with its width, its nets and how it is made.

Descriptors are chosen by name; only those are loaded and computed. A describer takes
an RGB picture and the faces found in it, and gives a row of numbers for each face.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evoked.faces.basic_emotions import COLUMNS as SEVEN
from evoked.faces.basic_emotions import BasicEmotions
from evoked.faces.crops import CropDescriber
from evoked.faces.detect import Face
from evoked.faces.geometry import COLUMNS as GEOMETRY
from evoked.faces.geometry import FaceGeometry
from evoked.faces.identity import FaceIdentity
from evoked.faces.landmarks import BLENDSHAPES
from evoked.faces.mesh import FaceMesh
from evoked.weights.cache import Cache

__all__ = [
    "DESCRIBERS",
    "DescribeFaces",
    "FaceDescriptor",
    "column_names",
    "nets_of",
    "open_descriptors",
    "registered_descriptors",
    "width_of",
]


class DescribeFaces(Protocol):
    """Describes the faces of a picture."""

    def __call__(self, rgb: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """RGB (height, width, 3) and n faces → float32 (n, D), a row per face in their order; n may be 0.

        A row does not depend on the other faces. ValueError for a face without area or points.
        """
        ...


@dataclass(frozen=True)
class FaceDescriptor:
    """One way to describe a face.

    Attributes:
        width: numbers per face, D.
        nets: the pretrained nets that it runs, by their names in the catalogue.
        make: loads the nets; takes the cache (None: the default one) and threads (0: all).
        about: one line for people.
    """

    width: int
    nets: tuple[str, ...]
    make: Callable[[Cache | None, int], DescribeFaces]
    about: str


def _blendshapes(cache: Cache | None, threads: int) -> DescribeFaces:
    mesh = FaceMesh(cache, threads=threads)

    def describe(rgb: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        rows = [mesh(rgb, face).blendshapes for face in faces]
        return np.stack(rows) if rows else np.zeros((0, len(BLENDSHAPES)), dtype=np.float32)

    return describe


DESCRIBERS: Mapping[str, FaceDescriptor] = {
    "blendshapes": FaceDescriptor(
        width=len(BLENDSHAPES),
        nets=("face-mesh", "blendshapes"),
        make=_blendshapes,
        about="52 movements of the face (smile, brows up …) in [0, 1]; says little of who it is",
    ),
    "geometry": FaceDescriptor(
        width=len(GEOMETRY),
        nets=("face-mesh", "blendshapes"),
        make=FaceGeometry,
        about="where lids, brows and lips stand, whatever the face's place, size and tilt; a mirrored face is the same",
    ),
    "mini-xception": FaceDescriptor(
        width=len(SEVEN),
        nets=("mini-xception",),
        make=BasicEmotions,
        about="128 features and 7 logits of a net that was taught seven basic expressions on FER-2013",
    ),
    "sface": FaceDescriptor(
        width=128,
        nets=("sface",),
        make=FaceIdentity,
        about="128 numbers made to tell people apart, as the paper's FaceNet features are",
    ),
    "inception-resnet-v1": FaceDescriptor(
        width=1792,
        nets=("inception-resnet-v1",),
        make=partial(CropDescriber, "inception-resnet-v1"),
        about="the 1792 of the pool of a FaceNet trained on VGGFace2: the nearest to the paper's with public weights",
    ),
    "nn2": FaceDescriptor(
        width=1024,
        nets=("nn2",),
        make=partial(CropDescriber, "nn2"),
        about="the paper's 1024 of FaceNet's NN2 up to (5a); weights of your own, see docs/weights.md",
    ),
}
"""Name → Describer. A further net that describes faces is one more row."""

NAMED: Mapping[str, Sequence[str]] = {"blendshapes": BLENDSHAPES, "geometry": GEOMETRY, "mini-xception": SEVEN}
"""Descriptions whose columns have names of their own."""


def registered_descriptors(names: Sequence[str]) -> tuple[FaceDescriptor, ...]:
    """The rows of some names, in the order given.

    Raises:
        ValueError: for no name, a name twice, or a name that the table does not have.
    """
    if unknown := [name for name in names if name not in DESCRIBERS]:
        raise ValueError(f"no description of faces is called {unknown[0]!r}; there are: {', '.join(DESCRIBERS)}")
    if not names or len(set(names)) != len(names):
        raise ValueError(f"name one or more different descriptions of faces, got {', '.join(names) or 'none'}")
    return tuple(DESCRIBERS[name] for name in names)


def width_of(names: Sequence[str]) -> int:
    """Numbers per face of several descriptions side by side; ValueError as `describers`."""
    return sum(row.width for row in registered_descriptors(names))


def column_names(names: Sequence[str]) -> tuple[str, ...]:
    """What each number of several descriptions is, for a Track; ValueError as `describers`."""
    widths = zip(names, registered_descriptors(names), strict=True)
    return tuple(
        column for name, row in widths for column in NAMED.get(name, [f"{name} {i}" for i in range(row.width)])
    )


def nets_of(names: Sequence[str]) -> tuple[str, ...]:
    """The nets that several descriptions run, each once; ValueError as `describers`."""
    return tuple(dict.fromkeys(net for row in registered_descriptors(names) for net in row.nets))


def open_descriptors(names: Sequence[str], cache: Cache | None = None, threads: int = 0) -> DescribeFaces:
    """Load the nets of one or more descriptions.

    Args:
        names: which, in the order in which their numbers shall stand side by side.
        cache: where the nets are; the default cache where None.
        threads: per net; 0: all cores.

    Returns:
        Rows of `width_of(names)` numbers.

    Raises:
        ValueError: as `describers`.
        WeightsError: if a net cannot be had.
    """
    parts = [row.make(cache, threads) for row in registered_descriptors(names)]

    def describe(rgb: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        return np.concatenate([part(rgb, faces) for part in parts], axis=1)

    return describe

"""The registry of face descriptors: for each name its width, the models it runs and how it is opened.

Descriptors are chosen by name; only those are loaded and computed. An opened descriptor takes
an RGB image and the faces detected in it, and returns a row of numbers for each face.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evoked.faces.basic_emotions import COLUMNS as EMOTIONS
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
    "DESCRIPTORS",
    "DescribeFaces",
    "FaceDescriptor",
    "column_names",
    "models_of",
    "open_descriptors",
    "registered_descriptors",
    "width_of",
]


class DescribeFaces(Protocol):
    """Describes the faces of an image."""

    def __call__(self, rgb: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """Describe faces; a row does not depend on the other faces.

        Args:
            rgb: an image, shape (height, width, 3).
            faces: n faces of it; n may be 0.

        Returns:
            float32 (n, D), a row per face in their order.

        Raises:
            ValueError: for a face without area, or without distinct points where they are needed.
        """
        ...


@dataclass(frozen=True)
class FaceDescriptor:
    """One row of the registry.

    Attributes:
        width: numbers per face, D.
        models: the pretrained models that it runs, by their names in the catalogue.
        make: loads the models; takes the cache (None: the default one) and threads (0: all cores).
        about: a description in one line.
    """

    width: int
    models: tuple[str, ...]
    make: Callable[[Cache | None, int], DescribeFaces]
    about: str


def _blendshapes(cache: Cache | None, threads: int) -> DescribeFaces:
    mesh = FaceMesh(cache, threads=threads)

    def describe(rgb: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        rows = [mesh(rgb, face).blendshapes for face in faces]
        return np.stack(rows) if rows else np.zeros((0, len(BLENDSHAPES)), dtype=np.float32)

    return describe


DESCRIPTORS: Mapping[str, FaceDescriptor] = {
    "blendshapes": FaceDescriptor(
        width=len(BLENDSHAPES),
        models=("face-mesh", "blendshapes"),
        make=_blendshapes,
        about="52 movements of the face (smile, brows up …) in [0, 1]; little of it depends on the person",
    ),
    "geometry": FaceDescriptor(
        width=len(GEOMETRY),
        models=("face-mesh", "blendshapes"),
        make=FaceGeometry,
        about="positions of lids, brows and lips, whatever the face's place, size and tilt; mirroring changes nothing",
    ),
    "mini-xception": FaceDescriptor(
        width=len(EMOTIONS),
        models=("mini-xception",),
        make=BasicEmotions,
        about="128 features and 7 logits of a model that was trained on FER-2013, seven basic emotions",
    ),
    "sface": FaceDescriptor(
        width=128,
        models=("sface",),
        make=FaceIdentity,
        about="128 numbers that distinguish people, as the paper's FaceNet features are",
    ),
    "inception-resnet-v1": FaceDescriptor(
        width=1792,
        models=("inception-resnet-v1",),
        make=partial(CropDescriber, "inception-resnet-v1"),
        about="the 1792 pooled features of a FaceNet trained on VGGFace2: nearest to the paper's with public weights",
    ),
    "nn2": FaceDescriptor(
        width=1024,
        models=("nn2",),
        make=partial(CropDescriber, "nn2"),
        about="the paper's 1024 features of FaceNet's NN2 up to (5a); user-supplied weights, see docs/weights.md",
    ),
}
"""Name → FaceDescriptor. A further face model is one more row."""

NAMED: Mapping[str, Sequence[str]] = {"blendshapes": BLENDSHAPES, "geometry": GEOMETRY, "mini-xception": EMOTIONS}
"""Descriptors whose columns have names; the columns of the others are numbered."""


def registered_descriptors(names: Sequence[str]) -> tuple[FaceDescriptor, ...]:
    """The registry rows of some names, in the same order.

    Raises:
        ValueError: for no name, a name twice, or a name that is not registered.
    """
    if unknown := [name for name in names if name not in DESCRIPTORS]:
        raise ValueError(f"no description of faces is called {unknown[0]!r}; there are: {', '.join(DESCRIPTORS)}")
    if not names or len(set(names)) != len(names):
        raise ValueError(f"name one or more different descriptions of faces, got {', '.join(names) or 'none'}")
    return tuple(DESCRIPTORS[name] for name in names)


def width_of(names: Sequence[str]) -> int:
    """Numbers per face of concatenated descriptors; ValueError as `registered_descriptors`."""
    return sum(row.width for row in registered_descriptors(names))


def column_names(names: Sequence[str]) -> tuple[str, ...]:
    """A name for each column of concatenated descriptors; ValueError as `registered_descriptors`."""
    widths = zip(names, registered_descriptors(names), strict=True)
    return tuple(
        column for name, row in widths for column in NAMED.get(name, [f"{name} {i}" for i in range(row.width)])
    )


def models_of(names: Sequence[str]) -> tuple[str, ...]:
    """The models that some descriptors run, each once; ValueError as `registered_descriptors`."""
    return tuple(dict.fromkeys(model for row in registered_descriptors(names) for model in row.models))


def open_descriptors(names: Sequence[str], cache: Cache | None = None, threads: int = 0) -> DescribeFaces:
    """Load the models of one or more descriptors.

    Args:
        names: of descriptors, in the order in which their columns are concatenated.
        cache: where the models are; the default cache where None.
        threads: per model; 0: all cores.

    Returns:
        A function from an image and its faces to rows of `width_of(names)` numbers.

    Raises:
        ValueError: as `registered_descriptors`.
        WeightsError: if a model is not available.
    """
    descriptors = [row.make(cache, threads) for row in registered_descriptors(names)]

    def describe(rgb: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        return np.concatenate([describe_one(rgb, faces) for describe_one in descriptors], axis=1)

    return describe

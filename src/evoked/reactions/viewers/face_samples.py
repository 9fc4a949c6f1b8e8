"""What a face looks like at some moments of a recording: the evidence of whether it is a living viewer.

Of each track at most MAX_SAMPLES frames are kept, in pairs of consecutive frames that are spread over the whole time
of the track: a sample of an hour takes as much memory as one of a minute (about 300 KB).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evoked.faces.detect import Face
from evoked.faces.identity import alignment_transform
from evoked.faces.landmarks import BLENDSHAPE_POINTS
from evoked.faces.mesh import Mesh
from evoked.media.images import resize, to_grey, warp

__all__ = ["MAX_SAMPLES", "PATCH", "FaceSample", "FaceSamples", "face_sample"]

MAX_SAMPLES = 128
PATCH = 32
"""Side of the aligned patch of a face, in pixels."""
TEMPLATE_SIDE = 112
EYES_NOSE_MOUTH = ((33, 133), (362, 263), (1,), (61,), (291,))
"""Mesh points whose means are the eyes (first the one on the image's left), the nose tip, the corners of the mouth."""


@dataclass(frozen=True, eq=False)
class FaceSample:
    """A face at one frame.

    Attributes:
        step: the frame (6 Hz).
        score: of the face detector, in [0, 1].
        presence: of the mesh model, in [0, 1].
        points: the mesh points that blendshapes are made of, float32 (146, 2), in pixels of the reaction.
        patch: the face with eyes, nose and mouth at fixed places, grey, uint8 (PATCH, PATCH).
        whole: whether the frame holds all of the patch; beyond its edge, the edge is repeated.
    """

    step: int
    score: float
    presence: float
    points: NDArray[np.float32]
    patch: NDArray[np.uint8]
    whole: bool = True


def face_sample(step: int, rgb: NDArray[np.uint8], face: Face, mesh: Mesh) -> FaceSample:
    """Take a sample of a face.

    Args:
        step: index of the frame (6 Hz).
        rgb: its pixels, shape (height, width, 3).
        face: the detected face.
        mesh: its mesh.

    Returns:
        The sample.
    """
    places = np.stack([mesh.points[list(points)].mean(axis=0) for points in EYES_NOSE_MOUTH])
    fine = 2 * PATCH  # twice as fine first, so that small shifts of a large face do not flicker
    to_patch = alignment_transform(places) * (fine / TEMPLATE_SIDE)
    patch = to_grey(resize(warp(rgb, to_patch, (fine, fine), repeat_edge=True), (PATCH, PATCH)))
    corners = np.array([[0, 0], [fine, 0], [0, fine], [fine, fine]]) - to_patch[:, 2]
    inside = corners @ np.linalg.inv(to_patch[:, :2]).T  # in pixels of the frame
    whole = bool((inside >= 0).all() and (inside <= (rgb.shape[1], rgb.shape[0])).all())
    return FaceSample(step, face.score, mesh.presence, mesh.points[list(BLENDSHAPE_POINTS)], patch, whole)


@dataclass(eq=False)
class FaceSamples:
    """The samples of one track, thinned out as they become too many.

    Attributes:
        samples: in order of their steps, at most MAX_SAMPLES.
        stride: the frames `n · stride` and `n · stride + 1` are kept.
    """

    samples: list[FaceSample] = field(default_factory=list)
    stride: int = 2

    def wants(self, step: int) -> bool:
        """Whether a frame is one of those that are kept."""
        return step % self.stride < 2

    def append(self, sample: FaceSample) -> None:
        """Add a sample of a later frame; it is dropped where its frame is none of those that are kept."""
        if self.wants(sample.step):
            self.samples.append(sample)
            self._thin()

    def merge(self, others: "FaceSamples") -> None:
        """Add the samples of another track of the same person."""
        self.samples = sorted([*self.samples, *others.samples], key=lambda sample: sample.step)
        self.stride = max(self.stride, others.stride)
        self._keep()
        self._thin()

    def masked(self, shown: NDArray[np.bool_]) -> "FaceSamples":
        """The samples of frames that were shown; `shown` has shape (frames,)."""
        return FaceSamples([sample for sample in self.samples if shown[sample.step]], self.stride)

    def _thin(self) -> None:
        while len(self.samples) > MAX_SAMPLES:
            self.stride *= 2
            self._keep()

    def _keep(self) -> None:
        self.samples = [sample for sample in self.samples if self.wants(sample.step)]

"""478 points on a face and 52 blendshapes: the models of MediaPipe's face landmarker, run without MediaPipe.

Source of every step: MediaPipe's face_detector_graph.cc, face_landmarks_detector_graph.cc and
face_blendshapes_graph.cc; the tests compare with MediaPipe's own output.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.faces.detect import Face
from evoked.faces.landmarks import BLENDSHAPE_POINTS, BLENDSHAPES, LEFT_EYE_CORNER, POINTS, RIGHT_EYE_CORNER
from evoked.media.images import resize, warp
from evoked.weights.cache import Cache
from evoked.weights.session import open_net

__all__ = ["BLENDSHAPES", "FaceMesh", "Mesh", "Region", "region_moved", "region_of_face", "region_of_points"]

SIDE = 256  # pixels of the mesh model's input
STILL, SAME_SIZE = 0.1, 0.2  # least movement: as a share of the face's longer side, and of size as a logarithm
SURE = 0.1  # below this presence a face is searched again, if the image's edge cuts it or it was in the frame before
EDGE_TIGHTER = (0.6, 0.7, 0.8)  # of the first region's side
SMALL_TIGHTER = 0.8  # … where the image is halved: in dim light the camera's noise makes the model miss faces
LYING = 45.0  # degrees of roll
GROWN, LOWERED = 1.65, 0.08  # region_of_face; fitted on 400 web faces to where region_of_points converges


@dataclass(frozen=True, eq=False)
class Mesh:
    """The points of one face and its blendshapes.

    Attributes:
        points: float32 (478, 2): x, y in the image's pixels.
        presence: the model's confidence that there is a face, in [0, 1].
        blendshapes: float32 (52,) in [0, 1], in the order of BLENDSHAPES.
        depth: float32 (478,): of the points, in the image's pixels; larger is farther from the camera.
    """

    points: NDArray[np.float32]
    presence: float
    blendshapes: NDArray[np.float32]
    depth: NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """A rotated square of an image.

    Attributes:
        x, y: its centre, pixels.
        side: its length, pixels, above 0.
        angle: radians by which it is rotated, clockwise on the screen.
    """

    x: float
    y: float
    side: float
    angle: float

    def tighter(self, share: float) -> "Region":
        """The same centre with a share of its side."""
        return Region(self.x, self.y, share * self.side, self.angle)

    def to_image(self) -> NDArray[np.float64]:
        """The 2×3 matrix that maps points of the unit square to the image's pixels."""
        cos, sin = np.cos(self.angle) * self.side, np.sin(self.angle) * self.side
        return np.array([[cos, -sin, self.x - (cos - sin) / 2], [sin, cos, self.y - (sin + cos) / 2]])


class FaceMesh:
    """Describe a detected face: mesh, then blendshapes.

    The model expects the face in its input at the place and size of its training data. A detector's box gives
    that only roughly, so there are two passes: the first in the detector's region, the second in the region of
    the points of the first, as MediaPipe does from one video frame to the next. On 100 web faces the
    blendshapes of one pass lie .026 (mean; largest of the 52: .20) from where repeated passes converge,
    those of two .011 (.09), of three .006 (.05). One pass takes half the time.

    In a video one pass is enough, if the region comes from the mesh of the frame before, moved as the
    detector's box has moved: on 330 frames of four videos at 6 Hz such blendshapes lie .007 (mean over
    frames of the largest: .06) from where repeated passes converge, nearer than two passes (.014, .12).

    A face that fills the image is cut off by its edges; the model then often finds no face in a region
    of which half is repeated edge. Such a face is searched again in tighter regions, and the result with the
    highest presence is used: of 834 labelled web faces 32 were missed without, 12 with it; the area under the ROC
    curve of surprise, missed faces counted as 0, went from .908 to .918, that of amusement from .920 to .923. A face
    that was found in the frame before and is missed now is searched once more in an image of half the size, which
    averages out the camera's noise: of 32 frames of a face in dim light that the model had missed, 31 were found.

    Args:
        cache: where the models are; the default cache where None.
        passes: for a face without a mesh of the frame before, at least 1.
        threads: 0: all cores.

    Raises:
        ValueError: for fewer than 1 pass.
        WeightsError: if a model is not available.
    """

    def __init__(self, cache: Cache | None = None, passes: int = 2, threads: int = 0) -> None:
        if passes < 1:
            raise ValueError(f"passes must be at least 1, got {passes}")
        self.passes = passes
        self._mesh = open_net("face-mesh", cache, threads=threads)
        self._blendshapes = open_net("blendshapes", cache, threads=threads)

    def __call__(self, rgb: NDArray[np.uint8], face: Face, before: "tuple[Face, Mesh] | None" = None) -> Mesh:
        """The mesh of one face.

        Args:
            rgb: an image, shape (height, width, 3).
            face: the detected face.
            before: the same face within the last second, and its mesh: then one pass is made, from there.

        Returns:
            The mesh in the image's pixels; `presence` is low where no face was found.

        Raises:
            ValueError: if the face's box has no area or is not finite.
        """
        first = region = region_of_face(face)
        if before is not None:
            region = region_of_points(region_moved(before[1].points, before[0], face))
        points, presence = self._converged(rgb, region, 1 if before is not None else self.passes)
        if presence < SURE:
            tighter = EDGE_TIGHTER if _beyond(first, rgb.shape) else ()
            retries = [self._converged(rgb, first.tighter(share), self.passes) for share in tighter]
            if before is not None and min(rgb.shape[:2]) > 1:
                retries.append(self._halved(rgb, first.tighter(SMALL_TIGHTER)))
            points, presence = max([(points, presence), *retries], key=lambda result: result[1])
        flat, depth = points[:, :2], points[:, 2]
        selected = _upright(flat)[list(BLENDSHAPE_POINTS)][None].astype(np.float32)  # (1, 146, 2), pixels
        (shapes,) = self._blendshapes(selected)
        blendshapes = np.clip(shapes.reshape(-1), 0, 1).astype(np.float32)
        return Mesh(flat.astype(np.float32), presence, blendshapes, depth.astype(np.float32))

    def _halved(self, rgb: NDArray[np.uint8], region: Region) -> tuple[NDArray[np.float64], float]:
        """As `_converged`, in the image at half its size."""
        small = resize(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2))
        points, presence = self._converged(
            small, Region(region.x / 2, region.y / 2, region.side / 2, region.angle), self.passes
        )
        return points * 2, presence

    def _converged(self, rgb: NDArray[np.uint8], region: Region, passes: int) -> tuple[NDArray[np.float64], float]:
        for remaining in reversed(range(passes)):
            points, presence = self._points(rgb, region)
            if remaining:
                region = region_of_points(points[:, :2])
        return points, presence

    def _points(self, rgb: NDArray[np.uint8], region: Region) -> tuple[NDArray[np.float64], float]:
        to_image = region.to_image()
        crop = _crop(rgb, to_image)
        answers = self._mesh(crop[None].astype(np.float32) / 255)
        unit = answers[0].reshape(POINTS, 3).astype(np.float64) / SIDE
        flat = unit[:, :2] @ to_image[:, :2].T + to_image[:, 2]
        points = np.column_stack([flat, unit[:, 2] * region.side])  # (478, 3): x, y and depth in pixels
        logit = float(answers[1].reshape(-1)[0])
        return points, float(1 / (1 + np.exp(-np.clip(logit, -60, 60))))


def region_of_face(face: Face) -> Region:
    """The square of the first pass for a detected face.

    Centre: the box's, moved towards the chin by .08 of its longer side; side: 1.65 of that; the eyes
    are level. (MediaPipe starts from another detector's box, which ends at the brows.)

    Raises:
        ValueError: if the box has no area or a number is not finite.
    """
    longer = float(max(face.box[2:]))
    if not (np.isfinite(face.box).all() and np.isfinite(face.points).all() and longer > 0):
        raise ValueError(f"a face needs a finite box with an area, got {face.box.tolist()}")
    across = face.points[1] - face.points[0]
    angle = float(np.arctan2(across[1], across[0]))
    down = np.array([-np.sin(angle), np.cos(angle)])
    x, y = face.centre + LOWERED * longer * down
    return Region(float(x), float(y), GROWN * longer, angle)


def _upright(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points of a face; of one that lies, rolled by over LYING, turned about the eye corner until these are level.

    The blendshape network was trained on faces as they stand in a picture: of one that lies its numbers are .04 off.
    """
    across = points[RIGHT_EYE_CORNER] - points[LEFT_EYE_CORNER]
    angle = np.arctan2(across[1], across[0])
    if abs(angle) <= np.radians(LYING):
        return points
    cos, sin = np.cos(angle), np.sin(angle)
    level = (points - points[LEFT_EYE_CORNER]) @ np.array([[cos, -sin], [sin, cos]])
    return np.asarray(level + points[LEFT_EYE_CORNER])


def _beyond(region: Region, shape: tuple[int, ...]) -> bool:
    """Whether a tenth of the region's side or more lies outside an image of that shape, on any side."""
    reach = 0.4 * region.side  # half the side, less a tenth
    return min(region.x, region.y, shape[1] - region.x, shape[0] - region.y) < reach


def region_moved(points: NDArray[np.floating], before: Face, after: Face) -> NDArray[np.float64]:
    """Move the points of a face with the detector's box: translated, and scaled as the box has grown.

    Small changes of the box are ignored, because they are mostly jitter of the detector, which the mesh of the frame
    before does not have. So blendshapes come nearer to where repeated passes converge (.0080 instead of .0081 on 580
    frames of five videos), and hardly depend on which detection pass found the box (.0001 instead of .0092).

    Args:
        points: of the mesh in the frame before, (478, 2) x, y in pixels.
        before: the face in the frame before.
        after: the face in this frame.

    Returns:
        The moved points, (478, 2).
    """
    grown = np.sqrt(after.area / before.area)
    if abs(np.log(grown)) < SAME_SIZE:
        grown = 1.0
    if np.abs(after.centre - before.centre).max() < STILL * max(after.box[2:]):
        return np.asarray((points - before.centre) * grown + before.centre, dtype=np.float64)
    return np.asarray((points - before.centre) * grown + after.centre, dtype=np.float64)


def region_of_points(points: NDArray[np.floating]) -> Region:
    """The square that MediaPipe crops from the next video frame, given the mesh of this one.

    Args:
        points: (478, 2) x, y in pixels.

    Returns:
        Centre of the points' bounding box, its longer side times 1.5, outer eye corners level.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    across = points[RIGHT_EYE_CORNER] - points[LEFT_EYE_CORNER]
    x, y = (low + high) / 2
    side = 1.5 * max(float((high - low).max()), 1.0)  # the square of coincident points is not empty
    return Region(float(x), float(y), side, float(np.arctan2(across[1], across[0])))


def _crop(rgb: NDArray[np.uint8], to_image: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The model's input, uint8 (256, 256, 3); beyond the image its edge is repeated, as MediaPipe does."""
    return warp(rgb, _from_image(to_image), (SIDE, SIDE), repeat_edge=True)


def _from_image(to_image: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix from the image's pixels to the model's input, where pixel (0, 0) is the square's corner.

    Corner, not half a pixel inside it: MediaPipe crops so, and the model was trained on that.
    """
    full = np.linalg.inv(np.vstack([to_image, [0.0, 0.0, 1.0]]))
    return np.asarray(full[:2] * SIDE)

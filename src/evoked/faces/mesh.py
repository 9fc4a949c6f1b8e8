"""478 points on a face and 52 blendshapes: the nets of MediaPipe's face landmarker, run by themselves.

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

SIDE = 256  # pixels of the mesh net's input
STILL, SAME_SIZE = 0.1, 0.2  # moved: of the face's longer side, and as a logarithm
SURE = 0.1  # a face that the picture cuts off, or that stood there, is looked for again where the net is less sure
EDGE_TIGHTER = (0.6, 0.7, 0.8)  # of the first region's side
SMALL_TIGHTER = 0.8  # … where the picture is halved: in dim light the net stumbles over the camera's noise
GROWN, LOWERED = 1.65, 0.08  # region_of_face; fitted on 400 web faces to what region_of_points settles at


@dataclass(frozen=True, eq=False)
class Mesh:
    """The points of one face and what they say.

    Attributes:
        points: float32 (478, 2): x, y in the picture's pixels.
        presence: how sure the net is that there is a face, in [0, 1].
        blendshapes: float32 (52,) in [0, 1], in the order of BLENDSHAPES.
    """

    points: NDArray[np.float32]
    presence: float
    blendshapes: NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """A turned square of a picture.

    Attributes:
        x, y: its centre, pixels.
        side: its length, pixels, above 0.
        angle: radians by which it is turned clockwise on the screen.
    """

    x: float
    y: float
    side: float
    angle: float

    def tighter(self, share: float) -> "Region":
        """The same place with a share of its side."""
        return Region(self.x, self.y, share * self.side, self.angle)

    def to_picture(self) -> NDArray[np.float64]:
        """The 2×3 matrix that takes points of the unit square to the picture's pixels."""
        cos, sin = np.cos(self.angle) * self.side, np.sin(self.angle) * self.side
        return np.array([[cos, -sin, self.x - (cos - sin) / 2], [sin, cos, self.y - (sin + cos) / 2]])


class FaceMesh:
    """Describe a detected face: mesh, then blendshapes.

    The net wants the face to stand in its input as it stood in training. A detector's box gives that
    only roughly, so the mesh is found twice: first in the detector's region, then in the region of
    the points just found, as MediaPipe does from one video frame to the next. On 100 web faces the
    blendshapes of one pass lie .026 (mean; largest of the 52: .20) from where repeated passes settle,
    those of two .011 (.09), of three .006 (.05). One pass takes half the time.

    In a video one pass is enough, if the region comes from the mesh a moment before, moved as the
    detector's box has moved: on 330 frames of four films at 6 Hz such blendshapes lie .007 (mean over
    ticks of the largest: .06) from where repeated passes settle, nearer than two passes (.014, .12).

    A face that fills the picture is cut off by its edges; the net then often sees no face in a region
    that is half repeated edge. Such a face is looked for again in tighter regions, the surest counts: of
    834 labelled web faces 32 were not seen without, 12 with it; the area under surprise's curve, unseen
    faces counted as 0, went from .908 to .918, that of amusement from .920 to .923. A face that was seen a moment ago
    and is not any more is looked for once more with the camera's noise averaged out: of 32 frames of a face in dim
    light that the net denied so, 31 were seen.
    """

    def __init__(self, cache: Cache | None = None, passes: int = 2, threads: int = 0) -> None:
        if passes < 1:
            raise ValueError(f"passes must be at least 1, got {passes}")
        self.passes = passes
        self._mesh = open_net("face-mesh", cache, threads=threads)
        self._blendshapes = open_net("blendshapes", cache, threads=threads)

    def __call__(self, rgb: NDArray[np.uint8], face: Face, before: "tuple[Face, Mesh] | None" = None) -> Mesh:
        """The mesh of one face of an RGB picture (height, width, 3).

        Args:
            rgb: the picture.
            face: where the detector found the face.
            before: the same face within the last second, and its mesh: then one pass is made, from there.

        Raises:
            ValueError: if the face's box has no area or is not finite.
        """
        first = region = region_of_face(face)
        if before is not None:
            region = region_of_points(region_moved(before[1].points, before[0], face))
        points, presence = self._settled(rgb, region, 1 if before is not None else self.passes)
        if presence < SURE:
            tighter = EDGE_TIGHTER if _beyond(first, rgb.shape) else ()
            again = [self._settled(rgb, first.tighter(share), self.passes) for share in tighter]
            if before is not None and min(rgb.shape[:2]) > 1:
                again.append(self._halved(rgb, first.tighter(SMALL_TIGHTER)))
            points, presence = max([(points, presence), *again], key=lambda found: found[1])
        seen = points[list(BLENDSHAPE_POINTS)][None].astype(np.float32)  # (1, 146, 2), pixels
        (shapes,) = self._blendshapes(seen)
        return Mesh(points.astype(np.float32), presence, np.clip(shapes.reshape(-1), 0, 1).astype(np.float32))

    def _halved(self, rgb: NDArray[np.uint8], region: Region) -> tuple[NDArray[np.float64], float]:
        """As `_settled`, in the picture at half its size."""
        small = resize(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2))
        points, presence = self._settled(
            small, Region(region.x / 2, region.y / 2, region.side / 2, region.angle), self.passes
        )
        return points * 2, presence

    def _settled(self, rgb: NDArray[np.uint8], region: Region, passes: int) -> tuple[NDArray[np.float64], float]:
        for left in reversed(range(passes)):
            points, presence = self._points(rgb, region)
            if left:
                region = region_of_points(points)
        return points, presence

    def _points(self, rgb: NDArray[np.uint8], region: Region) -> tuple[NDArray[np.float64], float]:
        to_picture = region.to_picture()
        cut = _cut(rgb, to_picture)
        answers = self._mesh(cut[None].astype(np.float32) / 255)
        unit = answers[0].reshape(POINTS, 3)[:, :2].astype(np.float64) / SIDE  # z is not used
        logit = float(answers[1].reshape(-1)[0])
        return unit @ to_picture[:, :2].T + to_picture[:, 2], float(1 / (1 + np.exp(-np.clip(logit, -60, 60))))


def region_of_face(face: Face) -> Region:
    """The square in which a detected face's mesh is looked for first.

    Centre: the box's, moved towards the chin by .08 of its longer side; side: 1.65 of it; the eyes
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


def _beyond(region: Region, shape: tuple[int, ...]) -> bool:
    """Whether a tenth of the region's side or more lies outside a picture of that shape, on any side."""
    reach = 0.4 * region.side  # half the side, less a tenth
    return min(region.x, region.y, shape[1] - region.x, shape[0] - region.y) < reach


def region_moved(points: NDArray[np.floating], before: Face, now: Face) -> NDArray[np.float64]:
    """Points of a face carried along with the detector's box: shifted, and scaled as the box has grown.

    A box that moved or grew little has not told that the face did: boxes shake, the mesh a moment before
    does not. So blendshapes come nearer to where repeated passes settle (.0080 for .0081 on 580 frames of
    five films), and hardly depend on which look found the box (.0001 for .0092).
    """
    grown = np.sqrt(now.area / before.area)
    if abs(np.log(grown)) < SAME_SIZE:
        grown = 1.0
    if np.abs(now.centre - before.centre).max() < STILL * max(now.box[2:]):
        return np.asarray((points - before.centre) * grown + before.centre, dtype=np.float64)
    return np.asarray((points - before.centre) * grown + now.centre, dtype=np.float64)


def region_of_points(points: NDArray[np.floating]) -> Region:
    """The square that MediaPipe cuts from the next picture, given the mesh of this one.

    Args:
        points: (478, 2) x, y in pixels.

    Returns:
        Centre of the points' bounding box, its longer side times 1.5, outer eye corners level.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    across = points[RIGHT_EYE_CORNER] - points[LEFT_EYE_CORNER]
    x, y = (low + high) / 2
    side = 1.5 * max(float((high - low).max()), 1.0)  # a collapsed mesh must not make an empty square
    return Region(float(x), float(y), side, float(np.arctan2(across[1], across[0])))


def _cut(rgb: NDArray[np.uint8], to_picture: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The net's input, uint8 (256, 256, 3); beyond the picture its edge is repeated, as MediaPipe does."""
    return warp(rgb, _from_picture(to_picture), (SIDE, SIDE), repeat_edge=True)


def _from_picture(to_picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix from the picture's pixels to the net's, where pixel (0, 0) is the square's corner.

    Corner, not half a pixel inside it: so MediaPipe cuts, and the net was made to be fed.
    """
    full = np.linalg.inv(np.vstack([to_picture, [0.0, 0.0, 1.0]]))
    return np.asarray(full[:2] * SIDE)

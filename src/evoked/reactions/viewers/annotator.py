"""From a reaction video to its viewers: who is there at 6 Hz, and what each expresses.

Every frame: find the faces, leave out those that belong to the film, follow each person, describe the
face by mesh and blendshapes. At the end each person's blendshapes go through the recogniser at once,
because their resting face is only known then. What is kept per frame and person is 52 numbers and a
box, some 5 MB an hour; pictures and crops are never kept.

Three threads share the work as a pipeline: one decodes and converts, one finds faces, one does the rest.
The models run on one thread each, so that two cores are busy all the time; the numbers are the same
however many there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.progress import Progress, silent
from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.faces.descriptors import column_names, models_of, open_descriptors, width_of
from evoked.faces.detect import DetectConfig, Face, FaceDetector, iou
from evoked.faces.identity import FaceIdentity
from evoked.faces.landmarks import BLENDSHAPES
from evoked.faces.mesh import FaceMesh, Mesh
from evoked.faces.tracker import FaceTracker
from evoked.faces.video_detector import FrameFaces, VideoFaceDetector
from evoked.media.decode import MediaReader, VideoFrame, damage_lines, prefetch, read_media
from evoked.media.probe import no_video_error, probe
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.expressions.recogniser import Recogniser
from evoked.reactions.viewers.annotation import AnnotateConfig, Annotation, ContentFaces, Viewer
from evoked.reactions.viewers.face_detections import CONTENT_FACE, DetectionLog
from evoked.reactions.viewers.face_tracks import FaceTrack, overlapping_tracks
from evoked.weights.cache import Cache

__all__ = ["BOX", "MODELS", "SAME_FACE_IOU", "Annotator", "annotate", "annotation_models"]

MODELS = ("yunet", "sface", "face-mesh", "blendshapes")
BOX = ("x", "y", "width", "height")


@dataclass(frozen=True, eq=False)
class _Found:
    """A step: its video frame, the pixels, the faces; the last two None where the frame is that of the step before."""

    picture: VideoFrame
    rgb: NDArray[np.uint8] | None
    glance: FrameFaces | None


@dataclass(frozen=True, eq=False)
class _Seen:
    """What one picture showed: faces; the blendshapes of each, None where no face was sure or it is the film's."""

    faces: list[Face]
    changed: list[bool]
    shapes: list[NDArray[np.float32] | None]
    film: list[bool | None]


QUEUE_FRAMES = 4
"""Pictures that wait between two of the threads: 3 MB each at 720p."""

HOLD_FRAMES = int(ANNOTATION_FPS)
"""Frames for which it counts that a face stood there."""

SAME_FACE_IOU = 0.4
"""Faces of two frames that overlap more (intersection over union) may hand their mesh on."""


class Annotator:
    """Models loaded once, for any number of reactions.

    Args:
        recogniser: what turns descriptions of a face into expressions; only what it reads is computed.
        config, detect: settings.
        cache: where the models are.
    """

    def __init__(
        self,
        recogniser: Recogniser | None = None,
        config: AnnotateConfig | None = None,
        detect: DetectConfig | None = None,
        cache: Cache | None = None,
    ) -> None:
        self.recogniser: Recogniser = recogniser or PrototypeRecogniser()
        self.config = config or AnnotateConfig()
        detect = detect or DetectConfig()
        self._sure = detect.min_score
        least = min(self._sure, self.config.min_tracked_score)
        self._detect = FaceDetector(replace(detect, min_score=least), cache, threads=1)
        self._mesh = FaceMesh(cache, threads=1)
        self._identity = FaceIdentity(cache, threads=1)
        # Blendshapes come with the mesh at no cost; whatever else the recogniser reads is computed each frame
        self._more = tuple(name for name in self.recogniser.describes if name != "blendshapes")
        self._describe_more = open_descriptors(self._more, cache, threads=1) if self._more else None

    def __call__(self, path: Path, film: ContentFaces | None = None, progress: Progress = silent) -> Annotation:
        """Annotate one reaction.

        Args:
            path: a video.
            film: what knows the film in it; without one, every face counts as a viewer's.
            progress: called with the seconds that are done.

        Raises:
            MediaError or a subclass: if the video cannot be used.
        """
        media = probe(path)
        if media.picture is None:
            raise no_video_error(path)
        grid = media.grid(ANNOTATION_FPS)
        playing = read_media(path, frames=grid)
        people: dict[int, FaceTrack] = {}
        sightings = DetectionLog()
        follower = FaceTracker(grid.rate)
        shown_s = grid.seconds.copy()
        for picture, seen, rgb in self._look(playing, film):
            shown_s[picture.step] = float(picture.pts_s)
            kept = [i for i, shapes in enumerate(seen.shapes) if shapes is not None or seen.film[i]]
            describe = partial(self._identify, rgb)
            changed = [seen.changed[i] for i in kept]
            numbers = follower.update(picture.step, [seen.faces[i] for i in kept], describe, changed=changed)
            who = dict(zip(kept, numbers, strict=True))
            for i, face in enumerate(seen.faces):
                sightings.append(picture.step, face.box, who.get(i, -1))
            for i, number in who.items():
                people.setdefault(number, FaceTrack()).append(
                    picture.step, seen.faces[i].box, seen.shapes[i], seen.film[i]
                )
            progress(float(picture.time_s), float(media.duration_s))
        fresh = _fresh(grid, shown_s, playing)
        people = {number: person.masked(fresh) for number, person in people.items()}
        return self._annotation(grid, people, follower.merged_tracks(), playing, sightings)

    def _look(
        self, playing: MediaReader, film: ContentFaces | None
    ) -> Iterator[tuple[VideoFrame, _Seen, NDArray[np.uint8]]]:
        """Each step with what is seen there; a frame that stays on the screen is looked at once."""
        seen, rgb = _Seen([], [], [], []), np.zeros((1, 1, 3), np.uint8)
        before: list[tuple[Face, Mesh, int]] = []
        for found in prefetch(self._found(playing), QUEUE_FRAMES):
            if found.rgb is not None and found.glance is not None:
                rgb, faces, picture = found.rgb, found.glance.faces, found.picture
                owned = [film.is_content_face(picture, rgb, f.box) if film else None for f in faces]
                meshes = [
                    None if own else self._mesh(rgb, f, _same(f, before)) for f, own in zip(faces, owned, strict=True)
                ]
                sure = [m if m is not None and m.presence >= self.config.min_mesh_score else None for m in meshes]
                now = [(f, m, picture.step) for f, m in zip(faces, sure, strict=True) if m is not None]
                before = now + [
                    old for old in before if picture.step - old[2] <= HOLD_FRAMES and _same(old[0], now) is None
                ]
                told = [None if m is None else self._described(rgb, f, m) for f, m in zip(faces, sure, strict=True)]
                seen = _Seen(faces, found.glance.changed, told, owned)
            else:
                seen = replace(seen, changed=[False] * len(seen.faces))
            yield found.picture, seen, rgb

    def _found(self, playing: MediaReader) -> Iterator[_Found]:
        """Each step with its faces: what the second thread does."""
        watch = VideoFaceDetector(
            self._detect, self.config.detect_every, self.config.min_face_px, self._sure, HOLD_FRAMES
        )
        for picture, rgb in prefetch(_converted(playing), QUEUE_FRAMES):
            yield _Found(picture, rgb, None if rgb is None else watch.detect(rgb))

    def _described(self, rgb: NDArray[np.uint8], face: Face, mesh: Mesh) -> NDArray[np.float32]:
        """The blendshapes, then what else the recogniser reads."""
        if self._describe_more is None:
            return mesh.blendshapes
        return np.concatenate([mesh.blendshapes, self._describe_more(rgb, [face])[0]])

    def _identify(self, rgb: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
        described: NDArray[np.float32] = self._identity(rgb, [face])[0]
        return described

    def _annotation(
        self,
        grid: TimeGrid,
        people: dict[int, FaceTrack],
        who: dict[int, int],
        played: MediaReader,
        sightings: DetectionLog,
    ) -> Annotation:
        together = overlapping_tracks(people, who)
        watching = {
            n: p for n, p in together.items() if p.steps and p.content_overlap <= self.config.max_content_overlap
        }
        order = sorted(watching, key=lambda n: min(watching[n].steps))
        names = {n: f"v{i}" for i, n in enumerate(order, start=1)}
        made = {names[n]: self._viewer(grid, watching[n]) for n in order}
        named = sightings.with_identities({number: names.get(person, CONTENT_FACE) for number, person in who.items()})
        left_out = len(together) - len(watching)
        return Annotation(grid, made, left_out, played.dropped, played.missing_s, damage_lines(played), named)

    def _viewer(self, grid: TimeGrid, person: FaceTrack) -> Viewer:
        valid = np.zeros(grid.steps, dtype=np.bool_)
        kept = ("blendshapes", *self._more)
        shapes = np.zeros((grid.steps, width_of(kept)), dtype=np.float32)
        boxes = np.zeros((grid.steps, len(BOX)), dtype=np.float32)
        valid[person.steps], shapes[person.steps], boxes[person.steps] = True, person.shapes, person.boxes
        own = Track.masked(grid, BLENDSHAPES, shapes[:, : len(BLENDSHAPES)], valid)
        read, names = column_names(self.recogniser.describes), column_names(kept)
        described = Track.masked(grid, read, shapes[:, [names.index(column) for column in read]], valid)
        return Viewer(own, Track.masked(grid, BOX, boxes, valid), self.recogniser.score(described))


def _fresh(grid: TimeGrid, shown_s: NDArray[np.float64], played: MediaReader) -> NDArray[np.bool_]:
    """At which steps the picture is the one that belongs there: not where a damaged or cut-off file has none.

    Args:
        grid: of the steps.
        shown_s: when the frame of each step was first shown, shape (steps,).
        played: the file, played to its end.
    """
    lost, now = played.lost_s, grid.seconds
    missed = np.searchsorted(lost, now, side="right") > np.searchsorted(lost, shown_s, side="right")
    return ~missed & (now < played.broke_off_s.get("picture", np.inf))


def annotation_models(recogniser: Recogniser) -> tuple[str, ...]:
    """Every model that annotating with a recogniser runs, for provenance."""
    return tuple(dict.fromkeys((*MODELS, *models_of(recogniser.describes))))


def annotate(
    path: Path,
    recogniser: Recogniser | None = None,
    *,
    film: ContentFaces | None = None,
    cache: Cache | None = None,
    progress: Progress = silent,
) -> Annotation:
    """Annotate one reaction video with default settings; see Annotator for many."""
    return Annotator(recogniser, cache=cache)(path, film, progress)


def _converted(playing: MediaReader) -> Iterator[tuple[VideoFrame, NDArray[np.uint8] | None]]:
    """Each step with its pixels, None where the frame is that of the step before: what the first thread does."""
    index = -1
    try:
        for picture in playing:
            assert isinstance(picture, VideoFrame)
            yield picture, picture.rgb() if picture.index != index else None
            index = picture.index
    finally:
        playing.close()


def _same(face: Face, before: list[tuple[Face, Mesh, int]]) -> tuple[Face, Mesh] | None:
    """The face of a moment before that stands where this one does, with its mesh."""
    near = [(iou(face.box, old.box), i) for i, (old, _, _) in enumerate(before)]
    overlap, i = max(near, default=(0.0, -1))
    return before[i][:2] if overlap > SAME_FACE_IOU else None

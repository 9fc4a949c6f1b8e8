"""Annotate a reaction video: its viewers at 6 Hz and their expression scores.

At every frame (6 Hz): detect faces, leave out those that belong to the content, track each person, describe
the face by mesh and blendshapes. At the end the recogniser scores all frames of a person at once, because
the neutral baseline needs them. Per frame and person 52 blendshapes and a box are stored, about 5 MB an
hour; images and crops are not.

Three threads form a pipeline: one decodes and converts, one detects faces, one does the other steps. Each
model runs on one thread, so that two cores are busy all the time; results do not depend on the number of cores.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.damage import Damage, damage_texts
from evoked.core.progress import Progress, silent
from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.faces.descriptors import column_names, models_of, open_descriptors, width_of
from evoked.faces.detect import DetectConfig, Face, FaceDetector, iou
from evoked.faces.identity import FaceIdentity
from evoked.faces.landmarks import BLENDSHAPES
from evoked.faces.lying import LyingFaces, lie_apart
from evoked.faces.mesh import FaceMesh, Mesh
from evoked.faces.pose import head_pose
from evoked.faces.tracker import FaceTracker
from evoked.faces.turn_check import TurnCheck, perhaps_turned, turned_damage
from evoked.faces.video_detector import FrameFaces, VideoFaceDetector
from evoked.media.decode import MediaReader, VideoFrame, damage_lines, prefetch, read_media
from evoked.media.probe import Media, no_video_error, probe
from evoked.reactions.expressions.choose import open_recogniser
from evoked.reactions.expressions.recogniser import PROTOTYPE, Recogniser
from evoked.reactions.viewers.annotation import AnnotateConfig, Annotation, ContentFaces, Viewer
from evoked.reactions.viewers.face_detections import CONTENT_FACE, DetectionLog
from evoked.reactions.viewers.face_samples import FaceSample, face_sample
from evoked.reactions.viewers.face_tracks import POSE_SCORE, FaceTrack, overlapping_tracks
from evoked.reactions.viewers.false_viewers import false_viewers, left_out_face, left_out_lines, place_text
from evoked.weights.cache import Cache

__all__ = ["BOX", "MODELS", "SAME_FACE_IOU", "Annotator", "annotate", "annotation_models"]

MODELS = ("yunet", "sface", "face-mesh", "blendshapes")
BOX = ("x", "y", "width", "height")


class _TurnedRecording(Exception):
    """The recording must be turned, clockwise by so many degrees, and annotated again."""

    def __init__(self, degrees: int) -> None:
        super().__init__(degrees)
        self.degrees = degrees


@dataclass(frozen=True, eq=False)
class _DetectedFrame:
    """A frame (6 Hz): video frame, pixels, detections; the last two None where it repeats the frame before."""

    picture: VideoFrame
    rgb: NDArray[np.uint8] | None
    detections: FrameFaces | None


@dataclass(frozen=True, eq=False)
class _DescribedFrame:
    """Faces of one frame; blendshapes, sample and pose of each, None where it is not visible or is the content's.

    Samples are None in a frame that repeats the one before, too.
    """

    faces: list[Face]
    changed: list[bool]
    shapes: list[NDArray[np.float32] | None]
    on_content: list[bool | None]
    samples: list[FaceSample | None]
    poses: list[NDArray[np.float32] | None]


QUEUE_FRAMES = 4
"""Frames that wait between two of the threads: 3 MB each at 720p."""

HOLD_FRAMES = int(ANNOTATION_FPS)
"""Frames for which a detected face counts as recently present."""

SAME_FACE_IOU = 0.4
"""Faces of two frames that overlap more (intersection over union) are taken as one face; its mesh is reused."""


class Annotator:
    """Annotates any number of reactions with models that are loaded once.

    Args:
        recogniser: turns descriptions of a face into expression scores; only descriptions it reads are computed. None:
            the one that `config.recogniser` names, for all of its expressions.
        config, detect: settings.
        cache: where the models are.

    Raises:
        ValueError: if a recogniser is given here and another is named in the config.
        EvokedError: if the recogniser that the config names cannot be opened.
    """

    def __init__(
        self,
        recogniser: Recogniser | None = None,
        config: AnnotateConfig | None = None,
        detect: DetectConfig | None = None,
        cache: Cache | None = None,
    ) -> None:
        self.config = config or AnnotateConfig()
        if recogniser is not None and self.config.recogniser != PROTOTYPE:
            raise ValueError(
                f"give a recogniser or name one in the config, not both: the config names {self.config.recogniser!r}"
            )
        self.recogniser: Recogniser = recogniser or open_recogniser(
            self.config.recogniser, allow_unvalidated=self.config.allow_unvalidated
        )
        detect = detect or DetectConfig()
        self._min_score = detect.min_score
        lowest = min(self._min_score, self.config.min_tracked_score)
        self._detect = FaceDetector(replace(detect, min_score=lowest), cache, threads=1)
        self._lying = LyingFaces(cache)
        self._mesh = FaceMesh(cache, threads=1)
        self._identity = FaceIdentity(cache, threads=1)
        # Blendshapes come with the mesh at no cost; other descriptions that the recogniser reads are computed per frame
        self._further = tuple(name for name in self.recogniser.describes if name != "blendshapes")
        self._describe_further = open_descriptors(self._further, cache, threads=1) if self._further else None

    def __call__(
        self,
        path: Path,
        content_faces: ContentFaces | None = None,
        progress: Progress = silent,
        *,
        reopen: Callable[[Media], ContentFaces | None] | None = None,
    ) -> Annotation:
        """Annotate one reaction; one whose faces lie on their side or head is turned as a whole, and a note says so.

        Args:
            path: a video.
            content_faces: decides which faces belong to the content; None: every face counts as a viewer's.
            progress: called with the seconds done and their total.
            reopen: gives `content_faces` for the turned recording; None: they are used as they are.

        Raises:
            MediaError or a subclass: if the video cannot be used.
        """
        media = probe(path)
        if media.picture is None:
            raise no_video_error(path)
        if self.config.rotate != "auto":
            degrees, why = int(self.config.rotate), "as --rotate says"
        else:
            check = TurnCheck(self._detect)
            try:
                annotation = self._annotate(media, content_faces, progress, check)
                return _with_defects(annotation, perhaps_turned(check.undecided))
            except _TurnedRecording as turned:
                degrees, why = turned.degrees, "as its faces are upright then; --rotate 0 leaves it as it is"
        if degrees and reopen is not None:
            content_faces = reopen(media.turned(degrees))
        annotation = self._annotate(media.turned(degrees), content_faces, progress, None)
        return replace(_with_defects(annotation, turned_damage(degrees, why)), turned=degrees)

    def _annotate(
        self, media: Media, content_faces: ContentFaces | None, progress: Progress, check: TurnCheck | None
    ) -> Annotation:
        """One pass over a recording; _TurnedRecording as soon as the check says that it must be turned."""
        grid = media.grid(ANNOTATION_FPS)
        reader = read_media(media.path, frames=grid, media=media)
        tracks: dict[int, FaceTrack] = {}
        detections = DetectionLog()
        tracker = FaceTracker(grid.rate)
        shown_s = grid.seconds.copy()
        for picture, seen, rgb in self._described_frames(reader, content_faces, check):
            shown_s[picture.step] = float(picture.pts_s)
            visible = [i for i, shapes in enumerate(seen.shapes) if shapes is not None or seen.on_content[i]]
            descriptors: dict[int, NDArray[np.float32]] = {}
            describe = partial(self._identify, rgb, descriptors)
            changed = [seen.changed[i] for i in visible]
            numbers = tracker.update(picture.step, [seen.faces[i] for i in visible], describe, changed=changed)
            who = dict(zip(visible, numbers, strict=True))
            for i, face in enumerate(seen.faces):
                detections.append(picture.step, face.box, who.get(i, -1))
            for i, number in who.items():
                face, track = seen.faces[i], tracks.setdefault(number, FaceTrack())
                track.append(picture.step, face.box, seen.shapes[i], seen.on_content[i], seen.samples[i], seen.poses[i])
                if id(face) in descriptors:
                    track.add_descriptor(descriptors[id(face)])
            progress(float(picture.time_s), float(media.duration_s))
        fresh = reader.picture_valid(grid, shown_s)
        tracks = {number: person.masked(fresh) for number, person in tracks.items()}
        return self._annotation(grid, tracks, tracker.merged_tracks(), reader, detections)

    def _described_frames(
        self, reader: MediaReader, content_faces: ContentFaces | None, check: TurnCheck | None
    ) -> Iterator[tuple[VideoFrame, _DescribedFrame, NDArray[np.uint8]]]:
        """Each frame with its described faces; a repeated frame is computed once."""
        seen, rgb = _DescribedFrame([], [], [], [], [], []), np.zeros((1, 1, 3), np.uint8)
        before: list[tuple[Face, Mesh, int]] = []
        for frame in prefetch(self._detected_frames(reader, check), QUEUE_FRAMES):
            if frame.rgb is not None and frame.detections is not None:
                rgb, faces, picture = frame.rgb, frame.detections.faces, frame.picture
                on_content = [
                    content_faces.is_content_face(picture, rgb, f.box) if content_faces else None for f in faces
                ]
                meshes = [
                    None if skip else self._mesh(rgb, f, _same(f, before))
                    for f, skip in zip(faces, on_content, strict=True)
                ]
                visible = [m if m is not None and m.presence >= self.config.min_mesh_score else None for m in meshes]
                current = [(f, m, picture.step) for f, m in zip(faces, visible, strict=True) if m is not None]
                before = current + [
                    old for old in before if picture.step - old[2] <= HOLD_FRAMES and _same(old[0], current) is None
                ]
                shapes = [
                    None if m is None else self._described(rgb, f, m) for f, m in zip(faces, visible, strict=True)
                ]
                samples = [
                    None if m is None else face_sample(picture.step, rgb, f, m)
                    for f, m in zip(faces, visible, strict=True)
                ]
                poses = [None if m is None else _pose(f, m) for f, m in zip(faces, visible, strict=True)]
                seen = _DescribedFrame(faces, frame.detections.changed, shapes, on_content, samples, poses)
            else:
                seen = replace(seen, changed=[False] * len(seen.faces), samples=[None] * len(seen.faces))
            yield frame.picture, seen, rgb

    def _detected_frames(self, reader: MediaReader, check: TurnCheck | None) -> Iterator[_DetectedFrame]:
        """Each frame with its detections: the work of the second thread."""
        detector = VideoFaceDetector(
            self._detect, self.config.detect_every, self.config.min_face_px, self._min_score, HOLD_FRAMES
        )
        self._lying.start()
        for picture, rgb in prefetch(_converted(reader), QUEUE_FRAMES):
            detections = None if rgb is None else detector.detect(rgb)
            if check is not None and rgb is not None and detections is not None:
                _raise_if_turned(check.look(picture.step, rgb, detections.faces))
            if rgb is not None and detections is not None:
                detections = replace(detections, faces=self._lying.aligned(picture.step, rgb, detections.faces))
            yield _DetectedFrame(picture, rgb, detections)
        if check is not None:
            _raise_if_turned(check.end())

    def _described(self, rgb: NDArray[np.uint8], face: Face, mesh: Mesh) -> NDArray[np.float32]:
        """The blendshapes, then the other descriptions that the recogniser reads."""
        if self._describe_further is None:
            return mesh.blendshapes
        return np.concatenate([mesh.blendshapes, self._describe_further(rgb, [face])[0]])

    def _identify(
        self, rgb: NDArray[np.uint8], descriptors: dict[int, NDArray[np.float32]], face: Face
    ) -> NDArray[np.float32]:
        """The descriptor of a face, noted under the face's id."""
        described: NDArray[np.float32] = self._identity(rgb, [face])[0]
        descriptors[id(face)] = described
        return described

    def _annotation(
        self,
        grid: TimeGrid,
        tracks: dict[int, FaceTrack],
        identities: dict[int, int],
        reader: MediaReader,
        detections: DetectionLog,
    ) -> Annotation:
        merged = overlapping_tracks(tracks, identities)
        people = {n: p for n, p in merged.items() if p.steps and p.content_overlap <= self.config.max_content_overlap}
        judged = false_viewers(people, self.config)
        order = sorted((n for n in people if n not in judged.left_out), key=lambda n: min(people[n].steps))
        names = {n: f"v{i}" for i, n in enumerate(order, start=1)}
        left_out = tuple(left_out_face(people[n], why, names, grid) for n, why in judged.left_out.items())
        still = [
            f"{names[n]} {place_text(people[n], grid)} never moves: a photograph?" for n in order if n in judged.still
        ]
        labels = names | {n: why.kind for n, why in judged.left_out.items()}
        return Annotation(
            grid,
            {names[n]: self._viewer(grid, people[n]) for n in order},
            len(merged) - len(people),
            reader.dropped,
            reader.missing_s,
            damage_lines(reader),
            reader.damage,
            detections.with_identities({number: labels.get(n, CONTENT_FACE) for number, n in identities.items()}),
            left_out=left_out,
            notes=(*left_out_lines(left_out), *still),
        )

    def _viewer(self, grid: TimeGrid, person: FaceTrack) -> Viewer:
        valid = np.zeros(grid.steps, dtype=np.bool_)
        columns = ("blendshapes", *self._further)
        shapes = np.zeros((grid.steps, width_of(columns)), dtype=np.float32)
        boxes = np.zeros((grid.steps, len(BOX)), dtype=np.float32)
        valid[person.steps], shapes[person.steps], boxes[person.steps] = True, person.shapes, person.boxes
        blendshapes = Track.masked(grid, BLENDSHAPES, shapes[:, : len(BLENDSHAPES)], valid)
        read, names = column_names(self.recogniser.describes), column_names(columns)
        described = Track.masked(grid, read, shapes[:, [names.index(column) for column in read]], valid)
        poses = np.zeros((grid.steps, len(POSE_SCORE)), dtype=np.float32)
        poses[person.steps] = person.poses
        return Viewer(
            blendshapes,
            Track.masked(grid, BOX, boxes, valid),
            self.recogniser.score(described),
            Track.masked(grid, POSE_SCORE, poses, valid),
        )


def annotation_models(recogniser: Recogniser) -> tuple[str, ...]:
    """Names of the models that annotation with this recogniser runs, for provenance."""
    return tuple(dict.fromkeys((*MODELS, *models_of(recogniser.describes))))


def annotate(
    path: Path,
    recogniser: Recogniser | None = None,
    *,
    content_faces: ContentFaces | None = None,
    cache: Cache | None = None,
    progress: Progress = silent,
) -> Annotation:
    """Annotate one reaction video with default settings; for several, use Annotator.

    Args:
        path: a video.
        recogniser: the prototype recogniser where None.
        content_faces: decides which faces belong to the content; None: every face counts as a viewer's.
        cache: where the models are.
        progress: called with the seconds done and their total.

    Returns:
        The viewers of the video and their scores.

    Raises:
        MediaError or a subclass: if the video cannot be used.
    """
    return Annotator(recogniser, cache=cache)(path, content_faces, progress)


def _pose(face: Face, mesh: Mesh) -> NDArray[np.float32]:
    """Yaw, pitch, roll in degrees, and the detector's score."""
    return np.append(head_pose(mesh.points, mesh.depth), np.float32(face.score)).astype(np.float32)


def _converted(reader: MediaReader) -> Iterator[tuple[VideoFrame, NDArray[np.uint8] | None]]:
    """Each frame with its pixels, None where it repeats the frame before: the work of the first thread."""
    index = -1
    try:
        for picture in reader:
            assert isinstance(picture, VideoFrame)
            yield picture, picture.rgb() if picture.index != index else None
            index = picture.index
    finally:
        reader.close()


def _raise_if_turned(degrees: int) -> None:
    if degrees:
        raise _TurnedRecording(degrees)


def _with_defects(annotation: Annotation, defects: tuple[Damage, ...]) -> Annotation:
    lines = (*annotation.damage, *damage_texts(defects))
    return replace(annotation, damage=lines, defects=(*annotation.defects, *defects))


def _same(face: Face, before: list[tuple[Face, Mesh, int]]) -> tuple[Face, Mesh] | None:
    """The recent face at the position of this one, with its mesh."""
    overlaps = [(iou(face.box, old.box), i) for i, (old, _, _) in enumerate(before) if not lie_apart(face, old)]
    overlap, i = max(overlaps, default=(0.0, -1))
    return before[i][:2] if overlap > SAME_FACE_IOU else None

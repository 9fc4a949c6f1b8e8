"""From a reaction video to its viewers: who is there at 6 Hz, and what each expresses.

Every tick: find the faces, leave out those that belong to the film, follow each person, describe the
face by mesh and blendshapes. At the end each person's blendshapes go through the recogniser at once,
because their resting face is only known then. What is kept per tick and person is 52 numbers and a
box, some 5 MB an hour; pictures and crops are never kept.

Three threads share the work as a line: one decodes and converts, one finds faces, one does the rest.
The nets run on one thread each, so that two cores are busy all the time; the numbers are the same
however many there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evoked.core.progress import Progress, silent
from evoked.core.settings import setting
from evoked.core.time_grid import Grid
from evoked.core.track import Track
from evoked.faces.descriptors import column_names, nets_of, open_describer, width_of
from evoked.faces.detect import DetectConfig, Face, FaceDetector, iou
from evoked.faces.identity import FaceIdentity
from evoked.faces.landmarks import BLENDSHAPES
from evoked.faces.mesh import FaceMesh, Mesh
from evoked.faces.tracker import Follower
from evoked.faces.video_detector import FaceWatch, Glance
from evoked.media.decode import Picture, Play, damage_of, play, play_ahead
from evoked.media.probe import no_picture, probe
from evoked.reactions.expressions.prototype import PrototypeRecogniser, Recogniser
from evoked.reactions.expressions.trained import PROTOTYPE
from evoked.reactions.labelling.majority_vote import TICKS_PER_S
from evoked.reactions.viewers.face_detections import FILM, Sightings
from evoked.reactions.viewers.face_tracks import Person, together_of
from evoked.weights.cache import Cache

NETS = ("yunet", "sface", "face-mesh", "blendshapes")
BOX = ("x", "y", "width", "height")


@dataclass(frozen=True)
class AnnotateConfig:
    """How viewers are found."""

    least_face_px: int = setting(24, "faces narrower than this, in pixels of the reaction, are left out")
    whole_look_every: int = setting(3, "ticks from one search of the whole picture for faces to the next; 1: each tick")
    least_presence: float = setting(0.1, "faces of which the mesh net is less sure than this count as not seen")
    least_known: float = setting(0.3, "detector's certainty down to which a face counts where one stood a second ago")
    recogniser: str = setting(PROTOTYPE, "prototype, or the folder of a recogniser that was trained")
    film_share: float = setting(0.5, "a person whose face is the film's own picture more often than this is no viewer")

    def __post_init__(self) -> None:
        if self.whole_look_every < 1:
            raise ValueError(f"whole_look_every must be at least 1, got {self.whole_look_every}")
        if self.least_face_px < 1 or not 0 <= self.least_presence <= 1 or not 0 < self.film_share <= 1:
            raise ValueError(
                "least_face_px must be at least 1, least_presence and film_share within 0 … 1, got "
                f"{self.least_face_px}, {self.least_presence}, {self.film_share}"
            )
        if not 0 < self.least_known < 1:
            raise ValueError(f"least_known must lie between 0 and 1, got {self.least_known}")


class Film(Protocol):
    """What knows the film that runs inside a reaction."""

    def owns(self, picture: Picture, rgb: NDArray[np.uint8], box: NDArray[np.float32]) -> bool | None:
        """Whether a face of the reaction's picture is the film's own; None where that cannot be told."""
        ...


@dataclass(frozen=True, eq=False)
class Viewer:
    """One person who watches.

    Attributes:
        blendshapes: the 52, at 6 Hz on the reaction's time.
        boxes: x, y, width, height in pixels of the reaction, valid where the blendshapes are.
        scores: expressions in [0, 1], valid there too.
    """

    blendshapes: Track
    boxes: Track
    scores: Track


@dataclass(frozen=True, eq=False)
class Annotation:
    """Who watched, and what they expressed.

    Attributes:
        grid: the reaction's 6 Hz grid.
        viewers: name (v1, v2, … by appearance) → Viewer; empty where nobody was seen.
        film_faces: how many people were left out because they belong to the film.
        dropped: packets of the video that could not be decoded.
        missing_s: seconds at the end that the file declares but does not have; nobody is seen there.
        damage: what was wrong with the file, one line each.
        sightings: every face that was found, also the film's and those that were too unsure or too brief.
    """

    grid: Grid
    viewers: dict[str, Viewer]
    film_faces: int
    dropped: int
    missing_s: float
    damage: tuple[str, ...] = ()
    sightings: Sightings = field(default_factory=Sightings)


@dataclass(frozen=True, eq=False)
class _Found:
    """A tick: its picture, the pixels, what is seen; both None where the frame is that of the tick before."""

    picture: Picture
    rgb: NDArray[np.uint8] | None
    glance: Glance | None


@dataclass(frozen=True, eq=False)
class _Seen:
    """What one picture showed: faces; the blendshapes of each, None where no face was sure or it is the film's."""

    faces: list[Face]
    changed: list[bool]
    shapes: list[NDArray[np.float32] | None]
    film: list[bool | None]


AHEAD = 4
"""Pictures that wait between two of the threads: 3 MB each at 720p."""

HOLD = int(TICKS_PER_S)
"""Ticks for which it counts that a face stood there."""

SAME_FACE = 0.4
"""Faces of two ticks that overlap more (intersection over union) may hand their mesh on."""


class Annotator:
    """Nets loaded once, for any number of reactions.

    Args:
        recogniser: what turns descriptions of a face into expressions; only what it reads is computed.
        config, detect: settings.
        cache: where the nets are.
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
        self._sure = detect.least_score
        least = min(self._sure, self.config.least_known)
        self._detect = FaceDetector(replace(detect, least_score=least), cache, threads=1)
        self._mesh = FaceMesh(cache, threads=1)
        self._identity = FaceIdentity(cache, threads=1)
        # Blendshapes come with the mesh at no cost; whatever else the recogniser reads is computed each tick
        self._more = tuple(name for name in self.recogniser.describes if name != "blendshapes")
        self._describe_more = open_describer(self._more, cache, threads=1) if self._more else None

    def __call__(self, path: Path, film: Film | None = None, progress: Progress = silent) -> Annotation:
        """Annotate one reaction.

        Args:
            path: a video.
            film: what knows the film in it; without one, every face counts as a viewer's.
            progress: told the seconds that are done.

        Raises:
            MediaError and its kin: if the video cannot be used.
        """
        media = probe(path)
        if media.picture is None:
            raise no_picture(path)
        grid = media.grid(TICKS_PER_S)
        playing = play(path, pictures=grid)
        people: dict[int, Person] = {}
        sightings = Sightings()
        follower = Follower(grid.rate)
        shown_s = grid.seconds.copy()
        for picture, seen, rgb in self._look(playing, film):
            shown_s[picture.step] = float(picture.pts_s)
            kept = [i for i, shapes in enumerate(seen.shapes) if shapes is not None or seen.film[i]]
            describe = partial(self._identify, rgb)
            changed = [seen.changed[i] for i in kept]
            numbers = follower.see(picture.step, [seen.faces[i] for i in kept], describe, changed=changed)
            who = dict(zip(kept, numbers, strict=True))
            for i, face in enumerate(seen.faces):
                sightings.note(picture.step, face.box, who.get(i, -1))
            for i, number in who.items():
                people.setdefault(number, Person()).note(picture.step, seen.faces[i].box, seen.shapes[i], seen.film[i])
            progress(float(picture.time_s), float(media.duration_s))
        fresh = _fresh(grid, shown_s, playing)
        people = {number: person.only(fresh) for number, person in people.items()}
        return self._annotation(grid, people, follower.people(), playing, sightings)

    def _look(self, playing: Play, film: Film | None) -> Iterator[tuple[Picture, _Seen, NDArray[np.uint8]]]:
        """Each tick with what is seen there; a frame that stays on the screen is looked at once."""
        seen, rgb = _Seen([], [], [], []), np.zeros((1, 1, 3), np.uint8)
        before: list[tuple[Face, Mesh, int]] = []
        for found in play_ahead(self._found(playing), AHEAD):
            if found.rgb is not None and found.glance is not None:
                rgb, faces, picture = found.rgb, found.glance.faces, found.picture
                owned = [film.owns(picture, rgb, f.box) if film else None for f in faces]
                meshes = [
                    None if own else self._mesh(rgb, f, _same(f, before)) for f, own in zip(faces, owned, strict=True)
                ]
                sure = [m if m is not None and m.presence >= self.config.least_presence else None for m in meshes]
                now = [(f, m, picture.step) for f, m in zip(faces, sure, strict=True) if m is not None]
                before = now + [old for old in before if picture.step - old[2] <= HOLD and _same(old[0], now) is None]
                told = [None if m is None else self._described(rgb, f, m) for f, m in zip(faces, sure, strict=True)]
                seen = _Seen(faces, found.glance.changed, told, owned)
            else:
                seen = replace(seen, changed=[False] * len(seen.faces))
            yield found.picture, seen, rgb

    def _found(self, playing: Play) -> Iterator[_Found]:
        """Each tick with its faces: what the second thread does."""
        watch = FaceWatch(self._detect, self.config.whole_look_every, self.config.least_face_px, self._sure, HOLD)
        for picture, rgb in play_ahead(_converted(playing), AHEAD):
            yield _Found(picture, rgb, None if rgb is None else watch.see(rgb))

    def _described(self, rgb: NDArray[np.uint8], face: Face, mesh: Mesh) -> NDArray[np.float32]:
        """The blendshapes, then what else the recogniser reads."""
        if self._describe_more is None:
            return mesh.blendshapes
        return np.concatenate([mesh.blendshapes, self._describe_more(rgb, [face])[0]])

    def _identify(self, rgb: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
        described: NDArray[np.float32] = self._identity(rgb, [face])[0]
        return described

    def _annotation(
        self, grid: Grid, people: dict[int, Person], who: dict[int, int], played: Play, sightings: Sightings
    ) -> Annotation:
        together = together_of(people, who)
        watching = {n: p for n, p in together.items() if p.steps and p.film_share <= self.config.film_share}
        order = sorted(watching, key=lambda n: min(watching[n].steps))
        names = {n: f"v{i}" for i, n in enumerate(order, start=1)}
        made = {names[n]: self._viewer(grid, watching[n]) for n in order}
        named = sightings.named({number: names.get(person, FILM) for number, person in who.items()})
        left_out = len(together) - len(watching)
        return Annotation(grid, made, left_out, played.dropped, played.missing_s, damage_of(played), named)

    def _viewer(self, grid: Grid, person: Person) -> Viewer:
        valid = np.zeros(grid.steps, dtype=np.bool_)
        kept = ("blendshapes", *self._more)
        shapes = np.zeros((grid.steps, width_of(kept)), dtype=np.float32)
        boxes = np.zeros((grid.steps, len(BOX)), dtype=np.float32)
        valid[person.steps], shapes[person.steps], boxes[person.steps] = True, person.shapes, person.boxes
        own = Track.masked(grid, BLENDSHAPES, shapes[:, : len(BLENDSHAPES)], valid)
        read, names = column_names(self.recogniser.describes), column_names(kept)
        described = Track.masked(grid, read, shapes[:, [names.index(column) for column in read]], valid)
        return Viewer(own, Track.masked(grid, BOX, boxes, valid), self.recogniser.score(described))


def _fresh(grid: Grid, shown_s: NDArray[np.float64], played: Play) -> NDArray[np.bool_]:
    """At which ticks the picture is the one that belongs there: not where a damaged or cut-off file has none.

    Args:
        grid: of the ticks.
        shown_s: when the frame of each tick was first shown, shape (ticks,).
        played: the file, played to its end.
    """
    lost, now = played.lost_s, grid.seconds
    missed = np.searchsorted(lost, now, side="right") > np.searchsorted(lost, shown_s, side="right")
    return ~missed & (now < played.broke_off_s.get("picture", np.inf))


def nets_read(recogniser: Recogniser) -> tuple[str, ...]:
    """Every net that annotating with a recogniser runs, for provenance."""
    return tuple(dict.fromkeys((*NETS, *nets_of(recogniser.describes))))


def annotate(
    path: Path,
    recogniser: Recogniser | None = None,
    *,
    film: Film | None = None,
    cache: Cache | None = None,
    progress: Progress = silent,
) -> Annotation:
    """Annotate one reaction video with default settings; see Annotator for many."""
    return Annotator(recogniser, cache=cache)(path, film, progress)


def columns(annotation: Annotation, names: tuple[str, ...]) -> dict[str, list[object] | NDArray]:
    """The table of docs/files.md: a row per viewer and tick, viewers in order, ticks in order.

    Returns:
        `viewer, time_s, valid`, then a column per expression; no rows where nobody was seen.
    """
    viewers = annotation.viewers
    steps = annotation.grid.steps
    seconds = np.round(annotation.grid.seconds, 6)
    scores = [v.scores.values for v in viewers.values()]
    stacked = np.concatenate(scores) if scores else np.zeros((0, len(names)), np.float32)
    return {
        "viewer": [name for name in viewers for _ in range(steps)],
        "time_s": np.tile(seconds, len(viewers)),
        "valid": np.concatenate([v.scores.valid for v in viewers.values()]) if viewers else np.zeros(0, np.bool_),
        **{name: stacked[:, k] for k, name in enumerate(names)},
    }


def viewers_of(table: dict[str, list], names: tuple[str, ...]) -> dict[str, Track]:
    """Turn a table of `columns` back: viewer → scores at 6 Hz on the reaction's time.

    Raises:
        ValueError: if the rows are not at 6 Hz from second 0, viewer by viewer.
    """
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(table["viewer"]):
        rows.setdefault(str(name), []).append(i)
    out = {}
    for name, places in rows.items():
        grid = Grid(TICKS_PER_S, len(places))
        times = np.array([table["time_s"][i] for i in places], dtype=np.float64)
        if not np.allclose(times, grid.seconds, atol=1e-3):
            raise ValueError(f"viewer {name!r}: time_s must run from 0 in steps of 1/6 s")
        valid = np.array([bool(table["valid"][i]) for i in places])
        values = np.array([[table[n][i] if valid[j] else 0.0 for n in names] for j, i in enumerate(places)])
        out[name] = Track.masked(grid, names, values.reshape(len(places), len(names)), valid)
    return out


def _converted(playing: Play) -> Iterator[tuple[Picture, NDArray[np.uint8] | None]]:
    """Each tick with its pixels, None where the frame is that of the tick before: what the first thread does."""
    index = -1
    try:
        for picture in playing:
            assert isinstance(picture, Picture)
            yield picture, picture.rgb() if picture.index != index else None
            index = picture.index
    finally:
        playing.close()


def _same(face: Face, before: list[tuple[Face, Mesh, int]]) -> tuple[Face, Mesh] | None:
    """The face of a moment before that stands where this one does, with its mesh."""
    near = [(iou(face.box, old.box), i) for i, (old, _, _) in enumerate(before)]
    overlap, i = max(near, default=(0.0, -1))
    return before[i][:2] if overlap > SAME_FACE else None

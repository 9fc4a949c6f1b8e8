"""Who is who from one moment to the next: faces of successive frames become people.

Position says it where it can, for nothing; the face's description (SFace, some 15 ms) is asked for only
where position cannot: a new face, a gap, two people close to each other, a cut, and now and then to
make sure. Nothing is invented: in a frame where a person is not seen, there is nothing of that person.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from evoked.core.settings import setting
from evoked.faces.detect import Face, iou
from evoked.faces.identity import cosine_similarity

__all__ = ["FaceTracker", "TrackedFace", "TrackerConfig"]

Describe = Callable[[Face], NDArray[np.float32]]


@dataclass(frozen=True)
class TrackerConfig:
    """When two faces are one person. Likeness is the cosine of SFace descriptions."""

    max_gap_s: float = setting(1.0, "a person unseen for longer is looked for by likeness alone, seconds")
    reembed_every_s: float = setting(5.0, "how often a person who only moves is described again, seconds")
    min_iou: float = setting(0.5, "faces of successive frames that overlap more (IoU), and no other, are one person")
    same_person_similarity: float = setting(0.45, "faces at least this alike are one person, wherever they are")
    different_person_similarity: float = setting(0.2, "faces less alike are two people, wherever they are")
    min_frames: int = setting(3, "people seen at fewer frames are left out at the end; 1 keeps everyone")

    def __post_init__(self) -> None:
        if not -1 <= self.different_person_similarity < self.same_person_similarity <= 1:
            raise ValueError(
                "different_person_similarity must lie below same_person_similarity, both in -1 … 1, "
                f"got {self.different_person_similarity} and {self.same_person_similarity}"
            )
        if self.max_gap_s < 0 or self.reembed_every_s <= 0 or not 0 < self.min_iou < 1 or self.min_frames < 1:
            raise ValueError(
                "max_gap_s must not be negative, reembed_every_s must be above 0, min_iou within 0 … 1, min_frames at "
                f"least 1; got {self.max_gap_s}, {self.reembed_every_s}, {self.min_iou}, {self.min_frames}"
            )


@dataclass(eq=False)
class TrackedFace:
    """What is remembered of someone: constant in size but for the runs.

    Attributes:
        number: as `update` gives it.
        box: where they were last.
        step: when that was.
        total: sum of their unit descriptions, float64 (128,).
        told: how many of these there were.
        described: the step of the last one.
        runs: [first, last] of each unbroken stretch of steps, in order.
    """

    number: int
    box: NDArray[np.float32]
    step: int
    total: NDArray[np.float64]
    told: int
    described: int
    runs: list[list[int]] = field(default_factory=list)

    @property
    def ticks(self) -> int:
        """In how many frames they were seen."""
        return sum(last - first + 1 for first, last in self.runs)

    def learn(self, step: int, description: NDArray[np.float32]) -> None:
        """Take another description into the mean."""
        self.total += _unit(description)
        self.told += 1
        self.described = step

    def seen(self, step: int, box: NDArray[np.float32]) -> None:
        """Note where they are now."""
        if self.runs and step == self.runs[-1][1] + 1:
            self.runs[-1][1] = step
        else:
            self.runs.append([step, step])
        self.step, self.box = step, box


class FaceTracker:
    """Give each face of a stream of frames the number of its person.

    Numbers start at 0 in order of appearance and are final where they are given; only at the end is it
    known who was there too briefly, and which numbers were one person after all: see `merged_tracks`.

    Args:
        rate: frames per second.
        config: thresholds.
    """

    def __init__(self, rate: Fraction | float, config: TrackerConfig | None = None) -> None:
        if rate <= 0:
            raise ValueError(f"rate must be above zero frames per second, got {rate}")
        self.config = config or TrackerConfig()
        self._hold = max(1, round(self.config.max_gap_s * float(rate)))
        self._refresh = max(1, round(self.config.reembed_every_s * float(rate)))
        self._close = (
            self.config.same_person_similarity + self.config.different_person_similarity
        ) / 2  # likeness that is enough where someone just stood
        self._people: list[TrackedFace] = []
        self._step: int | None = None
        self._next = 0

    def update(
        self,
        step: int,
        faces: Sequence[Face],
        describe: Describe,
        *,
        cut: bool = False,
        changed: Sequence[bool] | None = None,
    ) -> list[int]:
        """Say who is seen in a frame.

        Args:
            step: the frame; larger than the one before. Steps left out are gaps.
            faces: what the detector found there.
            describe: SFace of one of them; called at most once a face, and only where it is needed.
            cut: a new shot begins here: position says nothing.
            changed: for each face, whether the picture there is another than a frame before: then position is
                not enough. None: for none.

        Returns:
            A number for each face, in the same order; no number twice.

        Raises:
            ValueError: if steps do not increase, or a box is not finite or has no area.
        """
        if self._step is not None and step <= self._step:
            raise ValueError(f"steps must increase, got {step} after {self._step}")
        for face in faces:
            if not np.isfinite(face.box).all() or min(face.box[2:]) <= 0:
                raise ValueError(f"a face needs a finite box with an area, got {face.box.tolist()}")
        self._step = step
        known = _Descriptions(faces, describe)
        chosen = {} if cut else self._by_position(step, known, changed or [False] * len(faces))
        self._by_likeness(step, known, chosen, near=not cut)
        for index in range(len(faces)):
            if index not in chosen:
                chosen[index] = self._newcomer(step, faces[index], known[index])
        for index, person in chosen.items():
            if known.has(index) and person.described != step:
                person.learn(step, known[index])
            person.seen(step, faces[index].box)
        return [chosen[index].number for index in range(len(faces))]

    def merged_tracks(self) -> dict[int, int]:
        """Who was who, once all is seen.

        Returns:
            Number that `update` gave → number of the person: the smallest of those that are one person
            (alike, and never seen at the same frame). Numbers seen at fewer than `min_frames` frames
            in all are absent.
        """
        groups = [_Group([p.number], p.total.copy(), [list(r) for r in p.runs]) for p in self._people]
        while pair := self._likest(groups):
            one, other = pair
            groups.remove(other)
            one.take(other)
        kept = [g for g in groups if g.ticks >= self.config.min_frames]
        return {number: min(group.numbers) for group in kept for number in sorted(group.numbers)}

    def _by_position(self, step: int, known: "_Descriptions", changed: Sequence[bool]) -> dict[int, TrackedFace]:
        """Faces that overlap one person of the frame before, who overlaps no other face."""
        faces = known.faces
        near = [p for p in self._people if step - p.step <= self._hold]
        reach = {i: [p for p in near if _touch(face.box, p.box)] for i, face in enumerate(faces)}
        chosen: dict[int, TrackedFace] = {}
        for index, people in reach.items():
            if len(people) != 1:
                continue
            person = people[0]
            rivals = sum(person in others for others in reach.values())
            if rivals > 1 or step - person.step > 1 or iou(faces[index].box, person.box) <= self.config.min_iou:
                continue
            due = self._refresh if person.told > 2 else self._refresh // 5  # know newcomers well soon
            asked = changed[index] or step - person.described >= due
            least = self._close if changed[index] else self.config.different_person_similarity
            if asked and _alike(person, known[index]) < least:
                continue  # someone else sits there now
            chosen[index] = person
        return chosen

    def _by_likeness(self, step: int, known: "_Descriptions", chosen: dict[int, TrackedFace], *, near: bool) -> None:
        """The rest, likest first; those who stand where someone just stood need less."""
        taken = {id(p) for p in chosen.values()}
        free = [p for p in self._people if id(p) not in taken]
        offers = []
        for index, face in enumerate(known.faces):
            if index in chosen or not free:
                continue
            for person in free:
                like = _alike(person, known[index])
                close = near and step - person.step <= self._hold and _touch(face.box, person.box)
                least = self._close if close else self.config.same_person_similarity
                if like >= least:
                    offers.append((like + (0.2 if close else 0.0), -index, index, person))
        for _, _, index, person in sorted(offers, key=lambda o: o[:2], reverse=True):
            if index not in chosen and id(person) not in taken:
                chosen[index] = person
                taken.add(id(person))

    def _newcomer(self, step: int, face: Face, description: NDArray[np.float32]) -> TrackedFace:
        person = TrackedFace(self._next, face.box, step, np.zeros(len(description)), 0, step - 1)
        self._next += 1
        self._people.append(person)
        return person

    def _likest(self, groups: "list[_Group]") -> "tuple[_Group, _Group] | None":
        best, pair = self.config.same_person_similarity, None
        for at, one in enumerate(groups):
            for other in groups[at + 1 :]:
                like = cosine_similarity(one.total, other.total)
                if like >= best and not one.meets(other):
                    best, pair = like, (one, other)
        return pair


class _Descriptions:
    """Descriptions of the faces in a frame, each made when first asked for."""

    def __init__(self, faces: Sequence[Face], describe: Describe) -> None:
        self.faces = faces
        self._describe = describe
        self._made: dict[int, NDArray[np.float32]] = {}

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        if index not in self._made:
            self._made[index] = self._describe(self.faces[index])
        return self._made[index]

    def has(self, index: int) -> bool:
        return index in self._made


@dataclass(eq=False)
class _Group:
    numbers: list[int]
    total: NDArray[np.float64]
    runs: list[list[int]]

    @property
    def ticks(self) -> int:
        return sum(last - first + 1 for first, last in self.runs)

    def meets(self, other: "_Group") -> bool:
        return any(a[0] <= b[1] and b[0] <= a[1] for a in self.runs for b in other.runs)

    def take(self, other: "_Group") -> None:
        self.numbers += other.numbers
        self.total += other.total
        self.runs += other.runs


def _touch(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether two boxes are near enough to be one face that moved: their centres within a face's length."""
    apart = float(np.hypot(*((one[:2] + one[2:] / 2) - (other[:2] + other[2:] / 2))))
    return apart <= float(np.sqrt(np.prod(one[2:])) + np.sqrt(np.prod(other[2:]))) / 2


def _alike(person: TrackedFace, description: NDArray[np.float32]) -> float:
    return cosine_similarity(person.total, description)


def _unit(description: NDArray[np.float32]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(description))
    return np.asarray(description, dtype=np.float64) / (length or 1.0)

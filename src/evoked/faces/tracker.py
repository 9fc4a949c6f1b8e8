"""Face tracking by detection: faces of successive frames are joined into people.

Position decides where it can, at no cost; the face descriptor (SFace, some 15 ms) is computed only where position
does not decide: a new face, a gap, two people close to each other, a cut, and at intervals as a check. Nothing is
interpolated: a person has no data in a frame where the person is not seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from evoked.core.settings import setting, settings
from evoked.faces.detect import Face, iou
from evoked.faces.identity import cosine_similarity

__all__ = ["FaceTracker", "TrackedFace", "TrackerConfig"]

DescribeFace = Callable[[Face], NDArray[np.float32]]


@settings
class TrackerConfig:
    """When two faces are one person. Similarity is the cosine of SFace descriptors."""

    max_gap_s: float = setting(1.0, "a person unseen for longer is recognised by similarity alone, seconds", ge=0)
    reembed_every_s: float = setting(
        5.0, "how often the descriptor of a person who only moves is computed again, seconds", gt=0
    )
    min_iou: float = setting(
        0.5, "faces of successive frames that overlap more (IoU), and no other, are one person", gt=0, lt=1
    )
    same_person_similarity: float = setting(0.45, "faces at least this similar are one person, wherever they are", le=1)
    different_person_similarity: float = setting(0.2, "faces less similar are two people, wherever they are", ge=-1)
    min_frames: int = setting(3, "people seen in fewer frames are left out at the end; 1 keeps everyone", ge=1)

    def __post_init__(self) -> None:
        if self.different_person_similarity >= self.same_person_similarity:
            raise ValueError(
                "different_person_similarity must be below same_person_similarity, got "
                f"{self.different_person_similarity} and {self.same_person_similarity}"
            )


@dataclass(eq=False)
class TrackedFace:
    """What is stored of a person: constant in size but for the runs.

    Attributes:
        number: as `update` returns it.
        box: x, y, width, height in the last frame with this person.
        step: the number of that frame.
        total: sum of the unit descriptors, float64 (128,).
        descriptors: how many of these were added.
        described: the step of the last one.
        runs: [first, last] of each unbroken run of steps, in order.
    """

    number: int
    box: NDArray[np.float32]
    step: int
    total: NDArray[np.float64]
    descriptors: int
    described: int
    runs: list[list[int]] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """The number of frames in which the person was seen."""
        return sum(last - first + 1 for first, last in self.runs)

    def add_descriptor(self, step: int, descriptor: NDArray[np.float32]) -> None:
        """Add a descriptor to the mean.

        Args:
            step: number of the frame.
            descriptor: of the face in it, (128,).
        """
        self.total += _unit(descriptor)
        self.descriptors += 1
        self.described = step

    def add_position(self, step: int, box: NDArray[np.float32]) -> None:
        """Add a frame in which the person is seen.

        Args:
            step: number of the frame.
            box: x, y, width, height of the face in it.
        """
        if self.runs and step == self.runs[-1][1] + 1:
            self.runs[-1][1] = step
        else:
            self.runs.append([step, step])
        self.step, self.box = step, box


class FaceTracker:
    """Assign each face of a stream of frames the number of its person.

    Numbers start at 0 in order of appearance and do not change later; only at the end is it
    known who was seen too briefly, and which numbers are one person after all: see `merged_tracks`.

    Args:
        rate: frames per second.
        config: thresholds.

    Raises:
        ValueError: if the rate is not above 0.
    """

    def __init__(self, rate: Fraction | float, config: TrackerConfig | None = None) -> None:
        if rate <= 0:
            raise ValueError(f"rate must be above zero frames per second, got {rate}")
        self.config = config or TrackerConfig()
        self._hold = max(1, round(self.config.max_gap_s * float(rate)))
        self._refresh = max(1, round(self.config.reembed_every_s * float(rate)))
        self._close = (
            self.config.same_person_similarity + self.config.different_person_similarity
        ) / 2  # enough similarity near the position in the frame before
        self._people: list[TrackedFace] = []
        self._step: int | None = None
        self._next = 0

    def update(
        self,
        step: int,
        faces: Sequence[Face],
        describe: DescribeFace,
        *,
        cut: bool = False,
        changed: Sequence[bool] | None = None,
    ) -> list[int]:
        """Assign people to the faces of a frame.

        Args:
            step: number of the frame; larger than the one before. Steps left out are gaps.
            faces: the detected faces.
            describe: SFace descriptor of one of them; called at most once a face, and only where it is needed.
            cut: a new shot begins here: positions are not used.
            changed: for each face, whether its place looks different from the frame before: then position
                alone is not enough. None: for none.

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
        known = _Descriptors(faces, describe)
        chosen = {} if cut else self._by_position(step, known, changed or [False] * len(faces))
        self._by_similarity(step, known, chosen, near=not cut)
        for index in range(len(faces)):
            if index not in chosen:
                chosen[index] = self._new_person(step, faces[index], known[index])
        for index, person in chosen.items():
            if known.has(index) and person.described != step:
                person.add_descriptor(step, known[index])
            person.add_position(step, faces[index].box)
        return [chosen[index].number for index in range(len(faces))]

    def merged_tracks(self) -> dict[int, int]:
        """The people, after the last frame.

        Returns:
            Number that `update` returned → number of the person: the smallest of those that are one person
            (similar, and never seen in the same frame). People seen in fewer than `min_frames` frames
            in all are absent.
        """
        groups = [_Group([p.number], p.total.copy(), [list(r) for r in p.runs]) for p in self._people]
        while pair := self._most_similar(groups):
            first, second = pair
            groups.remove(second)
            first.merge(second)
        long_enough = [g for g in groups if g.frames >= self.config.min_frames]
        return {number: min(group.numbers) for group in long_enough for number in sorted(group.numbers)}

    def _by_position(self, step: int, known: "_Descriptors", changed: Sequence[bool]) -> dict[int, TrackedFace]:
        """Faces that overlap one person of the frame before, who overlaps no other face."""
        faces = known.faces
        near = [p for p in self._people if step - p.step <= self._hold]
        reach = {i: [p for p in near if _are_near(face.box, p.box)] for i, face in enumerate(faces)}
        chosen: dict[int, TrackedFace] = {}
        for index, people in reach.items():
            if len(people) != 1:
                continue
            person = people[0]
            rivals = sum(person in candidates for candidates in reach.values())
            if rivals > 1 or step - person.step > 1 or iou(faces[index].box, person.box) <= self.config.min_iou:
                continue
            due = (
                self._refresh if person.descriptors > 2 else self._refresh // 5
            )  # several descriptors of a new person soon
            check = changed[index] or step - person.described >= due
            least = self._close if changed[index] else self.config.different_person_similarity
            if check and _similarity(person, known[index]) < least:
                continue  # another person is in that place
            chosen[index] = person
        return chosen

    def _by_similarity(self, step: int, known: "_Descriptors", chosen: dict[int, TrackedFace], *, near: bool) -> None:
        """The remaining faces, most similar first; near a person of the frame before less similarity is enough."""
        taken = {id(p) for p in chosen.values()}
        free = [p for p in self._people if id(p) not in taken]
        offers = []
        for index, face in enumerate(known.faces):
            if index in chosen or not free:
                continue
            for person in free:
                similarity = _similarity(person, known[index])
                close = near and step - person.step <= self._hold and _are_near(face.box, person.box)
                least = self._close if close else self.config.same_person_similarity
                if similarity >= least:
                    offers.append((similarity + (0.2 if close else 0.0), -index, index, person))
        for _, _, index, person in sorted(offers, key=lambda o: o[:2], reverse=True):
            if index not in chosen and id(person) not in taken:
                chosen[index] = person
                taken.add(id(person))

    def _new_person(self, step: int, face: Face, descriptor: NDArray[np.float32]) -> TrackedFace:
        person = TrackedFace(self._next, face.box, step, np.zeros(len(descriptor)), 0, step - 1)
        self._next += 1
        self._people.append(person)
        return person

    def _most_similar(self, groups: "list[_Group]") -> "tuple[_Group, _Group] | None":
        best, pair = self.config.same_person_similarity, None
        for at, first in enumerate(groups):
            for second in groups[at + 1 :]:
                similarity = cosine_similarity(first.total, second.total)
                if similarity >= best and not first.overlaps(second):
                    best, pair = similarity, (first, second)
        return pair


class _Descriptors:
    """Descriptors of the faces in a frame, each computed on first use."""

    def __init__(self, faces: Sequence[Face], describe: DescribeFace) -> None:
        self.faces = faces
        self._describe = describe
        self._computed: dict[int, NDArray[np.float32]] = {}

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        if index not in self._computed:
            self._computed[index] = self._describe(self.faces[index])
        return self._computed[index]

    def has(self, index: int) -> bool:
        return index in self._computed


@dataclass(eq=False)
class _Group:
    numbers: list[int]
    total: NDArray[np.float64]
    runs: list[list[int]]

    @property
    def frames(self) -> int:
        return sum(last - first + 1 for first, last in self.runs)

    def overlaps(self, group: "_Group") -> bool:
        return any(a[0] <= b[1] and b[0] <= a[1] for a in self.runs for b in group.runs)

    def merge(self, group: "_Group") -> None:
        self.numbers += group.numbers
        self.total += group.total
        self.runs += group.runs


def _are_near(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Whether two boxes are near enough to be one face that moved: their centres within a face's length."""
    distance = float(np.hypot(*((a[:2] + a[2:] / 2) - (b[:2] + b[2:] / 2))))
    return distance <= float(np.sqrt(np.prod(a[2:])) + np.sqrt(np.prod(b[2:]))) / 2


def _similarity(person: TrackedFace, descriptor: NDArray[np.float32]) -> float:
    return cosine_similarity(person.total, descriptor)


def _unit(descriptor: NDArray[np.float32]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(descriptor))
    return np.asarray(descriptor, dtype=np.float64) / (length or 1.0)

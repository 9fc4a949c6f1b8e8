"""Hold what the rooms find in a grid's recordings against what is known of them.

Each take goes the way that a study goes: aligned with its content, the film found in the frame,
viewers followed and scored, votes counted. Where a take is refused its faces are still looked at,
without the film; its labels are lost, as they would be in a study. Given the planted map instead, faces and
labels tell about faces alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import AlignmentError
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.faces.detect import iou
from evoked.media.decode import read_audio
from evoked.media.probe import probe
from evoked.reactions.alignment.audio.align import align
from evoked.reactions.alignment.config import SOUND_HZ, MatchConfig
from evoked.reactions.alignment.matcher import ContentMatcher
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.content_region.content_faces import open_content_filter
from evoked.reactions.content_region.detector import ContentRegion
from evoked.reactions.labelling.majority_vote import majority_vote, onto_content, viewer_grid
from evoked.reactions.viewers.annotation import Annotation
from evoked.reactions.viewers.annotator import Annotator
from staging.ground_truth import CODES

SMILE = "amusement"  # the expression that a broad smile with raised cheeks and parted lips is
NO_FACE = 2  # index of truth.CLASSES
FAR_S = 0.1  # a second that is mapped further off than this is not covered, but covered wrongly
STEP_S = 0.1  # the map is asked at every so many seconds of content
CERTAIN = 100.0  # the score of a segment that is known
SAME_FACE = 0.3  # least overlap (intersection over union) of a found box with the planted one


@dataclass
class Figures:
    """What was measured of one take. Counts are of 6 Hz ticks, of tenths of a second of content for the map.

    Attributes:
        name, condition: of the take.
        refused: why it was not aligned; "" where it was.
        played, covered, wrong: tenths of content that are played; of them mapped right; mapped but not right.
        errors_ms: of the tenths that are mapped right.
        film: whether the film is shown, and whether a rectangle was found.
        film_iou, film_px: of the rectangle found: overlap with the planted one, largest distance of an edge.
        turned: whether its left and right were told rightly; None where there is no rectangle.
        box_iou, box_px: of each face found where one is planted: overlap; distance of centres in pixels.
        film_faces, taken: ticks in which a film's face is seen; of them those in which it is a viewer.
        false_faces, false_taken: ticks in which a poster or a copy is seen; of them those in which it is a viewer.
        strangers: ticks in which a viewer stands where no face is planted.
        viewers: planted and found.
        ticks, labels: classes planted and found, index of truth.CLASSES.
        steady: which labels are away from any change.
    """

    name: str
    condition: dict[str, str]
    refused: str = ""
    played: int = 0
    covered: int = 0
    wrong: int = 0
    errors_ms: list[float] = field(default_factory=list)
    film: tuple[bool, bool] = (False, False)
    film_iou: float | None = None
    film_px: float | None = None
    turned: bool | None = None
    box_iou: list[float] = field(default_factory=list)
    box_px: list[float] = field(default_factory=list)
    film_faces: int = 0
    taken: int = 0
    false_faces: int = 0
    false_taken: int = 0
    strangers: int = 0
    viewers: tuple[int, int] = (0, 0)
    ticks: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    labels: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    steady: list[bool] = field(default_factory=list)


class Measurer:
    """Measures takes of one folder; nets are loaded once.

    Args:
        folder: as `shoot` makes it.
        known: its grid.json.
        annotator: finds and scores viewers; None to measure the map alone.
        given: whether the planted map is used instead of one that is found.
        config: what is compared to find it.
    """

    def __init__(
        self,
        folder: Path,
        known: Mapping[str, Any],
        annotator: Annotator | None,
        *,
        given: bool = False,
        config: MatchConfig | None = None,
    ) -> None:
        self._folder, self._known, self._annotator, self._given = folder, known, annotator, given
        self._config = config or MatchConfig()

    def __call__(self, name: str) -> Figures:
        """Measure one take; MediaError and its kin if a file cannot be used."""
        planted = self._known["takes"][name]
        take, content = self._folder / "takes" / name, self._folder / "contents" / planted["content"]
        found = Figures(name, planted["condition"], played=len(_played(planted["parts"])))
        offsets: OffsetMap | None = None
        try:
            offsets = self._map(planted, take, content)
        except AlignmentError as error:
            found.refused = str(error)
        else:
            hold_map(found, planted["parts"], offsets)
        if self._annotator is not None:
            film = open_content_filter(take, content, offsets) if offsets else None
            hold_window(found, planted, film.matcher.region if film else None)
            annotation = self._annotator(take, film)
            hold_faces(found, planted, annotation)
            hold_labels(found, planted, annotation, offsets, probe(content).seconds)
        return found

    def _map(self, planted: Mapping[str, Any], take: Path, content: Path) -> OffsetMap:
        if self._given:
            return planted_map(planted["parts"])
        return ContentMatcher({content.name: content}, self._config).match(take).offsets


def planted_map(parts: Sequence[Mapping[str, float]]) -> OffsetMap:
    """The true map; what is played again is mapped to where it was played first."""
    segments: list[Segment] = []
    for p in sorted(parts, key=lambda part: part["reaction_start_s"]):
        start = max([p["content_start_s"], *(s.content_end_s for s in segments)])
        if start < p["content_end_s"]:
            at = p["reaction_start_s"] + (start - p["content_start_s"]) / p["rate"]
            segments.append(Segment(start, p["content_end_s"], at, CERTAIN, 1 / p["rate"]))
    return OffsetMap(CERTAIN, tuple(segments))


def hold_map(found: Figures, parts: Sequence[Mapping[str, float]], offsets: OffsetMap) -> None:
    """Compare a map with the planted parts, tenth by tenth of the content."""
    end = max(max(p["content_end_s"] for p in parts), max(s.content_end_s for s in offsets.segments))
    times = _played(parts)
    for tenth in range(int(end / STEP_S) + 1):
        second = (tenth + 0.5) * STEP_S
        at = offsets.reaction_time(second)
        if at is None:
            continue
        error = min((abs(at - true) for true in times.get(tenth, ())), default=np.inf)
        if error < FAR_S:
            found.covered += 1
            found.errors_ms.append(1000 * error)
        else:
            found.wrong += 1


def _played(parts: Sequence[Mapping[str, float]]) -> dict[int, list[float]]:
    """Tenth of the content → the seconds of the reaction at which its middle is played, once or more."""
    out: dict[int, list[float]] = {}
    for p in parts:
        for tenth in range(int(p["content_start_s"] / STEP_S), int(p["content_end_s"] / STEP_S) + 1):
            second = (tenth + 0.5) * STEP_S
            if p["content_start_s"] <= second < p["content_end_s"]:
                at = p["reaction_start_s"] + (second - p["content_start_s"]) / p["rate"]
                out.setdefault(tenth, []).append(at)
    return out


def hold_window(found: Figures, planted: Mapping[str, Any], window: ContentRegion | None) -> None:
    """Compare the film's rectangle with the planted one."""
    box = planted["film_box"]
    found.film = (box is not None, window is not None)
    if box is None or window is None:
        return
    here, true = np.array(window.box, dtype=np.float64), np.array(box, dtype=np.float64)
    found.film_iou = iou(here, true)
    edges = [here[0] - true[0], here[1] - true[1], *(here[:2] + here[2:] - true[:2] - true[2:])]
    found.film_px = float(np.abs(edges).max())
    found.turned = window.mirrored == (planted["condition"]["mirror"] in ("film", "both"))


def hold_faces(found: Figures, planted: Mapping[str, Any], annotation: Annotation) -> None:
    """Compare viewers with the planted faces, tick by tick."""
    people = list(annotation.viewers.values())
    found.viewers = (len(planted["viewers"]), len(people))
    on_top = planted["film_box"] if planted["condition"]["layout"] == "inset" else None
    steps = min(len(planted["film_face"]), annotation.grid.steps)
    for tick in range(steps):
        shown = [(p.boxes.values[tick], _smiles(p.scores, tick)) for p in people if p.boxes.valid[tick]]
        film_face = planted["film_face"][tick]
        in_film = [_in(box, on_top) if on_top else False for box, _ in shown]
        free = set(range(len(shown))) - _hold_false_face(found, planted.get("false_face", ()), tick, shown)
        for viewer in planted["viewers"]:
            own = [i for i in sorted(free) if not in_film[i] and _in(shown[i][0], viewer["seat"])]
            free -= set(own)
            _hold_face(found, viewer, tick, [shown[i] for i in own])
        if film_face is not None:
            found.film_faces += 1
            mine = {i for i in free if iou(shown[i][0], np.array(film_face)) >= SAME_FACE}
            found.taken += bool(mine)
            free -= mine
        found.strangers += len(free)


def _hold_false_face(
    found: Figures, planted: Sequence[list[float] | None], tick: int, shown: list[tuple[NDArray, bool]]
) -> set[int]:
    """The viewers who stand where a poster or a copy is planted; they are no one's own face."""
    true = planted[tick] if tick < len(planted) else None
    if true is None:
        return set()
    there = {i for i, (box, _) in enumerate(shown) if iou(box, np.array(true)) >= SAME_FACE}
    found.false_faces += 1
    found.false_taken += bool(there)
    return there


def _hold_face(found: Figures, viewer: Mapping[str, Any], tick: int, shown: list[tuple[NDArray, bool]]) -> None:
    """One planted viewer at one tick against the faces found in their seat."""
    found.ticks[0].append(CODES[viewer["states"][tick]])
    found.ticks[1].append(int(any(smile for _, smile in shown)) if shown else NO_FACE)
    planted = viewer["boxes"][tick]
    if planted is None or not shown:
        return
    true = np.array(planted)
    best = max((box for box, _ in shown), key=lambda box: iou(box, true))
    found.box_iou.append(iou(best, true))
    apart = best[:2] + best[2:] / 2 - true[:2] - true[2:] / 2
    found.box_px.append(float(np.hypot(*apart)))


def _smiles(scores: Track, tick: int) -> bool:
    return bool(scores.values[tick, scores.names.index(SMILE)] >= 0.5)


def _in(box: NDArray, seat: Sequence[float]) -> bool:
    """Whether a box's centre lies in another."""
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    return bool(seat[0] <= x < seat[0] + seat[2] and seat[1] <= y < seat[1] + seat[3])


def hold_labels(
    found: Figures, planted: Mapping[str, Any], annotation: Annotation, offsets: OffsetMap | None, seconds: TimeGrid
) -> None:
    """Vote on the content's time, and compare second by second."""
    true = [CODES[c] for c in planted["labels"]]
    said = [NO_FACE] * len(true)
    if offsets and annotation.viewers:
        ticks = viewer_grid(seconds)
        votes = majority_vote([onto_content(v.scores, offsets, ticks) for v in annotation.viewers.values()], seconds)
        smile = votes.labels.names.index(SMILE)
        for t in range(min(len(true), seconds.steps)):
            if votes.labels.valid[t]:
                said[t] = int(votes.labels.values[t, smile] > 0.5)
    found.labels = (true, said)
    found.steady = [c == "1" for c in planted["steady"]]


def wrong_pairs(folder: Path, known: Mapping[str, Any], film: Path, most: int) -> tuple[int, list[str]]:
    """Each take's sound against stretches of the film that it does not play.

    Args:
        folder, known: the grid.
        film: the whole film; its stretches are as long as a content.
        most: how many pairs, spread evenly over takes and stretches.

    Returns:
        How many pairs were tried, and a line for each that was accepted.
    """
    whole = read_audio(film, SOUND_HZ)
    film_s = len(whole) // SOUND_HZ
    pairs = []
    for name, planted in known["takes"].items():
        content = known["contents"][planted["content"]]
        first, length = content["film_start_s"], content["seconds"]
        starts = range(0, film_s - length, 7)
        pairs += [(name, s, length) for s in starts if s + length <= first or first + length <= s]
    accepted = []
    chosen = [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, min(most, len(pairs))).round().astype(int))]
    heard: tuple[str, NDArray[np.float32]] = ("", whole[:0])
    for name, start, length in chosen:
        if heard[0] != name:
            heard = (name, read_audio(folder / "takes" / name, SOUND_HZ))
        try:
            offsets = align(heard[1], whole[start * SOUND_HZ : (start + length) * SOUND_HZ], SOUND_HZ)
        except AlignmentError:
            continue
        accepted.append(f"{name} against second {start} of the film: {offsets.covered_s:.1f} s at {offsets.score:.1f}")
    return len(chosen), accepted

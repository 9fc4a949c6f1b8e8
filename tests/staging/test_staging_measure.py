"""Figures of takes against plain counts: a map, faces in their seats, labels, and the table made of them."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.content_region.detector import ContentRegion
from evoked.reactions.viewers.annotation import Annotation, Viewer
from evoked.reactions.viewers.annotator import BOX
from evoked.reactions.viewers.face_tracks import POSE_SCORE
from staging.conditions import FACTORS, Condition
from staging.measure import SMILE, Figures, hold_faces, hold_labels, hold_map, hold_window
from staging.tables import bars, conditions, intervals, numbers, summary

PLAIN = {name: values[0] for name, values in FACTORS.items()}
GRID = TimeGrid(Fraction(6), 12)


def part(start: float, end: float, at: float, rate: float = 1.0) -> dict[str, float]:
    return {"content_start_s": start, "content_end_s": end, "reaction_start_s": at, "rate": rate}


def test_a_map_is_held_against_every_tenth_that_is_played() -> None:
    found = Figures("a", PLAIN)
    offsets = OffsetMap(20, (Segment(0, 4, 2.030, 20), Segment(4, 6, 6.5, 20), Segment(9, 10, 20, 20)))
    hold_map(found, [part(0, 4, 2), part(4, 8, 6)], offsets)
    assert found.covered == 40  # 4 to 6 s is half a second off, 6 to 8 s is not mapped
    assert found.wrong == 20 + 10  # and 9 to 10 s is never played
    assert np.allclose(found.errors_ms, 30)


def test_what_is_played_twice_is_right_at_either_time() -> None:
    for at in (1.0, 9.0):
        found = Figures("a", PLAIN)
        offsets = OffsetMap(20, (Segment(2, 4, 2 + at, 20),))
        hold_map(found, [part(0, 8, 1), part(0, 5, 9)], offsets)
        assert (found.covered, found.wrong) == (20, 0)
        assert max(found.errors_ms) < 1e-6


def test_a_rate_is_part_of_the_truth() -> None:
    found = Figures("a", PLAIN)
    hold_map(found, [part(0, 10, 0, 1.05)], OffsetMap(20, (Segment(0, 10, 0, 20),)))
    assert found.errors_ms[10] == pytest.approx(1000 * 1.05 * (1 - 1 / 1.05))  # the 11th tenth: 1.05 s


def viewer(boxes: list[list[float] | None], scores: list[float]) -> Viewer:
    valid = np.array([b is not None for b in boxes])
    values = np.array([b or [0, 0, 0, 0] for b in boxes], dtype=np.float32)
    names = (SMILE,)
    return Viewer(
        Track.masked(GRID, names, np.zeros((12, 1), np.float32), valid),
        Track.masked(GRID, BOX, values, valid),
        Track.masked(GRID, names, np.array(scores, dtype=np.float32)[:, None], valid),
        Track.masked(GRID, POSE_SCORE, np.zeros((12, 4), np.float32), valid),
    )


HERE, THERE, ELSEWHERE = [10.0, 10.0, 40.0, 40.0], [210.0, 60.0, 50.0, 50.0], [150.0, 150.0, 30.0, 30.0]
PLANTED = {
    "condition": PLAIN,
    "film_box": [0, 0, 320, 180],
    "film_face": [None] * 4 + [THERE] * 8,
    "viewers": [{"seat": [0, 0, 100, 100], "states": "nnnnsssscc--", "boxes": [HERE] * 8 + [None] * 4}],
}


def test_faces_are_told_apart_by_where_they_stand() -> None:
    people = {
        "v1": viewer([[12.0, 10.0, 40.0, 40.0]] * 6 + [None] * 3 + [HERE] + [None] * 2, [0.0] * 5 + [0.9] * 7),
        "v2": viewer([None] * 4 + [THERE] * 2 + [None] * 6, [0.0] * 12),
        "v3": viewer([ELSEWHERE] + [None] * 11, [0.9] * 12),
    }
    found = Figures("a", PLAIN)
    hold_faces(found, PLANTED, Annotation(GRID, people, 0, 0, 0.0))
    assert found.ticks == ([0] * 4 + [1] * 4 + [2] * 4, [0] * 5 + [1] + [2] * 3 + [1] + [2] * 2)
    assert (found.film_faces, found.taken, found.strangers) == (8, 2, 1)
    assert found.viewers == (1, 3)
    assert found.box_px == [2.0] * 6
    assert found.box_iou == pytest.approx([38 / 42] * 6)


def test_a_poster_in_a_viewers_seat_is_not_that_viewer() -> None:
    poster = [60.0, 10.0, 20.0, 20.0]
    planted = {**PLANTED, "false_face": [poster] * 10 + [None] * 2}
    people = {"v1": viewer([HERE] * 8 + [None] * 4, [0.0] * 12), "v2": viewer([poster] * 12, [0.9] * 12)}
    found = Figures("a", PLAIN)
    hold_faces(found, planted, Annotation(GRID, people, 0, 0, 0.0))
    assert (found.false_faces, found.false_taken) == (10, 10)
    assert found.ticks[1] == [0] * 8 + [2] * 2 + [1] * 2  # where none is planted it stands in the seat
    assert summary([replace(found, labels=([0], [0]))]).false_taken == 1


def test_a_face_in_an_inset_film_is_no_viewer_of_the_frame_it_lies_on() -> None:
    planted = {**PLANTED, "condition": {**PLAIN, "layout": "inset"}, "film_box": [180, 0, 140, 100]}
    planted["viewers"] = [{**PLANTED["viewers"][0], "seat": [0, 0, 320, 180]}]  # type: ignore[index]
    found = Figures("a", PLAIN)
    hold_faces(found, planted, Annotation(GRID, {"v1": viewer([THERE] * 12, [0.9] * 12)}, 0, 0, 0.0))
    assert found.ticks[1] == [2] * 12
    assert (found.taken, found.strangers) == (8, 4)


def test_labels_are_voted_on_the_contents_time_and_lost_without_a_map() -> None:
    planted = {"labels": "nnns", "steady": "1110"}
    people = {"v1": viewer([HERE] * 12, [0.0] * 6 + [0.9] * 6)}
    for offsets, said in ((None, [2, 2, 2, 2]), (OffsetMap(20, (Segment(1, 3, 0, 20),)), [2, 0, 0, 1])):
        found = Figures("a", PLAIN)
        hold_labels(found, planted, Annotation(GRID, people, 0, 0, 0.0), offsets, TimeGrid(Fraction(1), 4))
        # second 1: ticks 0 to 8 of the reaction are seen, 6 plain and 3 smiling; second 2: 12, 6 and 6: a tie
        assert found.labels[0] == [0, 0, 0, 1]
        assert found.labels[1] == said
        assert found.steady == [True, True, True, False]


def test_the_films_rectangle_is_compared_edge_by_edge() -> None:
    found = Figures("a", PLAIN)
    hold_window(found, PLANTED, ContentRegion((2.0, 0.0, 320.0, 176.0), 0.9, True, np.zeros((1, 1), np.float32)))
    assert found.film == (True, True)
    assert found.film_px == 4
    assert found.film_iou == pytest.approx(318 * 176 / (320 * 180 + 320 * 176 - 318 * 176))
    assert found.turned is False
    hold_window(unseen := Figures("b", PLAIN), {**PLANTED, "film_box": None}, None)
    assert (unseen.film, unseen.film_iou) == ((False, False), None)


def made(seed: int, **condition: str) -> Figures:
    rng = np.random.default_rng(seed)
    true, said = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    said[:120] = true[:120]
    return Figures(
        f"take_{seed}",
        {**PLAIN, **condition},
        played=100,
        covered=90,
        errors_ms=list(rng.exponential(10, 90)),
        film_faces=50,
        taken=seed,
        ticks=(true.tolist(), said.tolist()),
        labels=(true[::6].tolist(), said[::6].tolist()),
    )


def test_a_summary_pools_counts_and_agrees_with_scikit_learn() -> None:
    takes = [made(1), made(2, gain_db="-18"), made(3)]
    one = summary(takes)
    true, said = (np.concatenate([t.ticks[k] for t in takes]) for k in (0, 1))
    for code, name in enumerate(("neutral", "smile", "no face")):
        expected = (
            precision_score(true == code, said == code),
            recall_score(true == code, said == code),
        )
        assert one.tick[name] == pytest.approx(expected)
    assert one.covered == pytest.approx(0.9)
    assert one.taken == pytest.approx(6 / 150)
    assert one.p95_ms == pytest.approx(np.percentile(np.concatenate([t.errors_ms for t in takes]), 95))
    assert summary([replace(takes[0], errors_ms=[])]).median_ms is None
    with pytest.raises(ValueError, match="at least one take"):
        summary([])


def test_intervals_hold_the_pooled_number() -> None:
    takes = [made(s) for s in range(12)]
    now, between = numbers(summary(takes)), intervals(takes, 200)
    for key in ("median_ms", "taken", "tick smile precision"):
        low, high = between[key].low, between[key].high
        assert low is not None
        assert high is not None
        assert low <= now[key] <= high
        assert low < high


def test_the_tables_say_what_is_met_and_what_is_not() -> None:
    takes = [made(1), made(2, gain_db="-18"), made(3, layout="side")]
    said = bars(takes, (1000, 1))
    median = next(line for line in said.splitlines() if "median" in line)
    assert median.endswith("| yes |")
    assert "| truly covered seconds covered, the same | ≥ 95 % | 90.0 % |" in said
    assert "recordings that were aligned | ≤ 1 % | 4.0 % |" in said  # 1, 2 and 3 of 50 each
    assert "the same, recordings that were refused" not in said
    lost = bars([*takes, replace(made(50), refused="no common sound")], None)
    assert "recordings that were aligned | ≤ 1 % | 4.0 % |" in lost
    assert "the same, recordings that were refused |  | 100.0 % |" in lost
    assert "| wrong pairs accepted | none in 1,000 | 1 of 1000 |  | **no** |" in said
    assert "0 of 1000 | 0 … 0.30 % | yes" in bars(takes, (1000, 0))
    both = bars(takes, None, given=[replace(t, taken=0) for t in takes])
    assert "the same, all, given the true map | ≤ 1 % | 0.0 % |" in both
    assert both.count("labels, given the true map: ") == 6
    for faces in (False, True):
        rows = conditions(takes, faces).splitlines()
        assert len({row.count("|") for row in rows}) == 1
    assert any(row.startswith("| gain_db | -18 | 1 |") for row in rows)
    assert not any(row.startswith("| layout | unseen") for row in rows)
    assert not Condition(gain_db="-18").loud_enough

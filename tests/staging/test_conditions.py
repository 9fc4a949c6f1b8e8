"""The design covers what it says, and a plan is what its parts, letters and boxes say."""

import itertools
from collections import Counter
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest

from evoked.sample.source_clips import VIEWERS
from staging.conditions import FACTORS, LEAST, PAIRS, Condition, design
from staging.false_faces import moved, sway
from staging.recording_plan import TAKE_SIZES, Part, Take, plan_takes, seat_of

SMALL = TAKE_SIZES["small"]
TAKES = plan_takes(SMALL, 0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_value_stands_in_at_least_four_and_the_important_pairs_in_one(seed: int) -> None:
    conditions = [asdict(c) for c in design(SMALL.reactions, seed)]
    counts = Counter(item for c in conditions for item in c.items())
    assert min(counts[name, value] for name, values in FACTORS.items() for value in values) >= LEAST
    for one, other in PAIRS:
        held = {(c[one], c[other]) for c in conditions}
        wanted = {(a, b) for a in FACTORS[one] for b in FACTORS[other]}
        cannot = {
            (a, b)
            for a, b in wanted
            if (one, a) == ("layout", "unseen")
            and (other, b) in {("mirror", "film"), ("mirror", "both"), ("film_face", "yes")}
        }
        assert held == wanted - cannot, (one, other)


def test_the_same_seed_gives_the_same_plan_and_another_another() -> None:
    assert plan_takes(SMALL, 0) == TAKES
    assert plan_takes(SMALL, 1) != TAKES


def test_values_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="layout must be one of corner, side, inset, unseen, got 'middle'"):
        Condition(layout="middle")
    with pytest.raises(ValueError, match="not seen"):
        Condition(layout="unseen", film_face="yes")
    with pytest.raises(ValueError, match="0 <= start < end"):
        Part(500, 500, Fraction(0), Fraction(1))


def test_parts_follow_in_the_reaction_and_stay_in_the_content() -> None:
    for take in TAKES:
        spans = [(p.reaction_start_ms, p.reaction_end_ms) for p in take.parts]
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
        assert all(p.content_end_ms <= take.content.seconds * 1000 for p in take.parts)
        assert spans[-1][1] < take.duration_ms
        assert take.duration_ms % 40 == 0


def content_of(take: Take) -> list[tuple[int, int]]:
    return [(p.content_start_ms, p.content_end_ms) for p in take.parts]


def test_each_play_does_what_its_name_says() -> None:
    seen = set()
    for take in TAKES:
        spans, play = content_of(take), take.condition.play
        gaps = [b.reaction_start_ms - a.reaction_end_ms for a, b in zip(take.parts, take.parts[1:], strict=False)]
        jumps = [b[0] - a[1] for a, b in itertools.pairwise(spans)]
        assert len(spans) == {"through": 1, "pause": 2, "skip": 2, "rewind": 2, "cuts": 3}[play]
        assert all(g >= 2000 for g in gaps) if play == "pause" else all(g == 0 for g in gaps)
        assert {"pause": jumps == [0], "rewind": all(j <= -4000 for j in jumps)}.get(play, all(j > 500 for j in jumps))
        seen.add(play)
        assert (take.parts[0].content_start_ms > 0) == (take.condition.offset == "late")
    assert seen == set(FACTORS["play"])


def test_a_part_maps_both_ways_exactly() -> None:
    part = Part(1000, 3100, Fraction(500), Fraction(21, 20))
    assert part.reaction_end_ms == 2500
    assert part.content_ms(Fraction(1500)) == 2050
    assert part.reaction_ms(Fraction(2050)) == 1500
    assert part.content_ms(Fraction(2500)) is None
    assert part.reaction_ms(Fraction(999)) is None


def test_nobody_watches_themselves_and_whoever_is_gone_is_gone_for_four_seconds() -> None:
    for take in TAKES:
        assert take.content.actor not in take.viewers
        assert len(set(take.viewers)) == {"one": 1, "two": 2}[take.condition.viewers]
        for states in take.states:
            gone = {"stays": 0, "leaves": states.count("-"), "covers": states.count("c")}[take.condition.presence]
            assert gone == (0 if take.condition.presence == "stays" else 4)
            assert len(states) == SMALL.seconds


@pytest.mark.parametrize("size", TAKE_SIZES)
def test_a_content_of_one_name_is_one_file(size: str) -> None:
    """Contents with a scene at another second, under one name, would leave film faces where none is planted."""
    for seed in range(3):
        shown: dict[str, set[object]] = {}
        for take in plan_takes(TAKE_SIZES[size], seed):
            film_only = take.content.actor is None  # no scene: where it would stand shows nowhere
            shown.setdefault(take.content.name, set()).add(None if film_only else take.content)
        assert all(len(contents) == 1 for contents in shown.values())


def test_boxes_lie_in_the_frame_are_even_and_the_film_leaves_each_face_free() -> None:
    for take in TAKES + plan_takes(TAKE_SIZES["full"], 3):
        width, height = take.scene.frame
        for x, y, w, h in (*take.scene.seats, *([take.scene.film] if take.scene.film else [])):
            assert min(x, y) >= 0
            assert x + w <= width
            assert y + h <= height
            assert (w % 2, h % 2) == (0, 0)
        assert (take.scene.film is None) == (take.condition.layout == "unseen")
        assert len(take.scene.seats) == len(take.viewers)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_half_of_the_recordings_have_a_false_viewer_who_hides_nobody(seed: int) -> None:
    takes = plan_takes(SMALL, seed)
    kinds = Counter(take.condition.false_viewer for take in takes)
    assert kinds["none"] == len(takes) // 2
    for take in takes:
        face, width, height = take.false_face, *take.scene.frame
        assert (face is None) == (take.condition.false_viewer == "none")
        if face is None:
            continue
        assert face.kind == take.condition.false_viewer.replace("mirrored ", "").split(",")[0]
        x, y, w, h = face.box
        assert min(x, y) >= 0
        assert (x + w <= width, y + h <= height) == (True, True)
        for name, seat in zip(take.viewers, take.scene.seats, strict=True):
            left, top, across, down = seat_of(name, seat, take.condition).box([float(v) for v in VIEWERS[name].face])
            common = max(0, min(x + w, left + across) - max(x, left)) * max(0, min(y + h, top + down) - max(y, top))
            assert common <= 0.15 * across * down, (take.name, face)


def test_only_a_hand_held_camera_sways_and_a_picture_moves_as_told() -> None:
    held = Condition(false_viewer="poster, camera moves")
    assert {sway(Condition(false_viewer="poster"), tick, 200) for tick in range(50)} == {(0, 0)}
    across, down = zip(*(sway(held, tick, 200) for tick in range(200)), strict=True)
    assert 4 < max(across) <= 10
    assert 4 < max(down) <= 10
    rgb = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert (moved(rgb, (1, -2))[:2, 1:] == rgb[2:, :3]).all()

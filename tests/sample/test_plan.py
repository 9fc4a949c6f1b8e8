"""What is planned hangs together: segments, pauses, boxes, states, and the truth made from them."""

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import StudyError
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.reactions.labelling.majority_vote import VoteConfig, majority_vote
from evoked.sample.ground_truth import (
    planted_frames,
    pooled_states,
    read_truth,
    states_on_reaction,
    truth_of,
    write_truth,
)
from evoked.sample.layout import CORNER_BOXES, FACE_MIN_PX, FRAME, corner, inset, side
from evoked.sample.plan import FRAME_MS, SIZES, PlannedReaction, PlannedSegment, SamplePlan, SampleSize, make_plan
from evoked.sample.source_clips import VIEWERS


def source_db(seed: int = 0) -> np.ndarray:
    """Loudness of a video as long as the real one, varying slowly as a real one does."""
    rng = np.random.default_rng(seed)
    slow = np.convolve(rng.normal(size=640), np.ones(9) / 3, "valid")[:596]
    return -40 + 8 * slow


@pytest.fixture(scope="module", params=["small", "full"])
def plan(request: pytest.FixtureRequest) -> SamplePlan:
    return make_plan(source_db(), SIZES[request.param], 7, size_name=request.param)


def test_the_same_seed_gives_the_same_study_and_another_gives_another() -> None:
    first, again, different = (make_plan(source_db(), SIZES["small"], seed) for seed in (1, 1, 2))
    assert first == again
    assert first.reactions != different.reactions


def test_the_full_sample_holds_every_second_of_the_source_video_once() -> None:
    seconds = [s for start, length in SIZES["full"].spans for s in range(start, start + length)]
    assert seconds == list(range(596))


def test_smiles_are_a_fair_share_and_in_every_content(plan: SamplePlan) -> None:
    smile = [s for c in plan.contents for s in c.smile]
    assert 0.2 <= np.mean(smile) <= 0.45
    assert all(any(c.smile) for c in plan.contents)


def test_segments_never_overlap_and_offsets_are_not_whole_frames(plan: SamplePlan) -> None:
    for r in plan.reactions:
        for a, b in pairwise(r.stretches):
            assert a.content_end_ms <= b.content_start_ms
            assert a.reaction_end_ms <= b.reaction_start_ms
        assert r.stretches[-1].reaction_end_ms < r.duration_ms
        assert r.duration_ms % FRAME_MS == 0
        first = r.stretches[0]
        assert (first.reaction_start_ms - first.content_start_ms) % FRAME_MS != 0
        assert r.stretches[-1].content_end_ms == plan.content(r.content).seconds * 1000


def test_a_pause_stops_the_content_and_nothing_is_lost(plan: SamplePlan) -> None:
    paused = [
        (r, a, b)
        for r in plan.reactions
        for a, b in pairwise(r.stretches)
        if a.reaction_end_ms < b.reaction_start_ms and a.content_end_ms == b.content_start_ms
    ]
    assert len(paused) >= 3
    for reaction, a, b in paused:
        assert reaction.content_ms(a.reaction_end_ms) is None
        assert reaction.content_ms(b.reaction_start_ms) == a.content_end_ms
        assert reaction.state(a.reaction_end_ms + 1) == "n"


def test_some_begin_late_some_are_talked_over_and_all_layouts_are_there(plan: SamplePlan) -> None:
    assert any(r.stretches[0].content_start_ms > 0 for r in plan.reactions)
    assert any(r.talk_ms for r in plan.reactions)
    assert {r.layout.kind for r in plan.reactions} == {"corner", "side", "inset"}
    assert len({(r.layout.viewer[:2]) for r in plan.reactions if r.layout.kind == "corner"}) >= 4


def test_viewers_follow_the_rule_unless_they_are_away_or_never_smile(plan: SamplePlan) -> None:
    for r in plan.reactions:
        rule = plan.content(r.content).smile
        assert len(r.states) == len(rule)
        expected = ["s" if wants and r.viewer != "talker" else "n" for wants in rule]
        assert all(state in (should, "-") for state, should in zip(r.states, expected, strict=True))
        assert "-" in r.states


def test_every_face_is_wide_enough_and_every_box_inside_the_frame(plan: SamplePlan) -> None:
    for r in plan.reactions:
        for x, y, w, h in (r.layout.content, r.layout.viewer):
            assert 0 <= x < x + w <= FRAME[0]
            assert 0 <= y < y + h <= FRAME[1]
            assert x % 2 == y % 2 == w % 2 == h % 2 == 0
        assert VIEWERS[r.viewer].face_width(r.layout.viewer[2:]) >= FACE_MIN_PX


@pytest.mark.parametrize("viewer", VIEWERS.values(), ids=str)
def test_crops_stand_inside_the_clip_and_the_empty_one_away_from_the_face(viewer) -> None:
    for w, h in (*CORNER_BOXES, (448, 448), FRAME):
        for x, y, width, height in (viewer.person(w / h), viewer.nobody(w / h)):
            assert 0 <= x < x + width <= viewer.size[0]
            assert 0 <= y < y + height <= viewer.size[1]
            assert width / height == pytest.approx(w / h, rel=0.03)
        x, _, width, _ = viewer.nobody(w / h)
        assert x + width < viewer.face[0] or x > viewer.face[0] + viewer.face[2]


def test_an_inset_content_does_not_cover_the_face() -> None:
    for viewer in (VIEWERS["man"], VIEWERS["woman"]):
        layout = inset(viewer)
        x, _, w, _ = viewer.person(FRAME[0] / FRAME[1])
        scale = FRAME[0] / w
        left, right = (viewer.face[0] - x) * scale, (viewer.face[0] + viewer.face[2] - x) * scale
        assert layout.content[0] + layout.content[2] < left or layout.content[0] > right


def test_side_by_side_does_not_overlap() -> None:
    for left in (True, False):
        content_box, viewer = side(left).content, side(left).viewer
        assert content_box[0] + content_box[2] <= viewer[0] or viewer[0] + viewer[2] <= content_box[0]


def test_a_small_face_gets_the_next_box_that_is_large_enough_or_none() -> None:
    small, tiny = (replace(VIEWERS["talker"], face=(48, 32, width, 60)) for width in (46, 20))
    assert corner(VIEWERS["talker"], 0, 0).viewer[2:] == (320, 240)
    assert corner(small, 0, 0).viewer[2:] == (384, 288)
    with pytest.raises(ValueError, match="narrower than 90 px in every corner box"):
        corner(tiny, 0, 0)


def test_states_on_the_reaction_cover_it_and_say_what_the_content_says(plan: SamplePlan) -> None:
    for r in plan.reactions:
        spans = states_on_reaction(r)
        assert spans[0][0] == 0
        assert spans[-1][1] == r.duration_ms
        assert all(a[1] == b[0] and a[2] != b[2] for a, b in pairwise(spans))
        for ms in range(0, r.duration_ms, 77):
            assert next(s for a, b, s in spans if a <= ms < b) == r.state(ms)


def test_pooled_truth_is_what_the_vote_makes_of_the_planted_ticks(plan: SamplePlan) -> None:
    """Second opinion: the real vote, on Tracks made from the planted states."""
    for content in plan.contents:
        watching = [r for r in plan.reactions if r.content == content.name]
        grid = TimeGrid(Fraction(6), content.seconds * 6)
        planted = [planted_frames(r, content.seconds) for r in watching]
        ballots = [Track.masked(grid, ("smile",), (p == 1)[:, None].astype(float), p != 2) for p in planted]
        votes = majority_vote(ballots, TimeGrid(Fraction(1), content.seconds), VoteConfig()).labels
        expected = np.where(votes.valid, np.nan_to_num(votes.values[:, 0]), 2)
        assert pooled_states(planted)[0].tolist() == expected.tolist()


def test_far_from_any_change_the_pooled_truth_is_the_rule(plan: SamplePlan) -> None:
    for content in plan.contents:
        watching = [r for r in plan.reactions if r.content == content.name and r.viewer != "talker"]
        labels, steady = pooled_states([planted_frames(r, content.seconds) for r in watching])
        seen = steady & (labels != 2)
        assert (labels[seen] == np.array(content.smile)[seen]).all()
        assert 0.3 < steady.mean() < 1


def test_steady_seconds_have_no_change_within_a_second_and_a_half() -> None:
    states = np.repeat([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], 6).astype(np.int8)  # a change at 5.0 s
    assert np.flatnonzero(~pooled_states([states])[1]).tolist() == [4, 5, 6]


def test_ticks_that_were_skipped_are_not_seen() -> None:
    cut = (PlannedSegment(1500, 3000, 0), PlannedSegment(4000, 6000, 1500))
    layout = side(True)
    reaction = PlannedReaction("r.mp4", "c.mp4", "man", layout, cut, (), 1.0, -60.0, "nnsssn", 4000, 0)
    seen = planted_frames(reaction, 6)
    assert seen.tolist() == [2] * 9 + [0] * 3 + [1] * 6 + [2] * 6 + [1] * 6 + [0] * 6
    assert reaction.content_ms(1499) == 2999
    assert reaction.content_ms(1500) == 4000


def test_truth_goes_to_a_file_and_comes_back(plan: SamplePlan, tmp_path: Path) -> None:
    truth = truth_of(plan, [{"name": "bbb.mp4"}])
    write_truth(tmp_path / "truth.json", truth)
    assert read_truth(tmp_path) == json.loads(json.dumps(truth))
    assert truth["note"] == "staged: these people did not watch this film"
    for content in truth["contents"].values():
        assert len(content["pooled"]) == len(content["steady"]) == len(content["rule"]) == content["seconds"]
        assert set(content["reactions"]) <= set(truth["reactions"])


def test_a_folder_without_truth_or_with_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"holds no truth\.json: it is no staged study"):
        read_truth(tmp_path)
    (tmp_path / "truth.json").write_text("{")
    with pytest.raises(StudyError, match="cannot be read"):
        read_truth(tmp_path)
    (tmp_path / "truth.json").write_text('{"format": 99}')
    with pytest.raises(StudyError, match="has format 99"):
        read_truth(tmp_path)


def test_wrong_plans_are_refused() -> None:
    with pytest.raises(ValueError, match="past the end of the source video"):
        make_plan(source_db()[:40], SampleSize(((0, 48),), (("man",),)), 0)
    with pytest.raises(ValueError, match="nobody would smile"):
        make_plan(np.r_[np.full(48, -60.0), np.full(100, -20.0)], SampleSize(((0, 48),), (("man",),)), 0)
    with pytest.raises(ValueError, match="no viewer nobody"):
        SampleSize(((0, 48),), (("nobody",),))
    with pytest.raises(ValueError, match="needs a cast"):
        SampleSize(((0, 48),), ())
    with pytest.raises(ValueError, match="a segment needs"):
        PlannedSegment(5, 5, 0)

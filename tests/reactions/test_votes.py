"""The vote, against a count by hand and a plain loop."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.labelling.majority_vote import (
    VoteConfig,
    Votes,
    centred_window,
    centred_windows,
    majority_vote,
    majority_vote_each,
    onto_content,
    operating_thresholds,
    viewer_grid,
)

NAMES = ("amusement", "surprise")
SIX = Fraction(6)


def seconds(n: int) -> TimeGrid:
    return TimeGrid(Fraction(1), n)


def ballot(on: object, seen: object = None) -> Track:
    """One viewer: `on` (frames,) or (frames, 2); `seen` (frames,)."""
    values = np.asarray(on, dtype=np.float32)
    values = np.column_stack([values, 0 * values]) if values.ndim == 1 else values
    valid = np.ones(len(values), bool) if seen is None else np.asarray(seen, bool)
    return Track.masked(TimeGrid(SIX, len(values)), NAMES, values, valid)


def someone(seed: int, steps: int) -> Track:
    rng = np.random.default_rng(seed)
    return ballot((rng.random((steps, 2)) < 0.5).astype(np.float32), rng.random(steps) < 0.7)


def by_hand(ballots: list[Track], n: int, quorum: int) -> list[list[float | None]]:
    """Spec section 4 as one would count it: every frame is tested for whether it is in the window."""
    rows: list[list[float | None]] = []
    for t in range(n):
        row: list[float | None] = []
        for name in range(2):
            window = [
                i for i in range(ballots[0].grid.steps) if abs(Fraction(i, 6) - t + Fraction(1, 12)) < Fraction(3, 2)
            ]
            on = seen = 0
            for b in ballots:
                for i in window:
                    if b.valid[i]:
                        seen += 1
                        on += bool(b.values[i, name] >= 0.5)
            row.append(None if seen * 18 < quorum * len(window) else float(on > seen / 2))
        rows.append(row)
    return rows


def rows(votes: Votes) -> list[list[float | None]]:
    valid = votes.labels.valid
    return [list(v) if ok else [None, None] for v, ok in zip(votes.labels.values.tolist(), valid, strict=True)]


def test_a_window_is_eighteen_ticks_centred_on_its_second() -> None:
    assert centred_window(Fraction(10), TimeGrid(SIX, 1000)) == (51, 69)
    assert centred_window(Fraction(0), TimeGrid(SIX, 1000)) == (0, 9)  # none before the content
    assert centred_window(Fraction(10), TimeGrid(SIX, 60)) == (51, 60)
    for rate, start in ((SIX, Fraction(0)), (Fraction(30000, 1001), Fraction(1, 7)), (Fraction(5, 2), Fraction(-3, 2))):
        seconds, grid = TimeGrid(Fraction(1), 25, Fraction(1, 3)), TimeGrid(rate, 70, start)
        assert [tuple(row) for row in centred_windows(seconds, grid).tolist()] == [
            centred_window(seconds.second(i), grid) for i in range(25)
        ]


@pytest.mark.parametrize("quorum", [1, 9, 20])
def test_votes_are_as_counted_by_hand(quorum: int) -> None:
    crowd = [someone(seed, 72) for seed in range(3)]
    assert rows(majority_vote(crowd, seconds(12), VoteConfig(quorum=quorum))) == by_hand(crowd, 12, quorum)


def test_half_is_off_and_one_more_is_on() -> None:
    on = np.zeros(60)
    on[51 - 30 : 51 - 30 + 9] = 1  # 9 of the 18 frames of second 5
    assert majority_vote([ballot(on)], seconds(10)).labels.values[5, 0] == 0
    on[51 - 30 + 9] = 1
    assert majority_vote([ballot(on)], seconds(10)).labels.values[5, 0] == 1


def test_a_hidden_tick_is_no_vote_against() -> None:
    seen = np.zeros(60, bool)
    seen[24:34] = True  # 10 of the 18 frames of second 5 are visible
    on = np.zeros(60)
    on[24:30] = 1  # 6 of them are on: 6/10, though 6/18
    votes = majority_vote([ballot(on, seen)], seconds(10), VoteConfig(quorum=9))
    assert votes.labels.values[5, 0] == 1
    assert votes.share.values[5, 0] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("second", "frames", "needed"),
    [(0, 9, 5), (1, 15, 8), (2, 18, 9), (8, 18, 9), (9, 15, 8)],  # half of the frames in the content, rounded up
)
def test_at_the_edges_the_quorum_is_the_same_share_of_fewer_frames(second: int, frames: int, needed: int) -> None:
    window = [i for i in range(60) if second * 6 - 9 <= i < second * 6 + 9]  # 60 frames are all that the content has
    assert len(window) == frames
    for visible in (needed - 1, needed):
        seen = np.zeros(60, bool)
        seen[window[:visible]] = True
        for merge in ("pool", "any", "viewer"):
            votes = majority_vote([ballot(np.ones(60), seen)], seconds(10), VoteConfig(merge=merge))
            assert bool(votes.labels.valid[second]) == (visible == needed), merge


def test_one_unseen_frame_does_not_cost_a_first_second() -> None:
    seen = np.arange(60) != 4
    votes = majority_vote([ballot(np.ones(60), seen)], seconds(10))
    assert votes.labels.valid.all()
    assert votes.ticks[0] == 8


def test_below_quorum_is_nothing_rather_than_zero() -> None:
    seen = np.zeros(60, bool)
    seen[24:32] = True
    votes = majority_vote([ballot(np.zeros(60), seen)], seconds(10), VoteConfig(quorum=9))
    assert not votes.labels.valid.any()
    assert np.isnan(votes.labels.values).all()
    assert votes.share.valid[5]  # the share is known, it only is no label
    assert np.isnan(votes.agreement).all()


def test_pooled_any_and_each_differ_as_they_should() -> None:
    laughs, still, gone = ballot(np.ones(60)), ballot(np.zeros(60)), ballot(np.ones(60), np.zeros(60, bool))
    crowd = [laughs, still, still, gone]
    pooled = majority_vote(crowd, seconds(10))
    assert pooled.labels.values[5].tolist() == [0, 0]
    assert pooled.viewers[5] == 3
    assert pooled.agreement[5] == pytest.approx((0.5 + 1 + 1) / 3)
    assert majority_vote(crowd, seconds(10), VoteConfig(merge="any")).labels.values[5].tolist() == [1, 0]
    by_viewer = majority_vote_each(crowd, seconds(10))
    assert [v.labels.values[5, 0] for v in by_viewer[:3]] == [1, 0, 0]
    assert not by_viewer[3].labels.valid.any()


def test_any_pools_the_faces_of_one_reaction_first() -> None:
    crowd = [ballot(np.ones(60)), ballot(np.zeros(60)), ballot(np.zeros(60))]
    one = majority_vote(crowd, seconds(10), VoteConfig(merge="any"), reactions=["a", "a", "a"])
    two = majority_vote(crowd, seconds(10), VoteConfig(merge="any"), reactions=["a", "b", "b"])
    assert (one.labels.values[5, 0], two.labels.values[5, 0]) == (0, 1)


def test_thresholds_are_one_for_all_or_one_each() -> None:
    viewer = ballot(np.full((60, 2), 0.4, np.float32))
    assert majority_vote([viewer], seconds(10)).labels.values[5].tolist() == [0, 0]
    assert majority_vote([viewer], seconds(10), thresholds=0.4).labels.values[5].tolist() == [1, 1]
    assert majority_vote([viewer], seconds(10), thresholds=[0.3, 0.6]).labels.values[5].tolist() == [1, 0]


def test_each_viewer_has_one_vote_however_long_they_are_seen() -> None:
    """Two who are seen half of the time smile, one who is always seen does not: 18 frames of 36, but 2 of 3 people."""
    half = np.arange(60) % 2 == 0
    crowd = [ballot(np.ones(60), half), ballot(np.ones(60), half), ballot(np.zeros(60))]
    pooled, counted = majority_vote(crowd, seconds(10)), majority_vote(crowd, seconds(10), VoteConfig(merge="viewer"))
    assert (pooled.labels.values[5, 0], counted.labels.values[5, 0]) == (0, 1)
    assert counted.share.values[5, 0] == pytest.approx(2 / 3)
    assert counted.agreement[5] == pytest.approx((1 + 1 + 0.5) / 3)  # of two expressions
    assert counted.ticks[5] == pooled.ticks[5] == 36
    strict = majority_vote(crowd, seconds(10), VoteConfig(merge="viewer", quorum=10))
    assert strict.labels.values[5, 0] == 0  # a viewer visible at 9 frames has no vote now


@pytest.mark.parametrize("seed", range(3))
def test_votes_of_viewers_are_as_counted_by_hand(seed: int) -> None:
    crowd = [someone(10 * seed + i, 48) for i in range(4)]
    result = majority_vote(crowd, seconds(8), VoteConfig(merge="viewer", quorum=7))
    alone = [by_hand([b], 8, 7) for b in crowd]
    for t in range(8):
        cast = [individual[t] for individual in alone if individual[t][0] is not None]
        want = [float(sum(c[k] for c in cast) > len(cast) / 2) for k in range(2)] if cast else [None, None]
        assert rows(result)[t] == want


def test_a_threshold_of_the_config_is_used_or_refused() -> None:
    viewer = ballot(np.full((60, 2), 0.45))
    config = VoteConfig(thresholds={NAMES[0]: 0.4})
    assert majority_vote([viewer], seconds(10), config).labels.values[5].tolist() == [1, 0]
    assert majority_vote_each([viewer], seconds(10), config)[0].labels.values[5].tolist() == [1, 0]
    both = majority_vote([viewer], seconds(10), config, thresholds=[0.4, 0.3])  # as the config, and the recogniser's
    assert both.labels.values[5].tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"sets the threshold of .* to 0\.4, but 0\.5 is given"):
        majority_vote([viewer], seconds(10), config, thresholds=0.5)


def test_how_many_stand_behind_a_second() -> None:
    smiling, neutral = ballot(np.ones(60), np.arange(60) < 30), ballot(np.zeros(60))
    votes = majority_vote([smiling, neutral], seconds(10), VoteConfig(min_viewers=2))
    assert votes.viewers.tolist() == [2] * 7 + [1] * 3  # the window of second 6 still has frames 27 to 29
    assert votes.ticks.tolist() == [18, 30, 36, 36, 33, 27, 21, 18, 18, 15]
    assert votes.labels.valid.tolist() == [True] * 7 + [False] * 3
    assert votes.share.valid.all()  # known, though no label
    np.testing.assert_allclose(votes.agreement[:4], 0.75)  # on amusement one of two; on surprise both
    assert np.isnan(votes.agreement[7:]).all()


def test_thresholds_are_set_else_the_recognisers_else_one_half() -> None:
    config = VoteConfig(thresholds={"surprise": 0.2})
    assert config.levels(NAMES) == (0.5, 0.2)
    assert config.levels(NAMES, {"amusement": 0.35, "surprise": 0.9}) == (0.35, 0.2)
    with pytest.raises(ValueError, match="no expression 'surprise' to set a threshold for; there are: awe"):
        config.levels(("awe",))


@pytest.mark.parametrize("value", [1.2, float("nan"), -0.1, "0.5", None, True])
def test_a_threshold_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"thresholds\.surprise must be "):
        VoteConfig(thresholds={"surprise": value})  # type: ignore[dict-item]


def test_an_operating_point_is_read_from_what_a_recogniser_says() -> None:
    assert operating_thresholds({"recogniser": "prototype"}) == {}
    assert operating_thresholds({"thresholds": {"awe": 0.25}}) == {"awe": 0.25}
    for wrong in ([0.2], {"awe": "high"}, {"awe": 1.5}, {"awe": True}, {"awe": float("nan")}):
        with pytest.raises(ValueError, match="a recogniser's thresholds must be expression"):
            operating_thresholds({"thresholds": wrong})


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(4)), st.sampled_from(["pool", "any", "viewer"]))
def test_the_order_of_viewers_does_not_matter(order: list[int], merge: str) -> None:
    crowd, names = [someone(seed, 48) for seed in range(4)], ["a", "a", "b", "c"]
    config = VoteConfig(merge=merge, quorum=5)
    a = majority_vote(crowd, seconds(8), config, reactions=names)
    b = majority_vote([crowd[i] for i in order], seconds(8), config, reactions=[names[i] for i in order])
    np.testing.assert_array_equal(a.labels.values, b.labels.values)
    np.testing.assert_array_equal(a.share.values, b.share.values)
    np.testing.assert_array_equal(a.agreement, b.agreement)
    np.testing.assert_array_equal(a.viewers, b.viewers)
    np.testing.assert_array_equal(a.ticks, b.ticks)


def counting(steps: int) -> Track:
    """A viewer whose score is the index of the frame."""
    return Track(TimeGrid(SIX, steps), ("tick",), np.arange(steps, dtype=np.float32)[:, None], np.ones(steps, bool))


def test_ticks_move_onto_the_content_by_the_nearest() -> None:
    offsets = OffsetMap(12.0, (Segment(1.0, 3.0, 3.1, 12.0), Segment(3.0, 4.0, 9.0, 11.0)))
    moved = onto_content(counting(70), offsets, viewer_grid(seconds(5)))
    want = [round((i / 6 + 2.1) * 6) for i in range(6, 18)] + list(range(54, 60))
    assert moved.valid.tolist() == [False] * 6 + [True] * 18 + [False] * 6
    assert moved.values[6:24, 0].tolist() == want


def test_a_lag_looks_later_and_the_end_of_the_reaction_is_nothing() -> None:
    offsets = OffsetMap(12.0, (Segment(0.0, 10.0, 0.0, 12.0),))
    moved = onto_content(counting(30), offsets, viewer_grid(seconds(10)), reaction_lag_s=0.5)
    assert moved.values[:27, 0].tolist() == list(range(3, 30))
    assert not moved.valid[27:].any()


def test_an_hour_does_not_drift() -> None:
    start = 1 / 3
    offsets = OffsetMap(12.0, (Segment(0.0, 3600.0, start, 12.0),))
    moved = onto_content(counting(6 * 3610), offsets, viewer_grid(seconds(3600)))
    np.testing.assert_array_equal(moved.values[:, 0], np.arange(21600) + 2)


def test_a_hidden_viewer_stays_hidden_after_the_move() -> None:
    viewer = ballot(np.ones(60), np.arange(60) % 2 == 0)
    moved = onto_content(viewer, OffsetMap(12.0, (Segment(0.0, 10.0, 0.0, 12.0),)), viewer_grid(seconds(10)))
    np.testing.assert_array_equal(moved.valid, viewer.valid)


def test_uncovered_seconds_have_no_label() -> None:
    offsets = OffsetMap(12.0, (Segment(2.0, 6.0, 0.0, 12.0),))
    moved = onto_content(ballot(np.ones(60)), offsets, viewer_grid(seconds(10)))
    assert np.flatnonzero(majority_vote([moved], seconds(10)).labels.valid).tolist() == [2, 3, 4, 5, 6]


def test_wrong_arguments_are_told_by_number() -> None:
    at_25_hz = Track(TimeGrid(Fraction(25), 60), NAMES, np.zeros((60, 2), np.float32), np.ones(60, bool))
    with pytest.raises(ValueError, match=r"ballot 1 is on TimeGrid\(rate=Fraction\(25, 1\)"):
        majority_vote([ballot(np.ones(60)), at_25_hz], seconds(10))
    with pytest.raises(ValueError, match="at least one ballot"):
        majority_vote([], seconds(10))
    with pytest.raises(ValueError, match="one for each of 2 expressions, got 3"):
        majority_vote([ballot(np.ones(60))], seconds(10), thresholds=[0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="one reaction for each of 1 ballots, got 2"):
        majority_vote([ballot(np.ones(60))], seconds(10), reactions=["a", "b"])
    with pytest.raises(ValueError, match="merge must be one of pool, any, viewer"):
        VoteConfig(merge="mean")
    with pytest.raises(ValueError, match="min_viewers must be at least 1, got 0"):
        VoteConfig(min_viewers=0)
    with pytest.raises(ValueError, match="reaction_lag_s must be a finite number, got nan"):
        VoteConfig(reaction_lag_s=float("nan"))
    with pytest.raises(ValueError, match="quorum"):
        VoteConfig(quorum=0)

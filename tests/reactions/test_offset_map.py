"""The map itself: its laws, its file, its exact steps."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from evoked.core.errors import AlignmentError
from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.reactions.alignment.offset_map import OffsetMap, Segment, read_offsets, write_offsets

FAST = OffsetMap(9.0, (Segment(4.0, 24.0, 2.0, 9.0, rate=0.95), Segment(30.0, 40.0, 50.0, 9.0, rate=1.05)))
MAP = OffsetMap(14.5, (Segment(0.0, 10.0, 2.25, 14.5), Segment(10.0, 30.5, 20.0, 11.0)))


def test_times_go_there_and_back_and_gaps_stay_gaps() -> None:
    assert MAP.reaction_time(0.0) == 2.25
    assert MAP.reaction_time(10.0) == 20.0  # half open: the second segment's
    assert MAP.reaction_time(30.5) is None
    assert MAP.content_time(15.0) is None  # the pause
    assert MAP.content_time(21.0) == pytest.approx(11.0)
    assert MAP.covered_s == pytest.approx(30.5)


def test_a_film_that_runs_faster_or_slower_is_followed() -> None:
    assert FAST.reaction_time(14.0) == pytest.approx(11.5)
    assert FAST.content_time(11.5) == pytest.approx(14.0)
    assert FAST.segments[0].reaction_end_s == pytest.approx(21.0)
    assert FAST.content_time(21.1) is None
    assert FAST.reaction_time(35.0) == pytest.approx(55.25)


def test_what_was_skipped_may_be_watched_later() -> None:
    back = OffsetMap(
        9.0, (Segment(0.0, 10.0, 0.0, 9.0), Segment(10.0, 20.0, 30.0, 9.0), Segment(20.0, 30.0, 12.0, 9.0))
    )
    assert back.reaction_time(15.0) == 35.0
    assert back.content_time(15.0) == 23.0
    assert back.covered_s == 30.0


@pytest.mark.parametrize("found", [MAP, FAST])
def test_nearest_steps_agree_with_the_slow_way(found: OffsetMap) -> None:
    content, reaction = TimeGrid(Fraction(30000, 1001), 900), TimeGrid(Fraction(6), 400, Fraction(1, 4))
    got = found.nearest_steps(content, reaction, reaction_lag_s=0.1)
    for i in range(0, 900, 7):
        at = found.reaction_time(float(content.second(i)))
        want = -1
        if at is not None:
            nearest = min(range(400), key=lambda k: abs(float(reaction.second(k)) - at - 0.1))
            want = nearest if abs(float(reaction.second(nearest)) - at - 0.1) <= 1 / 12 + 1e-9 else -1
        assert got[i] == want, i


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "r.json"
    write_offsets(path, MAP, Provenance("align"))
    assert read_offsets(path) == MAP
    write_offsets(path.with_name("fast.json"), FAST, Provenance("align"))
    assert read_offsets(path.with_name("fast.json")) == FAST
    body = json.loads(path.read_text())
    assert list(body) == ["by", "score", "segments", "provenance"]
    for segment in body["segments"]:
        assert segment.pop("rate") == 1.0  # files from before rates say nothing of them
    path.write_text(json.dumps(body))
    assert read_offsets(path) == MAP
    body = json.loads(path.with_name("fast.json").read_text())
    assert list(body["segments"][0]) == ["content_start_s", "content_end_s", "reaction_start_s", "score", "rate"]


@pytest.mark.parametrize(
    ("earlier", "by"),
    [(None, "audio"), ("sound", "audio"), ("picture", "video"), ("sound and picture", "audio and video"),
     ("picture and sound", "video and audio"), ("video and audio", "video and audio")],
)  # fmt: skip
def test_modalities_of_earlier_files_are_read(tmp_path: Path, earlier: str | None, by: str) -> None:
    path = tmp_path / "r.json"
    write_offsets(path, MAP, Provenance("align"))
    body = json.loads(path.read_text())
    assert body.pop("by") == "audio"
    path.write_text(json.dumps(body if earlier is None else {"by": earlier, **body}))
    assert read_offsets(path) == replace(MAP, by=by)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"score": 1, "segments": []}', '{"score": 1, "segments": [{"a": 1}]}']
)
def test_what_is_no_map_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(AlignmentError, match=r"r\.json is no offset map") as caught:
        read_offsets(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(AlignmentError, match="no offset map at"):
        read_offsets(tmp_path / "absent.json")


def test_segments_are_apart_on_both_clocks() -> None:
    with pytest.raises(ValueError, match="follow each other on the content's clock"):
        OffsetMap(1.0, (Segment(0.0, 10.0, 0.0, 1.0), Segment(9.0, 12.0, 20.0, 1.0)))
    with pytest.raises(ValueError, match="apart on the reaction's clock"):
        OffsetMap(1.0, (Segment(0.0, 10.0, 0.0, 1.0), Segment(12.0, 13.0, 9.0, 1.0)))
    with pytest.raises(ValueError, match="apart on the reaction's clock"):
        OffsetMap(1.0, (Segment(0.0, 10.0, 0.0, 1.0, rate=1.1), Segment(12.0, 13.0, 10.5, 1.0)))
    with pytest.raises(ValueError, match="rate must be above zero"):
        Segment(0.0, 3.0, 0.0, 1.0, rate=0.0)
    OffsetMap(1.0, (Segment(0.0, 10.0, 0.0, 1.0), Segment(9.999999, 12.0, 20.0, 1.0)))  # a rounded end
    with pytest.raises(ValueError, match="start < end"):
        Segment(3.0, 3.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="before the reaction"):
        Segment(0.0, 3.0, -0.1, 1.0)
    with pytest.raises(ValueError, match="at least one segment"):
        OffsetMap(1.0, ())

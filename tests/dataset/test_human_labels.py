"""Ratings of clips become labels of contents: placed by the offset map, voted on by all raters of a second."""

from pathlib import Path

import numpy as np
import pytest

from evoked.dataset.human_labels import human_labels
from evoked.dataset.ratings import read_ratings
from evoked.reactions.alignment.offset_map import OffsetMap, Segment

HEAD = "video,start_s,end_s,viewer,rater,amusement,surprise,cannot_tell\n"
ROWS = """a.mp4,3,6,v1,ann,1,0,
a.mp4,3,6,v1,bob,1,0,
a.mp4,3,6,v1,cat,0,1,
a.mp4,3,6,v2,ann,0,0,
b.mp4,2,5,v1,ann,1,0,
a.mp4,6,9,v1,ann,,,1
a.mp4,9,12,v1,ann,0,1,
a.mp4,30,33,v1,ann,1,1,
c.mp4,0,3,v1,ann,1,1,
"""


def test_votes_of_a_second_are_pooled_over_raters_viewers_and_recordings(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(HEAD + ROWS)
    offsets = {
        "a.mp4": ("film.mp4", OffsetMap(1.0, (Segment(0, 12, 2.0, 1.0),))),  # content 0 is played at second 2
        "b.mp4": ("film.mp4", OffsetMap(1.0, (Segment(0, 12, 1.0, 1.0),))),
    }
    labels, notes = human_labels(read_ratings(tmp_path / "r.csv"), offsets, {"film.mp4": 12, "other.mp4": 5})
    assert set(labels) == {"film.mp4"}
    film = labels["film.mp4"]
    # a.mp4 3–6 is about content 2.5, which belongs to second 3, as does b.mp4 2–5; a.mp4 9–12 to second 9
    assert np.flatnonzero(film.labels.valid).tolist() == [3, 9]
    assert film.share is not None
    assert film.ticks is not None
    assert film.share.values[3].tolist() == pytest.approx([3 / 5, 1 / 5])
    assert film.labels.values[[3, 9]].tolist() == [[1, 0], [0, 1]]
    assert (film.viewers[3], film.ticks[3], film.ticks[6], film.ticks[9]) == (3, 5, 0, 1)
    assert notes == (
        "1 rated clips lie where their recording shows no second of a content: left out",
        "rated recordings that are not aligned with a content are left out: c.mp4",
    )

"""Ratings in the formats that people use, and a message for each kind of error."""

from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import DatasetError
from evoked.dataset.ratings import RatedClip, Ratings, read_ratings


def read(tmp_path: Path, text: str, **more: object) -> Ratings:
    path = tmp_path / "ratings.csv"
    path.write_text(text, encoding="utf-8")
    return read_ratings(path, **more)  # type: ignore[arg-type]


SPANS = """video,start_s,end_s,viewer,rater,surprise,amusement,gender
a.mp4,0,3,v1,ann,0,1,woman
a.mp4,0,3,v1,bob,0,1,
a.mp4,3,6,v1,ann,0,,woman
b.mp4,0,3,v1,cat,1,0,man
a.mp4,0,3,v1,cat,1,0,woman
"""


def test_spans_with_marks_that_are_missing(tmp_path: Path) -> None:
    ratings = read(tmp_path, SPANS)
    assert ratings.expressions == ("amusement", "surprise")  # in the order of EEV
    assert [str(c) for c in ratings.clips] == ["a.mp4 0-3 s v1", "a.mp4 3-6 s v1", "b.mp4 0-3 s v1"]
    assert ratings.raters == ("ann", "bob", "cat")
    assert ratings.groups == {"gender": ("woman", "woman", "man")}
    yes, rated = ratings.counts()
    assert yes.tolist() == [[2, 1], [0, 0], [0, 1]]
    assert rated.tolist() == [[3, 3], [0, 1], [1, 1]]


def test_lines_in_any_order_are_the_same_ratings(tmp_path: Path) -> None:
    head, *lines = SPANS.splitlines()
    ratings, reversed_ratings = read(tmp_path, SPANS), read(tmp_path, "\n".join([head, *reversed(lines)]))
    assert (ratings.clips, ratings.raters, ratings.groups) == (
        reversed_ratings.clips,
        reversed_ratings.raters,
        reversed_ratings.groups,
    )
    for name in ("clip", "rater", "marks"):
        np.testing.assert_array_equal(getattr(ratings, name), getattr(reversed_ratings, name))


def test_three_ways_to_merge(tmp_path: Path) -> None:
    ratings = read(tmp_path, SPANS)
    nan = np.nan
    np.testing.assert_array_equal(ratings.merged(), [[1, 0], [nan, 0], [0, 1]])
    np.testing.assert_array_equal(ratings.merged("any"), [[1, 1], [nan, 0], [0, 1]])
    np.testing.assert_allclose(ratings.merged("mean"), [[2 / 3, 1 / 3], [nan, 0], [0, 1]])
    with pytest.raises(ValueError, match="the rule must be one of majority, any, mean, got 'most'"):
        ratings.merged("most")


def test_majority_is_more_than_half_of_however_many_rated(tmp_path: Path) -> None:
    lines = [f"{n}.mp4,{r},{int(r < yes)}" for n, yes in ((1, 1), (2, 1), (3, 2), (4, 2), (5, 3)) for r in range(n)]
    ratings = read(tmp_path, "clip,rater,awe\n" + "\n".join(lines))
    assert ratings.merged()[:, 0].tolist() == [1, 0, 1, 0, 1]


def test_clip_files_seconds_and_a_sheet_from_excel(tmp_path: Path) -> None:
    clips = read(tmp_path, "sep=;\nClip;Video;Rater;Amusement;Person\nc/1.mp4;a.mp4;1;1;p7\n\nc/2.mp4;;1;0;\n")
    assert clips.clips == (RatedClip("a.mp4", "c/1.mp4"), RatedClip("c/2.mp4", "c/2.mp4"))
    assert clips.groups == {"person": ("p7", "")}
    assert clips.notes == ("one rater only: agreement between people is undefined",)
    seconds = read(tmp_path, "video,second,rater,interest\nfilm.mp4,0,x,1\nfilm.mp4,1,x,0\n")
    assert seconds.clips == (RatedClip("film.mp4", "", -1.5, 1.5, 0), RatedClip("film.mp4", "", -0.5, 2.5, 1))


def test_names_that_are_not_of_eev(tmp_path: Path) -> None:
    text = "clip,rater,boredom,country,amusement\na.mp4,1,1,Kenya,0\n"
    ratings = read(tmp_path, text, expressions=("boredom",), groups=("country",))
    assert ratings.expressions == ("amusement", "boredom")
    assert ratings.groups == {"country": ("Kenya",)}


HEAD = "video,start_s,end_s,rater,amusement\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column rater.*it has: none"),
        ("video,start_s,end_s,amusement\n", "has no column rater"),
        ("rater,amusement\n1,1\n", "does not say what was rated"),
        ("video,start_s,rater,amusement\n", "does not say what was rated"),
        ("clip,rater\na,1\n", "rates no expression"),
        ("clip,rater,amusment\na,1,1\n", "column 'amusment' is no known expression; known are amusement, anger"),
        ("clip,rater,awe,awe\na,1,1,1\n", "has the column 'awe' twice"),
        (HEAD, "has a header and no ratings below it"),
        (HEAD + "a,0,3,1,\n", "holds no mark"),
        (HEAD + "a,0,3,1,2\n", "line 2: amusement must be 0 or 1, or empty where it was not rated, got '2'"),
        (HEAD + "a,0,3,1,yes\n", "line 2: amusement must be 0 or 1, or empty where it was not rated, got 'yes'"),
        (HEAD + "a,0,3000,1,1\n", "spans are 3000 s long"),
        ("video,second,rater,awe\n" + "".join(f"a,{s}000,1,1\n" for s in range(4)), "1000 apart in second"),
        (HEAD + "a,0,3,1,1\na,0,3,1,0\n", "line 3: 1 rated a 0-3 s on line 2 already"),
        (HEAD + "a,0,3,1,1\na,2,5,2,1\n", r"line 3: a 0-3 s and a 2-5 s \(line 2\) overlap"),
        (HEAD + "a,3,0,1,1\n", "line 2: need 0 <= start_s < end_s, got 3 and 0"),
        (HEAD + "a,nan,3,1,1\n", "line 2: start_s must be a number of seconds, got 'nan'"),
        (HEAD + "a,0,,1,1\n", "line 2: end_s must be a number of seconds, got ''"),
        (HEAD + "a,0,3,,1\n", "line 2: no rater"),
        (HEAD + ",0,3,1,1\n", "line 2: neither clip nor video is given"),
        (HEAD + "a,0,3,,1\n,0,3,1,1\n", r"line 2: no rater.* \(and 1 more lines are wrong\)"),
        (HEAD + 'a,0,3,1,"1\n', "is no line of a table"),
        (  # decimal commas: read cell by cell it would say 0 to 5 s, and 1 and 0
            "rater,video,start_s,end_s,awe,doubt\nr,a,0,5,1,0,1,1\n",
            "line 2 has 8 cells under 6 columns; put a cell that holds ',' into double quotes",
        ),
        ("video,second,rater,awe\na,1.5,1,1\n", "line 2: second must be a whole number from 0, got '1.5'"),
        ("clip,rater,age,awe\na,1,20,1\na,2,30,1\n", "line 3: age of a is '30', and '20' on line 2; a clip has one"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read .*ratings\.csv: No such file"):
        read_ratings(tmp_path / "ratings.csv")


def test_marks_that_are_true_or_false_and_decimal_commas(tmp_path: Path) -> None:
    lines = ["video;start_s;end_s;rater;awe", "007;0;1,5;01;WAHR", "007;0;1,5;1;FALSCH", "7;0:01:00;0:01:01,5;1;"]
    (tmp_path / "r.csv").write_bytes("\r\n".join(lines).encode("utf-16"))

    ratings = read_ratings(tmp_path / "r.csv")

    assert [(clip.video, clip.start_s, clip.end_s) for clip in ratings.clips] == [("007", 0, 1.5), ("7", 60, 61.5)]
    assert ratings.raters == ("01", "1")
    assert ratings.merged("mean")[0, 0] == 0.5


DRAWN = "video,start_s,end_s,viewer,rater,amusement,cannot_tell,sampling_probability\n"


def test_a_clip_has_the_probability_with_which_it_was_drawn(tmp_path: Path) -> None:
    lines = "b.mp4,0,3,v1,ann,,1,0.25\na.mp4,0,3,v1,ann,1,0,0.5\nb.mp4,0,3,v1,bob,0,,0.25\n"
    ratings = read(tmp_path, DRAWN + lines)
    assert ratings.probability is not None
    assert (ratings.probability.tolist(), ratings.weights.tolist()) == ([0.5, 0.25], [2.0, 4.0])
    assert ratings.expressions == ("amusement",)
    assert ratings.counts()[1].tolist() == [[1], [1]]  # who cannot tell has not said no
    assert read(tmp_path, SPANS).weights.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.mp4,0,3,v1,ann,1,1,0.5", "cannot_tell is 1, and an expression is marked; leave one of the two empty"),
        ("a.mp4,0,3,v1,ann,1,,0", "sampling_probability must be above 0 and at most 1, got 0"),
        ("a.mp4,0,3,v1,ann,1,,", "sampling_probability must be a number, got ''"),
        ("a.mp4,0,3,v1,ann,1,,1.5", "sampling_probability must be above 0 and at most 1, got 1.5"),
    ],
)
def test_a_wrong_probability_or_answer_is_told(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DatasetError, match=f"line 2: {message}"):
        read(tmp_path, DRAWN + line + "\n")
    with pytest.raises(DatasetError, match=r"line 3: sampling_probability of a.mp4 0-3 s v1 is 0.5, and 0.4 on line 2"):
        read(tmp_path, f"{DRAWN}a.mp4,0,3,v1,ann,1,,0.4\na.mp4,0,3,v1,bob,1,,0.5\n")

"""Exports of Label Studio: every form of an annotation, and a message for each that cannot be read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evoked.agreement.agreement import AgreeConfig, agree
from evoked.agreement.machine_scores import read_machine_scores
from evoked.core.errors import DatasetError
from evoked.dataset.ratings import RatedClip, Ratings, read_ratings

DATA = {"video": "anna.mp4", "start_s": 0, "end_s": 3, "viewer": "v1", "play": "https://lab.example/c/1.mp4"}


def annotation(by: object, *choices: str, **more: object) -> dict[str, Any]:
    """One annotation, its result as Label Studio writes it."""
    item = {"type": "choices", "from_name": "seen", "to_name": "play", "value": {"choices": list(choices)}}
    return {"id": 1, "completed_by": by, "result": [item] if choices else [], "was_cancelled": False, **more}


def task(number: int, *annotations: object, **data: object) -> dict[str, Any]:
    return {"id": number, "data": DATA | data, "annotations": list(annotations), "predictions": []}


def read(tmp_path: Path, value: object, **more: Any) -> Ratings:
    path = tmp_path / "export.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return read_ratings(path, **more)


def test_single_several_none_and_cannot_tell(tmp_path: Path) -> None:
    tasks = [
        task(7, annotation(1, "Amusement"), annotation(2, "amusement", "surprise"), annotation(3), gender="woman"),
        task(8, annotation(1, "None"), annotation(2, "Cannot tell"), start_s="3", end_s="6"),
        task(9),
    ]
    ratings = read(tmp_path, tasks)
    table = "video,start_s,end_s,viewer,rater,amusement,surprise,gender\n"
    rows = [
        "0,3,v1,ls-1,1,0,woman",
        "0,3,v1,ls-2,1,1,woman",
        "0,3,v1,ls-3,0,0,woman",
        "3,6,v1,ls-1,0,0,",
        "3,6,v1,ls-2,,,",
    ]
    (tmp_path / "same.csv").write_text(table + "".join(f"anna.mp4,{row}\n" for row in rows))
    same = read_ratings(tmp_path / "same.csv")
    assert (ratings.expressions, ratings.clips, ratings.raters) == (same.expressions, same.clips, same.raters)
    assert ratings.groups["gender"] == ("woman", "")
    for name in ("clip", "rater", "marks"):
        np.testing.assert_array_equal(getattr(ratings, name), getattr(same, name))
    assert ratings.notes == (
        "1 task without annotations",
        "1 annotation with nothing ticked: none of the expressions",
        "the export names only what was ticked; taken as asked: amusement, surprise",
    )
    asked = read(tmp_path, tasks, asked=("surprise", "amusement", "awe"))
    assert asked.expressions == ("amusement", "awe", "surprise")
    assert asked.marks[:, 1].tolist()[:4] == [0, 0, 0, 0]


def test_old_exports_and_skipped_annotations(tmp_path: Path) -> None:
    old = task(
        1,
        annotation(4, "awe"),
        annotation(4, "doubt", created_at=1612345678),
        {**annotation(5, "awe"), "skipped": True},
    )
    old["completions"] = old.pop("annotations")
    ratings = read(tmp_path, [old, task(2, annotation(5, "awe", was_cancelled=True), start_s=3, end_s=6)])
    assert (ratings.raters, [str(clip) for clip in ratings.clips]) == (("ls-4",), ["anna.mp4 0-3 s v1"])
    assert ratings.expressions == ("doubt",)  # the one that says when it was made is the later one
    assert ratings.notes[0] == "2 annotations skipped in Label Studio: no ratings"


def test_json_min_is_the_same_ratings(tmp_path: Path) -> None:
    full = [task(1, annotation(1, "awe"), annotation(2, "awe", "doubt")), task(2, annotation(1), start_s=3, end_s=6)]
    about = {"annotation_id": 5, "created_at": "2026-01-01T00:00:00Z", "lead_time": 2.5, "machine": "pain"}
    minimal = [
        {**DATA, "id": 1, "expressions": "awe", "annotator": 1, **about},
        {**DATA, "id": 1, "expressions": {"choices": ["awe", "doubt"]}, "annotator": 2, **about},
        {**DATA, "id": 2, "start_s": 3, "end_s": 6, "annotator": 1, **about},
    ]
    one, other = read(tmp_path, full), read(tmp_path, minimal)
    assert (one.clips, one.raters, one.expressions) == (other.clips, other.raters, other.expressions)
    np.testing.assert_array_equal(one.marks, other.marks)
    with pytest.raises(DatasetError, match="JSON-MIN without the key expressions: give the Choices name='expressions'"):
        read(tmp_path, [{"seen" if k == "expressions" else k: v for k, v in r.items()} for r in minimal])


def test_raters_are_pseudonyms_everywhere(tmp_path: Path) -> None:
    people = [17, {"id": 18, "email": "ann@lab.example"}, {"email": "Bob@lab.example"}, "bob@lab.example ", "19"]
    tasks = [task(i, annotation(by, "awe"), start_s=3 * i, end_s=3 * i + 3) for i, by in enumerate(people)]
    ratings = read(tmp_path, tasks)
    assert ratings.raters[:3] == ("ls-17", "ls-18", "ls-19")
    assert len(ratings.raters) == 4  # Bob's two spellings are one person
    assert "lab" not in "".join(ratings.raters)
    for by in (None, "", {}, True):
        with pytest.raises(DatasetError, match="task 1: an annotation does not say who made it"):
            read(tmp_path, [task(1, annotation(by, "awe"))])
    wrong = task(1, annotation("ann@lab.example", "awe", "none"))
    with pytest.raises(DatasetError, match="'none' is ticked beside 1 others; it must stand alone") as caught:
        read(tmp_path, [wrong])
    assert "@" not in str(caught.value)


@pytest.mark.parametrize("later_first", [True, False])
def test_the_last_of_two_ratings_of_one_rater_counts(tmp_path: Path, later_first: bool) -> None:
    early = annotation(1, "awe", updated_at="2026-03-01T12:00:00.5Z")
    late = annotation({"id": 1, "email": "a@b"}, "doubt", updated_at="2026-03-01T12:30:00+00:00")
    pair = [late, early] if later_first else [early, late]
    tasks = [task(1, pair[0]), task(2, pair[1], start_s="0", end_s=3.0), task(3, annotation(2, "awe"))]
    ratings = read(tmp_path, tasks)
    assert ratings.marks.tolist() == [[0, 1], [1, 0]]
    number = 2 if later_first else 1
    assert (
        ratings.notes[0]
        == f"1 rating replaced by the same rater's last one of the clip (the first: ls-1, task {number})"
    )


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("reactions/anna.mp4", "reactions/anna.mp4"),
        ("/data/upload/3/0a1b2c3d-anna.mp4", "anna.mp4"),
        ("http://localhost:8080/data/upload/0a1b2c3d-anna%20b.mp4", "anna b.mp4"),
        ("/data/local-files/?d=study/reactions/anna.mp4", "anna.mp4"),
        ("s3://bucket/study/anna.mp4", "anna.mp4"),
        ("https://lab.example/v/anna.mp4?Signature=x/y", "anna.mp4"),
    ],
)
def test_addresses_name_files(tmp_path: Path, address: str, name: str) -> None:
    assert read(tmp_path, [task(1, annotation(1, "awe"), video=address)]).clips[0].video == name


def test_seconds_and_clip_files(tmp_path: Path) -> None:
    one = {"id": 1, "data": {"Video": "film.mp4", "second": 4}, "annotations": [annotation(1, "awe")]}
    assert read(tmp_path, one).clips == (RatedClip("film.mp4", "", 2.5, 5.5, 4),)
    one["data"] = {"clip": "c/1.mp4", "sampling_probability": 0.25}
    ratings = read(tmp_path, one)
    assert (ratings.clips, ratings.weights.tolist()) == ((RatedClip("c/1.mp4", "c/1.mp4"),), [4])


REGION = {"type": "choices", "value": {"choices": ["awe"], "start": 1, "end": 2}}
LABELS = {"type": "timelinelabels", "value": {"timelinelabels": ["awe"]}}
SPOTS = [task(5, annotation(1, "awe")), task(6, annotation(1, "awe"), start_s=2, end_s=5)]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", r"export\.json is empty"),
        ("[]", "holds no rating: no task"),
        ("[{", r"is no JSON: .*must end in \.csv"),
        ("video,start_s,end_s,rater,awe\na,0,3,1,1\n", r"is no JSON: .*line 1.*must end in \.csv"),
        ("[" * 5000, "is no JSON: it is nested too deeply"),
        ([5], "task 1: it is no object"),
        ({"segments": []}, "task 1: it has no data and annotations; need an export of Label Studio"),
        ([{"id": 4, "data": DATA, "annotations": [12]}], "task 4: its annotations are no objects"),
        ([task(4, annotation(1, "amusment"))], "task 4: the choice 'amusment' is no known exp.*mean amusement"),
        ([task(4, annotation(1, "xyz"))], "the choice 'xyz' is no known expression; known are amusement, anger"),
        ([task(4, annotation(1, "awe"), video=None)], "task 4: its data has no video; need video with start_s"),
        ([task(4, annotation(1, "awe"), end_s=None)], "task 4: its data has no end_s; need .*; it has: video, start_s"),
        ([task(4, annotation(1, "awe"), end_s="x")], "task 4: end_s must be a number of seconds, got 'x'"),
        ([task(4, annotation(1, "awe"), VIDEO="b")], "task 4: its data has video and VIDEO; keep one"),
        ([task(4, annotation(1, "awe"), viewer=["v1"])], "task 4: viewer of its data must be a text or a number"),
        ([task(4, annotation(1, result=[LABELS]))], "task 4: an answer is of type 'timelinelabels'; only Choices"),
        ([task(4, annotation(1, result=[REGION]))], r"task 4: a choice is of a part of the clip \(end\)"),
        ([task(4, annotation(1, "awe", updated_at="now"))], "task 4: updated_at must be a time, got 'now'"),
        ([task(4, annotation(1, "awe", updated_at=10**400))], "task 4: updated_at must be a time, got '1000"),
        ([task(4, annotation(1, "awe", was_cancelled=True))], "holds no rating: 1 annotation skipped"),
        ([task(4, annotation(1))], "nobody ticked an expression, so what was asked is unknown"),
        (SPOTS, r"task 6: anna.mp4 0-3 s v1 and anna.mp4 2-5 s v1 \(task 5\) overlap"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, value: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read(tmp_path, value)
    assert "\n" not in str(caught.value)


def test_agreement_with_an_export(tmp_path: Path) -> None:
    tasks = [
        {"id": i, "data": {"clip": f"{i}.mp4"}, "annotations": [annotation(r, *["awe"] * (i % 2)) for r in (1, 2)]}
        for i in range(6)
    ]
    (tmp_path / "scores.csv").write_text("clip,awe\n" + "".join(f"{i}.mp4,{0.9 * (i % 2)}\n" for i in range(6)))
    human = read(tmp_path, tasks)
    agreement = agree(read_machine_scores(tmp_path / "scores.csv"), human, AgreeConfig(resamples=20))
    assert (agreement.clips, agreement.raters, agreement.rows[0].correlation.value) == (6, 2, pytest.approx(1))
    assert human.notes[-1] in agreement.notes

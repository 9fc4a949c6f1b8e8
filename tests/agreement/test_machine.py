"""Machine scores of clips, from each type of table that evoked writes."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evoked.agreement.machine_scores import MachineScores, read_machine_scores, score_names
from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.tables import write_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import write_labels
from evoked.dataset.ratings import RatedClip
from evoked.prediction.writers import write_predictions
from evoked.reactions.labelling.majority_vote import VoteConfig, majority_vote

NAMES = ("awe", "pain")
MADE = Provenance("test")


def first_score(machine: MachineScores, clip: RatedClip, span: str = "mean") -> float | None:
    """The first expression's score of a clip; None where there is none."""
    value = machine.scores([clip], span)[0, 0]
    return None if np.isnan(value) else float(value)


def annotation(path: Path, *, viewers: int = 1) -> Path:
    """Viewer k has awe = frame number / 100 + 0.1 k; in the first two seconds v1 is not seen."""
    frames = np.tile(np.arange(60), viewers)
    who = np.repeat(np.arange(viewers), 60)
    columns = {
        "viewer": [f"v{k + 1}" for k in who],
        "time_s": np.round(frames / 6, 6),
        "valid": (frames >= 12) | (who > 0),
        "awe": frames / 100 + 0.1 * who,
        "pain": np.zeros(len(frames)),
    }
    write_table(path, columns, MADE)
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json"])
def test_a_clip_of_an_annotation_is_the_mean_of_its_frames(tmp_path: Path, suffix: str) -> None:
    machine = read_machine_scores(annotation(tmp_path / f"r.mp4{suffix}"))
    assert (machine.table_type, machine.names, list(machine.videos)) == ("annotation", NAMES, ["r.mp4"])
    assert first_score(machine, RatedClip("r.mp4", "", 3, 6)) == pytest.approx(np.mean(np.arange(18, 36)) / 100)
    assert first_score(machine, RatedClip("r.mp4", "", 3, 6), "last") == pytest.approx(0.35)
    assert first_score(machine, RatedClip("r.mp4", "", 0, 3)) == pytest.approx(
        np.mean(np.arange(12, 18)) / 100
    )  # what was seen
    assert first_score(machine, RatedClip("r.mp4", "", 0, 2)) is None
    assert first_score(machine, RatedClip("r.mp4", "r.mp4")) == pytest.approx(
        np.mean(np.arange(12, 60)) / 100
    )  # a whole clip
    assert machine.contains(RatedClip("r.mp4", "", 0, 2))  # in the table, without a visible face
    assert machine.contains(RatedClip("somewhere/r.mp4", "", 0, 2))
    assert not machine.contains(RatedClip("s.mp4", "", 0, 2))
    with pytest.raises(ValueError, match="span must be one of mean, last"):
        machine.scores([], "most")


def test_faces_are_told_apart_where_the_rating_does(tmp_path: Path) -> None:
    machine = read_machine_scores(annotation(tmp_path / "r.mp4.parquet", viewers=2))
    first, second = (first_score(machine, RatedClip("r.mp4", "", 3, 6, viewer=v)) for v in ("v1", "v2"))
    assert second == pytest.approx(first + 0.1)
    assert first_score(machine, RatedClip("r.mp4", "", 3, 6)) == pytest.approx((first + second) / 2)
    assert first_score(machine, RatedClip("r.mp4", "", 3, 6, viewer="v3")) is None
    assert first_score(machine, RatedClip("r.mp4", "", 3, 6), "last") == pytest.approx((0.35 + 0.45) / 2)


def test_two_rated_files_that_are_one_to_the_machine_are_refused(tmp_path: Path) -> None:
    machine = read_machine_scores(annotation(tmp_path / "r.mp4.csv"))
    with pytest.raises(DatasetError, match=r"^anna/r\.mp4 and bert/r\.mp4 were both rated, .* has r\.mp4 alone"):
        machine.scores([RatedClip("anna/r.mp4", "", 0, 3), RatedClip("bert/r.mp4", "", 0, 3)])
    spans = machine.scores(
        [RatedClip("anna/r.mp4", "", 0, 3), RatedClip("anna/r.mp4", "", 3, 6), RatedClip("s.mp4", "", 0, 3)]
    )
    assert np.isfinite(spans[:, 0]).tolist() == [True, True, False]


def test_a_folder_of_annotations(tmp_path: Path) -> None:
    folder = tmp_path / "annotations"
    annotation(folder / "a.mp4.csv")
    annotation(folder / "b.mp4.parquet")
    machine = read_machine_scores(folder)
    assert sorted(machine.videos) == ["a.mp4", "b.mp4"]
    assert sorted(machine.inputs) == ["a.mp4.csv", "b.mp4.parquet"]  # the provenance beside the CSV is no table
    annotation(folder / "b.mp4.csv")
    with pytest.raises(DatasetError, match=r"b\.mp4\.parquet and b\.mp4\.csv both hold b\.mp4; keep one of the two"):
        read_machine_scores(folder)
    (folder / "b.mp4.csv").unlink()
    write_predictions(folder / "c.parquet", seconds_track(4), MADE)
    with pytest.raises(DatasetError, match=r"c\.parquet holds prediction of awe, pain, a\.mp4\.csv annotation"):
        read_machine_scores(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no table"):
        read_machine_scores(tmp_path / "empty")


def seconds_track(steps: int) -> Track:
    values = np.stack([np.arange(steps) / 10, np.zeros(steps)], axis=1)
    return Track.masked(TimeGrid(Fraction(1), steps), NAMES, values, np.arange(steps) != 2)


def test_a_second_of_a_prediction_stands_for_the_three_around_it(tmp_path: Path) -> None:
    write_predictions(tmp_path / "content.mp4.parquet", seconds_track(8), MADE)
    machine = read_machine_scores(tmp_path / "content.mp4.parquet")
    assert machine.table_type == "prediction"
    assert first_score(machine, RatedClip("content.mp4", "", 2.5, 5.5, 4)) == pytest.approx(0.4)  # a rated second
    assert first_score(machine, RatedClip("content.mp4", "", 2.4, 5.4)) == pytest.approx(0.4)  # the nearest to 3.9
    assert first_score(machine, RatedClip("content.mp4", "", 2.0, 7.0)) == pytest.approx(0.45)  # 4 and 5 lie within
    assert first_score(machine, RatedClip("content.mp4", "", 0.5, 3.5, 2)) is None
    assert first_score(machine, RatedClip("content.mp4", "", 20, 23)) is None  # past its end
    assert first_score(machine, RatedClip("content", "", 2.5, 5.5, 4)) == pytest.approx(0.4)  # named without its suffix


def test_labels_give_shares_where_they_have_them(tmp_path: Path) -> None:
    six = TimeGrid(Fraction(6), 60)
    on = (np.arange(60) % 4 == 0).astype(np.float32)
    viewer = Track.masked(six, NAMES, np.stack([on, 1 - on], axis=1), np.arange(60) >= 24)
    votes = majority_vote([viewer], TimeGrid(Fraction(1), 10), VoteConfig(quorum=18))
    write_labels(tmp_path / "l.csv", {"content.mp4": votes}, MADE)
    machine = read_machine_scores(tmp_path / "l.csv")
    assert machine.table_type == "labels"
    assert first_score(machine, RatedClip("content.mp4", "", 5.5, 8.5, 7)) == pytest.approx(
        float(votes.share.values[7, 0]), abs=1e-5
    )
    assert first_score(machine, RatedClip("content.mp4", "", 3.5, 6.5, 5)) is None  # below the quorum: no label
    assert machine.notes == ("the machine's scores are shares of votes",)
    hard = "video,second,valid,awe\ncontent.mp4,0,true,1\n"
    (tmp_path / "h.csv").write_text(hard)
    assert read_machine_scores(tmp_path / "h.csv").notes[0].startswith("the machine's scores are labels of 0 or 1")


def test_scores_of_spans_and_of_clips(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("video,start_s,end_s,viewer,awe\na.mp4,0,3,v1,0.25\na.mp4,3.0004,6,v1,0.5\n")
    machine = read_machine_scores(path)
    assert first_score(machine, RatedClip("a.mp4", "", 0.0, 3.0, viewer="v1")) == 0.25
    assert first_score(machine, RatedClip("a.mp4", "", 3.0, 6.0, viewer="v1")) == 0.5  # the same to the millisecond
    assert first_score(machine, RatedClip("a.mp4", "", 0.0, 3.0)) is None
    path.write_text("clip,awe\n7,0.25\nc/8.mp4,1\n")
    machine = read_machine_scores(path)
    assert first_score(machine, RatedClip("7", "7")) == 0.25  # a number is a name, too
    assert first_score(machine, RatedClip("a.mp4", "c/8.mp4")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("awe\n1\n", "is no table of scores: need clip.*it has: awe"),
        ("clip\na\n", "has no expression: columns are clip"),
        ("clip,awe\na,nan\n", r"row 1: awe must be a score within 0 … 1, got None"),
        ("clip,awe\na,\n", r"row 1: awe must be a score within 0 … 1, got None"),
        ("clip,awe,joy\na,1,1\nb,1,2\nc,2,1\n", "row 2: joy must be a score within 0 … 1, got 2"),
        ("clip,awe\na,1.5\n", r"row 1: awe must be a score within 0 … 1, got 1\.5"),
        ("clip,awe\na,high\n", r"row 1: awe must be a score within 0 … 1, got 'high'"),
        ("clip,valid,awe\na,yes,1\n", "row 1: valid must be true or false, got 'yes'"),
        ("clip,awe\na,1\na,0\n", "row 2: a is scored twice"),
        ("clip,video,awe\n,a.mp4,1\n", "row 1: need a clip, or a video with start_s < end_s"),
        ("video,start_s,end_s,awe\na.mp4,x,3,1\n", "row 1: start_s and end_s must be numbers of seconds"),
        ("video,start_s,end_s,awe\na.mp4,0,1e400,1\n", "row 1: start_s and end_s must be numbers of seconds"),
        ("time_s,valid,awe\n0,true,1\n0,true,1\n", "time_s must rise"),
        ("viewer,time_s,valid,awe\nv1,one,true,1\n", "row 1: time_s must be a number of seconds, got 'one'"),
        ("video,second,valid,viewer,awe\na,0,true,v1,1\n", "has labels of each viewer apart"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DatasetError, match=message) as caught:
        read_machine_scores(tmp_path / "m.csv")
    assert "\n" not in str(caught.value)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no table at"):
        read_machine_scores(tmp_path / "m.csv")


def test_a_name_with_a_dot_is_not_another_file_and_unicode_forms_are_one(tmp_path: Path) -> None:
    rows = [f"{video},{s},true,{value}" for video, value in (("lecture.1", 1), ("u\u0308.mp4", 0)) for s in range(9)]
    (tmp_path / "l.csv").write_text("\n".join(["video,second,valid,awe", *rows]))
    machine = read_machine_scores(tmp_path / "l.csv")

    assert machine.contains(RatedClip("lecture.1", "", 0, 3))
    assert not machine.contains(RatedClip("lecture", "", 0, 3))
    assert first_score(machine, RatedClip("videos/\u00fc.mp4", "", 0, 3)) == 0


def test_a_clip_in_a_gap_of_predictions_has_no_score(tmp_path: Path) -> None:
    rows = [f"{s},true,0.{s % 10}" for s in range(60) if not 20 <= s < 40]
    (tmp_path / "a.csv").write_text("\n".join(["time_s,valid,awe", *rows]))
    machine = read_machine_scores(tmp_path / "a.csv")

    assert first_score(machine, RatedClip("a", "", 10.5, 13.5)) == pytest.approx(0.2)
    assert first_score(machine, RatedClip("a", "", 28.5, 31.5)) is None


@pytest.mark.parametrize(
    "header", ["clip,awe,joy", "video,second,valid,viewers,awe,joy,share_awe", "time_s,valid,awe,joy"]
)
def test_the_names_are_known_from_the_header(tmp_path: Path, header: str) -> None:
    (tmp_path / "t.csv").write_bytes(header.encode() + b"\n" + b"a,0\n" * 20_000 + b"\xff\n")
    assert score_names(tmp_path / "t.csv") == ("awe", "joy")
    with pytest.raises(DatasetError):
        read_machine_scores(tmp_path / "t.csv")

"""participants.csv as people write it: who is who, and one clear message for each error."""

from pathlib import Path

import pytest

from evoked.core.errors import DatasetError
from evoked.dataset.participants import Participant, Participants, identify, read_participants

RECORDINGS = ("anna.mp4", "ben.mov", "both.mp4")
GOOD = "recording,participant,group,condition\nanna.mp4,P01,control,sound\nben.mov,007,,silent\n"


def table(tmp_path: Path, raw: str) -> Path:
    path = tmp_path / "participants.csv"
    path.write_text(raw, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "raw",
    [
        GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace("recording,", "Reaction,"),
        GOOD.replace("group", " GROUP"),
        GOOD.replace("007,,", "007,NA,"),
    ],
    ids=["comma", "semicolon", "reaction as in pairs.csv", "upper case", "NA"],
)
def test_however_it_is_written_it_says_the_same(tmp_path: Path, raw: str) -> None:
    read = read_participants(table(tmp_path, raw), RECORDINGS)
    assert read.columns == ("group", "condition")
    assert read.lines["anna.mp4", ""] == Participant("P01", {"group": "control", "condition": "sound"})
    assert read.lines["ben.mov", ""] == Participant("007", {"group": "", "condition": "silent"})
    assert read.unnamed(RECORDINGS) == ("both.mp4",)


def test_a_recording_that_does_not_exist_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    read = read_participants(table(tmp_path, GOOD + "ana.mp4,P03,,\n"), RECORDINGS)
    assert read.unknown == ("participants.csv line 4: no recording 'ana.mp4'; did you mean 'anna.mp4'?",)
    assert ("ana.mp4", "") not in read.lines


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("recording,person\nanna.mp4,P01\n", "has no column participant; its first line must name the columns"),
        ("recording,participant\n", "a header and no lines below it"),
        ("recording,participant\nanna.mp4,\n", "line 2: no participant; fill it in, or delete the line"),
        (GOOD + "both.mp4,NA,,\n", "line 4: no participant; fill it in, or delete the line"),
        (GOOD + "anna.mp4,P09,,\n", "line 4: recording 'anna.mp4' is already on line 2; keep one line"),
        (GOOD + "both.mp4,P01,trained,\n", "line 4: participant 'P01' has group 'trained', and 'control' on line 2"),
        (GOOD.replace("condition", "joy"), "a column cannot be called 'joy'"),
        (GOOD.replace("condition", "second"), "a column cannot be called 'second'"),
        (GOOD.replace("condition", "group"), "has the column 'group' twice"),
        (GOOD + "both.mp4,P03,a,b,c\n", "line 4 has 5 cells under 4 columns"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(tmp_path: Path, raw: str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_participants(table(tmp_path, raw), RECORDINGS, ("joy",))
    assert message in str(caught.value)
    assert "participants.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_condition_may_differ_between_recordings_of_one_person(tmp_path: Path) -> None:
    read = read_participants(table(tmp_path, GOOD + "both.mp4,P01,control,silent\n"), RECORDINGS)
    assert [who.name for who in read.lines.values()] == ["P01", "007", "P01"]


def test_a_line_without_viewer_is_of_the_face_seen_most_and_that_is_told(tmp_path: Path) -> None:
    read = read_participants(table(tmp_path, GOOD), RECORDINGS)
    people, notes = identify(read, {("anna.mp4", "v1"): 20, ("anna.mp4", "v2"): 90, ("both.mp4", "v1"): 5})
    assert {key: who.name for key, who in people.items()} == {
        ("anna.mp4", "v2"): "P01",
        ("anna.mp4", "v1"): "anna.mp4/v1",
        ("both.mp4", "v1"): "both.mp4/v1",
    }
    assert people["both.mp4", "v1"].attributes == {"group": "", "condition": ""}
    assert len(notes) == 1
    assert "v2, seen most, is taken for P01; name v1 in a column viewer" in notes[0]


def test_viewers_can_be_named_one_by_one(tmp_path: Path) -> None:
    raw = "recording,viewer,participant\nboth.mp4,v1,P01\nboth.mp4,v2,P02\nboth.mp4,v3,P01\nboth.mp4,v9,P04\n"
    people, notes = identify(
        read_participants(table(tmp_path, raw), RECORDINGS), {("both.mp4", f"v{i}"): 9 for i in (1, 2, 3)}
    )
    assert [who.name for who in people.values()] == ["P01", "P02", "P01"]
    assert notes == ("participants.csv: no viewer 'v9' was seen in both.mp4; seen: v1, v2, v3",)


def test_without_a_table_every_viewer_is_a_person() -> None:
    people, notes = identify(Participants(), {("a.mp4", "v1"): 3, ("b.mp4", "v1"): 3})
    assert [who.name for who in people.values()] == ["a.mp4/v1", "b.mp4/v1"]
    assert notes == ()


def test_a_viewer_that_r_writes_as_na_is_not_named(tmp_path: Path) -> None:
    raw = "recording,viewer,participant\nboth.mp4,v1,P01\nanna.mp4,NA,P02\n"
    read = read_participants(table(tmp_path, raw), RECORDINGS)
    assert list(read.lines) == [("both.mp4", "v1"), ("anna.mp4", "")]

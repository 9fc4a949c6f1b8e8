"""pairs.csv in the formats that people use, and one message for each error."""

import unicodedata
from pathlib import Path

import pytest

from evoked.core.errors import DatasetError, OutputError
from evoked.dataset.pairs import Pair, read_pairs, write_pairs

REACTIONS = ("anna.mp4", "ben, loud.mp4", "Zoë.mp4")
CONTENTS = ("film.mp4", "other film.mkv")
WANTED = (Pair("anna.mp4", "film.mp4"), Pair("ben, loud.mp4", "other film.mkv"))
COMMA = 'reaction,content\nanna.mp4,film.mp4\n"ben, loud.mp4",other film.mkv\n'


def table(tmp_path: Path, raw: str | bytes) -> Path:
    path = tmp_path / "pairs.csv"
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    return path


@pytest.mark.parametrize(
    "raw",
    [
        COMMA,
        COMMA.replace("\n", "\r\n"),
        b"\xef\xbb\xbf" + COMMA.encode(),
        "reaction;content\nanna.mp4;film.mp4\nben, loud.mp4;other film.mkv\n",
        "sep=;\r\nreaction;content\r\nanna.mp4;film.mp4\r\nben, loud.mp4;other film.mkv\r\n",
        "reaction\tcontent\nanna.mp4\tfilm.mp4\nben, loud.mp4\tother film.mkv".encode("utf-16"),
        ";Content ; REACTION\n;film.mp4; anna.mp4\n;;\n;other film.mkv;ben, loud.mp4",
        COMMA.replace("\n", "\n\n"),
    ],
    ids=["comma", "crlf", "bom", "semicolons", "excel sep", "utf-16 tabs", "an empty column", "empty lines"],
)
def test_however_it_is_written_it_says_the_same(tmp_path: Path, raw: str | bytes) -> None:
    read = read_pairs(table(tmp_path, raw), REACTIONS, CONTENTS)
    assert read.sound() == WANTED


def test_both_unicode_forms_are_one_name(tmp_path: Path) -> None:
    on_disk = unicodedata.normalize("NFD", "Zoë.mp4")
    assert on_disk != "Zoë.mp4"
    path = table(tmp_path, "reaction,content\nZoë.mp4,film.mp4\n")
    assert read_pairs(path, (on_disk,), CONTENTS).sound() == (Pair(on_disk, "film.mp4"),)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("ana.mp4,film.mp4", "pairs.csv line 3: no reaction 'ana.mp4'; did you mean 'anna.mp4'?"),
        ("xyz,film.mp4", "pairs.csv line 3: no reaction 'xyz'; there are 3 reactions and none is like it"),
        ("anna.mp4,", "pairs.csv line 3: no content; give its file name"),
        ("anna.mp4", "pairs.csv line 3: no content; give its file name"),
        (
            "anna.mp4,other film.mkv",
            "pairs.csv line 3: reaction 'anna.mp4' is already on line 2, with content 'film.mp4'; "
            "keep one of the two lines",
        ),
    ],
)
def test_a_bad_line_is_named_and_the_others_stay_good(tmp_path: Path, line: str, problem: str) -> None:
    raw = f"reaction,content\nanna.mp4,film.mp4\n{line}\nZoë.mp4,other film.mkv\n"
    read = read_pairs(table(tmp_path, raw), REACTIONS, CONTENTS)
    assert read.problems == (problem,)
    assert read.pairs == (Pair("anna.mp4", "film.mp4"), Pair("Zoë.mp4", "other film.mkv"))


def test_both_names_wrong_is_one_line_and_sound_counts_the_rest(tmp_path: Path) -> None:
    read = read_pairs(table(tmp_path, "reaction,content\nx,y\nz,film.mp4\n"), REACTIONS, CONTENTS)
    assert read.problems[0].startswith("pairs.csv line 2: no reaction 'x'; ")
    assert "; no content 'y'; " in read.problems[0]
    with pytest.raises(DatasetError, match=r"line 2: .* \(and 1 more lines are wrong\)$"):
        read.sound()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            "reaction,film\na,b\n",
            "has no column content; its first line must be reaction,content and is 'reaction,film",
        ),
        ("", "has no column reaction, content"),
        ("reaction,content\n", "has a header and no pairs below it"),
        ("reaction,content\nanna.mp4,f\xfclm.mp4\n".encode("latin-1"), "line 2 is not UTF-8 text; save the table as"),
        (b"\x00\x01\x02reaction", "is no text file"),
        ('reaction,content\n"anna.mp4"x,film.mp4\n', "line 2 is no line of a table"),
        ("reaction,content\nanna.mp4,film, part 2.mp4\n", "line 2 has 3 cells under 2 columns"),
    ],
)
def test_what_is_no_such_table_is_refused_in_one_line(tmp_path: Path, raw: str | bytes, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read_pairs(table(tmp_path, raw), REACTIONS, CONTENTS)
    assert "\n" not in str(caught.value)
    assert "pairs.csv" in str(caught.value)


def test_an_absent_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read .*none\.csv: No such file"):
        read_pairs(tmp_path / "none.csv", REACTIONS, CONTENTS)
    with pytest.raises(DatasetError, match="cannot read"):
        read_pairs(tmp_path, REACTIONS, CONTENTS)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_pairs(tmp_path / "new" / "pairs.csv", WANTED)
    assert read_pairs(tmp_path / "new" / "pairs.csv", REACTIONS, CONTENTS).sound() == WANTED
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_pairs(tmp_path / "file" / "pairs.csv", WANTED)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("reaction,content,start_s\nanna.mp4,film.mp4,2\n", "has a column start_s that is not known"),
        ("reaction;content;note\nanna.mp4;film.mp4;\n", "has a column note that is not known"),
        ("reaction,content,\nanna.mp4,film.mp4,late\n", "line 2: 'late' has no column name above it"),
        ("reaction,content,content\nanna.mp4,film.mp4,other film.mkv\n", "has a column twice"),
    ],
)
def test_a_column_that_would_be_dropped_is_refused(tmp_path: Path, raw: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_pairs(table(tmp_path, raw), REACTIONS, CONTENTS)


@pytest.mark.parametrize("cells", ["2,3", " 2 ,3"])
def test_a_track_of_each_file_may_be_named(tmp_path: Path, cells: str) -> None:
    path = table(
        tmp_path, f"reaction,content,audio_track,content_audio_track\nanna.mp4,film.mp4,{cells}\nZoë.mp4,film.mp4,,\n"
    )
    read = read_pairs(path, REACTIONS, CONTENTS).sound()
    assert read == (Pair("anna.mp4", "film.mp4", audio_track=2, content_audio_track=3), Pair("Zoë.mp4", "film.mp4"))
    write_pairs(tmp_path / "again.csv", read)
    assert read_pairs(tmp_path / "again.csv", REACTIONS, CONTENTS).sound() == read


def test_one_of_the_track_columns_is_enough_and_a_wrong_track_is_a_problem_of_its_line(tmp_path: Path) -> None:
    lines = "anna.mp4,film.mp4,1", "Zoë.mp4,film.mp4,second", "ben, loud.mp4".join('""') + ",film.mp4,-1"
    read = read_pairs(table(tmp_path, "\n".join(("reaction,content,audio_track", *lines)) + "\n"), REACTIONS, CONTENTS)
    assert read.pairs == (Pair("anna.mp4", "film.mp4", audio_track=1),)
    assert [line.split(":")[0] for line in read.problems] == ["pairs.csv line 3", "pairs.csv line 4"]
    assert "audio_track 'second' is no number of a track" in read.problems[0]

"""The three formats of LIRIS-ACCEDE, with the known faults of its files."""

from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import DatasetError
from evoked.dataset.liris import LEAST_ROWS, LirisVideo, read_liris


def curve(steps: int = 90, seed: int = 0) -> np.ndarray:
    """Valence and arousal of a movie, (T, 2), rounded to four decimals."""
    return np.round(np.random.default_rng(seed).uniform(-1, 1, (steps, 2)), 4)


def write(path: Path, header: str, rows: list[list[object]], separator: str = "\t") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *(separator.join(map(str, row)) for row in rows)]) + "\n")
    return path


def write_2018(folder: Path, number: int, values: np.ndarray, first: int = 0) -> Path:
    rows = [[i + first, *map(float, v)] for i, v in enumerate(values)]
    place = folder / "MEDIAEVAL18-DevSet" / "annotations" / f"MEDIAEVAL18_{number:02d}_Valence-Arousal.txt"
    return write(place, "Time\tValence\tArousal", rows)


def write_2017(folder: Path, name: str, values: np.ndarray, apart: int = 1) -> Path:
    rows = [[i, i * apart, *map(float, v)] for i, v in enumerate(values)]
    return write(folder / f"{name}_Valence-Arousal.txt", "Index Time Valence Arousal", rows, "   ")


def write_2015(folder: Path, name: str, values: np.ndarray, longer: int = 0) -> None:
    for k, what in enumerate(("Valence", "Arousal")):
        column = [*values[:, k], *([0.5] * (longer if k else 0))]
        write(folder / f"{name}_{what}.txt", "Time\tMean\tStd", [[i, float(v), 0.1] for i, v in enumerate(column)])


def test_the_three_releases_say_the_same(tmp_path: Path) -> None:
    values = curve()
    write_2018(tmp_path / "a", 7, values)
    write_2017(tmp_path / "b", "MEDIAEVAL17_00", values)
    write_2015(tmp_path / "c", "Nuclear_Family", values)
    read = [read_liris(tmp_path / part) for part in "abc"]
    assert [list(r.videos) for r in read] == [["MEDIAEVAL18_07"], ["MEDIAEVAL17_00"], ["Nuclear_Family"]]
    for movies in read:
        (movie,) = movies.videos.values()
        assert movie.affect.names == ("valence", "arousal")
        assert movie.affect.grid.rate == 1
        assert movie.affect.grid.steps == 90
        np.testing.assert_array_equal(movie.affect.values, values.astype(np.float32))
        assert not movies.problems
        assert not movie.notes


@pytest.mark.parametrize("first", [1, 30])
def test_a_table_that_starts_late_starts_late(tmp_path: Path, first: int) -> None:
    write_2018(tmp_path, 3, curve(), first=first)
    (movie,) = read_liris(tmp_path).videos.values()
    assert np.flatnonzero(~movie.affect.valid).tolist() == list(range(first))
    np.testing.assert_array_equal(movie.affect.values[first:], curve().astype(np.float32))
    assert f"its rows start at {first} s: the seconds before are not valid" in movie.notes[0]


def test_two_tables_that_differ_by_a_row_are_cut_and_that_is_said(tmp_path: Path) -> None:
    write_2015(tmp_path, "Chatter", curve(80), longer=1)
    (movie,) = read_liris(tmp_path).videos.values()
    assert movie.affect.grid.steps == 80
    assert movie.notes == ("Chatter: valence has 80 s and arousal 81 s: cut to 80 s",)


def test_rows_further_apart_are_held(tmp_path: Path) -> None:
    values = curve(20)
    write_2017(tmp_path, "MEDIAEVAL17_01", values, apart=5)
    (movie,) = read_liris(tmp_path).videos.values()
    np.testing.assert_array_equal(movie.affect.values, np.repeat(values, 5, axis=0).astype(np.float32))
    assert "a row every 5 s" in movie.notes[0]


def test_a_row_without_a_number_is_masked_never_zero(tmp_path: Path) -> None:
    path = write_2018(tmp_path, 0, curve())
    lines = path.read_text().splitlines()
    lines[5], lines[9] = "4\tNaN\t0.5", "8\t0.5\t-"
    path.write_text("\n".join(lines))
    (movie,) = read_liris(tmp_path).videos.values()
    assert np.flatnonzero(~movie.affect.valid).tolist() == [4, 8]
    assert movie.notes == ("MEDIAEVAL18_00_Valence-Arousal.txt: 2 rows without a number are not used",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Time\tValence\tArousal\n", "holds no row below its header"),
        ("h\n" + "0\t0.1\t0.2\n0\t0.3\t0.2\n", "times do not rise"),
        ("h\n" + "".join(f"{i}\t0.1\t0.2\n" for i in range(9)), f"9 seconds with a value; a video needs {LEAST_ROWS}"),
        ("h\n" + "".join(f"{i}\t0.1\n" for i in range(90)), "has 2 columns"),
        ("h\n" + "".join(f"{i}\t0.1\t7\n" for i in range(90)), "values reach 7"),
        ("h\n0\t0.1\t0.2\n1\t0.1\n", "row 3 has 2 columns, the first has 3"),
        ("h\n" + "".join(f"{i}\t0.1\t0.2\n" for i in range(90)) + "9", "row 92 has 1 columns, the first has 3"),
        ("h\n" + "".join(f"{i}\tx\ty\n" for i in range(90)), "no row holds both"),
    ],
)
def test_a_movie_that_cannot_be_used_is_named_and_the_others_go_on(tmp_path: Path, text: str, message: str) -> None:
    write_2018(tmp_path, 1, curve())
    (tmp_path / "MEDIAEVAL18_02_Valence-Arousal.txt").write_text(text)
    read = read_liris(tmp_path)
    assert list(read.videos) == ["MEDIAEVAL18_01"]
    assert len(read.problems) == 1
    assert "MEDIAEVAL18_02" in read.problems[0]
    assert message in read.problems[0]


def test_half_a_movie_and_a_movie_twice_are_named(tmp_path: Path) -> None:
    write_2015(tmp_path, "Whole", curve())
    write_2015(tmp_path, "Half", curve())
    (tmp_path / "Half_Arousal.txt").unlink()
    write_2018(tmp_path, 5, curve())
    write_2018(tmp_path / "copy", 5, curve())
    read = read_liris(tmp_path)
    assert list(read.videos) == ["Whole"]
    assert [p for p in read.problems if "Half_Valence.txt is there and Half_arousal.txt is not" in p]
    assert [p for p in read.problems if "MEDIAEVAL18_05: two files" in p]


def test_nothing_to_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no folder"):
        read_liris(tmp_path / "none")
    with pytest.raises(DatasetError, match=r"nothing in it is named …_Valence-Arousal\.txt"):
        read_liris(tmp_path)


def in_form(
    folder: Path, times: list[object], values: np.ndarray, header: str = "Time\tValence\tArousal\n", **form: str
) -> LirisVideo:
    """What is read of a table whose row at second s has valence s / 1000 and arousal −s / 1000."""
    separator, decimal = form.get("separator", "\t"), form.get("decimal", ".")
    rows = [
        separator.join([str(t), *(f"{v:.4f}".replace(".", decimal) for v in row)])
        for t, row in zip(times, values, strict=True)
    ]
    text = (header + "\n".join(rows) + "\n").replace("\n", form.get("newline", "\n"))
    (folder / "MEDIAEVAL18_00_Valence-Arousal.txt").write_bytes(text.encode(form.get("encoding", "utf-8")))
    (video,) = read_liris(folder).videos.values()
    return video


def line(seconds: np.ndarray) -> np.ndarray:
    return np.stack([seconds / 1000, -seconds / 1000], axis=1)


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("", {}),
        ("Time\tValence\tArousal\n", {"encoding": "utf-16"}),
        ("Time\tValence\tArousal\n", {"encoding": "utf-8-sig", "newline": "\r\n"}),
        ("# Time\tValence\tArousal\n\n", {"decimal": ","}),
        ("Time;Valence;Arousal\n", {"separator": ";", "decimal": ","}),
        ("", {"separator": ";", "decimal": ","}),
        ("Time,Valence,Arousal\n", {"separator": ","}),
        ("Time, Valence, Arousal\n", {"separator": ", "}),
        ("Time Valence Arousal\n", {"separator": "   "}),
        ("LIRIS\nTime\tValence\tArousal\n", {}),
    ],
)
def test_every_form_of_a_table_is_the_same_video(tmp_path: Path, header: str, form: dict[str, str]) -> None:
    seconds = np.arange(90)
    video = in_form(tmp_path, list(seconds), line(seconds), header, **form)
    assert video.notes == ()
    np.testing.assert_array_equal(video.affect.values, line(seconds).astype(np.float32))


def test_columns_are_told_by_the_header(tmp_path: Path) -> None:
    seconds = np.arange(90)
    video = in_form(tmp_path, list(seconds), line(seconds)[:, ::-1], "Time\tArousal\tValence\n")
    np.testing.assert_array_equal(video.affect.values, line(seconds).astype(np.float32))


@pytest.mark.parametrize(
    ("times", "at", "header", "note"),
    [  # the times as written, the seconds that they are, …
        ([f"0:{s // 60:02d}:{s % 60:02d}" for s in range(90)], np.arange(90), "Time\tValence\tArousal\n", ""),
        ([1000 * s for s in range(90)], np.arange(90), "Time (ms)\tValence\tArousal\n", "taken as seconds"),
        (list(np.arange(180) / 2), np.arange(180) / 2, "Time\tValence\tArousal\n", "a row every 0.5 s"),
        (
            [s for s in range(90) if not 50 <= s < 60],
            [s for s in range(90) if not 50 <= s < 60],
            "",
            "10 seconds without",
        ),
        ([5 * s for s in range(20) if s != 9], [5 * s for s in range(20) if s != 9], "", "5 seconds without a row"),
        ([s + 0.1 * (s % 2) for s in range(90)], np.arange(90), "", ""),
        (sorted([*range(90), 50]), sorted([*range(90), 50]), "", "1 rows stand there twice"),
    ],
)
def test_every_row_stands_at_its_time(
    tmp_path: Path, times: list[object], at: list[float], header: str, note: str
) -> None:
    at = np.asarray(at, dtype=np.float64)
    video = in_form(tmp_path, times, line(at), header)

    step_s = np.median(np.diff(at)) if len(at) < 50 else 1.0
    for second, (value, valid) in enumerate(zip(video.affect.values, video.affect.valid, strict=True)):
        rows = at[(at <= second) & (at > second - step_s)]  # those that stand for this second
        assert valid == bool(len(rows))
        if valid:
            assert value[0] == pytest.approx(rows.max() / 1000, abs=1e-6)
    assert any(note in text for text in video.notes) if note else True
    assert len(video.affect.valid) in (90, 100)


def test_milliseconds_that_the_header_does_not_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="1000 apart in time, so it holds milliseconds; need seconds"):
        in_form(tmp_path, [1000 * s for s in range(90)], line(np.arange(90)))

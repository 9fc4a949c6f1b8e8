"""Names at the limits of a file system, names that are not UTF-8, and what is no file."""

import hashlib
import os
import socket
from pathlib import Path

import pytest

from evoked.core.errors import EvokedError, OutputError
from evoked.core.files import check_writable, parse_json, sha256, write_text
from evoked.core.names import derived_name, is_utf8, original_name, printable, special_file
from evoked.core.provenance import Provenance
from evoked.core.study_layout import StudyLayout
from evoked.core.tables import read_provenance, read_table, write_table
from evoked.study.result_cache import file_name

LONG = ["x" * 251 + ".mp4", "р" * 125 + "q.mp4", "😀" * 62 + "abc.mp4"]
"""Names of 255 bytes, the most that ext4 takes."""


def test_names_that_fit_are_not_changed() -> None:
    assert derived_name("film.mp4", ".safetensors") == "film.mp4.safetensors"
    assert derived_name("x" * 250, ".json") == "x" * 250 + ".json"  # 255 bytes


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("suffix", [".json", ".parquet", ".safetensors", ".provenance.json"])
def test_a_long_name_is_shortened_so_that_the_disk_takes_it(tmp_path: Path, name: str, suffix: str) -> None:
    assert len(name.encode()) == 255
    short = derived_name(name, suffix)
    assert short.endswith(f"~{hashlib.sha256(name.encode()).hexdigest()[:12]}{suffix}")
    (tmp_path / name).touch()  # the disk is the judge
    (tmp_path / short).touch()
    assert len(short.encode()) > 255 - 4  # no more is cut than must be: a letter has up to 4 bytes
    assert original_name(short.removesuffix(suffix), ["other.mp4", name]) == name
    assert original_name("film~2.mp4", [name]) == "film~2.mp4"


def test_two_long_names_with_one_beginning_stay_two(tmp_path: Path) -> None:
    one, two = "x" * 250 + "1.mp4", "x" * 250 + "2.mp4"
    layout = StudyLayout(tmp_path)
    for place in (layout.alignment, layout.annotation, layout.features, layout.prediction):
        assert place(one) != place(two)
        assert len(place(one).name.encode()) <= 255
    assert file_name(one) != file_name(two)


def test_names_of_states_leave_room_for_their_suffix(tmp_path: Path) -> None:
    for name in LONG:  # percent signs make р six bytes long
        (tmp_path / f"{file_name(name)}.json").touch()
    assert file_name("a film.mp4") == "a film.mp4"


@pytest.mark.parametrize("name", LONG)
def test_a_file_of_the_longest_name_is_written_whole(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name[:-4]}.csv"
    write_table(path, {"a": [1]}, Provenance("test"))
    assert read_table(path) == {"a": [1]}
    assert (read_provenance(path) or {})["made_by"] == "test"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_name_of_other_bytes_is_told_by_its_bytes() -> None:
    name = os.fsdecode(b"bad\xff\n.mp4")
    assert not is_utf8(name)
    assert is_utf8("ä")
    assert printable(name) == r"bad\xff\n.mp4"
    assert printable("Zoë 1.mp4") == "Zoë 1.mp4"


@pytest.fixture
def special(tmp_path: Path) -> dict[str, Path]:
    os.mkfifo(tmp_path / "pipe.json")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "s.json"))
    (tmp_path / "link.json").symlink_to("/dev/null")
    return {"a pipe": tmp_path / "pipe.json", "a socket": tmp_path / "s.json", "a device": tmp_path / "link.json"}


def test_what_is_no_file_is_neither_read_nor_replaced(special: dict[str, Path], tmp_path: Path) -> None:
    for kind, path in special.items():
        before = path.lstat()
        assert special_file(path) == kind
        with pytest.raises(EvokedError, match=f"is {kind}, not a file"):
            sha256(path)
        for write in (check_writable, lambda p: write_text(p, "x")):
            with pytest.raises(OutputError, match=f"cannot write .*: it is {kind}, not a file"):
                write(path)
        assert path.lstat() == before
    assert special_file(tmp_path) is None
    assert special_file(tmp_path / "absent") is None


@pytest.mark.parametrize("levels", [65, 900, 100_000])
def test_json_that_is_nested_without_end_is_a_value_error(levels: int) -> None:
    assert parse_json("[" * 60 + "]" * 60)
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json("[" * levels + "]" * levels)
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json('{"a":' * levels + "1" + "}" * levels)

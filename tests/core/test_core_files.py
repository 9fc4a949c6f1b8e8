"""Files are whole or not there."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from evoked.core.errors import OutputError
from evoked.core.files import canonical, check_writable, digest, sha256, write_text, writing


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def breaks_off() -> None:
        with writing(target) as part:
            part.write_text("ha")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        breaks_off()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "ä")
    assert (tmp_path / "a" / "b" / "c.txt").read_text(encoding="utf-8") == "ä"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*file/a.txt: .*/file is a file, not a folder\. Move it"):
        write_text(tmp_path / "file" / "a.txt", "x")
    with pytest.raises(OutputError, match=r"file/b/a.txt: .*/file is a file, not a folder"):
        write_text(tmp_path / "file" / "b" / "a.txt", "x")
    with pytest.raises(OutputError, match=r"it is a folder\. Name a file in it"):
        write_text(tmp_path, "x")
    with pytest.raises(OutputError, match=r"File name too long\. Choose a shorter one"):
        write_text(tmp_path / ("x" * 300), "x")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_place_can_be_tried_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    check_writable(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "old"
    check_writable(tmp_path / "new" / "a.txt")
    assert list((tmp_path / "new").iterdir()) == []
    with pytest.raises(OutputError, match=r"/file is a file, not a folder"):
        check_writable(tmp_path / "file" / "a.txt")
    with pytest.raises(OutputError, match="it is a folder"):
        check_writable(tmp_path / "new")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    def full() -> None:
        with writing(tmp_path / "a.bin"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OutputError, match=r"No space left on device\. Free some space"):
        full()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_place_that_is_not_ours_is_not_called_full(tmp_path: Path, number: int) -> None:
    with (
        pytest.raises(OutputError, match=f"{os.strerror(number)}. Choose a place that can be written"),
        writing(tmp_path / "a.bin"),
    ):
        raise OSError(number, os.strerror(number))
    assert list(tmp_path.iterdir()) == []


def test_files_have_the_users_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with writing(tmp_path / "a.safetensors") as part:
        save_file({"x": np.zeros(3)}, part)  # by itself: readable by its owner alone
    assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_digests(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": [3]})
    assert canonical({"b": "ä", "a": None}) == '{"a":null,"b":"ä"}'
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))

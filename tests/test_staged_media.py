"""Staged media are made once, whole, and again where anything that decides them differs."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import staged_media
from import_graph import SOURCE, TESTS, reaching, rooms
from staged_media import content_digest, staged_array, staged_file, staged_folder


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(staged_media, "ROOT", tmp_path / "kept")
    return tmp_path / "kept"


def make_in_another_process(root: Path, log: Path) -> Path:
    """What one of several workers does."""
    staged_media.ROOT = root

    def make(folder: Path) -> None:
        with log.open("a") as lines:
            lines.write(f"{os.getpid()}\n")
        (folder / "film.txt").write_text("a film")

    return staged_folder("film", __file__, make, 1)


def test_workers_that_start_together_make_it_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        made = [pool.submit(make_in_another_process, tmp_path / "kept", log) for _ in range(9)]
        folders = {future.result() for future in made}
    assert len(log.read_text().splitlines()) == 1
    assert [folder.joinpath("film.txt").read_text() for folder in folders] == ["a film"]


def test_what_fails_half_way_leaves_nothing_to_be_taken(root: Path) -> None:
    def fails(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError, match="no disk"):
        staged_folder("film", __file__, fails)
    assert [p for p in root.iterdir() if p.is_dir()] == []
    assert (staged_folder("film", __file__, lambda folder: (folder / "whole").touch()) / "whole").exists()


def test_other_arguments_or_another_generator_make_another(root: Path) -> None:
    made = [
        staged_array("numbers", generator, lambda n=n: np.full(3, n), n)
        for n, generator in ((1, __file__), (2, __file__), (1, staged_media.__file__))
    ]
    assert [array.tolist() for array in made] == [[1] * 3, [2] * 3, [1] * 3]
    assert len([p for p in root.iterdir() if p.is_dir()]) == 3


def test_a_staged_array_cannot_be_changed(root: Path) -> None:
    array = staged_array("numbers", __file__, lambda: np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_a_staged_file_is_a_copy(root: Path, tmp_path: Path) -> None:
    for text in ("as made", "changed by a test"):
        path = staged_file(tmp_path / "a.txt", __file__, lambda path: path.write_text("as made"))
        assert path.read_text() == "as made"
        path.write_text(text)


def test_a_digest_of_frames_tells_them_apart() -> None:
    frames = [np.zeros((2, 2), np.uint8), np.ones((2, 2), np.uint8)]
    assert content_digest(frames) == content_digest([f.copy() for f in frames]) != content_digest(frames[::-1])


def test_the_tests_of_a_room_are_those_whose_imports_reach_it() -> None:
    files = reaching("alignment")
    assert TESTS / "reactions" / "test_align.py" in files  # imports it
    assert TESTS / "cli" / "test_cli_places.py" in files  # starts commands by name
    assert TESTS / "metrics" / "test_pearson.py" not in files
    assert TESTS / "media" / "test_sound.py" not in files


def test_every_room_has_tests() -> None:
    assert [room for room in sorted(rooms()) if not reaching(room)] == []
    assert {p.name for p in SOURCE.iterdir() if p.is_dir() and p.name != "__pycache__"} <= rooms()

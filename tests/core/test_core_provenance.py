"""What went into a result is told by name, and no file hides another."""

from pathlib import Path

from evoked.core.provenance import unique_names


def test_files_are_told_by_their_names() -> None:
    assert unique_names({}) == {}
    assert unique_names({Path("/a/film.mp4"): "1", Path("b/me.mp4"): "2"}) == {"film.mp4": "1", "me.mp4": "2"}


def test_files_of_one_name_are_told_by_their_folders() -> None:
    study = {Path("/s/contents/a.mp4"): "1", Path("/s/reactions/a.mp4"): "2", Path("/s/reactions/b.mp4"): "3"}
    assert unique_names(study) == {"contents/a.mp4": "1", "reactions/a.mp4": "2", "b.mp4": "3"}
    deep = {Path("/x/1/clips/a.mp4"): "1", Path("/x/2/clips/a.mp4"): "2", Path("a.mp4"): "3"}
    assert unique_names(deep) == {"1/clips/a.mp4": "1", "2/clips/a.mp4": "2", "a.mp4": "3"}

"""Faces that are no viewers: posters, copies, things; and viewers who are not to be taken for one of these."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from false_faces import (
    COPY,
    POSTER,
    SEAT,
    Rgb,
    calm_man,
    covered,
    in_the_hand,
    lay,
    recorded,
    with_copy,
    with_poster,
    woman,
)

from evoked.cli.main import main
from evoked.core.tables import read_provenance, read_table
from evoked.reactions.viewers.annotation import AnnotateConfig, Annotation
from evoked.reactions.viewers.annotator import Annotator
from evoked.weights.cache import Cache

pytestmark = pytest.mark.nets
Annotate = Callable[[Callable[[], list[Rgb]]], Annotation]
KEEP = AnnotateConfig(keep_still_faces=True, keep_uncertain_tracks=True, keep_copies=True)


@pytest.fixture(scope="module")
def annotator(cache: Cache) -> Annotator:
    return Annotator(cache=cache)


@pytest.fixture(scope="module")
def keeping(cache: Cache) -> Annotator:
    return Annotator(config=KEEP, cache=cache)


def inside(box: tuple[float, ...], place: tuple[int, int, int, int]) -> bool:
    """Whether the centre of a box is in a place of the frame."""
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    return place[0] <= x < place[0] + place[2] and place[1] <= y < place[1] + place[3]


def usual_boxes(annotation: Annotation) -> list[tuple[float, ...]]:
    return [tuple(np.median(v.boxes.values[v.boxes.valid], axis=0)) for v in annotation.viewers.values()]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: with_poster(woman()), id="poster"),
        pytest.param(lambda: in_the_hand(with_poster(woman())), id="camera in the hand"),
        pytest.param(lambda: covered(with_poster(woman()), 12, 21), id="half covered for a while"),
    ],
)
def test_a_poster_behind_a_viewer_is_left_out_and_named(
    annotator: Annotator, tmp_path: Path, make: Callable[[], list[Rgb]]
) -> None:
    annotation = annotator(recorded(tmp_path / "poster.mp4", make))
    (viewer,) = usual_boxes(annotation)
    assert inside(viewer, SEAT)
    (left_out,) = annotation.left_out
    assert left_out.kind == "still"
    assert inside(left_out.box, POSTER)
    assert (left_out.from_s, left_out.to_s) == (0.0, 7.0)
    x, y, width, height = left_out.box
    assert f"at x {x}-{x + width}, y {y}-{y + height} px, 0.0-7.0 s (keep_still_faces keeps it)" in left_out.text
    assert annotation.notes == (left_out.text,)
    assert {d.name for d in annotation.detections.at[30]} == {"v1", "still"}


def test_a_poster_is_kept_where_it_is_asked_for(keeping: Annotator, tmp_path: Path) -> None:
    annotation = keeping(recorded(tmp_path / "poster.mp4", lambda: with_poster(woman())))
    assert sorted(inside(box, SEAT) for box in usual_boxes(annotation)) == [False, True]
    assert annotation.left_out == ()
    assert [note.endswith("never moves: a photograph?") for note in annotation.notes] == [True]


def test_the_only_face_is_kept_though_it_never_moves(annotator: Annotator, tmp_path: Path) -> None:
    annotation = annotator(recorded(tmp_path / "alone.mp4", lambda: with_poster(None)))
    (viewer,) = usual_boxes(annotation)
    assert inside(viewer, POSTER)
    assert annotation.left_out == ()
    (note,) = annotation.notes
    assert note.startswith("v1 at x ")
    assert note.endswith("0.0-7.0 s never moves: a photograph?")


def test_a_viewer_who_sits_very_still_is_no_picture(annotator: Annotator, tmp_path: Path) -> None:
    """A woman who looks solemn, three times slower, beside herself in motion."""

    def make() -> list[Rgb]:
        frames = with_poster(woman())
        for rgb, slow in zip(frames, woman(6.8, 0.34), strict=True):
            lay(rgb, slow[:, ::-1], (0, 30, 200, 150))
        return frames

    annotation = annotator(recorded(tmp_path / "still.mp4", make))
    assert [face for face in annotation.left_out if face.kind == "still"] == []
    assert len(annotation.viewers) == 2


def test_a_viewer_who_only_looks_on_is_no_picture_either(annotator: Annotator, tmp_path: Path) -> None:
    def make() -> list[Rgb]:
        frames = with_poster(woman())
        for rgb, man in zip(frames, calm_man(), strict=True):
            lay(rgb, man, (0, 30, 200, 150))
        return frames

    annotation = annotator(recorded(tmp_path / "calm.mp4", make))
    assert annotation.left_out == ()
    assert len(annotation.viewers) == 2


@pytest.mark.parametrize(("mirrored", "late"), [(False, 0), (True, 0), (True, 2)])
def test_who_is_shown_twice_counts_once(annotator: Annotator, tmp_path: Path, mirrored: bool, late: int) -> None:
    annotation = annotator(recorded(tmp_path / "copy.mp4", partial(with_copy, woman(), mirrored, late)))
    (viewer,) = usual_boxes(annotation)
    assert inside(viewer, SEAT)
    (left_out,) = annotation.left_out
    assert inside(left_out.box, COPY)
    assert left_out.kind == "copy"
    assert left_out.text.startswith(f"left out: a {'mirrored ' * mirrored}copy of v1 at x ")


def test_a_copy_is_kept_where_it_is_asked_for(keeping: Annotator, tmp_path: Path) -> None:
    annotation = keeping(recorded(tmp_path / "copy.mp4", partial(with_copy, woman(), True, 0)))
    assert len(annotation.viewers) == 2
    assert (annotation.left_out, annotation.notes) == ((), ())


def test_a_short_uncertain_track_is_left_out_and_kept_where_it_is_asked_for(
    cache: Cache, annotator: Annotator, keeping: Annotator
) -> None:
    clip = cache.clip("bigbuckbunny.mp4")  # the face of a drawn animal, for a second and a half
    annotation = annotator(clip)
    assert annotation.viewers == {}
    assert [face.kind for face in annotation.left_out] == ["uncertain"]
    assert "an uncertain face (mean detector score 0.5" in annotation.notes[0]
    assert annotation.content_faces == 0
    assert list(keeping(clip).viewers) == ["v1"]


def test_the_command_names_who_was_left_out_and_keeps_them_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, table = recorded(tmp_path / "poster.mp4", lambda: with_poster(woman())), tmp_path / "viewers.parquet"
    assert run("annotate", video, "--offline", "-o", table, "--json") == 0
    printed = capsys.readouterr()
    (row,) = json.loads(printed.out)["reactions"]
    (left_out,) = row["left_out"]
    assert (left_out["kind"], left_out["from_s"], left_out["to_s"]) == ("still", 0.0, 7.0)
    assert row["notes"] == [left_out["text"]]
    assert f"{video.name}: {left_out['text']}" in " ".join(printed.err.split())
    provenance = read_provenance(table)
    assert provenance is not None
    assert provenance["notes"] == [f"poster.mp4: {left_out['text']}"]
    assert provenance["config"]["annotate"]["keep_still_faces"] is False
    assert set(read_table(table)["viewer"]) == {"v1"}

    (tmp_path / "study.toml").write_text("[annotate]\nkeep_still_faces = true\n")
    for keep in (("--keep-still-faces",), ("--config", tmp_path / "study.toml")):
        assert run("annotate", video, "--offline", "-o", table, "--force", *keep) == 0
        assert set(read_table(table)["viewer"]) == {"v1", "v2"}


def run(*words: object) -> int:
    """Run the command line in this process; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["evoked", *map(str, words)])
        try:
            main()
        except SystemExit as left:
            return int(left.code or 0)
    return 0

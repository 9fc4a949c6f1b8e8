"""`evoked recogniser`, from ratings of real faces to a recogniser that `annotate` can use."""

import csv
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from evoked.cli.main import evoked
from evoked.core.errors import EvokedError
from evoked.dataset.ratings import read_ratings
from evoked.faces.detect import FaceDetector
from evoked.learning.recognition.training_clips import load_rated_clips, person_groups
from evoked.media.images import read_image, write_png
from evoked.reactions.expressions.trained import load_trained
from evoked.weights.cache import default_cache

pytestmark = pytest.mark.nets
FAST = ("--epochs", "30", "--folds", "3", "--hidden-units", "8", "--patience", "30", "--learning-rate", "0.01")


def call(*words: object) -> Result:
    return CliRunner().invoke(evoked, ["recogniser", *map(str, words)])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven real people, a few clips each of two videos, stills of five; two raters who mostly agree."""
    root, cache = tmp_path_factory.mktemp("ratings"), default_cache()
    for name in ("single_face.mp4", "WolfgangLanger_Pexels.mp4"):
        (root / name).symlink_to(cache.clip(name))
    group = read_image(cache.clip("multi_face.jpg"))
    for i, face in enumerate(FaceDetector(cache=cache)(group)):
        x, y, w, h = face.box.astype(int)
        cut = group[max(0, y - h // 2) : y + 3 * h // 2, max(0, x - w // 2) : x + 3 * w // 2]
        write_png(root / f"still{i}.png", np.ascontiguousarray(cut))
    rows = [("", "single_face.mp4", 0, 0.6, "man", 0, 0), ("", "single_face.mp4", 1.3, 2.3, "man", 1, 0)]
    rows += [("", "WolfgangLanger_Pexels.mp4", s, s + 1, "woman", int(s > 14), 0) for s in (1, 3, 15, 17)]
    rows += [(f"still{i}.png", "", "", "", f"p{i}", 1, int(i == 0)) for i in range(5)]
    with (root / "ratings.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["clip", "video", "start_s", "end_s", "person", "amusement", "doubt", "rater"])
        out.writerows([*row, rater] for row in rows for rater in ("a", "b"))
    return root / "ratings.csv"


@pytest.fixture(scope="module")
def trained(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("trained") / "mine"
    return out, call("train", table, "-o", out, *FAST)


def test_it_trains_and_says_what_it_is_worth(trained: tuple[Path, Result], table: Path) -> None:
    folder, done = trained
    assert done.exit_code == 0, done.output
    assert "amusement" in done.output
    assert "95 % interval" in done.output
    shown = next(line for line in done.output.splitlines() if line.startswith("amusement"))
    assert shown.count(" … ") == 3, "average precision, precision and recall each have an interval"
    assert "moving faces" in done.output
    assert "single clips at the best lag" in done.output
    recogniser = load_trained(folder)
    assert recogniser.names == ("amusement", "doubt")
    about = json.loads((folder / "recogniser.json").read_text())
    assert about["training"]["people"] == 7
    assert set(about["moving_faces"]["expressions"]) == {"amusement", "doubt"}
    assert set(about["provenance"]["inputs"]) >= {"ratings.csv", "single_face.mp4", "still0.png"}
    assert str(table.parent) not in (folder / "recogniser.json").read_text()
    assert (folder / "reliability.svg").read_text().startswith("<svg")


def test_evaluate_tells_that_it_has_seen_them(trained: tuple[Path, Result], table: Path) -> None:
    folder, _ = trained

    done = call("evaluate", folder, table, "--json")

    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert figures["amusement"]["clips"] == 11
    assert figures["amusement"]["positives"] == 8
    assert figures["amusement"]["chance"] == pytest.approx(8 / 11)
    assert figures["amusement"]["ap"] > 0.9
    precision, span = figures["amusement"]["precision"], figures["amusement"]["precision_span"]
    assert (span is None and precision == 1) or 0 < span[0] <= precision <= span[
        1
    ] <= 1  # none where nothing went wrong
    assert "were trained on: these metrics are too high" in done.stderr
    other = call("evaluate", "prototype", table, "--faces", folder / "faces")
    assert other.exit_code == 0, other.output
    assert "rated but not known to the recogniser, left out: doubt" in other.stderr


def test_another_training_may_take_the_faces_of_the_first(
    trained: tuple[Path, Result], table: Path, tmp_path: Path
) -> None:
    cached = sorted((trained[0] / "faces").rglob("*.safetensors"))
    began = [path.stat().st_mtime_ns for path in cached]

    done = call(
        "train", table, "-o", tmp_path, "--faces", trained[0] / "faces", *FAST, "--epochs", 1, "--dropout", "0.3"
    )

    assert done.exit_code == 0, done.output
    assert "note: trained with dropout 0.3" in done.stderr
    assert not (tmp_path / "faces").exists()
    assert [path.stat().st_mtime_ns for path in sorted((trained[0] / "faces").rglob("*.safetensors"))] == began


def test_faces_are_described_once(trained: tuple[Path, Result], table: Path) -> None:
    ratings = read_ratings(table)

    def never() -> None:
        raise AssertionError("nothing is left to describe")

    rated, problems = load_rated_clips(ratings, table.parent, ("blendshapes",), trained[0] / "faces", open_faces=never)  # type: ignore[arg-type]

    assert problems == ()
    assert [len(r) for r in rated.rows if len(r) == 18] == [18] * 5  # a still is shown for 3 s
    still = rated.rows[rated.clips.index("still0.png")]
    np.testing.assert_array_equal(still, np.repeat(still[:1], 18, axis=0))
    assert len(rated.rows[rated.clips.index("single_face.mp4 0-0.6 s")]) == 4


def test_bad_clips_are_told_and_the_others_go_on(table: Path, trained: tuple[Path, Result], tmp_path: Path) -> None:
    root = table.parent
    write_png(root / "wall.png", np.full((200, 200, 3), 90, np.uint8))
    bad = root / "bad.csv"
    more = ["gone.mp4,,,,x,1,0,a", "wall.png,,,,y,1,0,a", ",single_face.mp4,90,93,man,1,0,a"]
    bad.write_text(table.read_text() + "\n".join(more) + "\n")

    done = call("evaluate", trained[0], bad)

    assert isinstance(done.exception, EvokedError)
    assert str(done.exception) == (
        "3 of 14 clips could not be used, the reasons are above; the metrics are of the others"
    )
    for line in ("no clip at", "no face is seen in", "the span 90-93 s lies beyond it"):
        assert sum(line in printed for printed in done.stderr.splitlines()) == 1, line
    assert str(root) not in done.stderr, "a checkpoint keeps these lines, and where the clips lay is nobody's business"
    assert "amusement" in done.stdout


def test_damage_of_rated_clips_is_told_again_from_the_cache(
    table: Path, trained: tuple[Path, Result], tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole.mp4", table.parent / "cut.mp4"
    command = ["ffmpeg", "-v", "error", "-i", default_cache().clip("WolfgangLanger_Pexels.mp4"), "-t", "6", "-an"]
    subprocess.run([*command, "-c:v", "mpeg4", "-g", "5", "-movflags", "+faststart", whole], check=True)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    rows = [",cut.mp4,0.5,2.2,cut,1,0,a", ",cut.mp4,4.5,5.5,cut,1,0,a"]  # the second is in the missing half
    (table.parent / "damaged.csv").write_text(table.read_text() + "\n".join(rows) + "\n")

    for _ in range(2):
        done = call("evaluate", trained[0], table.parent / "damaged.csv", "--faces", tmp_path / "faces")
        told = [line for line in done.stderr.splitlines() if "cut.mp4" in line]
        assert [line for line in told if line.startswith("note: cut.mp4: cut off")], told
        (left_out,) = [line for line in told if "left out" in line]
        assert "4.5-5.5 s" in left_out
        assert "cut off" in left_out


def test_a_training_that_left_clips_out_is_done_and_exits_as_a_batch(
    table: Path, trained: tuple[Path, Result], tmp_path: Path
) -> None:
    """The raters' table as `evoked agree` takes it: names of videos without their folder, and whose face it is."""
    (tmp_path / "raters").mkdir()
    ratings = tmp_path / "raters" / "ratings.csv"
    head, *lines = table.read_text().splitlines()
    rows = [f"{line},v1" if "single_face.mp4" in line else f"{line}," for line in lines]
    for name, viewer in (("still0.png", "v1"), ("still0.png", "v2"), ("still1.png", "v2")):
        rows.append(f"{name},,,,other,1,0,c,{viewer}")
    rows.append(",elsewhere/WolfgangLanger_Pexels.mp4,5,6,woman,0,0,a,")
    ratings.write_text("\n".join([f"{head},viewer", *rows]) + "\n")
    shutil.copytree(trained[0] / "faces", tmp_path / "mine" / "faces")

    done = call("train", ratings, "-o", tmp_path / "mine", "--videos", table.parent, *FAST)

    assert isinstance(done.exception, EvokedError)
    assert str(done.exception) == (
        f"5 of 15 clips could not be used, the reasons are above; {tmp_path / 'mine'} was trained on the others"
    )
    assert load_trained(tmp_path / "mine").names == ("amusement", "doubt")
    told = done.stderr.splitlines()
    assert sum("rated are v1, v2, learnt from is the largest face" in line for line in told) == 3  # and without a name
    assert sum("rated are v2, learnt from is the largest face" in line for line in told) == 2
    assert "note: 5 clips name a viewer: the largest face of the frame is used" in told
    assert "elsewhere" not in "".join(line for line in told if "left out" in line)  # found by its file name
    about = json.loads((tmp_path / "mine" / "recogniser.json").read_text())
    assert about["training"]["clips"] == 10

    evaluated = call("evaluate", tmp_path / "mine", ratings)
    assert isinstance(evaluated.exception, EvokedError)
    assert "no clip at" in str(evaluated.exception)
    assert "say where the videos are (--videos FOLDER)" in str(evaluated.exception)


def test_a_second_of_a_content_is_no_clip_of_a_face(table: Path, tmp_path: Path) -> None:
    (table.parent / "seconds.csv").write_text("video,second,rater,amusement\nsingle_face.mp4,1,a,1\n")
    ratings = read_ratings(table.parent / "seconds.csv")
    with pytest.raises(EvokedError, match=r"second 1 is of a content: rate spans of recordings \(start_s, end_s\)"):
        load_rated_clips(ratings, table.parent, ("blendshapes",), tmp_path)


def test_people_and_videos_stay_together(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(
        "clip,video,person,rater,amusement\na1,A,ann,r,1\na2,A,bob,r,0\nb1,B,bob,r,1\nc1,C,,r,1\nc2,C,,r,0\nd1,D,dan,r,1\n"
    )
    ratings = read_ratings(tmp_path / "r.csv")

    group_of = dict(zip([c.clip for c in ratings.clips], person_groups(ratings), strict=True))

    assert group_of["a1"] == group_of["a2"] == group_of["b1"]  # ann and bob share a video, bob has two
    assert group_of["c1"] == group_of["c2"]
    assert len(set(group_of.values())) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,rater,bliss\na.mp4,r,1\n", "'bliss' is no known expression"),
        ("video,start_s,end_s,rater,doubt\nv,0,3,r,1\nv,2,5,r,0\n", "overlap; rate each instant once"),
        ("clip,rater,doubt\na.mp4,r,nan\n", "holds no mark"),
        ("clip,rater,doubt\na.mp4,r,2\n", "must be 0 or 1"),
    ],
)
def test_ratings_that_cannot_be(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(text)

    done = call("train", tmp_path / "r.csv", "-o", tmp_path / "out")

    assert isinstance(done.exception, EvokedError)
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)


def test_clips_of_one_name_are_all_told(trained: tuple[Path, Result], table: Path, tmp_path: Path) -> None:
    rows = ["clip,rater,person,amusement"]
    for i, person in enumerate(("anna", "bert")):
        (tmp_path / person).mkdir()
        shutil.copy(table.parent / f"still{i}.png", tmp_path / person / "clip.png")
        rows.append(f"{person}/clip.png,a,{person},{i}")
    (tmp_path / "ratings.csv").write_text("\n".join(rows) + "\n")

    rated, problems = load_rated_clips(
        read_ratings(tmp_path / "ratings.csv"), tmp_path, ("blendshapes",), trained[0] / "faces"
    )

    assert not problems
    assert set(rated.digests) == {"anna/clip.png", "bert/clip.png"}
    assert len(set(rated.digests.values())) == 2


def test_what_is_left_out_is_told_though_the_rest_is_too_little(
    trained: tuple[Path, Result], table: Path, tmp_path: Path
) -> None:
    ratings = table.parent / "little.csv"
    ratings.write_text("clip,rater,person,amusement\nstill0.png,a,p0,1\nnope.png,a,p1,0\n")

    done = call("train", ratings, "-o", tmp_path, "--faces", trained[0] / "faces", *FAST)

    assert "the clips show 1 people; 3 or more are needed" in str(done.exception)
    assert "note: left out: no clip at nope.png" in done.stderr

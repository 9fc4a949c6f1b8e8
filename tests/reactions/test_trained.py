"""A trained recogniser in the place of the prototype one: its half, its gaps, its descriptions on real people."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from trained_folder import drawn, folder_of

from evoked.cli.main import evoked
from evoked.core.errors import CheckpointError, EvokedError, StudyError
from evoked.core.expressions import EEV5
from evoked.core.study_layout import StudyLayout
from evoked.core.tables import read_provenance, read_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.faces.descriptors import column_names, open_descriptors
from evoked.faces.detect import FaceDetector
from evoked.faces.landmarks import BLENDSHAPES
from evoked.media.decode import VideoFrame, read_media
from evoked.model.recognition import RecognitionForward
from evoked.model.recognition_checkpoint import OperatingPoint, save_recognition
from evoked.reactions.expressions.choose import open_recogniser
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.expressions.recogniser import unreliable_expressions
from evoked.reactions.expressions.trained import TrainedRecogniser, forward_fill, load_trained
from evoked.reactions.viewers.annotator import Annotator
from evoked.study.settings import checked_settings
from evoked.weights.cache import Cache

BLEND = ("blendshapes",)


def track(rows: NDArray[np.floating], valid: NDArray[np.bool_] | None = None) -> Track:
    seen = np.ones(len(rows), dtype=np.bool_) if valid is None else valid
    return Track.masked(TimeGrid(Fraction(6), len(rows)), BLENDSHAPES, rows, seen)


def shapes(count: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).random((count, 52))


def recogniser(**stored: object) -> TrainedRecogniser:
    return TrainedRecogniser(drawn(BLEND, **stored), "0" * 64, ("amusement", "doubt"))  # type: ignore[arg-type]


def test_one_half_is_the_operating_point_and_order_stays() -> None:
    described = track(shapes(300))
    p = recogniser().probabilities(described).values
    cuts = tuple(float(c) for c in np.quantile(p, 0.6, axis=0))

    scores = recogniser(thresholds=cuts).score(described).values

    np.testing.assert_array_equal(scores > 0.5, p > np.array(cuts, dtype=np.float32))
    assert 0.3 < (scores > 0.5).mean() < 0.5
    for k in range(2):
        np.testing.assert_array_equal(np.argsort(scores[:, k]), np.argsort(p[:, k]))


def test_probabilities_are_the_net_s_after_calibration() -> None:
    rows = shapes(30)
    p = RecognitionForward(drawn(BLEND).config, drawn(BLEND).arrays)(rows)

    probability = recogniser().probabilities(track(rows)).values

    logits = 1.5 * np.log(p / (1 - p.astype(np.float64))) + 0.3
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-logits)), atol=1e-5)


def test_a_short_gap_holds_the_last_face_and_a_long_one_begins_anew() -> None:
    rows, valid = shapes(70), np.ones(70, dtype=np.bool_)
    valid[10:14] = False  # two thirds of a second
    valid[30:48] = False  # three seconds

    result = recogniser().score(track(rows, valid))

    held = rows.copy()
    held[10:14] = rows[9]
    np.testing.assert_array_equal(result.valid, valid)
    np.testing.assert_allclose(result.values[14:30], recogniser().score(track(held)).values[14:30], atol=1e-6)
    np.testing.assert_allclose(result.values[48:], recogniser().score(track(rows[48:])).values, atol=1e-6)
    assert [s for s, _ in forward_fill(track(rows, valid), 18)] == [slice(0, 30), slice(48, 70)]
    assert [s for s, _ in forward_fill(track(rows, valid), 19)] == [slice(0, 70)]
    assert forward_fill(track(rows, np.zeros(70, dtype=np.bool_)), 18) == []


def test_a_choice_of_its_expressions() -> None:
    two = recogniser().score(track(shapes(20)))

    single = TrainedRecogniser(drawn(BLEND), "0" * 64, ("doubt",)).score(track(shapes(20)))

    np.testing.assert_array_equal(single.values[:, 0], two.values[:, 1])


def test_columns_of_another_kind() -> None:
    wrong = Track.masked(TimeGrid(Fraction(6), 3), ("a",), np.zeros((3, 1)), np.ones(3, dtype=np.bool_))
    with pytest.raises(ValueError, match="reads blendshapes"):
        recogniser().score(wrong)


def test_the_choice_by_name(tmp_path: Path) -> None:
    assert open_recogniser("prototype") == PrototypeRecogniser(EEV5)
    folder_of(tmp_path / "mine", BLEND)
    assert open_recogniser("mine", root=tmp_path).names == ("amusement", "doubt")
    assert open_recogniser("mine", ("doubt",), tmp_path).names == ("doubt",)
    with pytest.raises(EvokedError, match=r"no prototype for awe.*name a recogniser that was trained"):
        open_recogniser("prototype", ("awe",))
    with pytest.raises(CheckpointError, match=r"was not trained on awe; it knows amusement, doubt"):
        open_recogniser("mine", ("awe",), tmp_path)
    with pytest.raises(CheckpointError, match="no recogniser in"):
        open_recogniser("other", root=tmp_path)


def test_descriptions_that_are_not_those_of_training(tmp_path: Path) -> None:
    stored = drawn(BLEND)
    save_recognition(tmp_path / "net", replace(stored, nets={**stored.nets, "face-mesh": "0" * 64}))
    with pytest.raises(CheckpointError, match="trained on another face-mesh"):
        load_trained(tmp_path / "net")
    save_recognition(tmp_path / "name", replace(stored, config=replace(stored.config, describes=("facenet",))))
    with pytest.raises(CheckpointError, match="reads facenet, which this version does not make"):
        load_trained(tmp_path / "name")


@pytest.mark.nets
def test_the_annotator_computes_what_the_recogniser_reads(cache: Cache) -> None:
    describes = ("sface", "blendshapes")
    clip = cache.clip("single_face.mp4")
    stored = TrainedRecogniser(drawn(describes), "0" * 64, ("amusement", "doubt"))

    result = Annotator(stored, cache=cache)(clip).viewers["v1"]

    usual = Annotator(cache=cache)(clip).viewers["v1"]
    np.testing.assert_array_equal(result.blendshapes.values, usual.blendshapes.values)
    grid, detect, identity = result.blendshapes.grid, FaceDetector(cache=cache), open_descriptors(("sface",), cache)
    pictures = [p.rgb() for p in read_media(clip, frames=grid) if isinstance(p, VideoFrame)]
    faces = np.concatenate([identity(rgb, detect(rgb)[:1]) for rgb in pictures])
    described = Track.masked(
        grid, column_names(describes), np.concatenate([faces, usual.blendshapes.values], axis=1), usual.boxes.valid
    )
    expected = stored.score(described).values
    assert np.corrcoef(result.scores.values[:, 0], expected[:, 0])[0, 1] > 0.95  # boxes may differ by hairs
    np.testing.assert_allclose(result.scores.values, expected, atol=0.1)


@pytest.mark.nets
def test_annotate_with_a_folder(cache: Cache, tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "mine", BLEND), tmp_path / "seen.parquet"
    call = ["annotate", str(cache.clip("single_face.mp4")), "--recogniser", str(folder), "-o", str(out)]

    done = CliRunner().invoke(evoked, call, catch_exceptions=False)

    assert done.exit_code == 0, done.output
    table = read_table(out, ("viewer", "time_s", "valid", "amusement", "doubt"))
    usual = Annotator(cache=cache)(cache.clip("single_face.mp4")).viewers["v1"].blendshapes
    np.testing.assert_allclose(table["doubt"], recogniser().score(usual).values[:, 1], atol=1e-6)
    made_by = read_provenance(out)
    assert made_by is not None
    assert made_by["config"]["recogniser"] == "trained"
    assert made_by["config"]["recogniser_sha256"] == load_trained(folder).digest
    assert str(tmp_path) not in str(made_by)


def test_what_does_not_follow_moving_faces_is_not_used(tmp_path: Path) -> None:
    failed = drawn(BLEND, passed=False)
    rows = dict(failed.moving_faces["expressions"])
    rows["doubt"] = rows["doubt"] | {"passed": None}  # no clip, or every clip, shows doubt
    one = replace(failed, moving_faces=dict(failed.moving_faces) | {"expressions": rows})
    save_recognition(tmp_path / "late", failed)
    save_recognition(tmp_path / "one", one)
    save_recognition(tmp_path / "unchecked", replace(failed, moving_faces={}))

    with pytest.raises(CheckpointError) as late:
        open_recogniser("late", root=tmp_path)
    assert str(late.value) == (
        "the recogniser in late is not fit for videos: amusement: its score does not follow moving faces (correlation "
        "0.90, lag 0.20 s, rise 0.20 s, fall 2.25 s; needed: at least 0.8 and at most 0.5 s); so with doubt. Train it "
        "again, or use it all the same: --allow-unvalidated, in a study.toml allow_unvalidated = true under [annotate]"
    )
    with pytest.raises(CheckpointError, match=r"amusement: its score does not follow moving faces .* s\)\. Train it"):
        open_recogniser("one", root=tmp_path)
    assert open_recogniser("one", ("doubt",), tmp_path).names == ("doubt",)
    with pytest.raises(
        CheckpointError, match="amusement: the recogniser was not checked on moving faces; so with doubt"
    ):
        open_recogniser("unchecked", root=tmp_path)
    told = unreliable_expressions(open_recogniser("late", root=tmp_path, allow_unvalidated=True).describe())
    assert set(told) == {"amusement", "doubt"}
    assert told["doubt"].startswith("its score does not follow moving faces")
    assert "unreliable" not in TrainedRecogniser(drawn(BLEND), "0" * 64, ("amusement",)).describe()


def test_a_study_refuses_it_before_any_work(tmp_path: Path) -> None:
    save_recognition(tmp_path / "late", drawn(BLEND, passed=False))
    settings = 'expressions = ["amusement", "doubt"]\n[annotate]\nrecogniser = "late"\n'
    (tmp_path / "study.toml").write_text(settings)
    with pytest.raises(StudyError, match=r"\[annotate\] recogniser: the recogniser in late is not fit for videos"):
        checked_settings(StudyLayout(tmp_path))

    (tmp_path / "study.toml").write_text(settings + "allow_unvalidated = true\n")
    assert checked_settings(StudyLayout(tmp_path)).annotate.allow_unvalidated


@pytest.mark.nets
def test_annotate_refuses_it_and_says_so_where_it_must_not(cache: Cache, tmp_path: Path) -> None:
    save_recognition(tmp_path / "late", drawn(BLEND, passed=False))
    out = tmp_path / "seen.parquet"
    call = ["annotate", str(cache.clip("single_face.mp4")), "--recogniser", str(tmp_path / "late"), "-o", str(out)]

    refused = CliRunner().invoke(evoked, call)
    allowed = CliRunner().invoke(evoked, [*call, "--allow-unvalidated"], catch_exceptions=False)

    assert isinstance(refused.exception, CheckpointError)
    assert "is not fit for videos" in str(refused.exception)
    assert allowed.exit_code == 0, allowed.output
    made_by = read_provenance(out)
    assert made_by is not None
    assert "does not follow moving faces" in unreliable_expressions(made_by["config"])["amusement"]
    assert "allow_unvalidated" not in made_by["config"]["annotate"]  # no result depends on it


def test_annotate_with_a_folder_that_holds_none(tmp_path: Path) -> None:
    done = CliRunner().invoke(evoked, ["annotate", "any.mp4", "--recogniser", str(tmp_path)])

    assert isinstance(done.exception, CheckpointError)
    assert "Train one: evoked recogniser train" in str(done.exception)


def test_an_operating_point_that_does_not_reach_its_precision_is_told_as_unreliable() -> None:
    few = OperatingPoint(0.4, "f0.5", 0.5, 0.4, 4, 3, 40)
    recognition = replace(drawn(BLEND), points=(few, OperatingPoint(0.5, "none", None, None, 0, 0, 40)))

    told = unreliable_expressions(TrainedRecogniser(recognition, "0" * 64, ("amusement", "doubt")).describe())

    assert told == {
        "amusement": "the wanted precision is not sure on held-out people (3 of 40 clips show it, 0.50 was measured)",
        "doubt": "no rated clip, or every one, shows it: its threshold was not chosen",
    }
    assert TrainedRecogniser(recognition, "0" * 64, ("amusement", "doubt")).unvalidated() == {}  # told, not refused

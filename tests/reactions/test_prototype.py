"""The readable recogniser: laws of the ramps, of the resting face and of the prototypes."""

import csv
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.faces.landmarks import BLENDSHAPES
from evoked.reactions.expressions.action_units import ACTION_NAMES, ACTIONS, BROWS, REST_CAP, au_intensities
from evoked.reactions.expressions.prototype import PROTOTYPES, PrototypeRecogniser
from evoked.reactions.expressions.recogniser import unreliable_expressions

SIX_HZ = Fraction(6)


def face(**shown: float) -> np.ndarray:
    """52 blendshapes of a resting face, but for what is named: actions by name with _ for space, at 0…1 of full."""
    row = np.zeros(len(BLENDSHAPES), np.float32)
    for action in ACTIONS:
        level = action.full if shown.get(action.name.replace(" ", "_")) else action.rest
        for shape in action.shapes:
            row[BLENDSHAPES.index(shape)] = level
    return row


def track(rows: list[np.ndarray], hidden: tuple[int, ...] = ()) -> Track:
    valid = np.array([i not in hidden for i in range(len(rows))])
    return Track.masked(TimeGrid(SIX_HZ, len(rows)), BLENDSHAPES, np.stack(rows), valid)


def scores(row: np.ndarray) -> dict[str, float]:
    result = PrototypeRecogniser().score(track([row] * 18))
    return dict(zip(result.names, result.values[9].tolist(), strict=True))


REST, LAUGH = face(), face(smile=1, upper_teeth_shown=1, eyes_narrowed=1, jaw_dropped=1)
STARTLED = face(jaw_dropped=1, inner_brows_up=1, outer_brows_up=1, eyes_wide=1)


def test_a_ramp_starts_at_rest_and_ends_at_full() -> None:
    for action in ACTIONS:
        column = ACTION_NAMES.index(action.name)
        intensities = au_intensities(track([REST, face(**{action.name.replace(" ", "_"): 1})]))
        assert intensities.values[:, column] == pytest.approx([0, 1], abs=1e-4), action.name


def test_a_resting_face_shows_nothing() -> None:
    assert max(scores(REST).values()) < 0.05


@pytest.mark.parametrize(
    ("expression", "row"),
    [
        ("amusement", LAUGH),
        ("surprise", STARTLED),
        ("contentment", face(smile=1)),
        ("interest", face(inner_brows_up=1, outer_brows_up=1)),
        ("concentration", face(brows_down=1, eyes_narrowed=1, lips_pressed=1)),
    ],
)
def test_each_prototype_is_its_own_expression_first(expression: str, row: np.ndarray) -> None:
    result = scores(row)
    assert result[expression] > 0.5
    assert max(result, key=lambda n: result[n]) == expression


def test_a_shout_is_no_laughter() -> None:
    shout = face(jaw_dropped=1, upper_teeth_shown=1, brows_down=1)
    assert scores(shout)["amusement"] < 0.05 < 0.5 < scores(LAUGH)["amusement"]


def test_bared_teeth_are_no_laughter() -> None:
    smile = {"smile": 1, "upper_teeth_shown": 1, "eyes_narrowed": 1}
    assert scores(face(**smile))["amusement"] > scores(face(**smile, lower_teeth_shown=1))["amusement"] > 0.5
    snarl = face(upper_teeth_shown=1, lower_teeth_shown=1, eyes_narrowed=1, brows_down=1)
    assert scores(snarl)["amusement"] < 0.05


def test_weeping_is_no_laughter_and_a_yawn_no_surprise() -> None:
    weeping, yawn = face(smile=1, eyes_closed=1, chin_raised=1), face(jaw_dropped=1, eyes_closed=1)
    assert max(scores(weeping)[name] for name in ("amusement", "contentment")) < 0.5
    assert scores(face(smile=1, eyes_closed=1))["amusement"] > 0.5
    assert scores(yawn)["surprise"] < 0.5 < scores(STARTLED)["surprise"]


def test_open_eyes_and_a_closed_mouth_are_no_interest() -> None:
    alert = REST.copy()
    for action in ACTIONS:
        if action.name in ("brows down", "jaw dropped", "eyes closed", "mouth corners down"):
            for shape in action.shapes:
                alert[BLENDSHAPES.index(shape)] = 0  # far below a neutral face: nothing contradicts interest
    assert scores(alert)["interest"] == pytest.approx(scores(REST)["interest"], abs=1e-3)


def test_absence_stays_absence_and_does_not_touch_its_neighbours() -> None:
    rows = [LAUGH] * 18
    complete, holed = PrototypeRecogniser().score(track(rows)), PrototypeRecogniser().score(track(rows, hidden=(3, 4)))
    assert holed.valid.tolist() == [i not in (3, 4) for i in range(18)]
    np.testing.assert_array_equal(holed.values[5:], complete.values[5:])


def test_scores_of_a_short_clip_are_absolute() -> None:
    smiling = au_intensities(track([LAUGH] * 18))  # 3 s: no resting face can be known
    assert smiling.values[:, ACTION_NAMES.index("smile")] == pytest.approx(1, abs=1e-4)


def test_a_face_that_always_half_smiles_is_measured_from_there() -> None:
    half = REST.copy()
    for shape in ("mouthSmileLeft", "mouthSmileRight"):
        half[BLENDSHAPES.index(shape)] = 0.03  # some way up the ramp
    column = ACTION_NAMES.index("smile")
    alone = au_intensities(track([half] * 18)).values[0, column]
    known = au_intensities(track([half] * 6 * 60)).values[180, column]
    assert 0.1 < alone < REST_CAP
    assert known == pytest.approx(0, abs=1e-4)


def test_laughing_all_along_does_not_become_rest() -> None:
    column = ACTION_NAMES.index("smile")
    long = au_intensities(track([LAUGH] * 6 * 60)).values[180, column]
    assert long == pytest.approx(1 - REST_CAP, abs=1e-4)
    assert PrototypeRecogniser().score(track([LAUGH] * 6 * 60)).values[180, 0] > 0.5


def test_the_resting_face_equals_a_plain_running_median() -> None:
    rng = np.random.default_rng(4)
    rows = [rng.uniform(0.001, 0.2, len(BLENDSHAPES)).astype(np.float32) for _ in range(6 * 40)]
    recording = track(rows, hidden=tuple(range(50, 90)))
    result = au_intensities(recording, rest_window_s=20, rest_least_s=5)
    absolute = np.stack([_plain_ramp(r) for r in rows])
    brows = [ACTION_NAMES.index(name) for name in BROWS]
    resting = np.quantile(absolute[recording.valid][:, brows], 0.25, axis=0)  # 33 s seen: the whole recording
    for second in (0, 7, 12, 25, 39):
        middle = second * 6 + 3
        near = [i for i in range(max(0, middle - 60), min(240, middle + 61)) if recording.valid[i]]
        baseline = np.clip(np.median(absolute[near], axis=0), -REST_CAP, REST_CAP)
        baseline[brows] = np.maximum(resting, 0)
        step = second * 6
        if recording.valid[step]:
            expected = np.clip(absolute[step] - baseline, -0.5, 1.25)
            np.testing.assert_allclose(result.values[step], expected, atol=1e-5)


def test_brows_that_are_always_high_are_at_rest_and_raised_ones_are_interest() -> None:
    raised, interest = face(inner_brows_up=1, outer_brows_up=1), PrototypeRecogniser(("interest",))
    assert interest.score(track([raised] * 18)).values[9, 0] > 0.5  # 3 s: nothing is known of this person
    assert interest.score(track([raised] * 6 * 12)).values[36, 0] < 0.15
    for seconds in (12, 60):
        now_and_then = interest.score(track(([REST] * 12 + [raised] * 12) * (seconds // 4)))
        assert (now_and_then.values[14:22, 0] > 0.5).all()


def test_brows_of_an_unknown_person_must_rise_further() -> None:
    rows = [REST.copy() for _ in range(18)]
    for row in rows[6:]:
        for shape in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"):
            row[BLENDSHAPES.index(shape)] = 0.12
    interest = PrototypeRecogniser(("interest",))
    assert interest.score(track(rows)).values[12, 0] < 0.5
    assert interest.score(track([REST] * 60 + rows)).values[72, 0] > 0.5
    assert "brows at rest unknown 1.0" in interest.explain(track(rows), 12)["interest"]


def test_what_lasts_less_than_a_second_is_not_shown() -> None:
    flash = PrototypeRecogniser().score(track([REST] * 12 + [LAUGH] * 3 + [REST] * 12))
    assert flash.values[:, 0].max() < 0.5
    lasting = PrototypeRecogniser().score(track([REST] * 12 + [LAUGH] * 9 + [REST] * 12))
    assert (lasting.values[:, 0] > 0.5).tolist() == [12 <= i < 21 for i in range(33)]


def _plain_ramp(row: np.ndarray) -> np.ndarray:
    def odds(p: float) -> float:
        return float(np.log((p + 1e-3) / (1 - p + 1e-3)))

    out = []
    for action in ACTIONS:
        mean = sum(odds(float(row[BLENDSHAPES.index(s)])) for s in action.shapes) / len(action.shapes)
        out.append((mean - odds(action.rest)) / (odds(action.full) - odds(action.rest)))
    return np.array(out)


def test_every_score_can_be_explained() -> None:
    explanations = PrototypeRecogniser().explain(track([LAUGH] * 3), 1)
    assert explanations["amusement"].startswith("smile 1.0, upper teeth shown 1.0")
    assert explanations["amusement"].endswith("→ amusement 1.0")
    assert explanations["surprise"].endswith("→ surprise 0")
    with pytest.raises(ValueError, match="nothing was seen at step 0"):
        PrototypeRecogniser().explain(track([LAUGH] * 3, hidden=(0,)), 0)


def test_the_tables_speak_of_the_same_actions() -> None:
    assert all(set(p.weights) <= set(ACTION_NAMES) for p in PROTOTYPES.values())
    assert all(set(p.against) | set(p.held) <= set(ACTION_NAMES) for p in PROTOTYPES.values())
    assert all({a, b} <= set(ACTION_NAMES) for p in PROTOTYPES.values() for a, b, _ in (*p.beyond, *p.together))
    assert all(weight < 0 for p in PROTOTYPES.values() for weight in p.against.values())
    assert all(s in BLENDSHAPES for a in ACTIONS for s in a.shapes)


def test_an_expression_without_prototype_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no prototype for awe; there are: amusement"):
        PrototypeRecogniser(names=("amusement", "awe"))


def test_what_cannot_be_told_is_in_the_description() -> None:
    assert set(unreliable_expressions(PrototypeRecogniser().describe())) == {"concentration"}
    assert unreliable_expressions(PrototypeRecogniser(("amusement",)).describe()) == {}
    assert unreliable_expressions({"recogniser": "trained"}) == {}


def test_other_columns_are_refused() -> None:
    bad = Track(TimeGrid(SIX_HZ, 1), ("a",), np.zeros((1, 1), np.float32), np.ones(1, bool))
    with pytest.raises(ValueError, match="need the 52 blendshapes"):
        PrototypeRecogniser().score(bad)


@pytest.mark.nets
def test_on_real_labelled_faces_it_ranks_as_well_as_was_measured() -> None:
    """Noisy web faces, shown as stills: every fifth, so that it stays quick."""
    where = os.environ.get("EVOKED_SHARED_DATA")
    if not where:
        pytest.skip("EVOKED_SHARED_DATA is not set: the labelled web faces are no part of the project")
    from sklearn.metrics import roc_auc_score

    from evoked.faces.detect import FaceDetector
    from evoked.faces.mesh import FaceMesh
    from evoked.media.images import read_image

    with (Path(where) / "faces" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[::5]
    detect, mesh = FaceDetector(), FaceMesh()
    shown, names = [], []
    for row in rows:
        picture = read_image(Path(where) / "faces" / "images" / row["image"])
        if faces := detect(picture):
            shown.append(mesh(picture, faces[0]).blendshapes)
            names.append(row["expression"])
    recogniser = PrototypeRecogniser()
    result = np.stack([recogniser.score(track([shapes] * 18)).values[9] for shapes in shown])  # 3 s, as by annotate
    surprise = roc_auc_score([n == "surprise" for n in names], result[:, recogniser.names.index("surprise")])
    amusement = roc_auc_score([n == "happiness" for n in names], result[:, recogniser.names.index("amusement")])
    assert len(shown) >= 0.98 * len(rows)
    assert surprise >= 0.88
    assert amusement >= 0.90

"""Planted speech, laughter, yawns, screams and tears: the recogniser and the vote give the known answer."""

from fractions import Fraction

import numpy as np
import pytest

from evoked.core.time_grid import TimeGrid
from evoked.faces.landmarks import BLENDSHAPES
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.labelling.majority_vote import majority_vote
from staging.planted_expressions import AMUSED, SEQUENCES, PlantedFace, planted_sequence

PEOPLE = 12
RECOGNISER = PrototypeRecogniser()
SHOWN = slice(27, 69)  # the 8 s from second 4, without half a second at either end


def frames(shown: str, expression: str) -> np.ndarray:
    """Which frames of all planted people show an expression, shape (people, frames)."""
    column = RECOGNISER.names.index(expression)
    scored = [RECOGNISER.score(planted_sequence(PlantedFace(seed), shown)) for seed in range(PEOPLE)]
    return np.stack([track.values[:, column] >= 0.5 for track in scored])


@pytest.mark.parametrize("shown", SEQUENCES)
def test_only_laughs_and_smiles_are_amusement(shown: str) -> None:
    share = frames(shown, "amusement")[:, SHOWN].mean()
    assert share >= 0.95 if shown in AMUSED else share <= 0.05


@pytest.mark.parametrize("shown", ["neutral", "speech", "laughing speech"])
def test_neutral_and_talking_faces_are_not_interested(shown: str) -> None:
    assert frames(shown, "interest")[:, SHOWN].mean() <= 0.10


def test_neither_a_yawn_nor_speech_is_surprise() -> None:
    assert frames("yawn", "surprise")[:, SHOWN].mean() <= 0.05
    assert frames("speech", "surprise")[:, SHOWN].mean() <= 0.05


def test_weeping_is_not_contentment() -> None:
    assert frames("weeping", "contentment")[:, SHOWN].mean() <= 0.05


@pytest.mark.parametrize("shown", SEQUENCES)
def test_the_labels_of_a_content_are_those_that_were_planted(shown: str) -> None:
    ballots = [RECOGNISER.score(planted_sequence(PlantedFace(seed), shown)) for seed in range(3)]
    labels = majority_vote(ballots, TimeGrid(Fraction(1), 16)).labels
    amused = labels.values[:, RECOGNISER.names.index("amusement")]
    inside = [6, 7, 8, 9, 10]  # their windows of 3 s lie within the 8 s
    assert amused[inside].tolist() == [float(shown in AMUSED)] * 5
    assert amused[[1, 2, 14, 15]].tolist() == [0.0] * 4


def test_speech_moves_the_mouth_and_a_held_smile_does_not() -> None:
    jaw = BLENDSHAPES.index("jawOpen")
    moved = {s: np.abs(np.diff(planted_sequence(PlantedFace(1), s).values[SHOWN, jaw])).mean() for s in SEQUENCES}
    assert min(moved["speech"], moved["laugh"], moved["laughing speech"]) > 5 * moved["held smile"]


def test_what_is_not_planted_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is planted as 'sneeze'; there are: neutral, speech"):
        planted_sequence(PlantedFace(1), "sneeze")

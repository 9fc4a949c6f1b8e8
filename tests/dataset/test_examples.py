"""Features and labels of one second are joined in one row, or refused with the reason."""

import numpy as np
import pytest

from evoked.core.errors import DatasetError
from evoked.dataset.examples import SLACK_ROWS, Example, join

NAMES = ("amusement", "surprise")


def rows(seconds: int, width: int = 3) -> np.ndarray:
    return np.arange(seconds * width, dtype=np.float32).reshape(seconds, width)


def test_equal_lengths_are_joined_without_a_note() -> None:
    labels = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
    example = join("a.mp4", {"image": rows(3)}, labels, np.array([True, False, True]), NAMES)
    assert example.notes == ()
    assert example.labels.tolist() == [[1, 0], [0, 0], [1, 1]]  # what is not valid is zero, and masked
    assert example.seconds == 3
    assert example.widths == {"image": 3}


@pytest.mark.parametrize(("described", "labelled"), [(7, 10), (10, 7), (10, 10 - SLACK_ROWS)])
def test_a_few_rows_too_many_are_cut_and_that_is_said(described: int, labelled: int) -> None:
    labels = np.ones((labelled, 2), np.float32)
    example = join(
        "a.mp4", {"image": rows(described), "audio": rows(described)}, labels, np.ones(labelled, bool), NAMES
    )
    assert example.seconds == min(described, labelled)
    assert example.notes == (f"features {described} s and labels {labelled} s: cut to {min(described, labelled)} s",)
    np.testing.assert_array_equal(example.features["image"], rows(described)[: example.seconds])  # from the end


def test_a_video_of_another_length_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"a\.mp4: features have 10 seconds and labels 16; .*not of the same video"):
        join("a.mp4", {"image": rows(10)}, np.zeros((16, 2), np.float32), np.ones(16, bool), NAMES)


def test_modalities_of_different_lengths_are_refused() -> None:
    with pytest.raises(DatasetError, match="modalities differ in length"):
        join("a", {"image": rows(4), "audio": rows(5)}, np.zeros((4, 2), np.float32), np.ones(4, bool), NAMES)


def test_absent_labels_may_be_nan_only_where_not_valid() -> None:
    labels = np.array([[np.nan, np.nan], [1, 0]], np.float32)
    assert join("a", {"image": rows(2)}, labels, np.array([False, True]), NAMES).labels.tolist() == [[0, 0], [1, 0]]
    with pytest.raises(ValueError, match="labels must be from 0 to 1"):
        join("a", {"image": rows(2)}, labels, np.array([True, True]), NAMES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros((2, 1), np.float32)}, r"labels must be float32 of shape \(T, K\) = \(2, 2\)"),
        ({"labels": np.zeros((2, 2))}, "labels must be float32"),
        ({"valid": np.ones(2)}, "valid must be bool"),
        ({"expressions": ("amusement", "amusement")}, "different names"),
        ({"features": {}}, "at least one modality"),
        ({"features": {"image": rows(3)}}, r"image must be .* shape \(2, D\)"),
        ({"features": {"image": np.zeros((2, 3))}}, "image must be float16 or float32"),
        ({"features": {"image": np.full((2, 3), np.nan, np.float32)}}, "image holds numbers that are not finite"),
    ],
)
def test_what_does_not_fit_together_is_refused(change: dict[str, object], message: str) -> None:
    fits: dict[str, object] = {
        "video": "a",
        "features": {"image": rows(2)},
        "labels": np.zeros((2, 2), np.float32),
        "valid": np.ones(2, bool),
        "expressions": NAMES,
    }
    with pytest.raises(ValueError, match=message):
        Example(**(fits | change))  # type: ignore[arg-type]

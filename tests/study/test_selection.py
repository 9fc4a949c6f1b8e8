"""Which steps a run does, and which results it reads."""

import pytest

from evoked.study.selection import STEPS, StepSelection


def test_the_steps_of_a_selection() -> None:
    assert [s for s in STEPS if StepSelection().does(s)] == list(STEPS)
    assert [s for s in STEPS if StepSelection(until="label").does(s)] == ["align", "annotate", "label"]
    assert [s for s in STEPS if StepSelection(only="label").does(s)] == ["label"]
    assert [s for s in STEPS if StepSelection(only="label").reads(s)] == ["align", "annotate", "label"]
    assert [s for s in STEPS if StepSelection(only="features").reads(s)] == ["features"]
    assert [s for s in STEPS if StepSelection(only="report").reads(s)] == ["report"]
    assert not StepSelection(only="train").does("label", "evaluate")
    assert StepSelection(until="report").whole
    assert not StepSelection(until="train").whole


def test_a_step_that_does_not_exist_and_two_wishes_at_once() -> None:
    with pytest.raises(ValueError, match="no step 'vote'; there are: align, annotate, label"):
        StepSelection(only="vote")
    with pytest.raises(ValueError, match="one step alone, or all until one, not both"):
        StepSelection(only="label", until="train")

"""How the steps of a run ended: one value for the study that writes it and the report that reads it."""

import json
from pathlib import Path

import pytest

from evoked.core.step_outcome import StepOutcome, read_outcomes, write_outcomes

OUTCOMES = (
    StepOutcome("annotate", "r \u00fc.mp4", "done", "no viewer was seen in it"),
    StepOutcome("label", "", "kept"),
    StepOutcome("features", "c.mp4", "failed", 'no "media" in it'),
    StepOutcome("hold out", "", "left out", "one content"),
)


def test_outcomes_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_outcomes(tmp_path / "items.json", OUTCOMES)
    assert read_outcomes(tmp_path / "items.json") == OUTCOMES
    rows = json.loads((tmp_path / "items.json").read_text(encoding="utf-8"))
    assert rows[2] == {"step": "features", "name": "c.mp4", "state": "failed", "reason": 'no "media" in it'}


def test_a_log_of_before_with_a_further_key_is_read(tmp_path: Path) -> None:
    row = {"kind": "label", "step": "label", "name": "", "state": "kept", "reason": ""}
    (tmp_path / "items.json").write_text(json.dumps([row]))
    assert read_outcomes(tmp_path / "items.json") == (OUTCOMES[1],)


def test_done_and_kept_have_one_status() -> None:
    assert [(item.in_place, item.status) for item in OUTCOMES] == [
        (True, "in place"),
        (True, "in place"),
        (False, "failed"),
        (False, "left out"),
    ]


def test_another_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "items.json").write_text('[{"step": "label", "name": "", "state": "Fine", "reason": ""}]')
    with pytest.raises(ValueError, match="state must be one of done, kept, failed, left out, got 'Fine'"):
        read_outcomes(tmp_path / "items.json")

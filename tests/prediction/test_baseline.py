"""The baseline model that comes with evoked: whole, small, and plain about what it does not know."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

import evoked as api
from evoked.core.tables import read_provenance
from evoked.model.checkpoint import load_checkpoint, save_checkpoint
from evoked.prediction.baseline import BASELINE, CARD, baseline_note
from evoked.prediction.predictor import load_model

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """scripts/train_baseline.py."""
    spec = importlib.util.spec_from_file_location("train_baseline", ROOT / "scripts" / "train_baseline.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_small_and_its_card_is_current(script: ModuleType) -> None:
    assert sum(path.stat().st_size for path in BASELINE.iterdir()) < 15e6
    assert (ROOT / "docs" / "baseline.md").read_text(encoding="utf-8") == script.card(load_checkpoint(BASELINE))


def test_where_it_has_no_skill_it_says_so() -> None:
    model = load_model(BASELINE)
    rows = model.checkpoint.training[CARD]["rows"]
    without = [row["name"] for row in rows if row["low"] is None or row["low"] <= row["chance"]]
    assert [row["name"] for row in rows] == list(model.expressions)
    assert without == [row["name"] for row in rows if not row["skill"]]
    assert without
    note = baseline_note(model)
    assert note.startswith("baseline model: learnt from the planted labels")
    assert note.endswith(f"no skill shown for {', '.join(without)}")
    assert "\n" not in note


def test_another_model_has_no_such_note(tmp_path: Path) -> None:
    baseline = load_checkpoint(BASELINE)
    training = {name: value for name, value in baseline.training.items() if name != CARD}
    save_checkpoint(tmp_path, replace(baseline, training=training))
    assert baseline_note(load_model(tmp_path)) == ""


@pytest.mark.nets
def test_predict_without_a_model_uses_it_and_says_so(evoked, video: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    note = baseline_note(load_model(BASELINE))
    code, _, err = evoked("predict", video, "-o", tmp_path / "p.parquet")
    assert (code, err.count(note)) == (0, 1)
    provenance = read_provenance(tmp_path / "p.parquet")
    assert provenance is not None
    assert note in provenance["notes"]
    named = evoked("predict", video, "--model", BASELINE, "-o", tmp_path / "named.parquet")
    assert (named[0], note in named[2]) == (0, False)  # who names it knows it; the file still says it
    assert (tmp_path / "named.parquet").read_bytes() == (tmp_path / "p.parquet").read_bytes()
    track = api.predict(video)
    assert track.names == api.load_model().expressions
    assert evoked("predict", video, "-q")[2] == ""

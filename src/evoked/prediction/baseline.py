"""The baseline model that comes with evoked: `evoked predict` uses it where no --model is named.

`scripts/train_baseline.py` makes it and its card (docs/baseline.md) anew.
"""

from pathlib import Path

from evoked.prediction.predictor import Model, notes_of

__all__ = ["BASELINE", "CARD", "baseline_note"]

BASELINE = Path(__file__).with_name("baseline")
"""Its folder."""
CARD = "card"
"""Key of the numbers of the card in the description of its training."""


def baseline_note(model: Model) -> str:
    """What users of the baseline should know, one line; "" for another model.

    It is the first note of the model, so that it is in the provenance of each prediction too.
    """
    return notes_of(model)[0] if CARD in model.checkpoint.training else ""

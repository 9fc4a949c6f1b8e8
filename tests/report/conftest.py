"""A small study for the report's tests."""

from pathlib import Path

import pytest
from report_study import (
    write_features,
    write_items,
    write_labels,
    write_predictions,
    write_reaction,
    write_scores,
    write_watchers,
)

from evoked.core.files import write_text


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study with two contents, one reaction with two viewers, scores, and one failed item; no video files."""
    folder = tmp_path / "small study"
    results = folder / "results"
    for name in ("first.mp4", "second.mp4"):
        write_predictions(results, name)
        write_features(results, name)
    write_labels(results, ["first.mp4", "second.mp4"])
    write_watchers(results, ["first.mp4", "second.mp4"])
    write_scores(results)
    write_reaction(results, "watching.mp4")
    write_text(results / "pairs.csv", "reaction,content\nwatching.mp4,first.mp4\n")
    write_items(
        results,
        [
            {"name": "watching.mp4", "step": "annotate", "state": "done", "reason": ""},
            {
                "name": "broken.mp4",
                "step": "annotate",
                "state": "failed",
                "reason": "no media <in> it",
            },
            {"name": "first.mp4", "step": "features", "state": "kept", "reason": ""},
        ],
    )
    return folder

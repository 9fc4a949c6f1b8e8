"""Learn from people's faces what a video makes its viewers express, and predict it for a new one."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evoked.api.contents import extract_features, load_model, predict, predict_live
    from evoked.api.datasets import (
        add_themes,
        audit_dataset,
        build_dataset,
        dataset_statistics,
        export_dataset,
        forget_video,
        import_dataset,
        read_manifest,
        split_dataset,
    )
    from evoked.api.learning import agree, evaluate, train
    from evoked.api.reactions import ViewerScores, align, annotate, explain, label, vote
    from evoked.api.readers import (
        read_annotation,
        read_features,
        read_labels,
        read_offsets,
        read_predictions,
        read_ratings,
        read_scores,
    )
    from evoked.api.studies import StudyResults, run
    from evoked.core.errors import EvokedError
    from evoked.core.expressions import EEV5, EEV15
    from evoked.core.time_grid import TimeGrid
    from evoked.core.track import Track

__version__ = "0.1.0"
__all__ = [
    "EEV5",
    "EEV15",
    "EvokedError",
    "StudyResults",
    "TimeGrid",
    "Track",
    "ViewerScores",
    "__version__",
    "add_themes",
    "agree",
    "align",
    "annotate",
    "audit_dataset",
    "build_dataset",
    "dataset_statistics",
    "evaluate",
    "explain",
    "export_dataset",
    "extract_features",
    "forget_video",
    "import_dataset",
    "label",
    "load_model",
    "predict",
    "predict_live",
    "read_annotation",
    "read_features",
    "read_labels",
    "read_manifest",
    "read_offsets",
    "read_predictions",
    "read_ratings",
    "read_scores",
    "run",
    "split_dataset",
    "train",
    "vote",
]

HOMES = {
    "EvokedError": "core.errors",
    "EEV5": "core.expressions",
    "EEV15": "core.expressions",
    "TimeGrid": "core.time_grid",
    "Track": "core.track",
    **dict.fromkeys(("ViewerScores", "align", "annotate", "explain", "label", "vote"), "api.reactions"),
    **dict.fromkeys(("extract_features", "load_model", "predict", "predict_live"), "api.contents"),
    **dict.fromkeys(("agree", "evaluate", "train"), "api.learning"),
    **dict.fromkeys(("StudyResults", "run"), "api.studies"),
    **{name: "api.readers" for name in __all__ if name.startswith("read_")},
    **dict.fromkeys(
        (
            "add_themes",
            "audit_dataset",
            "build_dataset",
            "dataset_statistics",
            "export_dataset",
            "forget_video",
            "import_dataset",
            "read_manifest",
            "split_dataset",
        ),
        "api.datasets",
    ),
}
"""Name → the module where it lives. It is imported when it is asked for: numpy alone takes 0.1 s of CPU."""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"evoked.{HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

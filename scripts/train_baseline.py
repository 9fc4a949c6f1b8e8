"""Train the baseline model that comes with evoked, and write its card.

python scripts/train_baseline.py STUDY          make the full staged sample in STUDY, run it, write model and card
python scripts/train_baseline.py --card         write the card of the present model

About an hour on two cores. A STUDY that has been run is used as it is, so the same command goes on where it stopped.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import evoked
from evoked.learning.evaluation.scores import ScoreRow, Scores, read_scores
from evoked.model.checkpoint import ABOUT, ARRAYS, Checkpoint, load_checkpoint, save_checkpoint
from evoked.prediction.baseline import BASELINE, CARD

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "baseline.md"
TEMPLATE = Path(__file__).with_name("baseline_card.md")
STAGED = "baseline model: learnt from the planted labels of 11 parts of one cartoon, not from people who watched"


def main() -> None:
    """Make the model and its card, or the card alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", type=Path)
    parser.add_argument("--card", action="store_true")
    options = parser.parse_args()
    if (options.study is None) == (not options.card):
        parser.error("name a STUDY, or give --card")
    if options.study is not None:
        run = [sys.executable, "-m", "evoked"]
        subprocess.run([*run, "sample", str(options.study), "--size", "full"], check=True)
        subprocess.run([*run, "run", str(options.study)], check=True)
        write_model(options.study)
    PAGE.write_text(card(load_checkpoint(BASELINE)), encoding="utf-8")


def write_model(study: Path) -> None:
    """Write the model of a study into the package, with the numbers of its card.

    Args:
        study: the full staged sample, after `evoked run`.
    """
    results = study / "results"
    trained, scores = load_checkpoint(results / "model"), read_scores(results / "scores.json")
    seconds = sum(int(labels.labels.valid.sum()) for labels in evoked.read_labels(results / "labels.parquet").values())
    numbers = {
        "videos": len(scores.videos),
        "labelled_seconds": seconds,
        "recordings": len(list((results / "annotations").glob("*.parquet"))),
        "evoked": evoked.__version__,
        "folds": len(scores.folds),
        "map": {key: getattr(scores.map, key) for key in ("value", "low", "high", "chance", "shifted", "shifted_p")},
        "rows": [row_of(row) for row in scores.rows],
    }
    note = STAGED + skill_text(scores)
    provenance = {**trained.provenance, "notes": [note, *trained.provenance.get("notes", ())]}
    training = {**trained.training, CARD: numbers}
    save_checkpoint(BASELINE, Checkpoint(trained.config, trained.arrays, trained.features, training, provenance))


def row_of(row: ScoreRow) -> dict[str, object]:
    """The numbers of an expression on the card."""
    skill = row.low is not None and row.chance is not None and row.low > row.chance
    names = ("name", "seconds", "positives", "chance", "ap", "low", "high")
    return {name: getattr(row, name) for name in names} | {"skill": skill}


def skill_text(scores: Scores) -> str:
    """What the note says of expressions whose interval is not above chance."""
    without = [row.name for row in scores.rows if not row_of(row)["skill"]]
    return f"; no skill shown for {', '.join(without)}" if without else ""


def card(model: Checkpoint) -> str:
    """The model card, as a page of the documentation.

    Args:
        model: the baseline, as `write_model` stored it.

    Returns:
        Markdown.
    """
    numbers: Mapping[str, Any] = model.training[CARD]
    size = sum((BASELINE / name).stat().st_size for name in (ARRAYS, ABOUT)) / 1e6
    rows = [
        f"| {r['name']} | {r['positives']} of {r['seconds']} | {_number(r['chance'])} | {_number(r['ap'])} "
        f"| {_interval(r)} | {'above chance' if r['skill'] else 'no skill shown'} |"
        for r in numbers["rows"]
    ]
    mean = numbers["map"]
    return TEMPLATE.read_text(encoding="utf-8").format(
        size=size,
        rows="\n".join(rows),
        note=model.provenance["notes"][0],
        map=_number(mean["value"]),
        map_interval=_interval(mean),
        map_chance=_number(mean["chance"]),
        shifted=_number(mean["shifted"]),
        shifted_p=_number(mean["shifted_p"], 3),
        units="/".join(str(m.units) for m in model.config.modalities),
        **{name: numbers[name] for name in ("videos", "labelled_seconds", "recordings", "folds", "evoked")},
    )


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _interval(numbers: Mapping[str, Any]) -> str:
    return "–" if numbers["low"] is None else f"{numbers['low']:.2f} … {numbers['high']:.2f}"


if __name__ == "__main__":
    main()

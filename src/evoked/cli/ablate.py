"""evoked ablate: what each part of the content model is worth."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from evoked.cli.options import config_from_options, config_options
from evoked.cli.progress import bar
from evoked.core.errors import DatasetError
from evoked.core.files import check_writable, sha256
from evoked.core.provenance import Provenance
from evoked.core.tables import read_table, write_table
from evoked.dataset.examples import Example, join
from evoked.dataset.labels import read_labels
from evoked.dataset.load_examples import load_examples
from evoked.dataset.result_files import find_result_files
from evoked.features.files import SUFFIX
from evoked.learning.evaluation.comparison import ScoreCell, compare_variants, comparison_text
from evoked.learning.evaluation.evaluate import FEW
from evoked.learning.evaluation.prediction_sets import notes_of
from evoked.learning.experiments.ablation import FULL, AblateConfig, Split, run_variants, split_videos, variants
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelSettings

File = click.Path(path_type=Path)
RESULTS = ("ablation.csv", "ablation.json")


@click.command()
@click.option("--features", type=File, required=True, help="folder with a feature file per video")
@click.option("--labels", "labels_path", type=File, required=True, help="labels to learn from and to score against")
@click.option("--human", type=File, help="a second table of labels, of people, to score the same test videos against")
@click.option("--split", "split_path", type=File, help="a table video,part: train, validate or test; else at random")
@click.option("-o", "--output", type=File, required=True, help="folder for the table and, in runs/, every model")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
@config_options(AblateConfig)
@config_options(ModelSettings)
@config_options(TrainConfig)
def ablate(
    features: Path,
    labels_path: Path,
    human: Path | None,
    split_path: Path | None,
    output: Path,
    as_json: bool,
    **own: Any,
) -> None:
    """Train the content model without one of its parts at a time, several times each, and score all on the same videos.

    The full model, image+audio, image alone, no gating, no output gate, no experts. Average precision per expression
    and MAP, mean and spread over seeds, beside chance; intervals draw whole test videos. A run that is done
    is kept; the same command goes on from where it stopped.
    """
    config, model, training = (
        config_from_options(AblateConfig, own),
        config_from_options(ModelSettings, own),
        config_from_options(TrainConfig, own),
    )
    for name in RESULTS:
        check_writable(output / name)
    labels = read_labels(labels_path)
    with bar("read features") as progress:
        loaded = load_examples(labels, features, progress)
    given = _read_split(split_path) if split_path else None
    split = split_videos(loaded.examples, given, config.split_seed)
    notes = [*notes_of(labels_path), *loaded.notes, f"one split: {_counts(split)}"]
    if strange := sorted((given or {}).keys() - {e.video for e in loaded.examples}):
        notes.append(f"in the split, but without labels and features, left out: {', '.join(strange)}")
    people = _as_people_saw(human, split.test, notes) if human else ()
    if len(split.test) < FEW:
        notes.append(f"{len(split.test)} test videos: intervals over so few are too narrow")
    ways = variants(model, training, config.only)
    with bar("train") as progress:
        runs = run_variants(ways, split, config.seeds, output / "runs", features=loaded.made, progress=progress)
    with bar("intervals"):
        cells = compare_variants(runs, split.test, FULL, "machine", config)
        if people:
            kept = {way: [{e.video: run[e.video] for e in people} for run in found] for way, found in runs.items()}
            cells += compare_variants(kept, people, FULL, "human", config)
    tables = [path for path in (labels_path, human, split_path) if path]
    parts = {e.video: part for part, videos in split.parts.items() for e in videos}
    files = find_result_files(parts, features, SUFFIX)
    inputs = {path.name: sha256(path) for path in [*tables, *files.values()]}
    told = {"ablate": asdict(config), "model": asdict(model), "train": asdict(training), "split": parts}
    _write(output, cells, Provenance("ablate", told, inputs, notes=tuple(dict.fromkeys(notes))))
    for note in dict.fromkeys(notes):
        click.echo(f"note: {note}", err=True)
    click.echo(json.dumps([asdict(c) for c in cells], indent=1) if as_json else comparison_text(cells, FULL))


def _counts(split: Split) -> str:
    return ", ".join(
        f"{len(videos)} video{'' if len(videos) == 1 else 's'} to {part}" for part, videos in split.parts.items()
    )


def _read_split(path: Path) -> dict[str, str]:
    columns = read_table(path, required=("video", "part"))
    if twice := sorted({str(v) for v in columns["video"] if columns["video"].count(v) > 1}):
        raise DatasetError(f"{path}: {', '.join(twice)} stands there twice; a video is in one part")
    return {str(video): str(part) for video, part in zip(columns["video"], columns["part"], strict=True)}


def _as_people_saw(path: Path, test: Sequence[Example], notes: list[str]) -> tuple[Example, ...]:
    """The test videos with people's labels in the place of the machine's; those that have none are left out."""
    seen = read_labels(path)
    notes += notes_of(path)
    if missing := [e.video for e in test if e.video not in seen]:
        notes.append(f"no human labels of {len(missing)} test videos, left out there: {', '.join(missing[:3])}")
    out = []
    for e in (e for e in test if e.video in seen):
        track = seen[e.video].labels
        if set(track.names) != set(e.expressions):
            raise DatasetError(f"{path} has labels of {', '.join(track.names)}, need {', '.join(e.expressions)}")
        steps = min(e.seconds, len(track.valid))
        values = track.values[:, [track.names.index(n) for n in e.expressions]]
        joined = join(e.video, e.features, values, track.valid, e.expressions)  # refuses another length
        wider = np.zeros(e.seconds, dtype=np.bool_)
        wider[:steps] = joined.valid
        full = np.zeros((e.seconds, len(e.expressions)), dtype=np.float32)
        full[:steps] = joined.labels
        out.append(replace(e, labels=full, valid=wider))
    if not out:
        raise DatasetError(f"{path} has labels of none of the test videos: {', '.join(e.video for e in test[:3])} …")
    return tuple(out)


def _write(output: Path, cells: Sequence[ScoreCell], provenance: Provenance) -> None:
    columns = {name: [getattr(cell, name) for cell in cells] for name in ScoreCell.__dataclass_fields__}
    for name in RESULTS:
        write_table(output / name, columns, provenance)

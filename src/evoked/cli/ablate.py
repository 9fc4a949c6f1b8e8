"""evoked ablate: the contribution of each component of the content model."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click
import numpy as np

from evoked.cli.messages import tell
from evoked.cli.options import config_from_options, config_options
from evoked.cli.outputs import check_folder, claim, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.errors import DatasetError
from evoked.core.extras import require_training
from evoked.core.files import check_writable, sha256
from evoked.core.locks import locked
from evoked.core.provenance import Provenance
from evoked.core.tables import write_table
from evoked.dataset.examples import Example, join
from evoked.dataset.labels import read_labels
from evoked.dataset.load_examples import load_examples
from evoked.dataset.result_files import find_result_files
from evoked.dataset.split import read_split
from evoked.features.files import SUFFIX
from evoked.learning.evaluation.comparison import ScoreCell, compare_variants, comparison_text
from evoked.learning.evaluation.evaluate import FEW
from evoked.learning.evaluation.prediction_sets import notes_of
from evoked.learning.experiments.ablation import FULL, AblateConfig, Split, run_variants, split_videos, variants
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelSettings

__all__ = ["File", "ablate"]

File = InputPath()
_RESULTS = ("ablation.csv", "ablation.json")


@click.command()
@click.option("--features", type=File, required=True, help="folder with a feature file per video")
@click.option("--labels", "labels_path", type=File, required=True, help="labels to train on and to score against")
@click.option("--human", type=File, help="labels by human raters, to score the same test videos against as well")
@click.option(
    "--split", "split_path", type=File, help="a table video,part: train, validate or test; else a random split"
)
@click.option("-o", "--output", type=OutputPath(), required=True, help="folder for the table and, in runs/, all models")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
@force_option
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
    **options: object,
) -> None:
    """Train the content model without one component at a time, with several seeds, and score all on the same videos.

    Variants: the full model, image+audio, image only, no gating, no output gate, no experts. Prints average precision
    per expression and MAP, mean and spread over seeds, with chance levels; bootstrap intervals over whole test
    videos. Finished runs are kept: run the same command again to continue.
    \f

    Args:
        features, labels_path, human, split_path, output, as_json: the options.
        **options: fields of AblateConfig, ModelSettings and TrainConfig.

    Raises:
        click.UsageError: if a setting is rejected.
        EvokedError: if an input or the output cannot be used, or training fails.
    """
    require_training("evoked ablate")
    config, model, training = (
        config_from_options(AblateConfig, options),
        config_from_options(ModelSettings, options),
        config_from_options(TrainConfig, options),
    )
    check_folder(output)
    for name in _RESULTS:
        check_writable(output / name)
    labels = read_labels(labels_path)
    with bar("read features") as progress:
        loaded = load_examples(labels, features, progress)
    split, split_notes = _split(loaded.examples, split_path, config.split_seed)
    notes = [*notes_of(labels_path), *loaded.notes, *split_notes]
    human_examples = _with_human_labels(human, split.test, notes) if human else ()
    if len(split.test) < FEW:
        notes.append(f"{len(split.test)} test videos: intervals over so few are too narrow")
    tables = [path for path in (labels_path, human, split_path) if path]
    subsets = {e.video: subset for subset, videos in split.parts.items() for e in videos}
    files = find_result_files(subsets, features, SUFFIX)
    inputs = {path.name: sha256(path) for path in [*tables, *files.values()]}
    for name in _RESULTS:
        claim(output / name, "ablate", lambda: inputs, tables)
    selected = variants(model, training, config.only)
    with locked(output, "evoked ablate"), bar("train") as progress:
        runs = run_variants(selected, split, config.seeds, output / "runs", features=loaded.made, progress=progress)
    with bar("intervals"):
        cells = compare_variants(runs, split.test, FULL, "machine", config)
        if human_examples:
            cells += compare_variants(runs, human_examples, FULL, "human", config)
    settings = {"ablate": asdict(config), "model": asdict(model), "train": asdict(training), "split": subsets}
    _write(output, cells, Provenance("ablate", settings, inputs, notes=tuple(dict.fromkeys(notes))))
    for note in dict.fromkeys(notes):
        tell(f"note: {note}")
    click.echo(json.dumps([asdict(c) for c in cells], indent=1) if as_json else comparison_text(cells, FULL))


def _split(examples: Sequence[Example], split_path: Path | None, seed: int) -> tuple[Split, list[str]]:
    """The split of a table, or one at random, and what is to be said of it."""
    chosen = read_split(split_path, [e.video for e in examples]) if split_path else None
    split = split_videos(examples, chosen.parts if chosen else None, seed)
    random_note = f"split at random, seed {seed}; --split FILE says which video is in which part"
    return split, [f"one split: {_counts(split)}", *(chosen.notes if chosen else [random_note])]


def _counts(split: Split) -> str:
    return ", ".join(
        f"{len(videos)} video{'' if len(videos) == 1 else 's'} to {subset}" for subset, videos in split.parts.items()
    )


def _with_human_labels(path: Path, test: Sequence[Example], notes: list[str]) -> tuple[Example, ...]:
    """The test videos with human labels in place of the machine's; videos without human labels are left out."""
    human = read_labels(path)
    notes += notes_of(path)
    if missing := [e.video for e in test if e.video not in human]:
        notes.append(
            f"no human labels of {len(missing)} test videos, left out of that comparison: {', '.join(missing[:3])}"
        )
    examples = []
    for e in (e for e in test if e.video in human):
        track = human[e.video].labels
        if set(track.names) != set(e.expressions):
            raise DatasetError(f"{path} has labels of {', '.join(track.names)}, need {', '.join(e.expressions)}")
        steps = min(e.seconds, len(track.valid))
        values = track.values[:, [track.names.index(n) for n in e.expressions]]
        joined = join(e.video, e.features, values, track.valid, e.expressions)  # raises if the lengths differ
        valid = np.zeros(e.seconds, dtype=np.bool_)
        valid[:steps] = joined.valid
        padded = np.zeros((e.seconds, len(e.expressions)), dtype=np.float32)
        padded[:steps] = joined.labels
        examples.append(replace(e, labels=padded, valid=valid))
    if not examples:
        raise DatasetError(f"{path} has labels of none of the test videos: {', '.join(e.video for e in test[:3])} …")
    return tuple(examples)


def _write(output: Path, cells: Sequence[ScoreCell], provenance: Provenance) -> None:
    columns = {name: [getattr(cell, name) for cell in cells] for name in ScoreCell.__dataclass_fields__}
    for name in _RESULTS:
        write_table(output / name, columns, provenance)

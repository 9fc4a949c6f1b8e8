"""evoked train: the content model, from features and labels."""

import importlib.util
import json
import tomllib
from pathlib import Path
from typing import Any

import click

from evoked.cli.options import config_from_options, config_options
from evoked.cli.progress import bar
from evoked.core.errors import EvokedError, TrainingError
from evoked.core.files import sha256
from evoked.core.settings import from_mapping
from evoked.dataset.labels import read_labels
from evoked.dataset.load_examples import load_examples
from evoked.dataset.result_files import find_result_files
from evoked.features.files import SUFFIX
from evoked.learning.evaluation.prediction_sets import notes_of
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelSettings

__all__ = ["File", "train"]

File = click.Path(path_type=Path)


@click.command()
@click.argument("study", required=False, type=File)
@click.option("--features", type=File, help="folder with a feature file per video")
@click.option("--labels", "labels_path", type=File, help="labels.parquet of a study, or such a CSV")
@click.option("-o", "--output", type=File, help="folder for the model")
@click.option("--validate", multiple=True, metavar="VIDEO", help="score this video after each epoch, do not learn it")
@click.option("--config", "config_path", type=File, help="TOML with [model] and [train]; what is typed goes before it")
@click.option("--json", "as_json", is_flag=True, help="print how it went as JSON")
@config_options(ModelSettings)
@config_options(TrainConfig)
@click.pass_context
def train(
    ctx: click.Context,
    /,
    study: Path | None,
    features: Path | None,
    labels_path: Path | None,
    output: Path | None,
    validate: tuple[str, ...],
    config_path: Path | None,
    as_json: bool,
    **own: Any,
) -> None:
    """Train the content model: on a STUDY's labels and features, or on those of two given places.

    In a study all settings stand in study.toml, and the model in results/model. Training that was cut off
    goes on from its last saved state when the same command is given again.
    """
    if importlib.util.find_spec("torch") is None:
        raise TrainingError("training needs torch, which is not installed. Run: pip install 'evoked[train]'")
    if study is not None:
        if given := [name for name in ctx.params if name not in ("study", "as_json") and _is_given(ctx, name)]:
            raise click.UsageError(f"a study's settings stand in its study.toml; leave out {', '.join(sorted(given))}")
        folder = _train_study(study)
    elif features is None or labels_path is None or output is None:
        raise click.UsageError("give a STUDY, or --features DIR, --labels FILE and -o DIR")
    else:
        if config_path is not None:
            own |= {name: value for name, value in _from_toml(config_path).items() if not _is_given(ctx, name)}
        model, config = config_from_options(ModelSettings, own), config_from_options(TrainConfig, own)
        if config.patience and not validate:
            raise click.UsageError("--patience needs something to validate on: give --validate VIDEO")
        folder = _train_files(features, labels_path, output, validate, (model, config))
    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    if as_json:
        click.echo(json.dumps({"model": str(folder), "training": about["training"], "notes": _notes(about)}, indent=1))
        return
    for note in _notes(about):
        click.echo(f"note: {note}", err=True)
    click.echo(str(folder))


def _train_files(
    features: Path,
    labels_path: Path,
    output: Path,
    validate: tuple[str, ...],
    chosen: tuple[ModelSettings, TrainConfig],
) -> Path:
    from evoked.learning.training.model_folder import train_model

    model, config = chosen
    labels = read_labels(labels_path)
    with bar("read features") as progress:
        loaded = load_examples(labels, features, progress)
    if unknown := set(validate) - {example.video for example in loaded.examples}:
        raise click.UsageError(f"--validate: no features and labels of {', '.join(sorted(unknown))}")
    files = find_result_files(labels, features, SUFFIX)
    inputs = {labels_path.name: sha256(labels_path)} | {path.name: sha256(path) for path in files.values()}
    with bar("train") as progress:
        train_model(
            output,
            loaded,
            model,
            config,
            inputs=inputs,
            state=output / "state",
            validate=validate,
            notes=notes_of(labels_path),
            progress=progress,
        )
    return output


def _train_study(root: Path) -> Path:
    from evoked.cli.run import Terminal
    from evoked.study.build_records import StepRecords
    from evoked.study.layout import open_study
    from evoked.study.prediction_steps import PredictionSteps
    from evoked.study.runner import Runner
    from evoked.study.settings import read_settings
    from evoked.weights.cache import Cache

    folder, chosen = open_study(root), read_settings(root)
    runner = Runner(StepRecords(folder.results), Terminal())
    labelled = read_labels(folder.labels)
    digests = {
        name: runner.records.content_digest(path)
        for name, path in find_result_files(labelled, folder.results / "features", SUFFIX).items()
    }
    inputs = digests | {"labels.parquet": runner.records.content_digest(folder.labels)}
    PredictionSteps(folder, chosen, runner, Cache()).train(inputs)
    for item in runner.failed:
        raise EvokedError(item.reason)
    return folder.model


def _from_toml(path: Path) -> dict[str, Any]:
    """Every setting that the file names; TrainingError where it is no such file."""
    kinds: dict[str, type] = {"model": ModelSettings, "train": TrainConfig}
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        if unknown := [name for name in told if name not in kinds or not isinstance(told[name], dict)]:
            raise ValueError(f"no section [{unknown[0]}]; there are: {', '.join(kinds)}")
        chosen: dict[str, Any] = {
            name: from_mapping(kind, told.get(name, {}), f"[{name}]") for name, kind in kinds.items()
        }
    except (OSError, ValueError) as error:  # TOML's and Unicode's errors are ValueErrors
        raise TrainingError(f"{path} cannot be used: {error}") from error
    return {setting: getattr(chosen[name], setting) for name in kinds for setting in told.get(name, {})}


def _is_given(ctx: click.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP")


def _notes(about: dict[str, Any]) -> list[str]:
    return [str(note) for note in about["provenance"]["notes"]]

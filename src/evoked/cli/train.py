"""evoked train: train the content model on features and labels."""

import json
import tomllib
from pathlib import Path
from typing import Any

import click

from evoked.cli.messages import tell
from evoked.cli.options import config_from_options, config_options, preset_option
from evoked.cli.outputs import check_folder, claim, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.errors import EvokedError, TrainingError
from evoked.core.extras import require_training
from evoked.core.files import parse_json, sha256
from evoked.core.locks import locked
from evoked.core.settings import from_mapping
from evoked.dataset.labels import read_labels
from evoked.dataset.load_examples import load_examples, split_examples
from evoked.dataset.result_files import find_result_files
from evoked.dataset.split import read_split
from evoked.features.files import SUFFIX
from evoked.learning.evaluation.prediction_sets import notes_of
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelSettings

__all__ = ["File", "train"]

File = InputPath()


@click.command()
@click.argument("study", required=False, type=File)
@click.option("--features", type=File, help="folder with a feature file per video")
@click.option("--labels", "labels_path", type=File, help="labels.parquet of a study, or such a CSV")
@click.option("-o", "--output", type=OutputPath(), help="folder for the model")
@click.option(
    "--validate", multiple=True, metavar="VIDEO", help="score this video after each epoch instead of training on it"
)
@click.option(
    "--split",
    "split_path",
    type=File,
    help="a table video,part, such as a dataset's manifest: train trains, validate chooses the epoch, test is left out",
)
@click.option(
    "--config", "config_path", type=File, help="TOML with [model] and [train]; options given here override it"
)
@click.option("--json", "as_json", is_flag=True, help="print the training report as JSON")
@force_option
@preset_option("model", "train")
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
    split_path: Path | None,
    config_path: Path | None,
    as_json: bool,
    **options: object,
) -> None:
    """Train the content model on the labels and features of a STUDY, or on those given by options.

    In a study all settings are in study.toml, and the model is written to results/model. After an interruption run
    the same command again to continue from the last saved state.
    \f

    Args:
        ctx: of the command; tells which options were given.
        study, features, labels_path, output, validate, split_path, config_path, as_json: the arguments and options.
        **options: fields of ModelSettings and TrainConfig.

    Raises:
        click.UsageError: if the options cannot be combined.
        EvokedError: if an input or the output cannot be used, or training fails.
    """
    require_training("evoked train")
    if study is not None:
        names = (*ctx.params, "preset")
        if extra := [name for name in names if name not in ("study", "as_json") and _is_given(ctx, name)]:
            raise click.UsageError(
                f"the settings of a study are in its study.toml; leave out {', '.join(sorted(extra))}"
            )
        from evoked.study.layout import open_study

        open_study(study)  # a folder that is no study is not locked
        with locked(study, "evoked train"):
            folder = _train_study(study)
    elif features is None or labels_path is None or output is None:
        raise click.UsageError("give a STUDY, or --features DIR, --labels FILE and -o DIR")
    else:
        if config_path is not None:
            options |= {name: value for name, value in _from_toml(config_path).items() if not _is_given(ctx, name)}
        model, config = config_from_options(ModelSettings, options), config_from_options(TrainConfig, options)
        _check_validation(config, validate, split_path)
        check_folder(output)
        with locked(output, "evoked train"):
            folder = _train_files(features, labels_path, output, validate, split_path, model, config)
    report = parse_json((folder / "model.json").read_text(encoding="utf-8"))
    if as_json:
        click.echo(
            json.dumps({"model": str(folder), "training": report["training"], "notes": _notes(report)}, indent=1)
        )
        return
    for note in _notes(report):
        tell(f"note: {note}")
    click.echo(str(folder))


def _check_validation(config: TrainConfig, validate: tuple[str, ...], split_path: Path | None) -> None:
    if config.patience and not validate and split_path is None:
        raise click.UsageError("--patience needs a validation video: give --validate VIDEO, or --split FILE")
    if validate and split_path is not None:
        raise click.UsageError("give either --validate or --split, which says what validates")


def _train_files(
    features: Path,
    labels_path: Path,
    output: Path,
    validate: tuple[str, ...],
    split_path: Path | None,
    model: ModelSettings,
    config: TrainConfig,
) -> Path:
    from evoked.learning.training.model_folder import train_model

    labels = read_labels(labels_path)
    with bar("read features") as progress:
        loaded = load_examples(labels, features, progress)
    if split_path is not None:
        loaded, validate = split_examples(loaded, read_split(split_path, list(labels)))
        labels = {example.video: labels[example.video] for example in loaded.examples}
    if unknown := set(validate) - {example.video for example in loaded.examples}:
        raise click.UsageError(f"--validate: no features and labels of {', '.join(sorted(unknown))}")
    files = find_result_files(labels, features, SUFFIX)
    tables = [path for path in (labels_path, split_path) if path is not None]
    inputs = {path.name: sha256(path) for path in tables} | {path.name: sha256(path) for path in files.values()}
    claim(output / "model.json", "train", lambda: inputs, tables)
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

    folder, settings = open_study(root), read_settings(root)
    runner = Runner(StepRecords(folder.results), Terminal())
    labels = read_labels(folder.labels)
    digests = {
        name: runner.records.content_digest(path)
        for name, path in find_result_files(labels, folder.results / "features", SUFFIX).items()
    }
    inputs = digests | {"labels.parquet": runner.records.content_digest(folder.labels)}
    PredictionSteps(folder, settings, runner, Cache()).train(inputs)
    for item in runner.failed:
        raise EvokedError(item.reason)
    return folder.model


def _from_toml(path: Path) -> dict[str, Any]:
    """Every setting that the file has; TrainingError if it is not such a file."""
    configs: dict[str, type] = {"model": ModelSettings, "train": TrainConfig}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        if unknown := [name for name in tables if name not in configs or not isinstance(tables[name], dict)]:
            raise ValueError(f"no section [{unknown[0]}]; there are: {', '.join(configs)}")
        settings: dict[str, Any] = {
            name: from_mapping(config, tables.get(name, {}), f"[{name}]") for name, config in configs.items()
        }
    except (OSError, ValueError, RecursionError) as error:  # errors of TOML and of Unicode are ValueErrors
        raise TrainingError(f"{path} cannot be used: {error}") from error
    return {setting: getattr(settings[name], setting) for name in configs for setting in tables.get(name, {})}


def _is_given(ctx: click.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP")


def _notes(report: dict[str, Any]) -> list[str]:
    return [str(note) for note in report["provenance"]["notes"]]

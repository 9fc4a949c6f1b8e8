"""evoked transfer: from expressions to valence and arousal, on LIRIS-ACCEDE."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from evoked.cli.failures import error_line
from evoked.cli.messages import tell
from evoked.cli.options import config_from_options, config_options
from evoked.cli.outputs import check_folder, claim, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.damage import of_file
from evoked.core.errors import DatasetError, EvokedError, WeightsError
from evoked.core.expressions import AFFECT
from evoked.core.extras import require_training
from evoked.core.files import check_writable, sha256, write_text
from evoked.core.locks import locked
from evoked.core.names import derived_name
from evoked.core.provenance import Provenance
from evoked.core.tables import write_table
from evoked.dataset.examples import Example
from evoked.dataset.liris import LirisVideos, read_liris
from evoked.dataset.result_files import without_extension
from evoked.dataset.split import VideoSplit, read_split, split_liris
from evoked.features.extract import Extractor
from evoked.features.files import SUFFIX, read_features, read_features_provenance, write_features
from evoked.learning.evaluation.affect_scores import FEW, AffectConfig
from evoked.learning.experiments.transfer import (
    MEAN,
    TRANSFER,
    Outcome,
    TransferConfig,
    check_split,
    join_affect,
    transfer_provenance,
)
from evoked.learning.experiments.transfer import transfer as run
from evoked.learning.training.config import TrainConfig
from evoked.prediction.predictor import Model, load_model
from evoked.report.affect import VideoCurves, affect_text, write_affect_page

__all__ = ["File", "transfer"]

File = InputPath()
_PAGE = "movies.html"
_PART_TITLES = {"test": "Test movies", "validate": "Validation movies"}
_VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v", ".mpg")


@click.command()
@click.argument("model", type=File)
@click.argument("liris", type=File, metavar="LIRIS_FOLDER")
@click.option(
    "-o", "--output", type=OutputPath(), required=True, help="folder for scores, predictions, models and the page"
)
@click.option("--features", type=File, help="folder with a feature file per movie; without it features are computed")
@click.option("--split", "split_path", type=File, help="a table video,part: train, validate or test; else the paper's")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
@force_option
@config_options(TransferConfig)
@config_options(AffectConfig)
@config_options(TrainConfig)
def transfer(
    model: Path,
    liris: Path,
    output: Path,
    features: Path | None,
    split_path: Path | None,
    as_json: bool,
    **options: object,
) -> None:
    """Fine-tune MODEL to valence and arousal on the movies of LIRIS_FOLDER, and train the same network from scratch.

    LIRIS_FOLDER holds, in any subfolder, the annotations of MediaEval 2018, 2016/17 or the continuous set of
    2015, and movies of the same names (MOVIE.mp4 …). Movies without annotations, annotations without a movie, and
    movies that are too short are reported and left out. Prints the scores of the test movies, and of the validation
    movies, on which the epoch is chosen unless --fixed-epochs is given: MSE and Pearson's r of valence and arousal,
    over all seconds and as the mean over movies, with bootstrap intervals over movies. Without test movies, as in the
    paper, the validation movies are scored alone.
    \f

    Args:
        model, liris, output, features, split_path, as_json: the arguments and options.
        **options: fields of TransferConfig, AffectConfig and TrainConfig.

    Raises:
        click.UsageError: if a setting is rejected.
        EvokedError: if an input or the output cannot be used, training fails, or a movie could not be used.
    """
    require_training("evoked transfer")
    from evoked.learning.training.model_folder import write_model  # here: it imports torch, and a help text needs none

    configs = (
        config_from_options(TransferConfig, options),
        config_from_options(TrainConfig, options),
        config_from_options(AffectConfig, options),
    )
    if configs[0].fixed_epochs and configs[1].patience:
        raise click.UsageError("--fixed-epochs trains all epochs: leave --patience out")
    check_folder(output)
    check_writable(output / "transfer.json")
    loaded = load_model(model)
    data = _load_data(loaded, _Folders(liris, output, features), split_path)
    claim(output / "transfer.json", "transfer", lambda: data.inputs)
    with locked(output, "evoked transfer"), bar("train") as progress:
        outcome = run(loaded.checkpoint, data.examples, data.split, configs, state=output / "state", progress=progress)
    fixed_epochs = outcome.trained[TRANSFER].checkpoint.training["epochs_done"] if configs[0].fixed_epochs else 0
    score_notes = _score_notes(outcome, fixed_epochs)
    _print_notes(score_notes)
    notes = (*data.notes, *score_notes)
    provenance = Provenance("transfer", transfer_provenance(configs), data.inputs, notes=notes)
    _write(output, outcome, provenance)
    write_model(output / "model", outcome.trained[TRANSFER], loaded.checkpoint.features, provenance)
    _print_scores(outcome, output / _PAGE, as_json, bool(fixed_epochs))
    if data.failed:
        raise EvokedError(f"{data.failed} movies could not be described or read; the reasons are above")


def _print_notes(notes: Iterable[str]) -> None:
    for line in notes:
        tell(f"note: {line}")


def _print_scores(outcome: Outcome, page: Path, as_json: bool, is_fixed: bool) -> None:
    if as_json:
        click.echo(json.dumps([asdict(line) for line in outcome.lines], indent=1))
        return
    for subset, lines in outcome.scores.items():
        chosen = " (the epoch was chosen on them)" if subset == "validate" and not is_fixed else ""
        click.echo(f"{_PART_TITLES[subset]}{chosen}:\n{affect_text(lines, AFFECT)}\n")
    counts = ", ".join(f"{len(names)} to {subset}" for subset, names in outcome.videos.items())
    click.echo(f"movies: {counts}; bootstrap intervals over whole movies\n{page}")


def _score_notes(outcome: Outcome, fixed_epochs: int) -> list[str]:
    """What limits the scores."""
    notes = []
    if outcome.scored_part == "validate":
        notes.append("no test movies: the scores are those of the validation movies")
    if fixed_epochs:
        notes.append(f"trained for {fixed_epochs} epochs, a number given beforehand: no movie had a part in its choice")
    else:
        notes.append("the epoch was chosen on the validation movies: their scores are better than those of new movies")
    for subset in outcome.scores:
        if len(outcome.videos[subset]) < FEW:
            title = "test" if subset == "test" else "validation"
            notes.append(f"{len(outcome.videos[subset])} {title} movies: intervals over so few are too narrow")
    return notes


@dataclass(frozen=True)
class _Folders:
    """Folders of movies, results and, if given, feature files."""

    liris: Path
    output: Path
    features: Path | None


@dataclass(frozen=True, eq=False)
class _Data:
    """What is learnt from and scored.

    Attributes:
        examples: movie → its features, valence and arousal.
        split: movie → train, validate or test.
        inputs: name → SHA-256 of the model and of the feature files.
        failed: number of movies whose features could not be computed or read.
        notes: what was left out, and how the movies were split.
    """

    examples: Mapping[str, Example]
    split: Mapping[str, str]
    inputs: Mapping[str, str]
    failed: int
    notes: tuple[str, ...]


def _load_data(model: Model, folders: _Folders, split_path: Path | None) -> _Data:
    """Read annotations, features and split, and print the notes; DatasetError if no movie can be used."""
    movies = read_liris(folders.liris)
    given_split = read_split(split_path, sorted(movies.videos)) if split_path else None
    if given_split:
        check_split(given_split.parts, movies.videos)
    notes = list(movies.problems)
    feature_files, failed = _find_features(model, movies, folders, notes)
    examples, unreadable = _load_examples(model, movies, feature_files, notes)
    split = given_split or (split_liris(sorted(examples)) if examples else VideoSplit({}))
    notes += split.notes
    _print_notes(notes)
    if not examples:
        raise DatasetError(f"no movie of {folders.liris} has both annotations and features; the reasons are above")
    inputs = {"model": model.sha256} | {
        feature_files[movie].name: sha256(feature_files[movie]) for movie in sorted(examples)
    }
    return _Data(examples, split.parts, inputs, failed + unreadable, tuple(notes))


def _find_features(
    model: Model, movies: LirisVideos, folders: _Folders, notes: list[str]
) -> tuple[dict[str, Path], int]:
    """Movie → its feature file, and the number of movies whose features could not be computed."""
    if folders.features is not None:
        if not folders.features.is_dir():
            raise DatasetError(f"no folder {folders.features}; make the movies' features first: evoked features")
        files = _by_movie(sorted(folders.features.glob(f"*{SUFFIX}")), notes)
    else:
        videos = (p for p in sorted(folders.liris.rglob("*")) if p.suffix.lower() in _VIDEO_SUFFIXES)
        files = _by_movie(videos, notes)
    matched = {movie: files[movie.lower()] for movie in movies.videos if movie.lower() in files}
    if missing := sorted(movies.videos.keys() - matched.keys()):
        notes.append(f"left out: annotated but without a movie: {_some(missing)}")
    if unannotated := sorted(p.name for stem, p in files.items() if stem not in {f.lower() for f in movies.videos}):
        notes.append(f"left out: movies without annotations: {_some(unannotated)}")
    if folders.features is not None:
        return matched, 0
    return _describe(model, matched, folders.output / "features", notes)


def _by_movie(paths: Iterable[Path], notes: list[str]) -> dict[str, Path]:
    """Movie's name in lower case → its file; the second file of a movie is not used, with a note."""
    files: dict[str, Path] = {}
    for path in paths:
        movie = without_extension(path.name.removesuffix(SUFFIX)).lower()
        if files.setdefault(movie, path) != path:
            notes.append(f"left out: {path.name}, as {files[movie].name} is the same movie")
    return files


def _describe(model: Model, videos: Mapping[str, Path], folder: Path, notes: list[str]) -> tuple[dict[str, Path], int]:
    """Compute the features of each movie with the networks of the model; existing files are kept if still valid."""
    written: dict[str, Path] = {}
    extractor: Extractor | None = None
    for done, (movie, video) in enumerate(videos.items()):
        path = folder / derived_name(video.name, SUFFIX)
        with bar(f"features {done + 1} of {len(videos)}, {video.name}") as progress:
            extractor = extractor or Extractor(model.feature_config())
            try:
                provenance = extractor.provenance(video)
                if not _is_valid(path, provenance):
                    features = extractor(video, progress)
                    defects = of_file(video.name, features.defects)
                    write_features(path, features, replace(provenance, notes=features.damage, damage=defects))
                written[movie] = path
            except WeightsError:
                raise
            except EvokedError as error:
                notes.append(f"left out: {error_line(video, error)}")
    return written, len(videos) - len(written)


def _is_valid(path: Path, expected: Provenance) -> bool:
    """Whether a feature file was computed from the same video with the same networks and settings."""
    try:
        actual = read_features_provenance(path)
    except DatasetError:
        return False
    values = json.loads(expected.as_json())
    return all(actual.get(name) == values[name] for name in ("config", "inputs", "nets"))


def _load_examples(
    model: Model, movies: LirisVideos, feature_files: Mapping[str, Path], notes: list[str]
) -> tuple[dict[str, Example], int]:
    """Movie → its features and affect, and the number of feature files that cannot be used; short movies are notes."""
    widths = {m.name: m.width for m in model.checkpoint.config.modalities}
    examples: dict[str, Example] = {}
    unreadable = 0
    for movie, path in feature_files.items():
        try:
            features = read_features(path, widths)
        except DatasetError as error:
            unreadable += 1
            notes.append(f"left out: {error}")
            continue
        try:
            examples[movie] = join_affect(movies.videos[movie], features)
            notes += examples[movie].notes
        except DatasetError as error:
            notes.append(f"left out: {error}")
    return examples, unreadable


def _write(output: Path, outcome: Outcome, provenance: Provenance) -> None:
    variants = [variant for variant in outcome.predictions if variant != MEAN]
    for movie, truth in outcome.truth.items():
        columns: dict[str, NDArray[np.floating]] = {"time_s": np.arange(len(truth), dtype=np.float64)}
        for k, quantity in enumerate(AFFECT):
            columns[quantity] = truth[:, k]
            columns |= {
                f"{quantity}_{variant.replace(' ', '_')}": outcome.predictions[variant][movie][:, k]
                for variant in variants
            }
        write_table(output / "predictions" / f"{movie}.parquet", columns, provenance)
    body = {
        "scored_part": outcome.scored_part,
        "scores": [asdict(line) for line in outcome.lines],
        "validation_scores": [asdict(line) for line in outcome.scores["validate"]],
        "video_scores": [asdict(score) for score in outcome.video_scores],
        "movies": {subset: list(names) for subset, names in outcome.videos.items()},
        "training": {variant: dict(trained.checkpoint.training) for variant, trained in outcome.trained.items()},
        "provenance": provenance.as_dict(),
    }
    write_text(output / "transfer.json", json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    curves = [
        VideoCurves(
            movie,
            {"felt": truth, **{variant: outcome.predictions[variant][movie] for variant in variants}},
            part="test" if movie in outcome.videos["test"] else "validation",
            scores=[score for score in outcome.video_scores if score.video == movie],
        )
        for movie, truth in outcome.truth.items()
    ]
    write_affect_page(output / _PAGE, curves, AFFECT, outcome.lines, provenance)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")

"""evoked transfer: from expressions to valence and arousal, on LIRIS-ACCEDE."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from evoked.cli.failures import error_line
from evoked.cli.options import config_from_options, config_options
from evoked.cli.progress import bar
from evoked.core.errors import DatasetError, EvokedError, WeightsError
from evoked.core.files import check_writable, sha256, write_text
from evoked.core.provenance import Provenance
from evoked.core.tables import write_table
from evoked.dataset.examples import Example
from evoked.dataset.liris import AFFECT, LirisFilms, read_liris, split_of
from evoked.features.extract import Extractor
from evoked.features.files import SUFFIX, read_features, read_features_provenance, write_features
from evoked.learning.evaluation.affect_scores import FEW, AffectConfig
from evoked.learning.experiments.transfer import (
    MEAN,
    TRANSFER,
    Outcome,
    TransferConfig,
    join_affect,
    transfer_provenance,
)
from evoked.learning.experiments.transfer import transfer as run
from evoked.learning.training.config import TrainConfig
from evoked.learning.training.model_folder import write_model
from evoked.predict.predictor import Model, load_model
from evoked.report.affect import VideoCurves, affect_text, write_affect_page

File = click.Path(path_type=Path)
VIDEOS = (".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v", ".mpg")


@click.command()
@click.argument("model", type=File)
@click.argument("liris", type=File, metavar="LIRIS_FOLDER")
@click.option("-o", "--output", type=File, required=True, help="folder for scores, predictions, models and the page")
@click.option("--features", type=File, help="folder with a feature file per film; without it the films are described")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
@config_options(TransferConfig)
@config_options(AffectConfig)
@config_options(TrainConfig)
def transfer(model: Path, liris: Path, output: Path, features: Path | None, as_json: bool, **own: Any) -> None:
    """Fine-tune MODEL to valence and arousal on the films of LIRIS_FOLDER, and train the same network from scratch.

    LIRIS_FOLDER holds, anywhere below it, the annotations of MediaEval 2018, 2016/17 or the continuous set of
    2015, and films of the same names (FILM.mp4 …). Films without annotations, annotations without films, and
    films too short are named and left out. Ends in the scores of the test films: MSE and Pearson's r of valence
    and arousal, over all seconds and film by film, with intervals over films.
    """
    configs = (
        config_from_options(TransferConfig, own),
        config_from_options(TrainConfig, own),
        config_from_options(AffectConfig, own),
    )
    check_writable(output / "transfer.json")
    loaded, films = load_model(model), read_liris(liris)
    notes = list(films.problems)
    places, failed = _features(loaded, films, _Places(liris, output, features), notes)
    examples = _examples(loaded, films, places, notes)
    for line in notes:
        click.echo(f"note: {line}", err=True)
    if not examples:
        raise DatasetError(f"no film of {liris} has both annotations and features; the reasons are above")
    split = split_of(sorted(examples))
    with bar("train") as progress:
        found = run(loaded.checkpoint, examples, split, configs, state=output / "state", progress=progress)
    inputs = {"model": loaded.sha256} | {places[film].name: sha256(places[film]) for film in sorted(examples)}
    if len(found.truth) < FEW:
        notes.append(f"{len(found.truth)} test films: intervals over so few are too narrow")
        click.echo(f"note: {notes[-1]}", err=True)
    provenance = Provenance("transfer", transfer_provenance(configs), inputs, notes=tuple(notes))
    _write(output, found, provenance)
    write_model(output / "model", found.trained[TRANSFER], loaded.checkpoint.features, provenance)
    if as_json:
        click.echo(json.dumps([asdict(line) for line in found.lines], indent=1))
    else:
        counts = ", ".join(f"{len(names)} to {part}" for part, names in found.films.items())
        click.echo(
            f"{affect_text(found.lines, AFFECT)}\nfilms: {counts}; intervals draw whole test films\n{output / PAGE}"
        )
    if failed:
        raise EvokedError(f"{failed} films could not be described; the reasons are above")


PAGE = "films.html"


@dataclass(frozen=True)
class _Places:
    """Where films, feature files and results are."""

    liris: Path
    output: Path
    features: Path | None


def _features(model: Model, films: LirisFilms, places: _Places, notes: list[str]) -> tuple[dict[str, Path], int]:
    """The feature file of each film that has one, and how many films could not be described."""
    if places.features is not None:
        if not places.features.is_dir():
            raise DatasetError(f"no folder {places.features}; make the films' features first: evoked features")
        there = {path.name.split(".")[0].lower(): path for path in sorted(places.features.glob(f"*{SUFFIX}"))}
    else:
        there = {p.stem.lower(): p for p in sorted(places.liris.rglob("*")) if p.suffix.lower() in VIDEOS}
    found = {film: there[film.lower()] for film in films.films if film.lower() in there}
    if missing := sorted(films.films.keys() - found.keys()):
        notes.append(f"left out: annotated but without a film: {_some(missing)}")
    if strangers := sorted(p.name for stem, p in there.items() if stem not in {f.lower() for f in films.films}):
        notes.append(f"left out: films without annotations: {_some(strangers)}")
    if places.features is not None:
        return found, 0
    return _describe(model, found, places.output / "features", notes)


def _describe(model: Model, videos: Mapping[str, Path], folder: Path, notes: list[str]) -> tuple[dict[str, Path], int]:
    """Features of each film by the model's own nets; those that stand there already are kept."""
    found: dict[str, Path] = {}
    extractor: Extractor | None = None
    for done, (film, video) in enumerate(videos.items()):
        place = folder / f"{video.name}{SUFFIX}"
        with bar(f"features {done + 1} of {len(videos)}, {video.name}") as progress:
            extractor = extractor or Extractor(model.feature_config())
            try:
                wanted = extractor.provenance(video)
                if not _is_made(place, wanted):
                    described_film = extractor(video, progress)
                    write_features(place, described_film, replace(wanted, notes=described_film.damage))
                found[film] = place
            except WeightsError:
                raise
            except EvokedError as error:
                notes.append(f"left out: {error_line(video, error)}")
    return found, len(videos) - len(found)


def _is_made(place: Path, wanted: Provenance) -> bool:
    """Whether the same nets, settings and file made what stands there."""
    try:
        told = read_features_provenance(place)
    except DatasetError:
        return False
    plain = json.loads(wanted.as_json())
    return all(told.get(name) == plain[name] for name in ("config", "inputs", "nets"))


def _examples(model: Model, films: LirisFilms, places: Mapping[str, Path], notes: list[str]) -> dict[str, Example]:
    widths = {m.name: m.width for m in model.checkpoint.config.modalities}
    examples: dict[str, Example] = {}
    for film, place in places.items():
        try:
            examples[film] = join_affect(films.films[film], read_features(place, widths))
            notes += examples[film].notes
        except DatasetError as error:
            notes.append(f"left out: {error}")
    return examples


def _write(output: Path, found: Outcome, provenance: Provenance) -> None:
    ways = [way for way in found.predictions if way != MEAN]
    for film, truth in found.truth.items():
        columns: dict[str, Any] = {"time_s": np.arange(len(truth), dtype=np.float64)}
        for k, quantity in enumerate(AFFECT):
            columns[quantity] = truth[:, k]
            columns |= {f"{quantity}_{way.replace(' ', '_')}": found.predictions[way][film][:, k] for way in ways}
        write_table(output / "predictions" / f"{film}.parquet", columns, provenance)
    body = {
        "scores": [asdict(line) for line in found.lines],
        "films": {part: list(names) for part, names in found.films.items()},
        "training": {way: dict(made.checkpoint.training) for way, made in found.trained.items()},
        "provenance": provenance.as_dict(),
    }
    write_text(output / "transfer.json", json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    curves = [
        VideoCurves(film, {"felt": truth, **{way: found.predictions[way][film] for way in ways}})
        for film, truth in found.truth.items()
    ]
    write_affect_page(output / PAGE, curves, AFFECT, found.lines, provenance)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")

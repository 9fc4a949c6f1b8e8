"""evoked predict: the expressions that new videos evoke, second by second."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from evoked.cli.dry_run import print_plan, tell_networks
from evoked.cli.failures import Failures, print_note
from evoked.cli.options import executor_from_options, executor_options
from evoked.cli.outputs import check_folder, claim, digests_of, dry_run_option, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.predict_dataset import print_dataset_plan, write_dataset
from evoked.cli.predict_live import print_live_predictions
from evoked.cli.progress import bar
from evoked.parallel.pool import Done, Failed, Pool, SerialPool
from evoked.prediction.jobs import Prediction, PredictTask, output_paths, run_predict_task
from evoked.prediction.predictor import load_model
from evoked.prediction.writers import FORMATS, prediction_rows, prediction_summary
from evoked.weights.cache import CacheLocation, default_cache

__all__ = ["File", "predict"]

File = InputPath()
_LIVE_USAGE = (
    "--live takes one VIDEO, or - for standard input; without --executor, --workers, --address, --format and --dry-run"
)
_Outcome = Done[PredictTask, Prediction] | Failed[PredictTask]


@click.command()
@click.argument("videos", nargs=-1, type=click.Path(path_type=Path))
@click.option("--from", "listed", type=File, help="a list of videos or feature files, a path per line; needs -o FOLDER")
@click.option(
    "--partition-by",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="with --from: videos in each Parquet part of the dataset",
)
@click.option("--model", required=True, type=File, help="folder of a trained model")
@click.option("-o", "--output", type=OutputPath(), help=f"file ({', '.join(FORMATS)}), or folder for several videos")
@click.option(
    "--format",
    "suffix",
    type=click.Choice([f[1:] for f in FORMATS]),
    help="format of the files in a folder  [default: parquet]",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="probability from which an expression is on in .vtt, .srt, .eaf and counted in the table",
)
@click.option("--json", "as_json", is_flag=True, help="print JSON: every second, or the path of the file")
@click.option(
    "--live", is_flag=True, help="predict while a file is being written, from a pipe, or from - (standard input)"
)
@force_option
@dry_run_option
@click.option(
    "--audio-track",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="which audio track of each video, from 1; 0: the one that a player plays",
)
@executor_options
def predict(
    videos: tuple[Path, ...],
    listed: Path | None,
    partition_by: int,
    model: Path,
    output: Path | None,
    suffix: str | None,
    threshold: float,
    audio_track: int,
    offline: bool,
    as_json: bool,
    live: bool,
    dry_run: bool,
    threads: int,
    **where: Any,
) -> None:
    """Predict what VIDEOS evoke in their viewers, once a second.

    Without -o a small table is printed. A video that cannot be read is reported, the others are predicted, and the
    exit code is 1. --live: a line for each second while one VIDEO is written (MPEG-TS, Matroska, fragmented MP4),
    with the values of the finished file. --from LIST: one dataset of Parquet parts with a column `video`; the same
    command again goes on where it stopped.
    \f

    Args:
        videos, listed, partition_by, model, output, suffix, threshold, audio_track, offline: the arguments and options.
        as_json, live, dry_run, threads: the other options.
        **where: executor, workers and address.

    Raises:
        click.UsageError: if the options cannot be combined.
        EvokedError: if a video, the model, a network or the output cannot be used.
    """
    if (listed is None) == (not videos):
        raise click.UsageError("name VIDEOS, or a list of them with --from")
    if live:
        _refuse_with_live(videos, listed, where["executor"], where["address"], suffix, where["workers"] != 1, dry_run)
        how: dict[str, Any] = {"threshold": threshold, "threads": threads, "offline": offline, "as_json": as_json}
        print_live_predictions(videos[0], model, output, audio_track=audio_track, **how)
        return
    if listed is not None and (output is None or suffix or audio_track or threshold != 0.5):
        raise click.UsageError("--from needs -o FOLDER, and goes without --format, --threshold and --audio-track")
    config = load_model(model).feature_config(threads)  # a wrong model is reported once, not per video
    if output and (listed is not None or len(videos) > 1 or not output.suffix):
        check_folder(output)
    pool = executor_from_options(**where, threads=threads)
    cache = CacheLocation.of(default_cache(offline=offline))
    if dry_run:
        tell_networks(default_cache(offline=offline), config.chosen.nets)
    if listed is not None and output is not None:
        plan = partial(print_dataset_plan if dry_run else write_dataset, listed, model, output, partition_by)
        plan(pool=pool, cache=cache, threads=threads, as_json=as_json)
        return
    targets = _targets(videos, output, suffix, model)
    if dry_run:
        print_plan({video: (target,) if target else () for video, target in targets.items()}, "predicted", as_json)
        return
    tasks = [PredictTask(v, model, cache, target, threshold, threads, audio_track) for v, target in targets.items()]
    typed = dict(zip(tasks, targets.items(), strict=True))  # the paths in a task are absolute
    outcomes = ((*typed[outcome.item], outcome) for outcome in _outcomes(tasks, pool))
    _print_outcomes(outcomes, Failures(len(tasks), "videos", "predicted"), threshold, as_json)


def _targets(videos: tuple[Path, ...], output: Path | None, suffix: str | None, model: Path) -> dict[Path, Path | None]:
    """Video → the file to write, checked; None where a table is printed."""
    targets = output_paths(list(dict.fromkeys(videos)), output, suffix)
    for video, target in targets.items():
        if target:
            claim(target, "predict", partial(_inputs, video, model), videos)
    return targets


def _refuse_with_live(videos: tuple[Path, ...], *others: object) -> None:
    """click.UsageError unless one video is given, and nothing that a live video cannot have."""
    if len(videos) != 1 or any(others):
        raise click.UsageError(_LIVE_USAGE)


def _print_outcomes(
    outcomes: Iterator[tuple[Path, Path | None, _Outcome]], failures: Failures, threshold: float, as_json: bool
) -> None:
    """Print every prediction (video, target, outcome) as it comes; EvokedError at the end if one failed."""
    rows: list[dict[str, object]] = []
    for video, target, outcome in outcomes:
        if isinstance(outcome, Failed):
            failures.add(video, outcome.error)
            continue
        for line in outcome.result.damage:
            print_note(video, line)
        if as_json:
            rows.append(_prediction_row(video, target, outcome.result))
        else:
            click.echo(target or f"{video}\n{prediction_summary(outcome.result.track, threshold)}")
    if as_json:
        failed = [{"video": str(video), "reason": reason} for video, reason in failures.reported]
        click.echo(json.dumps({"videos": rows, "failed": failed}, indent=1, ensure_ascii=False, allow_nan=False))
    failures.end()


def _inputs(video: Path, model: Path) -> dict[str, str]:
    """The inputs of a prediction, as its provenance names them."""
    return digests_of(video) | {"model": load_model(model).sha256}


def _outcomes(tasks: list[PredictTask], pool: Pool) -> Iterator[_Outcome]:
    """Outcomes in the order they finish, with a progress bar: of seconds in a serial pool, else of videos."""
    if not isinstance(pool, SerialPool):
        with bar(f"{len(tasks)} videos") as progress:
            for done, outcome in enumerate(pool.run(run_predict_task, tasks), start=1):
                progress(done, len(tasks))
                yield outcome
        return
    for task in tasks:
        with bar(f"predict {task.video.name}") as progress:
            (outcome,) = pool.run(partial(run_predict_task, progress=progress), [task])
        yield outcome


def _prediction_row(video: Path, output: Path | None, prediction: Prediction) -> dict[str, object]:
    """A video as a JSON object: its rows, or the file that holds them."""
    track = prediction.track
    summary: dict[str, object] = {"video": str(video), "provenance": prediction.provenance.as_dict()}
    if output:
        return summary | {"output": str(output)}
    return summary | {"rows": prediction_rows(track)}

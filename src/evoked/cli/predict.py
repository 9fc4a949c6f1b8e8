"""evoked predict: what new videos evoke, second by second."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from evoked.cli.failures import Failures, print_note
from evoked.cli.options import executor_from_options, executor_options
from evoked.cli.predict_live import follow
from evoked.cli.progress import bar
from evoked.core.files import check_writable
from evoked.parallel.pool import Done, Failed, Pool, SerialPool
from evoked.predict.jobs import Prediction, PredictTask, output_paths, run_predict_task
from evoked.predict.predictor import load_model
from evoked.predict.writers import FORMATS, prediction_summary
from evoked.weights.cache import CacheLocation, default_cache

File = click.Path(path_type=Path)
Outcome = Done[PredictTask, Prediction] | Failed[PredictTask]


@click.command()
@click.argument("videos", nargs=-1, required=True, type=File)
@click.option("--model", required=True, type=File, help="folder of a trained model")
@click.option("-o", "--output", type=File, help=f"file ({', '.join(FORMATS)}), or folder for several videos")
@click.option(
    "--format",
    "suffix",
    type=click.Choice([f[1:] for f in FORMATS]),
    help="kind of file in a folder  [default: parquet]",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="from which probability an expression is shown in .vtt and counted in the table",
)
@click.option("--json", "as_json", is_flag=True, help="print JSON: every second, or where it was written")
@click.option("--live", is_flag=True, help="follow a file that is being written, a pipe, or - (standard input)")
@executor_options
def predict(
    videos: tuple[Path, ...],
    model: Path,
    output: Path | None,
    suffix: str | None,
    threshold: float,
    threads: int,
    offline: bool,
    as_json: bool,
    live: bool,
    **options: Any,
) -> None:
    """Predict what VIDEOS evoke in their viewers, once a second.

    Without -o a small table goes to stdout. A video that cannot be read is reported and the others go on;
    the exit code is then 1.

    With --live one VIDEO is followed while it plays (MPEG-TS, Matroska, fragmented MP4): a line for each second
    as soon as it is known, with the same numbers as of the finished file.
    """
    if live:
        if len(videos) != 1 or options["workers"] != 1 or options["executor"] or options["address"] or suffix:
            raise click.UsageError(
                "--live follows one VIDEO, or - for standard input; without --executor, --workers, --address and "
                "--format"
            )
        follow(videos[0], model, output, threshold, (threads, offline), as_json)
        return
    load_model(model).feature_config(threads)  # a wrong model is one line, not one per video
    places = output_paths(list(dict.fromkeys(videos)), output, suffix)
    for place in places.values():
        if place:
            check_writable(place)
    pool = executor_from_options(options, threads=threads)
    cache = CacheLocation.of(default_cache(offline=offline))
    tasks = [PredictTask(video, model, cache, place, threshold, threads) for video, place in places.items()]
    as_typed = dict(zip(tasks, places.items(), strict=True))  # a task's own paths are absolute
    shown, failures = [], Failures(len(tasks), "videos", "predicted")
    for outcome in outcomes(tasks, pool):
        video, place = as_typed[outcome.item]
        if isinstance(outcome, Failed):
            failures.add(video, outcome.error)
            continue
        for line in outcome.result.damage:
            print_note(video, line)
        if as_json:
            shown.append(prediction_row(video, place, outcome.result))
        else:
            click.echo(place or f"{video}\n{prediction_summary(outcome.result.track, threshold)}")
    if as_json:
        bad = [{"video": str(video), "reason": reason} for video, reason in failures.reported]
        click.echo(json.dumps({"videos": shown, "failed": bad}, indent=1, ensure_ascii=False, allow_nan=False))
    failures.end()


def outcomes(tasks: list[PredictTask], pool: Pool) -> Iterator[Outcome]:
    """Each task's outcome as it is ready, under a bar: of seconds for one after another, else of videos."""
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


def prediction_row(video: Path, output: Path | None, prediction: Prediction) -> dict[str, Any]:
    """One video for --json: its rows, or the file they are in."""
    track = prediction.track
    about = {"video": str(video), "provenance": prediction.provenance.as_dict()}
    if output:
        return about | {"output": str(output)}
    rows: list[dict[str, Any]] = [
        {"time_s": float(second), "valid": bool(valid)}
        | {name: round(float(v), 6) if valid else None for name, v in zip(track.names, values, strict=True)}
        for second, valid, values in zip(track.grid.seconds, track.valid, track.values, strict=True)
    ]
    return about | {"rows": rows}

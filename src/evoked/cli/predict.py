"""evoked predict: the expressions that new videos evoke, second by second."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from evoked.cli.dry_run import print_plan, tell_networks
from evoked.cli.failures import Failures, print_note
from evoked.cli.messages import tell
from evoked.cli.options import executor_from_options, executor_options
from evoked.cli.outputs import check_folder, claim, digests_of, dry_run_option, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.predict_dataset import print_dataset_plan, write_dataset
from evoked.cli.predict_live import print_live_predictions
from evoked.cli.progress import bar
from evoked.parallel.pool import Done, Failed, Pool, SerialPool
from evoked.prediction.baseline import BASELINE, baseline_note
from evoked.prediction.dataset import part_tasks, read_list
from evoked.prediction.jobs import Prediction, PredictTask, output_paths, run_predict_task
from evoked.prediction.predictor import Model, load_affect_model, load_model
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
@click.option(
    "--model", type=File, help="folder of a trained model  [default: the baseline model, see docs/baseline.md]"
)
@click.option("--affect-model", type=File, help="folder of a model of evoked transfer: adds valence and arousal")
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
    videos: tuple[Path, ...], listed: Path | None, model: Path | None, output: Path | None, **options: Any
) -> None:
    """Predict what VIDEOS evoke in their viewers, once a second.

    Without -o a small table is printed. A video that cannot be read is reported, the others are predicted, and the
    exit code is 1. --live: a line for each second while one VIDEO is written (MPEG-TS, Matroska, fragmented MP4),
    with the values of the finished file. --from LIST: one dataset of Parquet parts with a column `video`; the same
    command again goes on where it stopped. Without --model a small baseline model is used, which was trained on
    staged videos: it shows what predictions look like, and not what people express at your video.
    \f

    Args:
        videos, listed, model, output: the arguments and options of these names.
        **options: the other options.

    Raises:
        click.UsageError: if the options cannot be combined.
        EvokedError: if a video, the model, a network or the output cannot be used.
    """
    _check_usage(videos, listed, output, options)
    if model is None:
        model = BASELINE
        tell(f"note: {baseline_note(load_model(model))}; name your own with --model")
    shown: dict[str, Any] = {name: options[name] for name in ("threads", "offline", "as_json")}
    if options["live"]:
        more = {name: options[name] for name in ("threshold", "audio_track")}
        print_live_predictions(videos[0], model, output, **more, **shown)
        return
    opened = load_model(model)
    config = opened.feature_config(options["threads"])  # a wrong model is reported once, not per video
    affect = load_affect_model(options["affect_model"], opened) if options["affect_model"] else None
    if output and (listed is not None or len(videos) > 1 or not output.suffix):
        check_folder(output)
    where = {name: options[name] for name in ("executor", "workers", "address", "threads")}
    pool, cache = executor_from_options(**where), default_cache(offline=options["offline"])
    if options["dry_run"]:
        tell_networks(cache, config.chosen.nets)
    if listed is not None and output is not None:
        how = (options["partition_by"], options["threads"], options["affect_model"])
        parts = part_tasks(read_list(listed), model, CacheLocation.of(cache), output, *how)
        make = print_dataset_plan if options["dry_run"] else partial(write_dataset, pool=pool)
        make(parts, listed, output, as_json=options["as_json"])
        return
    targets = _targets(videos, output, options["suffix"], [opened, *([affect] if affect else [])])
    if options["dry_run"]:
        files = {video: (target,) if target else () for video, target in targets.items()}
        print_plan(files, "predicted", options["as_json"])
        return
    settings = {name: options[name] for name in ("threshold", "threads", "audio_track", "affect_model")}
    tasks = [PredictTask(video, model, CacheLocation.of(cache), to, **settings) for video, to in targets.items()]
    typed = dict(zip(tasks, targets.items(), strict=True))  # the paths in a task are absolute
    outcomes = ((*typed[outcome.item], outcome) for outcome in _outcomes(tasks, pool))
    _print_outcomes(outcomes, Failures(len(tasks), "videos", "predicted"), options["threshold"], options["as_json"])


def _check_usage(
    videos: tuple[Path, ...], listed: Path | None, output: Path | None, options: Mapping[str, Any]
) -> None:
    """click.UsageError where options cannot be combined."""
    if (listed is None) == (not videos):
        raise click.UsageError("name VIDEOS, or a list of them with --from")
    if options["affect_model"] is not None and options["live"]:
        raise click.UsageError("--affect-model goes without --live")
    several = (listed, *(options[name] for name in ("executor", "address", "suffix", "dry_run")))
    if options["live"] and (len(videos) != 1 or any(several) or options["workers"] != 1):
        raise click.UsageError(_LIVE_USAGE)
    changed = options["suffix"] or options["audio_track"] or options["threshold"] != 0.5
    if listed is not None and (output is None or changed):
        raise click.UsageError("--from needs -o FOLDER, and goes without --format, --threshold and --audio-track")


def _targets(
    videos: tuple[Path, ...], output: Path | None, suffix: str | None, models: list[Model]
) -> dict[Path, Path | None]:
    """Video → the file to write, checked; None where a table is printed."""
    targets = output_paths(list(dict.fromkeys(videos)), output, suffix)
    for video, target in targets.items():
        if target:
            claim(target, "predict", partial(_inputs, video, models), videos)
    return targets


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


def _inputs(video: Path, models: list[Model]) -> dict[str, str]:
    """The inputs of a prediction, as its provenance names them."""
    return digests_of(video) | dict(zip(("model", "affect model"), (m.sha256 for m in models), strict=False))


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

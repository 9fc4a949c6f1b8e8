"""evoked features: compute the features of content videos, once a second."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click

from evoked.cli.dry_run import print_plan, tell_networks
from evoked.cli.failures import Failures, print_note
from evoked.cli.options import (
    config_from_options,
    config_options,
    executor_from_options,
    executor_options,
    preset_option,
)
from evoked.cli.outputs import check_folder, claim, digests_of, dry_run_option, file_in, force_option
from evoked.cli.paths import OutputPath
from evoked.cli.progress import bar
from evoked.core.damage import damage_dicts
from evoked.core.names import derived_name
from evoked.core.progress import Progress
from evoked.features.extract import FeatureConfig
from evoked.features.files import SUFFIX
from evoked.features.jobs import FeaturesDone, FeaturesTask, run_features_task
from evoked.parallel.executors import ExecutorName
from evoked.parallel.pool import Done, Failed, Pool, SerialPool
from evoked.weights.cache import CacheLocation, default_cache

__all__ = ["features"]

_Outcome = Done[FeaturesTask, FeaturesDone] | Failed[FeaturesTask]


@click.command()
@click.argument("videos", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="VIDEO…")
@click.option(
    "-o",
    "--output",
    required=True,
    type=OutputPath(),
    help="One video: the file to write (.safetensors), or a folder. Several: a folder, created if needed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a row per video.")
@force_option
@dry_run_option
@preset_option("features")
@executor_options
@config_options(FeatureConfig)
def features(
    videos: tuple[Path, ...],
    output: Path,
    executor: ExecutorName | None,
    workers: int,
    address: str | None,
    offline: bool,
    as_json: bool,
    dry_run: bool,
    **options: object,
) -> None:
    """Compute the features of each VIDEO once a second: image, faces, audio.

    Writes one safetensors file per video. A video that cannot be used is reported with its reason, and the other
    videos are processed. Exit code 1 if a video failed.
    \f

    Args:
        videos, output, executor, workers, address, offline, as_json, dry_run: the arguments and options.
        **options: fields of FeatureConfig.

    Raises:
        click.UsageError: if the options cannot be combined.
        EvokedError: if a video, a network or the output cannot be used.
    """
    config = config_from_options(FeatureConfig, options)
    targets = _targets(videos, output)
    for video, target in targets.items():
        claim(target, "features", partial(digests_of, video), videos)
    if dry_run:
        tell_networks(default_cache(offline=offline), config.chosen.nets)
        print_plan({video: (target,) for video, target in targets.items()}, "described", as_json)
        return
    pool = executor_from_options(executor, workers=workers, address=address, threads=config.threads)
    cache = CacheLocation.of(default_cache(offline=offline))
    tasks = [FeaturesTask(video, target, config, cache) for video, target in targets.items()]
    _print_outcomes(_outcomes(tasks, pool), videos, as_json)


def _print_outcomes(outcomes: Iterator[_Outcome], videos: tuple[Path, ...], as_json: bool) -> None:
    """Print how each video ended; EvokedError at the end if one failed."""
    rows: dict[Path, dict[str, object]] = {}
    failures = Failures(len(videos), "videos", "described")
    for outcome in outcomes:
        task = outcome.item
        if isinstance(outcome, Done):
            for line in outcome.result.damage:
                print_note(task.video, line)
            state: dict[str, object] = {
                "state": "done",
                "seconds": outcome.result.seconds,
                "file": str(task.output),
                "damage": damage_dicts(outcome.result.defects),
            }
        else:
            failures.add(task.video, outcome.error)
            state = {"state": "failed", "reason": str(outcome.error)}
        rows[task.video] = {"video": str(task.video), **state}
    in_order = [rows[video] for video in videos]
    if as_json:
        click.echo(json.dumps(in_order, indent=1, ensure_ascii=False))
    else:
        for row in in_order:
            if row["state"] == "done":
                click.echo(row["file"])
    failures.end()


def _outcomes(tasks: list[FeaturesTask], pool: Pool) -> Iterator[_Outcome]:
    """Outcomes in the order they finish, with a progress bar of videos; in a serial pool, of their seconds too."""
    with bar("features") as progress:
        for finished, outcome in enumerate(pool.run(_with_progress(tasks, pool, progress), tasks), start=1):
            yield outcome
            progress(finished, len(tasks))


def _with_progress(tasks: list[FeaturesTask], pool: Pool, progress: Progress) -> Callable[[FeaturesTask], FeaturesDone]:
    """The function that runs a task; in a serial pool it also reports progress within a video."""
    if not isinstance(pool, SerialPool):
        return run_features_task
    index = {task: number for number, task in enumerate(tasks)}

    def work(task: FeaturesTask) -> FeaturesDone:
        def report(done: float, total: float | None, note: str = "") -> None:
            progress(index[task] + (done / total if total else 0), len(tasks), task.video.name)

        return run_features_task(task, report)

    return work


def _targets(videos: tuple[Path, ...], output: Path) -> dict[Path, Path]:
    """Video → the file to write; click.UsageError if two would share one."""
    if len(set(videos)) < len(videos):
        raise click.UsageError("a video is given twice")
    if len(videos) == 1 and output.suffix and not output.is_dir():
        return {videos[0]: file_in(output, "", (SUFFIX,))}
    if output.is_file():
        raise click.UsageError(f"{output} is a file: name a folder for several videos")
    check_folder(output)
    stems = Counter(video.stem for video in videos)
    names = {video: derived_name(video.stem if stems[video.stem] == 1 else video.name, SUFFIX) for video in videos}
    if shared := [name for name, count in Counter(names.values()).items() if count > 1]:
        raise click.UsageError(f"two videos would both be written as {shared[0]}: write them into two folders")
    return {video: output / name for video, name in names.items()}

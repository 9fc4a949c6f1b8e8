"""evoked predict --from LIST: the predictions of many videos as one dataset of Parquet parts."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import click

from evoked.cli.messages import fail, tell
from evoked.cli.outputs import is_forced
from evoked.cli.progress import bar
from evoked.core.errors import EvokedError, OutputError
from evoked.core.locks import locked
from evoked.parallel.pool import Failed, Pool
from evoked.prediction.dataset import (
    PartDone,
    PartTask,
    is_part,
    kept_part,
    read_part,
    run_part_task,
)
from evoked.prediction.predictor import load_model

__all__ = ["print_dataset_plan", "write_dataset"]


def write_dataset(tasks: Sequence[PartTask], listed: Path, folder: Path, *, pool: Pool, as_json: bool) -> None:
    """Predict every video of a list into parts; those that are there already and still valid are kept.

    Args:
        tasks: the parts, from `part_tasks`.
        listed: the list that they are of.
        folder: of the dataset; made where missing.
        pool: where parts are made.
        as_json: print JSON.

    Raises:
        OutputError: if the folder holds predictions of other videos or by another model, without --force.
        EvokedError: if the list or the folder cannot be used, or a video failed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror or error}") from error
    with locked(folder, "evoked predict"):
        _refuse_other_dataset(folder, listed, tasks)
        done: dict[Path, PartDone] = {}
        for task in tasks:
            if (part := kept_part(task)) is not None:
                done[task.output] = part
        kept = len(done)
        to_do = [task for task in tasks if task.output not in done]
        with bar(f"{len(tasks)} parts") as progress:
            progress(kept, len(tasks))
            for outcome in pool.run(run_part_task, to_do):
                if isinstance(outcome, Failed):
                    raise outcome.error  # of a network, the model or the disk: no part would be made
                done[outcome.item.output] = outcome.result
                progress(len(done), len(tasks))
        _remove_surplus(folder, {task.output.name for task in tasks})
    _report(done, kept, as_json, folder)


def print_dataset_plan(tasks: Sequence[PartTask], listed: Path, folder: Path, *, as_json: bool) -> None:
    """Print what `write_dataset` would do with each part; nothing is written.

    Args:
        tasks, listed, folder, as_json: as there.

    Raises:
        OutputError: as there.
        EvokedError: if a file in the list does not exist.
    """
    _refuse_other_dataset(folder, listed, tasks)
    rows, absent = [], [video for task in tasks for video in task.videos if not os.path.isfile(video)]
    for task in tasks:
        state = "to do" if kept_part(task) is None else "kept"
        rows.append({"part": task.output.name, "state": state, "videos": len(task.videos)})
        if not as_json:
            click.echo(f"{state}: {task.output}: {len(task.videos)} videos")
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "parts": rows, "absent": list(map(str, absent))}, indent=1))
    for video in absent:
        fail(f"failed: {video}: no such file")
    if absent:
        raise EvokedError(f"{len(absent)} of {sum(len(t.videos) for t in tasks)} videos could not be predicted")


def _refuse_other_dataset(folder: Path, listed: Path, tasks: Sequence[PartTask]) -> None:
    """OutputError where parts that are there would be lost: of videos not in the list, or by another model."""
    if is_forced():
        return
    named = {str(video) for task in tasks for video in task.videos}
    models = tuple(load_model(path).sha256 for path in (tasks[0].model, tasks[0].affect_model) if path)
    for path in sorted(folder.glob("part-*.parquet")):
        part = read_part(path)
        if part is None:
            continue  # damaged, or not a part: the first is made again, the second is left alone
        what = ""
        if other := sorted(part.videos - named):
            what = f"of videos that {listed.name} does not name, such as {other[0]}"
        elif part.models != models:
            what = f"by another model ({path.name})"
        if what:
            raise OutputError(f"{folder} holds predictions {what}: choose another folder, or give --force")


def _remove_surplus(folder: Path, names: set[str]) -> None:
    """Remove parts beyond the list, left by smaller parts or a longer list: they would be read with the dataset."""
    for path in sorted(folder.glob("*.parquet")):
        if path.name in names:
            continue
        if path.name.startswith("part-") and is_part(path):
            path.unlink()
            tell(f"note: {path} was removed: it is beyond the parts of this list")
        else:
            tell(f"note: {path} is no part of this dataset and would be read with it: move it away")


def _report(done: dict[Path, PartDone], kept: int, as_json: bool, folder: Path) -> None:
    failed = [entry for path in sorted(done) for entry in done[path].failed]
    for video, line in (entry for path in sorted(done) for entry in done[path].damage):
        tell(f"note: {video}: {line}")
    for video, reason in failed:
        fail(f"failed: {reason if video in reason else f'{video}: {reason}'}")
    videos, seconds = sum(p.videos for p in done.values()), sum(p.seconds for p in done.values())
    if as_json:
        rows = [{"video": video, "reason": reason} for video, reason in failed]
        counts = {"folder": str(folder), "parts": len(done), "kept": kept, "videos": videos, "seconds": seconds}
        click.echo(json.dumps({**counts, "failed": rows}, indent=1, ensure_ascii=False))
    else:
        click.echo(str(folder))
    parts = f"{len(done)} part{'' if len(done) == 1 else 's'}"
    tell(f"{videos - len(failed)} of {videos} videos, {seconds} seconds in {parts}, {kept} kept")
    if failed:
        raise EvokedError(f"{len(failed)} of {videos} videos could not be predicted; the reasons are above")

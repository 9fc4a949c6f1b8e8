"""evoked run: a study folder, from videos to a report."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from evoked.cli.messages import detail, fail, tell
from evoked.cli.options import executor_from_options, executor_options
from evoked.cli.paths import InputPath
from evoked.cli.progress import bar
from evoked.core.errors import EvokedError
from evoked.core.extras import INSTALL_TRAINING, missing_for_training
from evoked.core.progress import Progress
from evoked.core.step_outcome import StepOutcome
from evoked.parallel.executors import ExecutorName
from evoked.parallel.pool import Pool, SerialPool
from evoked.study.plan import PlannedItem, plan_study
from evoked.study.presets import PRESETS
from evoked.study.run import run_study
from evoked.study.selection import STEPS, StepSelection
from evoked.weights.cache import default_cache

__all__ = ["Terminal", "run"]

STEP_CHOICES = [step.replace(" ", "-") for step in STEPS]
REASONS = 4
"""Reasons why work is done again that are printed of one item."""


class Terminal:
    """Shows progress bars and one line per finished item, on stderr.

    Args:
        timed: print how long an item took; only if items run one after another.
    """

    def __init__(self, timed: bool = True) -> None:
        self._timed = timed
        self._started = time.monotonic()

    @contextmanager
    def bar(self, label: str) -> Iterator[Progress]:
        """Show a progress bar while a block runs.

        Args:
            label: name of the work.

        Yields:
            The callable that takes the progress.
        """
        self._started = time.monotonic()
        with bar(label) as progress:
            yield progress

    def item(self, item: StepOutcome) -> None:
        """Print how an item ended; nothing for one that is kept from an earlier run."""
        if item.state == "kept":
            detail(f"kept: {f'{item.step} {item.name}'.strip()}")
            return
        label = _label(item.step, item.name, item.reason)
        duration = f" ({time.monotonic() - self._started:.1f} s)" if self._timed and item.state == "done" else ""
        say = fail if item.state == "failed" else tell
        say(f"{item.state}: {label}{duration}{f': {item.reason}' if item.reason else ''}")

    def redo(self, label: str, why: str) -> None:
        """Print why work of an earlier run is done again; the first reasons where there are many.

        Args:
            label: step and file.
            why: reasons, joined by "; ".
        """
        reasons = why.split("; ")
        more = f"; and {len(reasons) - REASONS} more" if len(reasons) > REASONS else ""
        tell(f"again: {label}: {'; '.join(reasons[:REASONS])}{more}")


def _label(step: str, name: str, reason: str) -> str:
    """Step and file of an item; the file is left out where the reason begins with it."""
    return step if name and reason.startswith(name) else f"{step} {name}".strip()


@click.command()
@click.argument("study", type=InputPath())
@executor_options
@click.option("--only", type=click.Choice(STEP_CHOICES), help="do this step alone; what it reads must be up to date")
@click.option("--until", type=click.Choice(STEP_CHOICES), help="do the steps up to this one, and leave out the others")
@click.option(
    "--preset", type=click.Choice(PRESETS), help="paper: every setting of the paper, beneath study.toml's own"
)
@click.option("--dry-run", is_flag=True, help="print what would be done, and why; run and write nothing")
@click.option("--json", "as_json", is_flag=True, help="print how each item ended as JSON")
def run(
    study: Path,
    executor: ExecutorName | None,
    workers: int,
    threads: int,
    address: str | None,
    offline: bool,
    only: str | None,
    until: str | None,
    preset: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take a STUDY folder from videos to labels, a trained model, scores and a report.

    STUDY holds contents/ and reactions/, and optionally study.toml and pairs.csv. Results of an earlier run that
    are still valid are kept. A file that cannot be used is reported and the others are processed; the exit code is
    then 1. A study with a single content has no held-out scores: this is noted, and is not a failure. --only and
    --until remove nothing: results of the steps that are left out stay as they are.
    \f

    Args:
        study, executor, workers, threads, address, offline: the argument and options.
        only, until, preset, dry_run, as_json: the other options.

    Raises:
        click.UsageError: if the options cannot be combined.
        EvokedError: if the study cannot be used, or an item failed.
    """
    if only and until:
        raise click.UsageError("give either --only or --until")
    cache, selection = default_cache(offline=offline), StepSelection(_step(only), _step(until))
    if preset:
        tell(f'note: other commands do not know of --preset: to keep it, write preset = "{preset}" in study.toml')
    if dry_run:
        _print_plan(plan_study(study, cache, selection, preset or ""), as_json)
        return
    pool = _pool(executor, workers, threads, address)
    if selection.reads("hold out", "train") and (missing := missing_for_training()):
        tell(
            f"note: {missing[0]} is not installed, so nothing can be trained: held-out predictions, scores and the "
            f"model are left out unless an earlier run made them. To have them: {INSTALL_TRAINING}"
        )
    items = run_study(study, Terminal(timed=pool is None), cache, pool, selection, preset or "")
    counted = Counter(item.state for item in items)
    page = study / "results" / "report.html"
    if as_json:
        rows = [{"step": i.step, "name": i.name, "state": i.state, "reason": i.reason} for i in items]
        click.echo(json.dumps({"items": rows, "report": str(page)}, indent=1, ensure_ascii=False))
    elif selection.does("report"):
        click.echo(str(page))
    states = ("done", "kept", "failed", *(("left out",) if counted["left out"] else ()))
    tell(", ".join(f"{counted[state]} {state}" for state in states))
    if counted["failed"]:
        where = "above and in the report" if selection.whole else "above"
        raise EvokedError(f"{counted['failed']} of {len(items)} items failed; the reasons are {where}")


def _step(choice: str | None) -> str:
    """The step of a choice on the command line; "" for none."""
    return (choice or "").replace("-", " ")


def _pool(executor: ExecutorName | None, workers: int, threads: int, address: str | None) -> Pool | None:
    """The executor of parallel items; None: one after another in this process, each with a progress bar."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads_each = threads or max(1, cores // workers)
    pool = executor_from_options(executor, workers=workers, address=address, threads=threads_each)
    if not isinstance(pool, SerialPool):
        return pool
    if threads:
        raise click.UsageError("--threads goes with --workers; for one worker set threads in study.toml [features]")
    return None


def _print_plan(planned: list[PlannedItem], as_json: bool) -> None:
    """Print what would be done, a line per item; counts go to stderr. EvokedError if an item would fail."""
    if as_json:
        click.echo(json.dumps({"items": [asdict(item) for item in planned]}, indent=1, ensure_ascii=False))
    else:
        for item in planned:
            if item.state != "kept":
                click.echo(f"{item.state}: {_label(item.step, item.name, item.why)}: {item.why}")
    counted = Counter[str](item.state for item in planned)
    states = ("to do", "kept", "failed", *(state for state in ("left out", "to remove") if counted[state]))
    tell(", ".join(f"{counted[state]} {state}" for state in states))
    if counted["failed"]:
        raise EvokedError(f"{counted['failed']} of {len(planned)} items would fail; the reasons are above")

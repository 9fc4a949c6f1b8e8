"""evoked run: a study folder, from videos to a report."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from evoked.cli.options import executor_from_options, executor_options
from evoked.cli.progress import bar
from evoked.core.errors import EvokedError
from evoked.core.progress import Progress
from evoked.parallel.pool import Pool, SerialPool
from evoked.study.build_records import StepOutcome
from evoked.study.plan import PlannedItem, plan_study
from evoked.study.run import run_study
from evoked.weights.cache import default_cache


class Terminal:
    """Bars and one line per finished item, on stderr."""

    def __init__(self, timed: bool = True) -> None:
        self._timed = timed  # of items that run together nobody knows when one began
        self._began = time.monotonic()

    @contextmanager
    def bar(self, what: str) -> Iterator[Progress]:
        self._began = time.monotonic()
        with bar(what) as progress:
            yield progress

    def item(self, item: StepOutcome) -> None:
        if item.state == "kept":
            return
        what = f"{item.step} {item.name}".strip()
        took = f" ({time.monotonic() - self._began:.1f} s)" if self._timed and item.state == "done" else ""
        click.echo(f"{item.state}: {what}{took}{f': {item.reason}' if item.reason else ''}", err=True)


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@executor_options
@click.option("--dry-run", is_flag=True, help="print what would be done, and why; do and write nothing")
@click.option("--json", "as_json", is_flag=True, help="print how each item ended as JSON")
def run(study: Path, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Take a STUDY folder from videos to labels, a trained model, scores and a report.

    STUDY holds contents/ and reactions/, and may hold study.toml and pairs.csv. What was done before and
    still holds is kept; one bad file is reported and the rest goes on, with exit code 1 at the end. A study
    with one content only has no held-out scores: that is said, and is no failure.
    """
    cache = default_cache(offline=options.pop("offline"))
    if dry_run:
        _print_plan(plan_study(study, cache), as_json)
        return
    executor = _executor(options)
    items = run_study(study, Terminal(timed=executor is None), cache, executor)
    counted = Counter(item.state for item in items)
    page = study / "results" / "report.html"
    if as_json:
        rows = [{"step": i.step, "name": i.name, "state": i.state, "reason": i.reason} for i in items]
        click.echo(json.dumps({"items": rows, "report": str(page)}, indent=1, ensure_ascii=False))
    else:
        click.echo(str(page))
    states = ("done", "kept", "failed", *(("left out",) if counted["left out"] else ()))
    click.echo(", ".join(f"{counted[state]} {state}" for state in states), err=True)
    if counted["failed"]:
        raise EvokedError(f"{counted['failed']} of {len(items)} items failed; the reasons are above and in the report")


def _executor(options: dict[str, Any]) -> Pool | None:
    """Where items run together; None for one after another in this process, each with a progress bar of its own."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = options.pop("threads")
    executor = executor_from_options(options, threads=given or max(1, cores // options["workers"]))
    if not isinstance(executor, SerialPool):
        return executor
    if given:
        raise click.UsageError("--threads goes with --workers; for one worker set threads in study.toml [features]")
    return None


def _print_plan(planned: list[PlannedItem], as_json: bool) -> None:
    """What would be done, a line each; how many are kept goes to stderr."""
    if as_json:
        click.echo(json.dumps({"items": [asdict(item) for item in planned]}, indent=1, ensure_ascii=False))
    else:
        for item in planned:
            if item.state != "kept":
                click.echo(f"{item.state}: {f'{item.step} {item.name}'.strip()}: {item.why}")
    counted = Counter[str](item.state for item in planned)
    states = ("to do", "kept", "failed", *(state for state in ("left out", "to remove") if counted[state]))
    click.echo(", ".join(f"{counted[state]} {state}" for state in states), err=True)

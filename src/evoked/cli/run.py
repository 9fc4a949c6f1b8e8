"""evoked run: a study folder, from videos to a report."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from evoked.cli.progress import bar
from evoked.core.errors import EvokedError
from evoked.core.progress import Progress
from evoked.study.build_records import StepOutcome
from evoked.study.run import run_study
from evoked.weights.cache import default_cache


class Terminal:
    """Bars and one line per finished item, on stderr."""

    def __init__(self) -> None:
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
        took = f" ({time.monotonic() - self._began:.1f} s)" if item.state == "done" else ""
        click.echo(f"{item.state}: {what}{took}{f': {item.reason}' if item.reason else ''}", err=True)


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--offline", is_flag=True, help="use only nets that the cache holds")
@click.option("--json", "as_json", is_flag=True, help="print how each item ended as JSON")
def run(study: Path, offline: bool, as_json: bool) -> None:
    """Take a STUDY folder from videos to labels, a trained model, scores and a report.

    STUDY holds contents/ and reactions/, and may hold study.toml and pairs.csv. What was done before and
    still holds is kept; one bad file is reported and the rest goes on, with exit code 1 at the end. A study
    with one content only has no held-out scores: that is said, and is no failure.
    """
    items = run_study(study, Terminal(), default_cache(offline=offline))
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
        raise EvokedError(
            f"{counted['failed']} of {len(items)} items failed; the reasons stand above and in the report"
        )

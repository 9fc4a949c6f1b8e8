"""evoked features: describe content videos once a second."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import click

from evoked.cli.failures import Failures, print_note
from evoked.cli.options import config_from_options, config_options
from evoked.cli.progress import bar
from evoked.core.files import check_writable
from evoked.core.progress import Progress
from evoked.features.extract import Extractor, FeatureConfig
from evoked.features.files import SUFFIX, write_features
from evoked.media.probe import no_video_error, probe
from evoked.parallel.pool import Done, SerialPool
from evoked.weights.cache import Cache, default_cache


@click.command()
@click.argument("videos", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="VIDEO…")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="One video: the file to write, or a folder that is there. Several: a folder, made where needed.",
)
@click.option("--offline", is_flag=True, help="Use only nets that the cache holds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a row per video.")
@config_options(FeatureConfig)
def features(videos: tuple[Path, ...], output: Path, offline: bool, as_json: bool, **options: object) -> None:
    """Describe each VIDEO once a second: what is shown, who is shown, what is heard.

    Writes one safetensors file per video. Each video ends done or failed, with its reason; the rest goes
    on. Exit 1 if any failed.
    """
    config = config_from_options(FeatureConfig, options)
    targets = _targets(videos, output)
    for target in targets.values():
        check_writable(target)
    with bar("features") as progress:
        work = _Work(config, targets, progress, default_cache(offline=offline))
        rows: list[dict[str, object]] = []
        failures = Failures(len(videos), "videos", "described")
        for outcome in SerialPool().run(work, videos):
            if isinstance(outcome, Done):
                told = {"state": "done", "seconds": outcome.result, "file": str(targets[outcome.item])}
            else:
                failures.add(outcome.item, outcome.error)
                told = {"state": "failed", "reason": str(outcome.error)}
            rows.append({"video": str(outcome.item), **told})
            progress(len(rows), len(videos))
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        for row in rows:
            if row["state"] == "done":
                click.echo(row["file"])
    failures.end()


class _Work:
    """What is done with a video; the nets are loaded when the first good one comes."""

    def __init__(self, config: FeatureConfig, targets: dict[Path, Path], progress: Progress, cache: Cache) -> None:
        self._cache, self._config, self._targets, self._progress = cache, config, targets, progress
        self._extractor: Extractor | None = None
        self._done = 0

    def __call__(self, video: Path) -> int:
        before, self._done = self._done, self._done + 1
        if probe(video).picture is None:  # what cannot be used is told at once, before any net is fetched
            raise no_video_error(video)
        self._extractor = self._extractor or Extractor(self._config, self._cache)

        def tell(done: float, total: float | None, note: str = "") -> None:
            self._progress(before + (done / total if total else 0), len(self._targets), video.name)

        found = self._extractor(video, tell)
        made_by = self._extractor.provenance(video)
        write_features(self._targets[video], found, replace(made_by, notes=(*made_by.notes, *found.damage)))
        for line in found.damage:
            print_note(video, line)
        return found.grid.steps


def _targets(videos: tuple[Path, ...], output: Path) -> dict[Path, Path]:
    """Video → the file to write; click.UsageError where two would share one."""
    if len(set(videos)) < len(videos):
        raise click.UsageError("a video is named twice")
    if len(videos) == 1 and not output.is_dir():
        return {videos[0]: output}
    if output.is_file():
        raise click.UsageError(f"{output} is a file: name a folder for several videos")
    shared = [name for name, count in Counter(v.stem for v in videos).items() if count > 1]
    if shared:
        raise click.UsageError(f"two videos would both be written as {shared[0]}{SUFFIX}: run them one by one")
    return {video: output / f"{video.stem}{SUFFIX}" for video in videos}

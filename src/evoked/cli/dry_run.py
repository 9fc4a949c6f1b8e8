"""--dry-run: what a command would do with each file; nothing is computed and nothing is written."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from evoked.cli.failures import Failures
from evoked.cli.messages import tell
from evoked.core.errors import FILE_ERRORS, failure_of
from evoked.media.probe import no_video_error, probe
from evoked.weights.cache import Cache
from evoked.weights.catalogue import NETS

__all__ = ["print_plan", "tell_networks"]


def print_plan(files: Mapping[Path, Sequence[Path]], participle: str, as_json: bool) -> None:
    """Print each video with its length and the files that would be written; one that cannot be used is reported.

    Args:
        files: video → files that would be written of it; none where a table would be printed.
        participle: what would be done, e.g. "predicted".
        as_json: print JSON.

    Raises:
        EvokedError: if a video cannot be used.
    """
    failures, rows = Failures(len(files), "videos", participle), []
    for video, outputs in files.items():
        row: dict[str, object] = {"video": str(video)}
        try:
            media = probe(video)
            if media.picture is None:
                raise no_video_error(video)
        except FILE_ERRORS as error:
            failures.add(video, failure_of(error))
            rows.append(row | {"state": "failed", "reason": str(failure_of(error))})
            continue
        rows.append(row | {"state": "to do", "seconds": media.seconds.steps, "files": [str(out) for out in outputs]})
        if not as_json:
            to = f" -> {', '.join(map(str, outputs))}" if outputs else ""
            click.echo(f"to do: {video}: {media.seconds.steps} s{to}")
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    failures.end()


def tell_networks(cache: Cache, names: Iterable[str]) -> None:
    """Say on stderr which networks would be downloaded.

    Args:
        cache: where they are looked for.
        names: of the networks that would be run.
    """
    for name in dict.fromkeys(names):
        if cache.state(name) == "absent":
            if not NETS[name].sha256:
                tell(f"note: network {name} is yours to provide, see docs/weights.md")
                continue
            how = "is not in the cache, and --offline forbids its download" if cache.offline else "would be downloaded"
            size = f" ({stated / 1e6:.0f} MB)" if (stated := NETS[name].bytes) else ""
            tell(f"note: network {name}{size} {how}")

"""evoked explain: which facial actions gave a viewer's scores."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from evoked.api.reactions import annotate
from evoked.cli.paths import InputPath
from evoked.cli.progress import bar
from evoked.core.errors import DatasetError, EvokedError
from evoked.core.tables import SUFFIXES, read_names, read_provenance, read_table
from evoked.core.text_table import text_table
from evoked.core.track import Track
from evoked.faces.landmarks import BLENDSHAPES
from evoked.reactions.expressions.explain import Explanation, explain_viewers
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.expressions.recogniser import PROTOTYPE
from evoked.reactions.viewers.annotation_table import table_to_tracks

__all__ = ["explain"]


@click.command()
@click.argument("reaction", type=InputPath())
@click.option("--content", type=InputPath(), help="the video that was watched: faces in it are left out")
@click.option("--at", "at_s", type=float, help="second of the reaction  [default: where each expression is strongest]")
@click.option("--viewer", help="explain this viewer alone, such as v1")
@click.option("--offline", is_flag=True, help="use only networks that are in the cache")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def explain(
    reaction: Path, content: Path | None, at_s: float | None, viewer: str | None, offline: bool, as_json: bool
) -> None:
    """Explain the scores of the viewers of a REACTION: the facial actions that count most, by the default recogniser.

    REACTION is a recording, or a table of evoked annotate --columns scores,blendshapes, which takes no time.
    Intensities are about 0 for this person's neutral face and 1 for a full action. A trained recogniser has no such
    explanation.
    \f

    Args:
        reaction, content, at_s, viewer, offline, as_json: the arguments and options.

    Raises:
        click.UsageError: if there is no such viewer.
        EvokedError: if the recording or the table cannot be used, or nobody is visible at that second.
    """
    if reaction.suffix.lower() in SUFFIXES:
        shapes = _read(reaction)
    else:
        with bar(f"annotate {reaction.name}") as progress:
            viewers = annotate(reaction, content, offline=offline, progress=progress).annotated.annotation.viewers
        shapes = {name: seen.blendshapes for name, seen in viewers.items()}
    if viewer is not None and viewer not in shapes:
        raise click.UsageError(f"no viewer {viewer!r} in {reaction.name}; there are: {', '.join(shapes) or 'none'}")
    chosen = shapes if viewer is None else {viewer: shapes[viewer]}
    try:
        rows = explain_viewers(PrototypeRecogniser(), chosen, at_s)
    except ValueError as error:
        raise EvokedError(f"{reaction}: {error}") from error
    if not rows:
        when = "" if at_s is None else f" at second {at_s:g}"
        raise EvokedError(f"{reaction}: no viewer is visible{when}, so there is nothing to explain")
    click.echo(json.dumps([asdict(row) for row in rows], indent=1) if as_json else _table(rows))


def _read(path: Path) -> Mapping[str, Track]:
    """Viewer → blendshapes, of a table; DatasetError where it has none, or a trained recogniser gave its scores."""
    made_by = dict((read_provenance(path) or {}).get("config") or {}).get("recogniser", PROTOTYPE)
    if made_by != PROTOTYPE:
        raise DatasetError(f"{path} was scored by a trained recogniser, which has no explanation; name the recording")
    if missing := [name for name in BLENDSHAPES if name not in read_names(path)]:
        raise DatasetError(
            f"{path} has no column {missing[0]}: make it by evoked annotate --columns scores,blendshapes, or name the "
            "recording itself"
        )
    try:
        return table_to_tracks(read_table(path, ("viewer", "time_s", "valid")), BLENDSHAPES)
    except ValueError as error:
        raise DatasetError(f"{path}: {error}") from error


def _table(rows: list[Explanation]) -> str:
    cells = [[r.viewer, r.expression, f"{r.time_s:.2f} s", f"{r.score:.2f}", r.actions] for r in rows]
    return text_table([["viewer", "expression", "time", "score", "facial actions"], *cells], left=(0, 1, 4))

"""evoked annotate: the viewers of reaction videos and what they express."""

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from evoked.cli.annotated import Seen, as_row, notes, summary
from evoked.cli.failures import Failures, note
from evoked.cli.options import made, settings
from evoked.cli.previews import Previews
from evoked.cli.progress import bar
from evoked.core.errors import EvokedError, OutputError
from evoked.core.files import check_writable, sha256
from evoked.core.progress import Progress
from evoked.core.provenance import Provenance
from evoked.core.settings import describe
from evoked.core.tables import SUFFIXES, check_suffix, write_table
from evoked.core.timeline import Grid
from evoked.core.track import Track
from evoked.dataset.labels import write_labels, write_labels_apart
from evoked.faces.detect import DetectConfig
from evoked.media.probe import no_picture, probe
from evoked.parallel.pool import Failed, HerePool
from evoked.reactions.annotate import AnnotateConfig, Annotator, columns, nets_read
from evoked.reactions.film import film_of
from evoked.reactions.matching import BY_PICTURE, Contents
from evoked.reactions.offsets import OffsetMap, Segment
from evoked.reactions.prototype import Recogniser
from evoked.reactions.trained import recogniser_of
from evoked.reactions.votes import VoteConfig, Votes, onto_content, own_thresholds, ticks_of, vote, vote_each
from evoked.weights.cache import default_cache
from evoked.weights.catalogue import NETS as CATALOGUE

File = click.Path(path_type=Path)


@click.command()
@click.argument("reactions", nargs=-1, required=True, type=File)
@click.option("--content", type=File, help="the video that was watched: its own faces are left out")
@click.option("-o", "--output", type=File, help=f"file ({', '.join(SUFFIXES)}), or a folder for several reactions")
@click.option("--labels", is_flag=True, help="write the votes of all viewers, once a second of the content's time")
@click.option("--apart", is_flag=True, help="with --labels: each viewer's own majority, a row per viewer and second")
@click.option(
    "--preview", type=File, help="also write the video with boxes, names and scores drawn in (.mp4; or a folder)"
)
@click.option("--blur", type=File, help="the same with every face blurred that was found, the film's own too")
@click.option("--offline", is_flag=True, help="use only nets that the cache holds")
@click.option("--json", "as_json", is_flag=True, help="print JSON: a row per reaction, and the file of labels")
@settings(DetectConfig)
@settings(AnnotateConfig)
@settings(VoteConfig)
def annotate(
    reactions: tuple[Path, ...],
    content: Path | None,
    output: Path | None,
    labels: bool,
    apart: bool,
    preview: Path | None,
    blur: Path | None,
    offline: bool,
    as_json: bool,
    **own: Any,
) -> None:
    """Find the viewers in REACTIONS and score their expressions at 6 Hz.

    Writes a row per viewer and tick: viewer, time_s, valid, and the expressions in [0, 1]. Without -o a
    summary goes to stdout. Look at a blurred video before you give it away: a face that was not found is not
    blurred. A video that cannot be used is reported and the others go on; exit code 1.
    """
    votes, config, detect = made(VoteConfig, own), made(AnnotateConfig, own), made(DetectConfig, own)
    recogniser = recogniser_of(config.recogniser)
    levels = _levels(votes, recogniser)
    if apart and not labels:
        raise click.UsageError("--apart goes with --labels")
    reactions = tuple(dict.fromkeys(reactions))
    places = _places(reactions, output, labels)
    drawn = Previews.planned(reactions, {"--preview": preview, "--blur": blur})
    watched = _watched(content)
    nets = cache(lambda: Annotator(recogniser, config, detect, default_cache(offline=offline)))
    seen: list[Seen] = []
    rows: list[dict[str, object]] = []
    say = _silent if as_json else click.echo
    failures = Failures(len(reactions), "reactions", "annotated")
    for reaction in reactions:
        with bar(f"annotate {reaction.name}") as progress:
            (outcome,) = HerePool().run(partial(_one, nets, watched, progress), [reaction])
        if isinstance(outcome, Failed):
            failures.add(reaction, outcome.error)
            rows.append({"reaction": str(reaction), "state": "failed", "reason": str(outcome.error)})
            continue
        seen.append(outcome.result)
        previews = drawn.write(reaction, outcome.result.found, failures)
        rows.append(as_row(outcome.result, places.get(reaction), previews))
        for path in previews:
            say(str(path))
        if output:
            for line in notes(outcome.result):
                note(reaction, line)
        if not labels:
            made_by = _provenance([outcome.result], content, (config, detect), recogniser)
            say(_written(outcome.result, places.get(reaction), recogniser.names, made_by))
    if labels and seen and output:
        made_by = _provenance(seen, content, (config, detect, votes), recogniser)
        if apart:
            write_labels_apart(output, _votes_apart(seen, content, votes, levels), made_by)
        else:
            write_labels(output, _votes(seen, content, recogniser.names, (votes, levels)), made_by)
        say(str(output))
    if as_json:
        made_labels = str(output) if labels and seen else None
        click.echo(json.dumps({"reactions": rows, "labels": made_labels}, indent=1, ensure_ascii=False))
    failures.end()


def _places(reactions: tuple[Path, ...], output: Path | None, labels: bool) -> dict[Path, Path]:
    """Where each reaction's table goes; that it can be written is tried before the work."""
    names = [r.name for r in reactions]
    if twice := {n for n in names if names.count(n) > 1}:
        raise OutputError(f"two reactions are called {min(twice)}: rename one, or annotate them apart")
    if labels and output is None:
        raise click.UsageError("--labels needs -o FILE")
    if output is None:
        return {}
    if labels or (len(reactions) == 1 and not output.is_dir()):
        check_suffix(output)
        check_writable(output)
        return {} if labels else {reactions[0]: output}
    if output.suffix.lower() in SUFFIXES and not output.is_dir():
        raise click.UsageError(f"{len(reactions)} reactions need a folder, not the file {output.name}")
    places = {r: output / f"{r.name}.parquet" for r in reactions}
    for place in places.values():
        check_writable(place)
    return places


def _watched(content: Path | None) -> Contents | None:
    if content is None:
        return None
    if probe(content).picture is None:
        raise no_picture(content)
    return Contents({content.name: content})


def _one(nets: Callable[[], Annotator], watched: Contents | None, progress: Progress, reaction: Path) -> Seen:
    media = probe(reaction)
    if media.picture is None:
        raise no_picture(reaction)  # what cannot be used is told at once, before any net is loaded
    if watched is None:
        whole = OffsetMap(0.0, (Segment(0.0, max(float(media.duration_s), 1e-3), 0.0, 0.0),))
        return Seen(reaction, nets()(reaction, None, progress), whole)
    found = watched.match(reaction)
    film = film_of(reaction, watched.paths[found.content], found.offsets)
    return Seen(reaction, nets()(reaction, film, progress), found.offsets)


def _written(seen: Seen, place: Path | None, names: tuple[str, ...], provenance: Provenance) -> str:
    """Write a reaction's table and give its path; where it has no place, its summary."""
    if place is None:
        return summary(seen)
    write_table(place, columns(seen.found, names), provenance)
    return str(place)


def _silent(text: str) -> None:
    """Says nothing: with --json, stdout is the JSON alone."""


def _levels(config: VoteConfig, recogniser: Recogniser) -> tuple[float, ...]:
    """The score from which on a tick is on, for each expression."""
    try:
        return config.levels(recogniser.names, own_thresholds(recogniser.describe()))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _votes(
    seen: list[Seen], content: Path | None, expressions: tuple[str, ...], by: tuple[VoteConfig, tuple[float, ...]]
) -> dict[str, Votes]:
    """Votes by content; without one, each reaction stands on its own time."""
    votes = {}
    config, levels = by
    for timed_by, own in _by_content(seen, content):
        seconds = probe(timed_by).seconds
        ballots, names = _ballots(own, ticks_of(seconds), config)
        if not ballots:
            ballots, names = [_nobody(ticks_of(seconds), expressions)], [""]
        votes[timed_by.name] = vote(ballots, seconds, config, thresholds=levels, reactions=names)
    return votes


def _votes_apart(
    seen: list[Seen], content: Path | None, config: VoteConfig, levels: tuple[float, ...]
) -> dict[str, dict[str, Votes]]:
    """Votes by content and viewer, who is called REACTION/v1; no viewer, no row."""
    votes = {}
    for timed_by, own in _by_content(seen, content):
        seconds = probe(timed_by).seconds
        ballots, _ = _ballots(own, ticks_of(seconds), config)
        names = [f"{s.reaction.name}/{viewer}" for s in own for viewer in s.found.viewers]
        if ballots:
            votes[timed_by.name] = dict(zip(names, vote_each(ballots, seconds, config, thresholds=levels), strict=True))
    if not votes:
        raise EvokedError("no viewer was seen in any reaction, so there are no labels to write apart")
    return votes


def _by_content(seen: list[Seen], content: Path | None) -> list[tuple[Path, list[Seen]]]:
    return [(content, seen)] if content is not None else [(s.reaction, [s]) for s in seen]


def _ballots(seen: list[Seen], ticks: Grid, config: VoteConfig) -> tuple[list[Track], list[str]]:
    """Each viewer's scores on the content's time, and the reaction they are from."""
    found = [
        (onto_content(v.scores, s.offsets, ticks, lag_s=config.lag_s), s.reaction.name)
        for s in seen
        for v in s.found.viewers.values()
    ]
    return [track for track, _ in found], [name for _, name in found]


def _nobody(ticks: Grid, names: tuple[str, ...]) -> Track:
    nothing = np.zeros((ticks.steps, len(names)), dtype=np.float32)
    return Track.masked(ticks, names, nothing, np.zeros(ticks.steps, dtype=np.bool_))


def _provenance(seen: list[Seen], content: Path | None, configs: tuple[Any, ...], recogniser: Recogniser) -> Provenance:
    inputs = {path.name: sha256(path) for path in [*(s.reaction for s in seen), *([content] if content else [])]}
    how = {s.reaction.name: (BY_PICTURE,) if s.offsets.by == "picture" else () for s in seen}
    told = tuple(f"{s.reaction.name}: {line}" for s in seen for line in (*how[s.reaction.name], *s.found.damage))
    config = {d.name: getattr(c, d.name) for c in configs for d in describe(type(c))}
    nets = {name: CATALOGUE[name].sha256 for name in nets_read(recogniser)}
    return Provenance("annotate", config | recogniser.describe(), inputs, nets, told)  # its name, not its folder

"""What the viewers of several reactions say together, by content."""

from pathlib import Path

import click
import numpy as np

from evoked.cli.annotate_summary import AnnotatedReaction
from evoked.core.errors import EvokedError
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.media.probe import probe
from evoked.reactions.expressions.recogniser import Recogniser
from evoked.reactions.labelling.majority_vote import (
    VoteConfig,
    Votes,
    majority_vote,
    majority_vote_each,
    onto_content,
    operating_thresholds,
    viewer_grid,
)


def thresholds_for(config: VoteConfig, recogniser: Recogniser) -> tuple[float, ...]:
    """The score from which on a tick is on, for each expression."""
    try:
        return config.levels(recogniser.names, operating_thresholds(recogniser.describe()))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def votes_together(
    seen: list[AnnotatedReaction],
    content: Path | None,
    expressions: tuple[str, ...],
    by: tuple[VoteConfig, tuple[float, ...]],
) -> dict[str, Votes]:
    """Votes by content; without one, each reaction stands on its own time."""
    votes = {}
    config, levels = by
    for timed_by, own in _by_content(seen, content):
        seconds = probe(timed_by).seconds
        ballots, names = _ballots(own, viewer_grid(seconds), config)
        if not ballots:
            ballots, names = [_nobody(viewer_grid(seconds), expressions)], [""]
        votes[timed_by.name] = majority_vote(ballots, seconds, config, thresholds=levels, reactions=names)
    return votes


def votes_apart(
    seen: list[AnnotatedReaction], content: Path | None, config: VoteConfig, levels: tuple[float, ...]
) -> dict[str, dict[str, Votes]]:
    """Votes by content and viewer, who is called REACTION/v1; no viewer, no row."""
    votes = {}
    for timed_by, own in _by_content(seen, content):
        seconds = probe(timed_by).seconds
        ballots, _ = _ballots(own, viewer_grid(seconds), config)
        names = [f"{s.reaction.name}/{viewer}" for s in own for viewer in s.found.viewers]
        if ballots:
            votes[timed_by.name] = dict(
                zip(names, majority_vote_each(ballots, seconds, config, thresholds=levels), strict=True)
            )
    if not votes:
        raise EvokedError("no viewer was seen in any reaction, so there are no labels to write apart")
    return votes


def _by_content(seen: list[AnnotatedReaction], content: Path | None) -> list[tuple[Path, list[AnnotatedReaction]]]:
    return [(content, seen)] if content is not None else [(s.reaction, [s]) for s in seen]


def _ballots(seen: list[AnnotatedReaction], ticks: TimeGrid, config: VoteConfig) -> tuple[list[Track], list[str]]:
    """Each viewer's scores on the content's time, and the reaction they are from."""
    found = [
        (onto_content(v.scores, s.offsets, ticks, reaction_lag_s=config.reaction_lag_s), s.reaction.name)
        for s in seen
        for v in s.found.viewers.values()
    ]
    return [track for track, _ in found], [name for _, name in found]


def _nobody(ticks: TimeGrid, names: tuple[str, ...]) -> Track:
    nothing = np.zeros((ticks.steps, len(names)), dtype=np.float32)
    return Track.masked(ticks, names, nothing, np.zeros(ticks.steps, dtype=np.bool_))

"""What the viewers of several reactions say together, by content."""

from pathlib import Path

import click

from evoked.core.errors import EvokedError
from evoked.media.probe import probe
from evoked.reactions.expressions.recogniser import Recogniser
from evoked.reactions.labelling.majority_vote import VoteConfig, Votes, operating_thresholds
from evoked.reactions.labelling.pipeline import AnnotatedReaction, label_content, label_each_viewer

__all__ = ["thresholds_for", "votes_apart", "votes_together"]


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
    """Votes by content; without one, each reaction has its own time."""
    config, levels = by
    return {
        timed_by.name: label_content([s.viewers for s in own], probe(timed_by).seconds, expressions, config, levels)
        for timed_by, own in _by_content(seen, content)
    }


def votes_apart(
    seen: list[AnnotatedReaction], content: Path | None, config: VoteConfig, levels: tuple[float, ...]
) -> dict[str, dict[str, Votes]]:
    """Votes by content and viewer, who is called REACTION/v1; no viewer, no row."""
    votes = {
        timed_by.name: label_each_viewer([s.viewers for s in own], probe(timed_by).seconds, config, levels)
        for timed_by, own in _by_content(seen, content)
    }
    votes = {name: viewers for name, viewers in votes.items() if viewers}
    if not votes:
        raise EvokedError("no viewer was seen in any reaction, so there are no labels to write apart")
    return votes


def _by_content(seen: list[AnnotatedReaction], content: Path | None) -> list[tuple[Path, list[AnnotatedReaction]]]:
    return [(content, seen)] if content is not None else [(s.reaction, [s]) for s in seen]

"""Majority votes of the viewers of several reactions, by content."""

from collections.abc import Sequence
from pathlib import Path

import click

from evoked.core.errors import EvokedError
from evoked.media.probe import probe
from evoked.reactions.expressions.recogniser import Recogniser
from evoked.reactions.labelling.majority_vote import VoteConfig, Votes, operating_thresholds
from evoked.reactions.labelling.pipeline import AnnotatedReaction, label_content, label_each_viewer

__all__ = ["thresholds_for", "votes_apart", "votes_together"]


def thresholds_for(config: VoteConfig, recogniser: Recogniser) -> tuple[float, ...]:
    """Thresholds from which an expression counts as shown.

    Args:
        config: of the vote.
        recogniser: scores the expressions; may have operating points.

    Returns:
        A score in [0, 1] per expression.

    Raises:
        click.UsageError: if the config has a threshold for an unknown expression.
    """
    try:
        return config.levels(recogniser.names, operating_thresholds(recogniser.describe()))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def votes_together(
    annotated: Sequence[AnnotatedReaction],
    content: Path | None,
    expressions: tuple[str, ...],
    config: VoteConfig,
    thresholds: tuple[float, ...],
) -> dict[str, Votes]:
    """Votes of all viewers of a content.

    Args:
        annotated: the reactions.
        content: that all of them play; None: each reaction is voted on its own time.
        expressions: their names.
        config: of the vote.
        thresholds: a score in [0, 1] per expression.

    Returns:
        Name of the content (or reaction) → its votes.
    """
    return {
        video.name: label_content([a.viewers for a in group], probe(video).seconds, expressions, config, thresholds)
        for video, group in _by_content(annotated, content)
    }


def votes_apart(
    annotated: Sequence[AnnotatedReaction], content: Path | None, config: VoteConfig, thresholds: tuple[float, ...]
) -> dict[str, dict[str, Votes]]:
    """Votes of each viewer.

    Args:
        annotated: the reactions.
        content: that all of them play; None: each reaction is voted on its own time.
        config: of the vote.
        thresholds: a score in [0, 1] per expression.

    Returns:
        Name of the content (or reaction) → viewer, named as in REACTION/v1 → votes.

    Raises:
        EvokedError: if no viewer was seen.
    """
    votes = {
        video.name: label_each_viewer([a.viewers for a in group], probe(video).seconds, config, thresholds)
        for video, group in _by_content(annotated, content)
    }
    votes = {name: viewers for name, viewers in votes.items() if viewers}
    if not votes:
        raise EvokedError("no viewer was seen in any reaction, so there are no labels to write apart")
    return votes


def _by_content(
    annotated: Sequence[AnnotatedReaction], content: Path | None
) -> list[tuple[Path, Sequence[AnnotatedReaction]]]:
    return [(content, annotated)] if content is not None else [(a.reaction, [a]) for a in annotated]

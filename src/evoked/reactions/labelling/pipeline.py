"""The label pipeline: from reaction videos to viewers' scores and to labels of the content.

match → content filter → annotate → viewers onto the content's time → majority vote

The command line, a study and distributed jobs all call these functions, so that the same files and the same
settings give the same numbers for every caller.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from evoked.core.damage import FileDamage, of_file
from evoked.core.progress import Progress, part, silent
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.media.probe import Media, no_video_error, probe
from evoked.reactions.alignment.matcher import ContentMatcher, modality_notes
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.alignment.recording import Recording
from evoked.reactions.content_region.content_faces import ContentFaceFilter, open_content_filter
from evoked.reactions.content_region.detector import ContentRegionConfig
from evoked.reactions.labelling.majority_vote import (
    VoteConfig,
    Votes,
    majority_vote,
    majority_vote_each,
    onto_content,
    viewer_grid,
)
from evoked.reactions.viewers.annotation import Annotation
from evoked.reactions.viewers.annotator import Annotator

__all__ = [
    "AnnotatedReaction",
    "ReactionViewers",
    "annotate_aligned",
    "annotate_known",
    "annotate_reaction",
    "label_content",
    "label_each_viewer",
    "viewers_on_content",
]

MATCHING = 0.1
"""Approximate share of a reaction's processing time that matching by video takes."""


@dataclass(frozen=True, eq=False)
class ReactionViewers:
    """The viewers of one reaction: the input of the vote.

    Attributes:
        reaction: its file name.
        viewers: name → scores at 6 Hz on the reaction's time.
        offsets: where the content is in the reaction.
    """

    reaction: str
    viewers: Mapping[str, Track]
    offsets: OffsetMap


@dataclass(frozen=True, eq=False)
class AnnotatedReaction:
    """An annotated reaction, aligned with its content.

    Attributes:
        reaction: its file.
        annotation: its viewers and their scores.
        offsets: where the content is in it; without a content, the reaction's own time.
        content: name of the content that it shows; "" without one.
        match_damage: damage of the files noticed while they were matched, one line each.
        match_defects: the same with kinds and seconds.
    """

    reaction: Path
    annotation: Annotation
    offsets: OffsetMap
    content: str = ""
    match_damage: tuple[str, ...] = field(default=())
    match_defects: tuple[FileDamage, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for readers of the result: how the offset map was found, damage of the files, faces left out."""
        return (*modality_notes(self.offsets), *self.match_damage, *self.annotation.damage, *self.annotation.notes)

    @property
    def defects(self) -> tuple[FileDamage, ...]:
        """Damage of the reaction and its content with kinds and seconds, each once."""
        return tuple(dict.fromkeys((*self.match_defects, *of_file(self.reaction.name, self.annotation.defects))))

    @property
    def viewers(self) -> ReactionViewers:
        """The viewers: the input of the vote."""
        scores = {name: viewer.scores for name, viewer in self.annotation.viewers.items()}
        return ReactionViewers(self.reaction.name, scores, self.offsets)


def annotate_aligned(
    reaction: Path,
    content: Path,
    offsets: OffsetMap,
    annotator: Callable[[], Annotator],
    region: ContentRegionConfig,
    progress: Progress = silent,
) -> Annotation:
    """Annotate a reaction whose offset map is known; faces of the content itself are left out.

    Args:
        reaction: a recording of people who watch.
        content: what they watch.
        offsets: where the content is in the reaction.
        annotator: gives the Annotator with its loaded models; called after the content region was searched.
        region: settings of the content region's detection.
        progress: called with the seconds done and their total.

    Returns:
        The viewers and their scores.

    Raises:
        AlignmentError: if both are the same file.
        MediaError: if a file cannot be used.
        WeightsError: if a model is not available.
    """

    def reopen(media: Media) -> ContentFaceFilter | None:
        return open_content_filter(Recording.of(media), content, offsets, region)

    content_filter = open_content_filter(reaction, content, offsets, region)
    return annotator()(reaction, content_filter, progress, reopen=reopen)


def annotate_reaction(
    reaction: Path,
    matcher: ContentMatcher | None,
    annotator: Callable[[], Annotator],
    region: ContentRegionConfig,
    progress: Progress = silent,
) -> AnnotatedReaction:
    """Find the content in a reaction, and annotate the viewers.

    Args:
        reaction: a recording of people who watch.
        matcher: of the contents that may have been watched; None: every face counts as a viewer's, on the time of the
            reaction.
        annotator: gives the Annotator with its loaded models; called after the files were checked.
        region: settings of the content region's detection.
        progress: called with the share of the work done and its total.

    Returns:
        The annotation, with the content and its offset map.

    Raises:
        AlignmentError: if the reaction shows none of the contents, or is one of them.
        MediaError: if a file cannot be used.
        WeightsError: if a model is not available.
    """
    media = probe(reaction)
    if media.picture is None:
        raise no_video_error(reaction)  # reported at once, before any model is loaded
    if matcher is None:
        identity = OffsetMap(0.0, (Segment(0.0, max(float(media.duration_s), 1e-3), 0.0, 0.0),))
        return AnnotatedReaction(reaction, annotator()(reaction, None, progress), identity)
    match = matcher.match(reaction, progress=part(progress, 0, MATCHING))
    notes, defects = matcher.damage_notes(reaction, match.content), matcher.defects(reaction, match.content)
    content, remaining = matcher.paths[match.content], part(progress, MATCHING, 1)
    annotation = annotate_aligned(reaction, content, match.offsets, annotator, region, remaining)
    return AnnotatedReaction(reaction, annotation, match.offsets, match.content, notes, defects)


def annotate_known(
    reaction: Path,
    content: Path,
    offsets: OffsetMap,
    annotator: Callable[[], Annotator],
    region: ContentRegionConfig,
    progress: Progress = silent,
) -> AnnotatedReaction:
    """Annotate the viewers of a reaction whose offset map is given: nothing is searched.

    Args:
        reaction, content, offsets, annotator, region, progress: as `annotate_aligned`.

    Returns:
        The annotation, with the content and the map.

    Raises:
        AlignmentError, MediaError, WeightsError: as `annotate_aligned`.
    """
    if probe(reaction).picture is None:
        raise no_video_error(reaction)  # reported at once, before any model is loaded
    annotation = annotate_aligned(reaction, content, offsets, annotator, region, progress)
    return AnnotatedReaction(reaction, annotation, offsets, content.name)


def label_content(
    reactions: Sequence[ReactionViewers],
    seconds: TimeGrid,
    names: tuple[str, ...],
    config: VoteConfig,
    thresholds: Sequence[float],
    participants: Mapping[tuple[str, str], str] | None = None,
) -> Votes:
    """The labels of one content by all viewers of its reactions.

    Args:
        reactions: of this content.
        seconds: the content's 1 Hz grid.
        names: expressions; they are the columns also where no viewer was visible.
        config: merging, quorum and reaction lag.
        thresholds: score in [0, 1] from which a frame counts as on, for each of `names`.
        participants: (reaction, viewer) → name of the person; viewers of one name are one viewer, whose scores are the
            mean of those that are visible. None, or a viewer without a name: a person of their own.

    Returns:
        Votes on `seconds`; no second is valid where no reaction shows a viewer.

    Raises:
        ValueError: if the viewers' scores are not of `names`.
    """
    moved = _one_each(viewers_on_content(reactions, seconds, config), participants or {})
    ballots, sources = [track for _, _, track in moved], [reaction for reaction, _, _ in moved]
    if not ballots:
        ballots, sources = [_nobody(viewer_grid(seconds), names)], [""]
    if ballots[0].names != names:
        raise ValueError(f"the viewers are scored for {ballots[0].names}, the labels are of {names}")
    return majority_vote(ballots, seconds, config, thresholds=thresholds, reactions=sources)


def label_each_viewer(
    reactions: Sequence[ReactionViewers], seconds: TimeGrid, config: VoteConfig, thresholds: Sequence[float]
) -> dict[str, Votes]:
    """The labels of one content by each viewer alone.

    Args:
        reactions: of this content.
        seconds: the content's 1 Hz grid.
        config: quorum and reaction lag.
        thresholds: score in [0, 1] from which a frame counts as on, for each expression.

    Returns:
        Viewer, called REACTION/v1, → their votes; empty where no viewer was visible.
    """
    moved = viewers_on_content(reactions, seconds, config)
    votes = majority_vote_each([track for _, _, track in moved], seconds, config, thresholds=thresholds)
    return {f"{reaction}/{viewer}": result for (reaction, viewer, _), result in zip(moved, votes, strict=True)}


def viewers_on_content(
    reactions: Sequence[ReactionViewers], seconds: TimeGrid, config: VoteConfig
) -> list[tuple[str, str, Track]]:
    """The viewers of all reactions to one content, on its time.

    Args:
        reactions: of this content.
        seconds: the content's 1 Hz grid.
        config: the reaction lag.

    Returns:
        Reaction, viewer, and the viewer's scores on the content's 6 Hz grid.
    """
    grid = viewer_grid(seconds)
    return [
        (source.reaction, name, onto_content(scores, source.offsets, grid, reaction_lag_s=config.reaction_lag_s))
        for source in reactions
        for name, scores in source.viewers.items()
    ]


def _one_each(
    moved: list[tuple[str, str, Track]], participants: Mapping[tuple[str, str], str]
) -> list[tuple[str, str, Track]]:
    """One entry per person: a frame is the mean of the person's visible faces; the reaction is their first."""
    persons: dict[str, list[tuple[str, str, Track]]] = {}
    for entry in moved:
        reaction, viewer, _ = entry
        persons.setdefault(participants.get((reaction, viewer), f"{reaction}/{viewer}"), []).append(entry)
    return [(*faces[0][:2], _mean_track([track for _, _, track in faces])) for faces in persons.values()]


def _mean_track(tracks: Sequence[Track]) -> Track:
    """The mean of those that are valid, frame by frame."""
    if len(tracks) == 1:
        return tracks[0]
    count = np.sum([track.valid for track in tracks], axis=0)
    total = np.sum([np.nan_to_num(track.values) for track in tracks], axis=0)
    return Track.masked(tracks[0].grid, tracks[0].names, total / np.maximum(count, 1)[:, None], count > 0)


def _nobody(grid: TimeGrid, names: tuple[str, ...]) -> Track:
    """A viewer who is never visible, for a content whose reactions show no viewer."""
    nothing = np.zeros((grid.steps, len(names)), dtype=np.float32)
    return Track.masked(grid, names, nothing, np.zeros(grid.steps, dtype=np.bool_))

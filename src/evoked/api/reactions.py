"""Reaction videos: align them with their content, annotate their viewers, vote on labels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evoked.api.arguments import File, as_path, names_of, or_silent, settings_of
from evoked.core.extras import require_module
from evoked.core.progress import Progress, part
from evoked.core.track import Track
from evoked.faces.detect import DetectConfig
from evoked.media.probe import probe
from evoked.reactions.alignment.config import MatchConfig
from evoked.reactions.alignment.known_offset import known_offsets_of_files
from evoked.reactions.alignment.matcher import ContentMatcher
from evoked.reactions.alignment.offset_map import OffsetMap
from evoked.reactions.content_region.detector import ContentRegionConfig
from evoked.reactions.expressions.choose import open_recogniser
from evoked.reactions.expressions.explain import Explanation, explain_viewers
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.expressions.recogniser import PROTOTYPE
from evoked.reactions.labelling.majority_vote import VoteConfig, Votes, operating_thresholds
from evoked.reactions.labelling.pipeline import (
    AnnotatedReaction,
    annotate_known,
    annotate_reaction,
    label_content,
)
from evoked.reactions.viewers.annotation import AnnotateConfig
from evoked.reactions.viewers.annotation_table import annotation_to_table
from evoked.reactions.viewers.annotator import Annotator
from evoked.weights.cache import CacheLocation, default_cache

if TYPE_CHECKING:
    import pandas

RENAMED = {MatchConfig: {"min_score": "align_min_score"}, ContentRegionConfig: {"min_score": "region_min_score"}}
"""As the options of `evoked annotate`: `min_score` is that of the face detector."""

__all__ = ["ViewerScores", "align", "annotate", "explain", "label", "vote"]


@dataclass(frozen=True, eq=False)
class ViewerScores(Mapping[str, Track]):
    """The viewers of one reaction video and their expressions: viewer's name (v1, v2, …) → Track.

    The Tracks are at 6 Hz on the reaction's time, scores in [0, 1], NaN where the face is not visible.

    Attributes:
        reaction: the file.
        content: file name of the content that it shows; "" where it was annotated without one.
        expressions: the columns of every Track.
        offsets: where the content is in the reaction.
        notes: what readers of the scores should know, such as damage of the file; one line each.
        annotated: the whole result, with boxes and blendshapes of every viewer.
        thresholds: expression → score from which it counts as shown; of a trained recogniser, else empty.
        columns: of the data frame: scores, aus, blendshapes, pose, box, detection.
    """

    reaction: Path
    content: str
    expressions: tuple[str, ...]
    offsets: OffsetMap
    notes: tuple[str, ...]
    annotated: AnnotatedReaction
    thresholds: Mapping[str, float]
    columns: tuple[str, ...] = ("scores",)

    def __getitem__(self, viewer: str) -> Track:
        return self.annotated.annotation.viewers[viewer].scores

    def __iter__(self) -> Iterator[str]:
        return iter(self.annotated.annotation.viewers)

    def __len__(self) -> int:
        """The number of viewers."""
        return len(self.annotated.annotation.viewers)

    def __repr__(self) -> str:
        return f"ViewerScores({self.reaction.name}: {', '.join(self) or 'no viewer'}; {', '.join(self.expressions)})"

    def to_pandas(self) -> "pandas.DataFrame":
        """A data frame as `evoked annotate` writes it: viewer, time_s, valid, and a column per expression.

        The measures that `columns=` asked for come after them.

        Raises:
            EvokedError: if pandas is not installed.
        """
        require_module("pandas", "to_pandas()")
        import pandas

        return pandas.DataFrame(annotation_to_table(self.annotated.annotation, self.expressions, self.columns))


def align(
    reaction: File,
    content: File,
    *,
    offset_s: float | None = None,
    rate: float | None = None,
    progress: Progress | None = None,
    **settings: object,
) -> OffsetMap:
    """Find where a reaction video plays a content: by the sound they have in common, else by the picture.

    Args:
        reaction: a recording of people who watch.
        content: the video that they watch.
        offset_s: where it is known: the second of the reaction at which the content's second 0 is played, below 0
            where the recording began later. Nothing is searched then.
        rate: with offset_s: reaction seconds for each content second; 1 where None.
        progress: called with the work done, its total (None if unknown) and a note.
        **settings: those of `[align]` in study.toml, such as `by="video"`.

    Returns:
        The offset map: `segments` with content and reaction times in seconds, `score`, `by`.

    Raises:
        AlignmentError: if they have nothing in common.
        MediaError: if a file cannot be used.
        TypeError, ValueError: for a setting that does not exist, or a value that is not accepted.
    """
    (config,) = settings_of("align", settings, MatchConfig)
    if offset_s is not None:
        return known_offsets_of_files(
            as_path(reaction), as_path(content), float(offset_s), 1.0 if rate is None else float(rate)
        )
    if rate is not None:
        raise ValueError("align() takes a rate with offset_s only")
    matcher = ContentMatcher({as_path(content).name: as_path(content)}, config)
    return matcher.match(as_path(reaction), progress=or_silent(progress)).offsets


def annotate(
    reaction: File,
    content: File | None = None,
    *,
    offsets: OffsetMap | None = None,
    expressions: Sequence[str] | None = None,
    offline: bool = False,
    progress: Progress | None = None,
    **settings: object,
) -> ViewerScores:
    """Find the viewers of a reaction video and score their expressions 6 times a second.

    Args:
        reaction: a recording of people who watch.
        content: the video that they watch; None: faces of a video on the screen also count as viewers.
        offsets: where the content is in the reaction, if that is known: from `align` or `read_offsets`.
        expressions: names of those that are scored; None: all of the recogniser.
        offline: use only networks that are in the cache.
        progress: called with the work done, its total and a note.
        **settings: those of `[align]`, `[window]`, `[detect]` and `[annotate]` in study.toml. `min_score` is that of
            `[detect]`; the others are `align_min_score` and `region_min_score`.

    Returns:
        The viewers and their scores: a Track per viewer, on the reaction's time.

    Raises:
        AlignmentError: if the reaction does not show the content.
        MediaError: if a file cannot be used.
        WeightsError: if a network is not available.
        TypeError, ValueError: for a setting that does not exist, or a value that is not accepted, such as one text
            where a list of names is asked for.
    """
    match, region, detect, config = settings_of(
        "annotate", settings, MatchConfig, ContentRegionConfig, DetectConfig, AnnotateConfig, renamed=RENAMED
    )
    names = None if expressions is None else names_of("expressions", expressions)
    matcher = None if content is None else ContentMatcher({as_path(content).name: as_path(content)}, match)

    recogniser = open_recogniser(config.recogniser, names, allow_unvalidated=config.allow_unvalidated)

    def annotator() -> Annotator:
        return _annotator(names, config, detect, CacheLocation.of(default_cache(offline=offline)))

    shown = or_silent(progress)
    if offsets is None:
        done = annotate_reaction(as_path(reaction), matcher, annotator, region, shown)
    elif content is None:
        raise ValueError("annotate() with offsets needs the content that they are of")
    else:
        done = annotate_known(as_path(reaction), as_path(content), offsets, annotator, region, shown)
    return ViewerScores(
        done.reaction,
        done.content,
        recogniser.names,
        done.offsets,
        done.notes,
        done,
        operating_thresholds(recogniser.describe()),
        config.columns,
    )


def explain(viewers: ViewerScores, at_s: float | None = None) -> list[Explanation]:
    """The facial actions behind the scores of the default recogniser.

    Args:
        viewers: of one reaction, from `annotate`.
        at_s: second of the reaction; None: of each viewer and expression the frame with the highest score.

    Returns:
        `viewer`, `expression`, `time_s`, `score` and `actions`, such as "smile .8, eyes narrowed .6", of each viewer
        who is visible then, and each expression.

    Raises:
        ValueError: if the second is outside of the recording, or a trained recogniser gave the scores: it has no
            explanation.
    """
    if viewers.thresholds:
        raise ValueError("explain() goes with the default recogniser; a trained one has no explanation")
    shapes = {name: seen.blendshapes for name, seen in viewers.annotated.annotation.viewers.items()}
    return explain_viewers(PrototypeRecogniser(viewers.expressions), shapes, at_s)


def vote(viewers: ViewerScores | Iterable[ViewerScores], content: File, **settings: object) -> Votes:
    """Majority vote of the viewers of a content: labels at 1 Hz.

    Args:
        viewers: of the reactions to this content, from `annotate`.
        content: the video that they watched; its length is that of the labels.
        **settings: those of `[votes]` in study.toml.

    Returns:
        `labels` and `share` are Tracks on the content's time; `viewers` counts the viewers of each second.

    Raises:
        MediaError: if the content cannot be read.
        TypeError, ValueError: for a setting that does not exist, a value that is not accepted, no reaction, or
            reactions with other expressions or another content.
    """
    (config,) = settings_of("vote", settings, VoteConfig)
    reactions = [viewers] if isinstance(viewers, ViewerScores) else list(viewers)
    video = as_path(content)
    if not reactions:
        raise ValueError("vote() needs the viewers of at least one reaction")
    for reaction in reactions:
        if reaction.content != video.name:
            shown = reaction.content or "no content: it was annotated without one"
            raise ValueError(f"{reaction.reaction.name} shows {shown}, and the vote is on {video.name}")
    names = reactions[0].expressions
    thresholds = config.levels(names, reactions[0].thresholds)
    return label_content([r.annotated.viewers for r in reactions], probe(video).seconds, names, config, thresholds)


def label(
    reactions: File | Iterable[File],
    content: File,
    *,
    expressions: Sequence[str] | None = None,
    offline: bool = False,
    progress: Progress | None = None,
    **settings: object,
) -> Votes:
    """From recordings to labels: annotate the reactions to a content, and vote.

    Args:
        reactions: recordings of people who watch the content.
        content: the video that they watch.
        expressions: names of those that are labelled; None: all of the recogniser.
        offline: use only networks that are in the cache.
        progress: called with the share of the work done, its total and a note.
        **settings: those of `annotate` and `vote`.

    Returns:
        As `vote`.

    Raises:
        AlignmentError, MediaError, WeightsError: as `annotate`, for the first reaction that cannot be used.
        TypeError, ValueError: as `annotate` and `vote`.
    """
    recordings = [reactions] if isinstance(reactions, str | PathLike) else list(reactions)
    voting = {name: value for name, value in settings.items() if name in VoteConfig.__dataclass_fields__}
    settings_of("label", voting, VoteConfig)  # a wrong value is reported before the work
    others: dict[str, Any] = {name: value for name, value in settings.items() if name not in voting}
    shown = or_silent(progress)
    viewers = [
        annotate(
            recording,
            content,
            expressions=expressions,
            offline=offline,
            progress=part(shown, i / len(recordings), (i + 1) / len(recordings), as_path(recording).name),
            **others,
        )
        for i, recording in enumerate(recordings)
    ]
    return vote(viewers, content, **voting)


@lru_cache(maxsize=1)
def _annotator(
    names: tuple[str, ...] | None, config: AnnotateConfig, detect: DetectConfig, cache: CacheLocation
) -> Annotator:
    """The networks are loaded once for calls in a row with the same settings."""
    recogniser = open_recogniser(config.recogniser, names, allow_unvalidated=config.allow_unvalidated)
    return Annotator(recogniser, replace(config, recogniser=PROTOTYPE), detect, cache.open())

"""Align, annotate and label as tasks that can run in any process (prediction_jobs.py: the steps after them).

A task is frozen and picklable and contains paths, never open files; the function beside it does the work and writes
the output. Networks and content fingerprints are loaded once per process. The runner writes the records, not the task.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from evoked.core.damage import of_file
from evoked.core.errors import DatasetError, EvokedError
from evoked.core.files import canonical
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance, unique_names
from evoked.core.tables import read_provenance, read_table, write_table
from evoked.core.time_grid import TimeGrid
from evoked.dataset.labels import write_labels
from evoked.dataset.participants import Participants, identify
from evoked.dataset.viewer_statistics import viewer_statistics, write_statistics
from evoked.dataset.viewers import ViewerSeries, write_viewers
from evoked.faces.detect import DetectConfig
from evoked.reactions.alignment.config import MatchConfig
from evoked.reactions.alignment.known_offset import known_offsets_of_files
from evoked.reactions.alignment.matcher import ContentMatcher, modality_notes
from evoked.reactions.alignment.offset_map import KNOWN, OffsetMap, read_offsets, write_offsets
from evoked.reactions.content_region.detector import ContentRegionConfig
from evoked.reactions.expressions.choose import open_recogniser
from evoked.reactions.expressions.recogniser import PROTOTYPE, Recogniser
from evoked.reactions.labelling.majority_vote import VoteConfig, Votes, operating_thresholds
from evoked.reactions.labelling.pipeline import ReactionViewers, annotate_aligned, label_content
from evoked.reactions.labelling.viewer_means import viewer_means
from evoked.reactions.viewers.annotation import AnnotateConfig
from evoked.reactions.viewers.annotation_table import annotation_to_table, table_to_tracks
from evoked.reactions.viewers.annotator import Annotator
from evoked.weights.cache import CacheLocation

__all__ = [
    "AlignTask",
    "AnnotateTask",
    "AnnotatedFiles",
    "ContentFile",
    "GivenAlignment",
    "LabelTask",
    "LabelledContent",
    "RecogniserChoice",
    "annotated_viewers",
    "run_align_task",
    "run_annotate_task",
    "run_label_task",
    "votes_of",
]


class ContentFile(NamedTuple):
    """A content video of the study: its name, path and digest."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True)
class GivenAlignment:
    """An alignment that is not searched.

    Attributes:
        content: name of the content.
        offset_s, rate: of pairs.csv; offset_s is None where a file is given.
        file: an alignment file of the user's; None where an offset is given.
        sha256: of the file.
    """

    content: str
    offset_s: float | None = None
    rate: float = 1.0
    file: Path | None = None
    sha256: str = ""

    def as_dict(self) -> dict[str, object]:
        """Plain values, for keys and provenance."""
        if self.file is not None:
            return {"file": self.file.name, "sha256": self.sha256}
        return {"offset_s": self.offset_s, "rate": self.rate}


@dataclass(frozen=True)
class AlignTask:
    """A reaction to be aligned.

    Attributes:
        reaction: the recording.
        sha256: of the recording.
        contents: every content of the study.
        candidates: names of the contents it may show.
        output: the file of its offset map.
        match: settings of the matcher.
        config: the same as plain values, for provenance.
        notes: go into every result.
        given: the alignment, where it is known; None: it is searched.
    """

    reaction: Path
    sha256: str
    contents: tuple[ContentFile, ...]
    candidates: tuple[str, ...]
    output: Path
    match: MatchConfig
    config: dict[str, object]
    notes: tuple[str, ...]
    given: GivenAlignment | None = None


@dataclass(frozen=True)
class RecogniserChoice:
    """A recogniser by name or folder, and its description.

    Attributes:
        choice: "prototype", or a folder.
        names: expressions.
        root: the folder that a relative `choice` is relative to.
        described: its `describe()` as JSON: if the recogniser in a folder is replaced, this differs.
    """

    choice: str
    names: tuple[str, ...]
    root: Path
    described: str

    @classmethod
    def of(cls, recogniser: Recogniser, choice: str, names: tuple[str, ...], root: Path) -> "RecogniserChoice":
        """The choice that opened a recogniser.

        Args:
            recogniser: the open one.
            choice, names, root: as for `open_recogniser`.

        Returns:
            The choice, picklable.
        """
        return cls(choice, names, root, canonical(dict(recogniser.describe())))


@dataclass(frozen=True)
class AnnotateTask:
    """A reaction whose viewers are to be scored.

    Attributes:
        reaction, content: files.
        offsets: the offset map of the reaction.
        output: the file of its table.
        recogniser: which one.
        region, annotate, detect: settings.
        provenance: of the table; notes on damaged media are added to it.
        cache: where the networks are.
    """

    reaction: Path
    content: Path
    offsets: OffsetMap
    output: Path
    recogniser: RecogniserChoice
    region: ContentRegionConfig
    annotate: AnnotateConfig
    detect: DetectConfig
    provenance: Provenance
    cache: CacheLocation


class AnnotatedFiles(NamedTuple):
    """A reaction that votes: its name, the table of its viewers, and its offset map."""

    reaction: str
    annotation: Path
    offsets: Path


class LabelledContent(NamedTuple):
    """A content to be labelled: its name, its time grid at 1 Hz, and its reactions."""

    name: str
    seconds: TimeGrid
    reactions: tuple[AnnotatedFiles, ...]


@dataclass(frozen=True)
class LabelTask:
    """The vote of all viewers, for every content.

    Attributes:
        contents: with the files of their reactions.
        names: expressions.
        votes: settings.
        output: the file of the labels.
        viewers: the file of each viewer's scores.
        statistics: the file of their statistics.
        provenance: of all three.
        participants: who is seen in which recording.
    """

    contents: tuple[LabelledContent, ...]
    names: tuple[str, ...]
    votes: VoteConfig
    output: Path
    viewers: Path
    statistics: Path
    provenance: Provenance
    participants: Participants = field(default_factory=Participants)


def run_align_task(task: AlignTask, progress: Progress = silent) -> str:
    """Find which candidate a reaction shows, and where, and write the offset map.

    Args:
        task: the reaction, the candidates and the settings.
        progress: called with the share of the search that is done.

    Returns:
        Notes for readers of the map, one line; mostly "".

    Raises:
        AlignmentError: if it shows none of the candidates.
        MediaError, OutputError: if a file cannot be used or written.
    """
    if task.given is not None:
        return _write_given(task, task.given)
    matcher = _matcher(task.contents, task.match)
    match = matcher.match(task.reaction, task.candidates, progress)
    damage = matcher.damage_notes(task.reaction, match.content)
    content = next(content for content in task.contents if content.name == match.content)
    inputs = unique_names({task.reaction: task.sha256, content.path: content.sha256})
    config = {**task.config, "content": match.content, "candidates": len(task.candidates)}
    provenance = Provenance("align", config, inputs, notes=(*task.notes, *damage))
    provenance = replace(provenance, damage=matcher.defects(task.reaction, match.content))
    write_offsets(task.output, match.offsets, provenance)
    return "; ".join((*modality_notes(match.offsets), *damage))


def _write_given(task: AlignTask, given: GivenAlignment) -> str:
    """Write the offset map of an alignment that is known, and return the note on it."""
    content = next(content for content in task.contents if content.name == given.content)
    if given.file is not None:
        offsets = replace(read_offsets(given.file), by=KNOWN)
    else:
        offsets = known_offsets_of_files(task.reaction, content.path, given.offset_s or 0.0, given.rate)
    inputs = unique_names({task.reaction: task.sha256, content.path: content.sha256})
    config = {"given": given.as_dict(), "content": given.content}
    write_offsets(task.output, offsets, Provenance("align", config, inputs, notes=task.notes))
    return "; ".join(modality_notes(offsets))


def run_annotate_task(task: AnnotateTask, progress: Progress = silent) -> str:
    """Find the viewers of an aligned reaction, score them, and write their table.

    Args:
        task: the reaction, its offset map and the settings.
        progress: called with the seconds of the reaction that are done.

    Returns:
        Notes for readers of the table, one line; mostly "".

    Raises:
        AlignmentError, MediaError, WeightsError, OutputError: if a file cannot be used or written.
    """

    def annotator() -> Annotator:
        return _annotator(task.recogniser, task.annotate, task.detect, task.cache)

    annotation = annotate_aligned(task.reaction, task.content, task.offsets, annotator, task.region, progress)
    lines = (*annotation.damage, *annotation.notes)
    notes = tuple(f"{task.reaction.name}: {line}" for line in lines)
    defects = of_file(task.reaction.name, annotation.defects)
    provenance = replace(task.provenance, notes=(*task.provenance.notes, *notes), damage=defects)
    write_table(task.output, annotation_to_table(annotation, task.recogniser.names, task.annotate.columns), provenance)
    return "; ".join(lines if annotation.viewers else (*lines, "no viewer was seen in it"))


def run_label_task(task: LabelTask, progress: Progress = silent) -> str:
    """Vote: one label vector per content second, for every content; and write the labels and the viewers' scores.

    Args:
        task: the contents, their annotated reactions and the settings.
        progress: called with the contents done and their total.

    Returns:
        Notes on participants, one line; mostly "".

    Raises:
        AlignmentError, DatasetError, OutputError: if a file cannot be used or written.
    """
    votes: dict[str, Votes] = {}
    series: list[ViewerSeries] = []
    notes: list[str] = []
    for number, content in enumerate(task.contents, start=1):
        reactions = annotated_viewers(content.reactions, task.names)
        seen = {(r.reaction, name): int(t.valid.sum()) for r in reactions for name, t in r.viewers.items()}
        people, said = identify(task.participants, seen)
        notes += said
        persons = {key: who.name for key, who in people.items()}
        levels = _levels(content.reactions, task.names, task.votes)
        votes[content.name] = label_content(reactions, content.seconds, task.names, task.votes, levels, persons)
        for reaction, viewer, scores in viewer_means(reactions, content.seconds, task.votes):
            who = people[reaction, viewer]
            series.append(ViewerSeries(content.name, reaction, viewer, who.name, scores, who.attributes))
        progress(number, len(task.contents))
    provenance = replace(task.provenance, notes=(*task.provenance.notes, *notes))
    write_labels(task.output, votes, provenance)
    write_viewers(task.viewers, series, task.names, provenance)
    write_statistics(task.statistics, viewer_statistics(series, task.names), provenance)
    return "; ".join(notes)


def annotated_viewers(reactions: Sequence[AnnotatedFiles], names: tuple[str, ...]) -> list[ReactionViewers]:
    """Read the viewers of some reactions.

    Args:
        reactions: of one content.
        names: expressions.

    Returns:
        The viewers and offset map of each.

    Raises:
        AlignmentError: if an offset map cannot be read.
        DatasetError: if an annotation cannot be read.
    """
    annotated = []
    for reaction, path, map_path in reactions:
        offsets = read_offsets(map_path)
        table = read_table(path, ("viewer", "time_s", "valid", *names))
        try:
            viewers = table_to_tracks(table, names)
        except ValueError as error:
            raise DatasetError(f"{path}: {error}; delete it and run again") from error
        annotated.append(ReactionViewers(reaction, viewers, offsets))
    return annotated


def votes_of(
    reactions: Sequence[AnnotatedFiles], seconds: TimeGrid, names: tuple[str, ...], config: VoteConfig
) -> Votes:
    """The votes of all viewers of some reactions to one content.

    Args:
        reactions: the content's reactions, sorted by name.
        seconds: the content's time grid at 1 Hz.
        names: expressions.
        config: settings of the vote.

    Returns:
        The labels of each second; a second without enough visible viewers is not valid.

    Raises:
        AlignmentError: if an offset map cannot be read.
        DatasetError: if an annotation cannot be read, or was computed by a different recogniser from the others.
    """
    return label_content(annotated_viewers(reactions, names), seconds, names, config, _levels(reactions, names, config))


def _levels(reactions: Sequence[AnnotatedFiles], names: tuple[str, ...], config: VoteConfig) -> tuple[float, ...]:
    """The threshold of each expression: set in study.toml, or else by the recogniser of the annotations."""
    operating: dict[str, float] | None = None
    for _, path, _ in reactions:
        try:
            thresholds = operating_thresholds((read_provenance(path) or {}).get("config", {}))
        except ValueError as error:
            raise DatasetError(f"{path}: {error}; delete it and run again") from error
        if operating is not None and thresholds != operating:
            raise DatasetError(f"{path} was made by another recogniser than the others; delete it and run again")
        operating = thresholds
    return config.levels(names, operating)


@lru_cache(maxsize=1)
def _matcher(contents: tuple[ContentFile, ...], config: MatchConfig) -> ContentMatcher:
    return ContentMatcher({content.name: content.path for content in contents}, config)


@lru_cache(maxsize=1)
def _annotator(
    choice: RecogniserChoice, config: AnnotateConfig, detect: DetectConfig, cache: CacheLocation
) -> Annotator:
    recogniser = open_recogniser(choice.choice, choice.names, choice.root, allow_unvalidated=config.allow_unvalidated)
    if canonical(dict(recogniser.describe())) != choice.described:
        raise EvokedError(f"the recogniser {choice.choice} was replaced while the study ran: run it again")
    opened = replace(config, recogniser=PROTOTYPE)  # the one it names is open already
    return Annotator(recogniser, opened, detect, cache.open())

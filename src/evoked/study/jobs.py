"""The long steps on reactions as tasks that can run in any process: align and annotate (features: features.jobs).

A task is frozen and picklable and names files, never open ones; the function beside it does the work and writes the
output. Networks and what is known of the contents are loaded once per process. The planner writes
the records, not the task.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from evoked.core.errors import EvokedError
from evoked.core.files import canonical
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance, unique_names
from evoked.core.tables import write_table
from evoked.faces.detect import DetectConfig
from evoked.reactions.alignment.config import MatchConfig
from evoked.reactions.alignment.matcher import ContentMatcher, modality_notes
from evoked.reactions.alignment.offset_map import OffsetMap, write_offsets
from evoked.reactions.content_region.detector import ContentRegionConfig
from evoked.reactions.expressions.choose import open_recogniser
from evoked.reactions.expressions.recogniser import Recogniser
from evoked.reactions.labelling.pipeline import annotate_aligned
from evoked.reactions.viewers.annotation import AnnotateConfig
from evoked.reactions.viewers.annotation_table import annotation_to_table
from evoked.reactions.viewers.annotator import Annotator
from evoked.weights.cache import CacheLocation

__all__ = [
    "AlignTask",
    "AnnotateTask",
    "RecogniserChoice",
    "run_align_task",
    "run_annotate_task",
]


@dataclass(frozen=True)
class AlignTask:
    """A reaction to be aligned.

    Attributes:
        reaction: the recording.
        sha256: of the recording.
        contents: name, file and sha256 of every content of the study.
        candidates: names of those it may play.
        output: the file of its offset map.
        match: what counts as found.
        config: the same as plain values, for provenance.
        notes: what every result must say.
    """

    reaction: Path
    sha256: str
    contents: tuple[tuple[str, Path, str], ...]
    candidates: tuple[str, ...]
    output: Path
    match: MatchConfig
    config: dict[str, object]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class RecogniserChoice:
    """A recogniser by name or folder, and what it is.

    Attributes:
        choice: "prototype", or a folder.
        names: expressions.
        root: what a relative folder is relative to.
        described: `describe()` of it as JSON: a folder whose recogniser was replaced is another choice.
    """

    choice: str
    names: tuple[str, ...]
    root: Path
    described: str

    @classmethod
    def of(cls, recogniser: Recogniser, choice: str, names: tuple[str, ...], root: Path) -> "RecogniserChoice":
        """The choice that opened a recogniser."""
        return cls(choice, names, root, canonical(dict(recogniser.describe())))


@dataclass(frozen=True)
class AnnotateTask:
    """A reaction whose viewers are to be scored.

    Attributes:
        reaction, content: files.
        offsets: where the content is in the reaction.
        output: the file of its table.
        recogniser: which one.
        region, annotate, detect: settings.
        provenance: of the table; notes on damage join it.
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


def run_align_task(task: AlignTask, progress: Progress = silent) -> str:
    """Find which candidate a reaction plays, and where, and write the offset map.

    Args:
        task: what to do.
        progress: reported as a share of the search.

    Returns:
        What a reader of the map must know, one line; mostly "".

    Raises:
        AlignmentError: if it plays none of the candidates.
        MediaError, OutputError: if a file cannot be used or written.
    """
    matcher = _matcher(task.contents, task.match)
    found = matcher.match(task.reaction, task.candidates, progress)
    damage = matcher.damage_notes(task.reaction, found.content)
    path, sha = next((path, sha) for name, path, sha in task.contents if name == found.content)
    inputs = unique_names({task.reaction: task.sha256, path: sha})
    config = {**task.config, "content": found.content, "candidates": len(task.candidates)}
    write_offsets(task.output, found.offsets, Provenance("align", config, inputs, notes=(*task.notes, *damage)))
    return "; ".join((*modality_notes(found.offsets), *damage))


def run_annotate_task(task: AnnotateTask, progress: Progress = silent) -> str:
    """Find the viewers of an aligned reaction, score them, and write their table.

    Args:
        task: what to do.
        progress: reported in seconds of the reaction.

    Returns:
        What a reader of the table must know, one line; mostly "".

    Raises:
        AlignmentError, MediaError, WeightsError, OutputError: if a file cannot be used or written.
    """

    def annotator() -> Annotator:
        return _annotator(task.recogniser, task.annotate, task.detect, task.cache)

    found = annotate_aligned(task.reaction, task.content, task.offsets, annotator, task.region, progress)
    damage = tuple(f"{task.reaction.name}: {line}" for line in found.damage)
    provenance = replace(task.provenance, notes=(*task.provenance.notes, *damage))
    write_table(task.output, annotation_to_table(found, task.recogniser.names), provenance)
    return "; ".join(found.damage if found.viewers else (*found.damage, "no viewer was seen in it"))


@lru_cache(maxsize=1)
def _matcher(contents: tuple[tuple[str, Path, str], ...], config: MatchConfig) -> ContentMatcher:
    return ContentMatcher({name: path for name, path, _ in contents}, config)


@lru_cache(maxsize=1)
def _annotator(
    chosen: RecogniserChoice, config: AnnotateConfig, detect: DetectConfig, cache: CacheLocation
) -> Annotator:
    recogniser = open_recogniser(chosen.choice, chosen.names, chosen.root)
    if canonical(dict(recogniser.describe())) != chosen.described:
        raise EvokedError(f"the recogniser {chosen.choice} was replaced while the study ran: run it again")
    return Annotator(recogniser, config, detect, cache.open())

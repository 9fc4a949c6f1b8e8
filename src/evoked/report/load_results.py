"""Load the data of a page from a study's results folder (file formats: docs/files.md).

What is missing or cannot be read becomes a sentence on the page (and on stderr), never a failure: a report of half a
study is useful as well.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from evoked.core.errors import DatasetError, EvokedError, StudyError
from evoked.core.names import is_utf8, original_name
from evoked.core.step_outcome import StepOutcome, read_outcomes
from evoked.core.study_layout import MEDIA, StudyLayout
from evoked.core.tables import read_table
from evoked.core.track import Track
from evoked.dataset.labels import Labels, read_labels
from evoked.dataset.statistics import statistics
from evoked.dataset.viewer_statistics import viewer_statistics
from evoked.dataset.viewers import ViewerSeries, read_viewers
from evoked.learning.evaluation.scores import Scores, read_scores
from evoked.prediction.writers import read_predictions, without_affect
from evoked.reactions.alignment.offset_map import read_offsets
from evoked.report.page_data import PageContent, PageData, PageReaction
from evoked.report.provenance import ProvenanceReader
from evoked.report.timelines import presences
from evoked.report.viewer_curves import content_viewers, peaks_of

__all__ = ["MissingParts", "StudyAbout", "load_prediction", "load_study", "media_files", "named_files"]

STAGED = "staged: these people did not watch this film"
TRAINED_ON_STAGED = "the model was trained on staged data: the people in its recordings did not watch its videos"
HIDDEN = "."
Read = TypeVar("Read")


class MissingParts:
    """Collects sentences about what is missing, by section of the page."""

    def __init__(self) -> None:
        self._sentences: dict[str, list[str]] = {}

    def add(self, section: str, sentence: str) -> None:
        """Add a sentence.

        Args:
            section: of the page, see `PageData.missing`.
            sentence: what is missing.
        """
        self._sentences.setdefault(section, []).append(sentence)

    def attempt(self, section: str, path: Path, read: Callable[[Path], Read]) -> Read | None:
        """Read a file, or add a sentence about what is wrong with it.

        Args:
            section: of the page, see `PageData.missing`.
            path: of the file.
            read: reads it.

        Returns:
            What `read` gives, or None.
        """
        try:
            return read(path)
        except EvokedError as error:
            self.add(section, str(error).replace(f"{path.parent}/", ""))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            error_class = (
                f"{type(error).__name__}: " if isinstance(error, KeyError | TypeError | AttributeError) else ""
            )
            self.add(section, f"{path.name} cannot be read: {error_class}{error}")
        return None

    def sentences(self) -> dict[str, tuple[str, ...]]:
        """Section → its sentences."""
        return {section: tuple(sentences) for section, sentences in self._sentences.items()}


def load_study(study: Path) -> PageData:
    """Read all that a study's results tell.

    Raises:
        StudyError: if there is no such folder, or nothing in it that a report could show.
    """
    if not study.is_dir():
        raise StudyError(f"no study folder at {study}: give the folder that holds contents/ and reactions/")
    layout, gaps, origins = StudyLayout(study), MissingParts(), ProvenanceReader()
    if not layout.results.is_dir():
        raise StudyError(f"{study} has no results yet: run `evoked run {study}` first")
    labels = _labels(layout, gaps)
    predictions = _predictions(layout, gaps)
    series = _viewers(layout, gaps)
    names = _expressions(labels, series, predictions)
    contents = _contents(layout, labels, predictions, series)
    about = _about(layout, gaps)
    items = _items(layout, gaps)
    scores = _scores(layout, gaps, items)
    reactions = _named(_reactions(layout, gaps, {c.name: c for c in contents}), series)
    provenance = origins.gather(layout, gaps.add)
    return PageData(
        kind="study",
        name=about.name or study.resolve().name,
        notes=_notes(layout, about, origins.notes),
        expressions=names,
        contents=contents,
        reactions=reactions,
        statistics=statistics(labels) if labels else None,
        viewer_rows=viewer_statistics(series, series[0].scores.names) if series else (),
        participants=len({one.participant for one in series}),
        are_named=any(one.participant != f"{one.recording}/{one.viewer}" for one in series),
        scores=scores,
        items=items,
        provenance=provenance,
        missing=gaps.sentences(),
    )


def load_prediction(table: Path, video: Path | None) -> PageData:
    """The facts of one predicted video: a predictions table and, where given, the video itself.

    Args:
        table: a predictions table.
        video: the video that it is of; None: the page shows no video.

    Returns:
        The data of the page.

    Raises:
        DatasetError: if the table is absent, unreadable, or holds no expressions.
        StudyError: if `video` is no file.
    """
    if video is not None and not video.is_file():
        raise StudyError(f"no video at {video}: give the file that {table.name} was predicted from")
    prediction = without_affect(read_predictions(table))
    if not prediction.names:
        raise DatasetError(f"{table} holds valence and arousal only, and the page shows expressions")
    name = video.name if video else table.stem
    content = PageContent(name, video, None, prediction, peaks=peaks_of(None, None, prediction))
    origins, gaps = ProvenanceReader(), MissingParts()
    provenance = origins.of_tables([table], gaps.add)
    return PageData(
        kind="prediction",
        name=name,
        notes=(TRAINED_ON_STAGED,) if _staging(origins.notes) else (),
        expressions=prediction.names,
        contents=(content,),
        provenance=provenance,
        missing=gaps.sentences(),
    )


# --- the study itself -------------------------------------------------------------------------


@dataclass(frozen=True)
class StudyAbout:
    """The keys of study.toml that the page shows."""

    name: str = ""
    note: str = ""
    staged: bool = False


def _about(layout: StudyLayout, gaps: MissingParts) -> StudyAbout:
    path = layout.settings_toml
    return (gaps.attempt("made", path, _read_about) if path.is_file() else None) or StudyAbout()


def _read_about(path: Path) -> StudyAbout:
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    name, note = (values.get(key, "") for key in ("name", "note"))
    return StudyAbout(str(name), str(note), values.get("staged") is True)


def _notes(layout: StudyLayout, about: StudyAbout, noted: Iterable[str]) -> tuple[str, ...]:
    """The notes at the top of the page: the note in study.toml, and that the study is staged unless that says so."""
    own = [about.note] if about.note else []
    staged = [*_staging([*own, *noted]), *([STAGED] if about.staged or layout.truth.is_file() else [])]
    return tuple(dict.fromkeys([*staged[:1], *own]))


def _staging(notes: Iterable[str]) -> tuple[str, ...]:
    """Notes that something is staged; other notes are shown with the provenance."""
    return tuple(dict.fromkeys(n for n in notes if n.lower().startswith("staged")))


def media_files(folder: Path) -> dict[str, Path]:
    """Name → path of the videos of a folder, without hidden ones."""
    if not folder.is_dir():
        return {}
    videos = sorted(p for p in folder.iterdir() if p.suffix.lower() in MEDIA and p.is_file())
    return {p.name: p for p in videos if not p.name.startswith(HIDDEN) and is_utf8(p.name)}


def named_files(key: str, files: Mapping[str, Path]) -> str:
    """The name of the file that a result belongs to.

    Args:
        key: the result's name: a file name, with or without its suffix.
        files: name → path of the files.

    Returns:
        The name of the file `key`, or of the only file with this stem; `key` where there is none.
    """
    key = original_name(key, files)
    if key in files:
        return key
    same = [name for name, path in files.items() if path.stem == key]
    return same[0] if len(same) == 1 else key


# --- labels, predictions, contents -------------------------------------------------------------


def _labels(layout: StudyLayout, gaps: MissingParts) -> dict[str, Labels] | None:
    path = layout.labels
    if not path.is_file():
        gaps.add("labels", "There are no labels: results/labels.parquet does not exist.")
        return None
    return gaps.attempt("labels", path, read_labels)


def _predictions(layout: StudyLayout, gaps: MissingParts) -> dict[str, Track]:
    paths = sorted(layout.predictions_folder.glob("*.parquet"))
    if not paths:
        gaps.add("timeline", "There are no predictions: results/predictions/ is empty or does not exist.")
    tracks = {}
    for path in paths:
        prediction = gaps.attempt("timeline", path, read_predictions)
        if prediction is not None:
            tracks[path.stem] = prediction
    return tracks


def _expressions(
    labels: Mapping[str, Labels] | None, series: Iterable[ViewerSeries], predictions: Mapping[str, Track]
) -> tuple[str, ...]:
    """Every expression, in the order in which labels, then viewers, then predictions name them."""
    labelled = [name for rows in (labels or {}).values() for name in rows.labels.names]
    watched = [name for one in series for name in one.scores.names]
    predicted = [name for track in predictions.values() for name in track.names]
    return tuple(dict.fromkeys([*labelled, *watched, *predicted]))


def _contents(
    layout: StudyLayout,
    labels: Mapping[str, Labels] | None,
    predictions: Mapping[str, Track],
    series: Sequence[ViewerSeries],
) -> tuple[PageContent, ...]:
    files = media_files(layout.contents_folder)
    labels_of = {named_files(key, files): rows for key, rows in (labels or {}).items()}
    prediction_of = {named_files(key, files): track for key, track in predictions.items()}
    viewers_of: dict[str, list[ViewerSeries]] = {}
    for one in series:
        viewers_of.setdefault(named_files(one.video, files), []).append(one)
    contents = []
    for name in sorted({*files, *labels_of, *prediction_of, *viewers_of}):
        labelled, predicted = labels_of.get(name), prediction_of.get(name)
        viewers = content_viewers(viewers_of.get(name, ()), series)
        peaks = peaks_of(viewers, labelled, predicted)
        contents.append(PageContent(name, files.get(name), labelled, predicted, viewers, peaks))
    return tuple(contents)


def _viewers(layout: StudyLayout, gaps: MissingParts) -> tuple[ViewerSeries, ...]:
    """The scores of each viewer; nothing where there are none."""
    path = layout.viewers
    if not path.is_file():
        gaps.add(
            "timeline",
            "There are no curves of viewers: results/viewers.parquet does not exist; `evoked run` writes it.",
        )
        return ()
    return gaps.attempt("timeline", path, read_viewers) or ()


# --- scores and reactions -----------------------------------------------------------------------------------


def _scores(layout: StudyLayout, gaps: MissingParts, items: tuple[StepOutcome, ...]) -> Scores | None:
    path = layout.scores
    if not path.is_file():
        reasons = [i.reason for i in items if i.step in ("hold out", "evaluate") and i.state in ("failed", "left out")]
        gaps.add("scores", f"There are no scores: {reasons[0] if reasons else 'results/scores.json does not exist'}.")
        return None
    return gaps.attempt("scores", path, read_scores)


def _reactions(
    layout: StudyLayout, gaps: MissingParts, contents: Mapping[str, PageContent]
) -> tuple[PageReaction, ...]:
    files = media_files(layout.reactions_folder)
    pairs = _pairs(layout, gaps)
    annotations = {named_files(p.stem, files): p for p in sorted(layout.annotations_folder.glob("*.parquet"))}
    alignments = {named_files(p.stem, files): p for p in sorted(layout.alignments_folder.glob("*.json"))}
    if not annotations:
        gaps.add("reactions", "No faces were annotated: results/annotations/ is empty or does not exist.")
    if not alignments:
        gaps.add("reactions", "No reaction was aligned: results/alignments/ is empty or does not exist.")
    videos = {name: c.file for name, c in contents.items() if c.file}
    reactions = []
    for name in sorted({*annotations, *alignments}):
        visible = gaps.attempt("reactions", annotations[name], presences) if name in annotations else None
        alignment = gaps.attempt("reactions", alignments[name], read_offsets) if name in alignments else None
        pair = pairs.get(name, pairs.get(Path(name).stem))
        ends = [s.reaction_end_s for s in alignment.segments] if alignment else []
        length = max([visible.length_s if visible else 0.0, *ends])
        content = named_files(pair, videos) if pair else None
        seen = visible.viewers if visible else ()
        reactions.append(PageReaction(name, content, length, seen, alignment, files.get(name)))
    return tuple(reactions)


def _named(reactions: Iterable[PageReaction], series: Iterable[ViewerSeries]) -> tuple[PageReaction, ...]:
    """The reactions with the names of their participants, where participants.csv gives them."""
    people = {(one.recording, one.viewer): one.participant for one in series}
    return tuple(
        replace(
            reaction,
            viewers=tuple(
                replace(
                    v,
                    participant=""
                    if (who := people.get((reaction.name, v.viewer), "")).startswith(f"{reaction.name}/")
                    else who,
                )
                for v in reaction.viewers
            ),
        )
        for reaction in reactions
    )


def _pairs(layout: StudyLayout, gaps: MissingParts) -> dict[str, str]:
    path = layout.pairs
    if not path.is_file():
        gaps.add("reactions", "There is no list of who watched what: results/pairs.csv does not exist.")
        return {}
    table = gaps.attempt("reactions", path, lambda p: read_table(p, ("reaction", "content")))
    rows = zip(table["reaction"], table["content"], strict=True) if table else ()
    return {str(reaction): str(content) for reaction, content in rows if content is not None}


# --- items -----------------------------------------------------------------------------------------


def _items(layout: StudyLayout, gaps: MissingParts) -> tuple[StepOutcome, ...]:
    path = layout.step_outcomes
    if not path.is_file():
        gaps.add("items", "There is no processing log: results/state/items.json does not exist.")
        return ()
    return gaps.attempt("items", path, _read_items) or ()


def _read_items(path: Path) -> tuple[StepOutcome, ...]:
    """The items but the page itself: whether it was made now or before is no part of it."""
    return tuple(item for item in read_outcomes(path) if item.step != "report")

"""Join the results of studies into one dataset: labels, features and a manifest, each content once."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evoked.core.errors import DatasetError, MediaError, OutputError
from evoked.core.files import sha256, writing
from evoked.core.names import derived_name
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.core.study_layout import StudyLayout
from evoked.core.tables import read_provenance, read_table
from evoked.dataset.labels import Labels, read_labels, write_labels
from evoked.dataset.manifest import MANIFEST, VideoEntry, read_manifest, write_manifest
from evoked.dataset.split_dataset import LABELS
from evoked.media.probe import probe

__all__ = ["FEATURES", "BuiltDataset", "build_dataset"]

FEATURES = "features"
TRUNCATED_S = 2.0
"""A video that is shorter than its labels by more is not the one, or not all of the one, that was labelled."""


@dataclass(frozen=True)
class BuiltDataset:
    """What was joined.

    Attributes:
        entries: video → its entry in the manifest.
        labels: video → its labels.
        notes: videos that are absent, truncated, renamed.
    """

    entries: Mapping[str, VideoEntry]
    labels: Mapping[str, Labels]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Content:
    study: Path
    name: str
    labels: Labels


def build_dataset(studies: Sequence[Path], folder: Path, progress: Progress = silent) -> BuiltDataset:
    """Join studies into a dataset: FOLDER/labels.parquet, features/ and manifest.parquet.

    A content of a name that two studies use is called STUDY-NAME. Parts that the manifest in FOLDER has are kept.

    Args:
        studies: their folders, after `evoked run`.
        folder: of the dataset.
        progress: called with the contents that are done.

    Returns:
        What was joined.

    Raises:
        DatasetError: if a study has no labels, studies have different expressions, or one content is in two of them.
        OutputError: if it cannot be written.
    """
    contents = list(_contents(studies))
    names = _names(contents)
    before = read_manifest(folder) if (folder / MANIFEST).is_file() else {}
    entries: dict[str, VideoEntry] = {}
    notes: list[str] = []
    owner: dict[str, str] = {}
    reactions = {study: _reactions(study) for study in studies}
    for done, (content, video) in enumerate(zip(contents, names, strict=True)):
        progress(done, len(contents), video)
        kept = before[video].part if video in before else None
        entry = _entry(content, video, kept, reactions[content.study].get(content.name), notes)
        if entry.sha256 is not None and (first := owner.setdefault(entry.sha256, video)) != video:
            raise DatasetError(
                f"{first} and {video} are the same file, so their votes would count twice: put its reactions into one "
                "study, or leave one study out"
            )
        entries[video] = entry
    labels = {video: content.labels for content, video in zip(contents, names, strict=True)}
    for content, video in zip(contents, names, strict=True):
        if entries[video].features:
            _link(StudyLayout(content.study).features(content.name), folder / str(entries[video].features))
    made_from = [StudyLayout(study).labels for study in studies]
    inputs = {f"{path.parent.parent.name}/labels.parquet": sha256(path) for path in made_from}
    caveats = [str(n) for path in made_from for n in (read_provenance(path) or {}).get("notes", ())]
    made = Provenance("dataset build", {"studies": [s.name for s in studies]}, inputs,
                      notes=tuple(dict.fromkeys((*caveats, *notes))))  # fmt: skip
    write_labels(folder / LABELS, labels, made)
    write_manifest(folder / MANIFEST, [entries[video] for video in sorted(entries)], made)
    return BuiltDataset(entries, labels, tuple(notes))


def _contents(studies: Sequence[Path]) -> Iterator[_Content]:
    """The labelled contents of all studies; DatasetError if studies do not fit each other."""
    expressions: tuple[str, ...] = ()
    for study in studies:
        path = StudyLayout(study).labels
        if not path.is_file():
            raise DatasetError(f"{study} has no labels: evoked run {study}")
        for name, labels in read_labels(path).items():
            expressions = expressions or labels.labels.names
            if labels.labels.names != expressions:
                raise DatasetError(
                    f"{study} has the expressions {', '.join(labels.labels.names)}, others {', '.join(expressions)}; "
                    "one dataset has one set"
                )
            yield _Content(study, name, labels)


def _names(contents: Sequence[_Content]) -> list[str]:
    """A name for each content, unique in the dataset."""
    counts = Counter(content.name for content in contents)
    names = [c.name if counts[c.name] == 1 else f"{c.study.resolve().name}-{c.name}" for c in contents]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DatasetError(f"two contents would be called {twice[0]!r}: give the study folders different names")
    return names


def _reactions(study: Path) -> dict[str, int]:
    """Content → number of its recordings."""
    path = StudyLayout(study).pairs
    if not path.is_file():
        return {}
    return dict(Counter(str(name) for name in read_table(path, required=("reaction", "content"))["content"]))


def _entry(content: _Content, video: str, part: str | None, reactions: int | None, notes: list[str]) -> VideoEntry:
    layout = StudyLayout(content.study)
    path, seconds = layout.content(content.name), content.labels.labels.grid.steps
    if video != content.name:
        notes.append(f"{content.name} of {content.study.name} is called {video} here")
    state, digest, duration = "absent", None, None
    if path.is_file():
        try:
            duration = float(probe(path).duration_s)
            digest = sha256(path)
            state = "truncated" if seconds - duration > TRUNCATED_S else "present"
        except MediaError as error:
            notes.append(f"{video}: {error}")
    if state != "present":
        notes.append(f"{video} is {state}: its labels reach {seconds} s; they are kept, and its features are not")
    has_features = state == "present" and layout.features(content.name).is_file()
    return VideoEntry(
        video,
        part,
        state,
        source_id=f"{content.study.resolve().name}/{content.name}",
        sha256=digest,
        duration_s=duration,
        end_s=float(seconds),
        labels=LABELS,
        features=f"{FEATURES}/{derived_name(video, '.safetensors')}" if has_features else None,
        reactions=reactions,
        made_by="run",
    )


def _link(source: Path, target: Path) -> None:
    """A second name for a file, or a copy where the disk does not know that."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.samefile(source):
            return
        with suppress(FileNotFoundError):
            target.unlink()
        os.link(source, target)
    except OSError:
        try:
            with writing(target) as temporary:
                shutil.copyfile(source, temporary)
        except OSError as error:
            raise OutputError(f"cannot write {target}: {error.strerror or error}") from error

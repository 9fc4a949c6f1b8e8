"""The label river of a study: pairs, alignments, annotations, labels."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from evoked.core.errors import AlignmentError, DatasetError, EvokedError, NoPictureError
from evoked.core.progress import Progress
from evoked.core.provenance import Provenance, unique_names
from evoked.core.study_layout import StudyLayout
from evoked.core.tables import read_provenance, read_table
from evoked.core.time_grid import TimeGrid
from evoked.dataset.labels import write_labels
from evoked.dataset.pairs import Pair, read_pairs, write_pairs
from evoked.media.probe import Media, probe
from evoked.reactions.alignment.offset_map import read_offsets
from evoked.reactions.expressions.choose import open_recogniser
from evoked.reactions.expressions.recogniser import Recogniser
from evoked.reactions.labelling.majority_vote import VoteConfig, Votes, operating_thresholds
from evoked.reactions.labelling.pipeline import ReactionViewers, label_content
from evoked.reactions.viewers.annotation_table import table_to_tracks
from evoked.reactions.viewers.annotator import annotation_models
from evoked.study.jobs import (
    AlignTask,
    AnnotateTask,
    RecogniserChoice,
    run_align_task,
    run_annotate_task,
)
from evoked.study.runner import Runner, Work
from evoked.study.settings import Settings
from evoked.weights.cache import Cache, CacheLocation
from evoked.weights.catalogue import NETS as CATALOGUE

__all__ = ["CODE", "LabelSteps", "content_of", "playable", "votes_of"]

CODE = {"align": 3, "annotate": 4, "label": 2}
"""Raised by one whenever the code of a step changes its results: what was made before is made again."""


@dataclass
class LabelSteps:
    """Plans the label steps of one study and hands them to the runner.

    Attributes:
        folder, settings, runner, cache: of the study.
        contents: those that can be played.
    """

    folder: StudyLayout
    settings: Settings
    runner: Runner
    cache: Cache
    contents: Mapping[str, Media]
    _recogniser: Recogniser | None = None
    _digested: tuple[tuple[str, Path, str], ...] = ()

    def run(self, reactions: Sequence[str]) -> None:
        """Pair, align, annotate and label; what fails is noted and left out."""
        wanted = self.wanted(reactions)
        aligned = self._succeeded(self.align_work(name, wanted[name]) for name in reactions if name in wanted)
        pairs = {name: self.paired(name) for name in aligned}
        used = [Pair(r, c) for r, c in sorted(pairs.items())]
        if not _stands(self.folder.pairs, used):  # a second run touches nothing
            write_pairs(self.folder.pairs, used)
        works = (work for name in aligned if (work := self.annotate_work(name, pairs[name])) is not None)
        self.label({name: pairs[name] for name in self._succeeded(works)})

    def _succeeded(self, works: Iterable[Work]) -> list[str]:
        """Names of the items whose outputs are in place after the work."""
        return [name for name, good in self.runner.do_all(works).items() if good]

    def wanted(self, reactions: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Reaction → the contents it may belong to: what pairs.csv says, else all of them."""
        if not self.folder.pairs_csv.exists():
            by_sound = self.settings.align.by == "audio"
            usable = tuple(name for name, media in self.contents.items() if media.sound is not None or not by_sound)
            if not usable:
                reason = "no content has sound, so reactions cannot be found by it: say in pairs.csv who watched what"
                self.runner.fail("pairs", "contents", reason)
                return {}
            return dict.fromkeys(reactions, usable)
        pairs = read_pairs(self.folder.pairs_csv, self.folder.reactions, self.folder.contents)
        for problem in pairs.problems:
            self.runner.fail("pairs", "pairs.csv", problem)
        said = {p.reaction: p.content for p in pairs.pairs}
        for name in reactions:
            if name not in said:
                self.runner.fail("pairs", name, "pairs.csv does not say what was watched; add a line for it")
            elif said[name] not in self.contents:
                self.runner.fail("pairs", name, f"its content {said[name]} cannot be used")
        return {n: (said[n],) for n in reactions if said.get(n) in self.contents}

    def align_work(self, reaction: str, candidates: tuple[str, ...]) -> Work:
        """Find which candidate a reaction plays, and where."""
        ledger, source, out = self.runner.ledger, self.folder.reaction(reaction), self.folder.alignment(reaction)
        digests = {c: ledger.content_digest(self.folder.content(c)) for c in candidates}
        own = ledger.content_digest(source)
        config = self.settings.plain("align")
        key = ledger.key(code=CODE["align"], of={"reaction": own, "contents": digests}, settings=config)
        if not self._digested:
            files = {c: self.folder.content(c) for c in self.contents}
            self._digested = tuple((c, file, ledger.content_digest(file)) for c, file in files.items())
        task = AlignTask(source, own, self._digested, candidates, out, self.settings.align, config, self.settings.notes)
        return Work("align", reaction, key, (out,), partial(run_align_task, task), findings=(AlignmentError,))

    def paired(self, reaction: str) -> str:
        """The content that a finished alignment names."""
        return content_of(self.folder.alignment(reaction))

    def annotate_work(self, reaction: str, content: str) -> Work | None:
        """Find the viewers of a reaction and score them; None, and a failure noted, without a recogniser."""
        ledger, out, settings = self.runner.ledger, self.folder.annotation(reaction), self.settings
        files = self.folder.reaction(reaction), self.folder.content(content)
        inputs = unique_names({file: ledger.content_digest(file) for file in files})
        try:
            recogniser = self._chosen()
        except EvokedError as error:
            self.runner.fail("annotate", reaction, f"study.toml [annotate] recogniser: {error}")
            return None
        config = settings.plain("window", "detect", "annotate")
        del config["annotate"]["recogniser"]  # what it is counts, not in which folder it is
        config |= recogniser.describe()
        nets = {name: CATALOGUE[name].sha256 for name in annotation_models(recogniser)}
        offsets = read_offsets(self.folder.alignment(reaction))
        names = list(settings.about.expressions)  # the columns of the table
        where = asdict(offsets)  # the map alone: a pairs.csv that says what was found by sound annotates nobody again
        key = ledger.key(code=CODE["annotate"], inputs=inputs, config=config, nets=nets, map=where, names=names)
        task = AnnotateTask(
            *files,
            offsets=offsets,
            output=out,
            recogniser=RecogniserChoice.of(recogniser, settings.annotate.recogniser, tuple(names), self.folder.root),
            region=settings.window,
            annotate=settings.annotate,
            detect=settings.detect,
            provenance=Provenance("annotate", config, inputs, nets, settings.notes),
            cache=CacheLocation.of(self.cache),
        )
        return Work("annotate", reaction, key, (out,), partial(run_annotate_task, task))

    def label(self, pairs: Mapping[str, str]) -> bool:
        """Vote: one label vector per content second, for every content."""
        if not pairs:
            self.runner.fail("label", "", "no reaction could be used, so there are no labels; the reasons stand above")
            return False
        ledger, names = self.runner.ledger, self.settings.about.expressions
        parts = {
            r: [c, ledger.content_digest(self.folder.annotation(r)), asdict(read_offsets(self.folder.alignment(r)))]
            for r, c in sorted(pairs.items())
        }
        lengths = {c: media.seconds.steps for c, media in self.contents.items() if c in set(pairs.values())}
        settings = self.settings.plain("votes")
        key = ledger.key(code=CODE["label"], parts=parts, lengths=lengths, settings=settings, names=names)
        maps = {f"{r}.json": ledger.content_digest(self.folder.alignment(r)) for r in parts}
        inputs = {**{r: str(annotation) for r, (_, annotation, _) in parts.items()}, **maps}
        provenance = Provenance("label", settings, inputs, notes=self.settings.notes)

        def do(progress: Progress) -> None:
            votes = {}
            for done, content in enumerate(sorted(lengths)):
                own = [r for r, c in pairs.items() if c == content]
                votes[content] = votes_of(self.folder, own, self.contents[content].seconds, names, self.settings.votes)
                progress(done + 1, len(lengths))
            write_labels(self.folder.labels, votes, provenance)

        return self.runner.do(Work("label", "", key, (self.folder.labels,), do))

    def _chosen(self) -> Recogniser:
        if self._recogniser is None:
            choice = self.settings.annotate.recogniser
            self._recogniser = open_recogniser(choice, self.settings.about.expressions, self.folder.root)
        return self._recogniser


def _stands(path: Path, pairs: list[Pair]) -> bool:
    """Whether these very pairs, and no other, are written there already."""
    try:
        names = [p.reaction for p in pairs], [p.content for p in pairs]
        return path.is_file() and list(read_pairs(path, *names).sound()) == pairs
    except DatasetError:
        return False


def content_of(alignment: Path) -> str:
    """The content that an alignment of a study is about; AlignmentError if the file does not say."""
    try:
        return str(json.loads(alignment.read_text(encoding="utf-8"))["provenance"]["config"]["content"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AlignmentError(f"{alignment} does not say which content it is of; delete it and run again") from error


def votes_of(
    folder: StudyLayout, reactions: Sequence[str], seconds: TimeGrid, names: tuple[str, ...], config: VoteConfig
) -> Votes:
    """The votes of a content's seconds by all viewers of some reactions; none visible, none valid."""
    seen = []
    for reaction in sorted(reactions):
        offsets = read_offsets(folder.alignment(reaction))
        table = read_table(folder.annotation(reaction), ("viewer", "time_s", "valid", *names))
        try:
            viewers = table_to_tracks(table, names)
        except ValueError as error:
            raise DatasetError(f"{folder.annotation(reaction)}: {error}; delete it and run again") from error
        seen.append(ReactionViewers(reaction, viewers, offsets))
    return label_content(seen, seconds, names, config, _levels(folder, reactions, names, config))


def _levels(
    folder: StudyLayout, reactions: Sequence[str], names: tuple[str, ...], config: VoteConfig
) -> tuple[float, ...]:
    """From which score on a tick is on: as set in study.toml, else as the recogniser of the annotations says."""
    own: dict[str, float] | None = None
    for reaction in sorted(reactions):
        path = folder.annotation(reaction)
        try:
            found = operating_thresholds((read_provenance(path) or {}).get("config", {}))
        except ValueError as error:
            raise DatasetError(f"{path}: {error}; delete it and run again") from error
        if own is not None and found != own:
            raise DatasetError(f"{path} was made by another recogniser than the others; delete it and run again")
        own = found
    return config.levels(names, own)


def playable(folder: StudyLayout, runner: Runner) -> tuple[dict[str, Media], list[str]]:
    """Contents that can be played, described, and reactions that can; others fail with their reason."""
    contents = {}
    for name in folder.contents:
        if (media := _probed(folder.content(name), "content", runner)) is not None:
            contents[name] = media
    reactions = [n for n in folder.reactions if _probed(folder.reaction(n), "reaction", runner) is not None]
    return contents, reactions


def _probed(path: Path, what: str, runner: Runner) -> Media | None:
    try:
        media = probe(path)
        if media.picture is None:
            raise NoPictureError(f"{path} has no picture: a {what} must be a video")
    except EvokedError as error:
        runner.fail(f"check {what}", path.name, str(error))
        return None
    return media

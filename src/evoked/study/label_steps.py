"""The steps of a study that end in labels: pair, align, annotate, label."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from evoked.core.errors import AlignmentError, DatasetError, EvokedError, NoPictureError
from evoked.core.files import parse_json
from evoked.core.provenance import Provenance, unique_names
from evoked.core.study_layout import StudyLayout
from evoked.dataset.pairs import Pair, read_pairs, write_pairs
from evoked.dataset.participants import Participants, read_participants
from evoked.media.probe import Media, probe
from evoked.reactions.alignment.offset_map import read_offsets
from evoked.reactions.expressions.choose import open_recogniser
from evoked.reactions.expressions.recogniser import Recogniser, unreliable_expressions
from evoked.reactions.viewers.annotation import RECOGNISER_FIELDS
from evoked.reactions.viewers.annotator import annotation_models
from evoked.study.jobs import (
    AlignTask,
    AnnotatedFiles,
    AnnotateTask,
    ContentFile,
    GivenAlignment,
    LabelledContent,
    LabelTask,
    RecogniserChoice,
    run_align_task,
    run_annotate_task,
    run_label_task,
)
from evoked.study.layout import config_values
from evoked.study.passed_over import passed_over
from evoked.study.runner import Runner, Work
from evoked.study.settings import Settings
from evoked.weights.cache import Cache, CacheLocation
from evoked.weights.catalogue import NETS as CATALOGUE

__all__ = ["CODE", "LabelSteps", "content_of", "playable"]

CODE = {"align": 6, "annotate": 11, "label": 5}
"""Code version of each step, raised by one whenever its code changes its results: older results are then recomputed."""


@dataclass
class LabelSteps:
    """Plans the label steps of one study and passes them to the runner.

    Attributes:
        folder, settings, runner: of the study.
        cache: where the pretrained networks are.
        contents: name → media description of the contents that can be decoded.
    """

    folder: StudyLayout
    settings: Settings
    runner: Runner
    cache: Cache
    contents: Mapping[str, Media]
    _recogniser: Recogniser | None = None
    _content_files: tuple[ContentFile, ...] = ()
    _given: dict[str, GivenAlignment] = field(default_factory=dict)
    _pair_of: Mapping[str, Pair] = field(default_factory=dict)  # reaction → its line of pairs.csv
    _refused: set[str] = field(default_factory=set)
    _participants: Participants = field(default_factory=Participants)

    def run(self, reactions: Sequence[str]) -> None:
        """Pair, align, annotate and label the reactions of these names; those that fail are reported and left out."""
        self.read_people()
        selection, wanted = self.runner.selection, self.wanted(reactions)
        aligned = self._succeeded(self.align_work(name, wanted[name]) for name in reactions if name in wanted)
        pairs = {name: self.paired(name) for name in aligned}
        used = [Pair(r, c) for r, c in sorted(pairs.items())]
        if selection.does("align") and not _holds(self.folder.pairs, used):  # a second run writes nothing
            self._write_pairs(used)
        if not selection.reads("annotate"):
            return
        works = (work for name in aligned if (work := self.annotate_work(name, pairs[name])) is not None)
        annotated = self._succeeded(works)
        if selection.reads("label") and not self.runner.blocked:
            self.label({name: pairs[name] for name in annotated})

    def read_people(self) -> None:
        """Read participants.csv, where there is one; recordings that it or the study does not have are reported.

        Raises:
            DatasetError: if it cannot be used.
        """
        if not self.folder.participants_csv.exists():
            return
        names = self.settings.about.expressions
        self._participants = read_participants(self.folder.participants_csv, self.folder.reactions, names)
        for problem in self._participants.unknown:
            self.runner.fail("participants", "participants.csv", problem)
        for name in self._participants.unnamed(self.folder.reactions):
            reason = "participants.csv does not name it: each of its viewers is a participant of their own"
            self.runner.leave_out("participants", name, reason)

    def _write_pairs(self, used: list[Pair]) -> None:
        """Write the pairs that were used; a table that a user put there is set aside."""
        records, out = self.runner.records, self.folder.pairs
        for path, place in records.own.begin("pairs", "", (out,)):
            self.runner.set_aside(path, place)
        write_pairs(out, used)
        records.write("pairs", "", records.key(pairs=[[p.reaction, p.content] for p in used]), (out,))
        records.own.end("pairs", "")

    def _succeeded(self, works: Iterable[Work]) -> list[str]:
        """Names of the items whose outputs are in place after the work."""
        return [name for name, good in self.runner.do_all(works).items() if good]

    def wanted(self, reactions: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Reaction → names of the contents it may show: the one that pairs.csv or a given alignment names, else all."""
        listed = self._listed(reactions)
        self._given = self._given_alignments(reactions, listed)
        known = {name: pair.content for name, pair in listed.items()}
        known |= {name: given.content for name, given in self._given.items()}
        by_sound = self.settings.align.by == "audio"
        usable = tuple(name for name, media in self.contents.items() if media.sound is not None or not by_sound)
        searched = [name for name in reactions if name not in known and name not in self._refused]
        if searched and self.folder.pairs_csv.exists() and self.settings.about.match == "listed":
            for name in searched:
                reason = (
                    'pairs.csv does not say what was watched; add a line for it, or set match = "all" in study.toml'
                )
                self.runner.fail("pairs", name, reason)
            searched = []
        elif searched and not usable:
            reason = "no content has sound, so reactions cannot be found by it: say in pairs.csv who watched what"
            self.runner.fail("pairs", "contents", reason)
            searched = []
        for name, content in known.items():
            if content not in self.contents:
                self.runner.fail("pairs", name, f"its content {content} cannot be used")
        used = {name: (content,) for name, content in known.items() if content in self.contents}
        return {name: used.get(name, usable) for name in reactions if name in used or name in searched}

    def _listed(self, reactions: Sequence[str]) -> dict[str, Pair]:
        """Reaction → its valid line in pairs.csv; wrong lines are reported, and their reactions are not searched."""
        self._refused = set()
        if not self.folder.pairs_csv.exists():
            return {}
        pairs = read_pairs(self.folder.pairs_csv, self.folder.reactions, self.folder.contents)
        for problem in pairs.problems:
            self.runner.fail("pairs", "pairs.csv", problem)
        listed = {pair.reaction: pair for pair in pairs.pairs if pair.reaction in reactions}
        self._pair_of = listed
        self._refused = {name for name in pairs.named if name in reactions and name not in listed}
        for name in sorted(self._refused):
            self.runner.fail("pairs", name, "its line in pairs.csv is wrong; see above")
        return listed

    def _given_alignments(self, reactions: Sequence[str], listed: Mapping[str, Pair]) -> dict[str, GivenAlignment]:
        """Reaction → the alignment that pairs.csv or a file in alignments/ gives."""
        given = {}
        for name in reactions:
            pair, file = listed.get(name), self.folder.given_alignment(name)
            if pair is not None and pair.offset_s is not None:
                given[name] = GivenAlignment(pair.content, pair.offset_s, pair.rate)
            elif file.is_file() and name not in self._refused:
                try:
                    read_offsets(file)
                    content = pair.content if pair else self._content_of_file(file)
                except EvokedError as error:
                    self.runner.fail("pairs", name, str(error))
                    self._refused.add(name)
                    continue
                given[name] = GivenAlignment(content, file=file, sha256=self.runner.records.content_digest(file))
        return given

    def _content_of_file(self, file: Path) -> str:
        """The content that a given alignment is of: by its digest in the provenance, or the only one there is."""
        if len(self.contents) == 1:
            return next(iter(self.contents))
        provenance = parse_json(file.read_text(encoding="utf-8")).get("provenance") or {}
        digests = set(map(str, dict(provenance.get("inputs") or {}).values()))
        for name in self.contents:
            if self.runner.records.content_digest(self.folder.content(name)) in digests:
                return name
        raise DatasetError(f"{file} does not say which content it is of: add a line for its reaction to pairs.csv")

    def align_work(self, reaction: str, candidates: tuple[str, ...]) -> Work:
        """The work of finding which candidate a reaction shows, and where.

        Args:
            reaction: its name.
            candidates: names of contents.

        Returns:
            The work, for the runner.
        """
        records, source, out = self.runner.records, self.folder.reaction(reaction), self.folder.alignment(reaction)
        digests = {c: records.content_digest(self.folder.content(c)) for c in candidates}
        sha = records.content_digest(source)
        match, pair = self.settings.align, self._pair_of.get(reaction, Pair(reaction, ""))
        match = replace(
            match,
            audio_track=pair.audio_track or match.audio_track,
            content_audio_track=pair.content_audio_track or match.content_audio_track,
        )
        config: dict[str, object] = {"align": config_values(match)}
        given = self._given.get(reaction)
        of = {"reaction": sha, "contents": digests}
        if given is None:
            key = records.key(code=CODE["align"], of=of, settings=config)
        else:
            key = records.key(code=CODE["align"], of=of, given=given.as_dict())
        if not self._content_files:
            files = {c: self.folder.content(c) for c in self.contents}
            self._content_files = tuple(ContentFile(c, file, records.content_digest(file)) for c, file in files.items())
        notes = self.settings.notes
        task = AlignTask(source, sha, self._content_files, candidates, out, match, config, notes, given)
        return Work("align", reaction, key, (out,), partial(run_align_task, task), findings=(AlignmentError,))

    def paired(self, reaction: str) -> str:
        """The content that the alignment of a reaction names; the alignment must exist."""
        return content_of(self.folder.alignment(reaction))

    def annotate_work(self, reaction: str, content: str) -> Work | None:
        """The work of finding the viewers of an aligned reaction and scoring them.

        Args:
            reaction, content: their names.

        Returns:
            The work; None, and a failure reported, where the recogniser cannot be opened.
        """
        records, out, settings = self.runner.records, self.folder.annotation(reaction), self.settings
        files = self.folder.reaction(reaction), self.folder.content(content)
        inputs = unique_names({file: records.content_digest(file) for file in files})
        try:
            recogniser = self._open_recogniser()
        except EvokedError as error:
            self.runner.fail("annotate", reaction, f"study.toml [annotate] recogniser: {error}")
            return None
        config = settings.plain("window", "detect", "annotate")
        for name in RECOGNISER_FIELDS:
            del config["annotate"][name]  # a folder; the recogniser's own description is added instead
        config |= recogniser.describe()
        nets = {name: CATALOGUE[name].sha256 for name in annotation_models(recogniser)}
        offsets = read_offsets(self.folder.alignment(reaction))
        names = list(settings.about.expressions)  # the columns of the table
        offsets_json = asdict(offsets)  # not the file: adding a pairs.csv changes its provenance, but not the map
        key = records.key(code=CODE["annotate"], inputs=inputs, config=config, nets=nets, map=offsets_json, names=names)
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
        """Vote: one label vector per content second, for every content.

        Args:
            pairs: reaction → content, of the annotated reactions.

        Returns:
            Whether labels.parquet is in place.
        """
        if not pairs:
            reason = "no reaction could be used, so there are no labels; see the errors above"
            self.runner.fail("label", "", reason)
            return False
        records, names = self.runner.records, self.settings.about.expressions
        parts = {
            r: [c, records.content_digest(self.folder.annotation(r)), asdict(read_offsets(self.folder.alignment(r)))]
            for r, c in sorted(pairs.items())
        }
        lengths = {c: media.seconds.steps for c, media in self.contents.items() if c in set(pairs.values())}
        unreliable = unreliable_expressions(self._open_recogniser().describe())
        settings = self.settings.plain("votes") | ({"unreliable": unreliable} if unreliable else {})
        who = {"participants": self._participants.as_dict()} if self._participants.lines else {}
        key = records.key(code=CODE["label"], parts=parts, lengths=lengths, settings=settings, names=names, **who)
        maps = {f"{r}.json": records.content_digest(self.folder.alignment(r)) for r in parts}
        inputs = {**{r: str(annotation) for r, (_, annotation, _) in parts.items()}, **maps}
        if who:
            inputs[self.folder.participants_csv.name] = records.content_digest(self.folder.participants_csv)
        provenance = Provenance("label", settings, inputs, notes=self.settings.notes)
        contents = tuple(
            LabelledContent(
                name, self.contents[name].seconds, self._annotated(r for r, c in pairs.items() if c == name)
            )
            for name in sorted(lengths)
        )
        outputs = self.folder.label_files
        places = self.folder.labels, self.folder.viewers, self.folder.viewer_statistics
        task = LabelTask(contents, names, self.settings.votes, *places, provenance, self._participants)
        return self.runner.do(Work("label", "", key, outputs, partial(run_label_task, task)))

    def _annotated(self, reactions: Iterable[str]) -> tuple[AnnotatedFiles, ...]:
        folder = self.folder
        return tuple(AnnotatedFiles(r, folder.annotation(r), folder.alignment(r)) for r in sorted(reactions))

    def _open_recogniser(self) -> Recogniser:
        if self._recogniser is None:
            config = self.settings.annotate
            self._recogniser = open_recogniser(
                config.recogniser,
                self.settings.about.expressions,
                self.folder.root,
                allow_unvalidated=config.allow_unvalidated,
            )
        return self._recogniser


def _holds(path: Path, pairs: list[Pair]) -> bool:
    """Whether a file contains exactly these pairs."""
    try:
        names = [p.reaction for p in pairs], [p.content for p in pairs]
        return path.is_file() and list(read_pairs(path, *names).sound()) == pairs
    except DatasetError:
        return False


def content_of(alignment: Path) -> str:
    """The content that an alignment of a study is about; AlignmentError if the file does not say."""
    try:
        return str(parse_json(alignment.read_text(encoding="utf-8"))["provenance"]["config"]["content"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AlignmentError(f"{alignment} does not say which content it is of; delete it and run again") from error


def playable(folder: StudyLayout, runner: Runner) -> tuple[dict[str, Media], list[str]]:
    """The videos of a study that can be decoded; the others are reported as failed, other things as left out.

    Args:
        folder: paths of the study.
        runner: gets the failures.

    Returns:
        Content → its media description, and names of the reactions.
    """
    for alone in passed_over(folder.root):
        tell = runner.fail if alone.failed else runner.leave_out
        tell(f"check {alone.role}", alone.name, alone.why)
    contents = {}
    for name in folder.contents:
        if (media := _probed(folder.content(name), "content", runner)) is not None:
            contents[name] = media
    reactions = [n for n in folder.reactions if _probed(folder.reaction(n), "reaction", runner) is not None]
    return contents, reactions


def _probed(path: Path, role: str, runner: Runner) -> Media | None:
    try:
        media = probe(path)
        if media.picture is None:
            raise NoPictureError(f"{path} has no picture: a {role} must be a video")
    except EvokedError as error:
        runner.fail(f"check {role}", path.name, str(error))
        return None
    return media

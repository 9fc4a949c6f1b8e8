"""The work of evoked annotate: one reaction after another, each written and reported when it is done."""

import json
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import click

from evoked.cli.annotate_previews import Previews
from evoked.cli.annotate_summary import damage_lines, reaction_row, summary_text
from evoked.cli.annotate_votes import thresholds_for, votes_apart, votes_together
from evoked.cli.failures import Failures, print_note
from evoked.cli.messages import tell
from evoked.cli.progress import bar
from evoked.core.errors import EvokedError
from evoked.core.files import sha256
from evoked.core.progress import Progress, part
from evoked.core.provenance import Provenance, unique_names
from evoked.core.tables import write_table
from evoked.dataset.labels import write_labels, write_labels_apart
from evoked.faces.detect import DetectConfig
from evoked.parallel.pool import Failed, SerialPool
from evoked.reactions.alignment.config import MatchConfig
from evoked.reactions.alignment.matcher import ContentMatcher
from evoked.reactions.alignment.offset_map import OffsetMap
from evoked.reactions.content_region.detector import ContentRegionConfig
from evoked.reactions.expressions.choose import open_recogniser
from evoked.reactions.expressions.recogniser import PROTOTYPE, unreliable_expressions
from evoked.reactions.labelling.majority_vote import VoteConfig
from evoked.reactions.labelling.pipeline import AnnotatedReaction, annotate_known, annotate_reaction
from evoked.reactions.viewers.annotation import RECOGNISER_FIELDS, AnnotateConfig
from evoked.reactions.viewers.annotation_table import annotation_to_table
from evoked.reactions.viewers.annotator import Annotator, annotation_models
from evoked.study.layout import config_values
from evoked.weights.cache import default_cache
from evoked.weights.catalogue import NETS

__all__ = ["AnnotateBatch", "AnnotateRequest", "AnnotateSettings"]

_PREVIEW_SHARE = 0.2
"""Approximate share of the time that writing a preview video takes."""
_NO_CONTENT = "note: without --content, faces in a video that is on the screen also count as viewers"


@dataclass(frozen=True)
class AnnotateSettings:
    """Settings of alignment, annotation and vote.

    Attributes:
        align: section of study.toml.
        window: section of study.toml.
        detect: section of study.toml.
        annotate: section of study.toml.
        votes: section of study.toml.
        expressions: names of those that are scored; None: all of the recogniser.
        root: folder that a relative path of a recogniser starts from; None: the working directory.
        notes: written into the provenance of every result.
    """

    align: MatchConfig
    window: ContentRegionConfig
    detect: DetectConfig
    annotate: AnnotateConfig
    votes: VoteConfig
    expressions: tuple[str, ...] | None = None
    root: Path | None = None
    notes: tuple[str, ...] = ()

    def plain(self, *sections: str) -> dict[str, object]:
        """Sections as plain values, for provenance; without the folder of the recogniser."""
        config: dict[str, object] = {name: config_values(getattr(self, name)) for name in sections}
        config["annotate"] = {n: v for n, v in config_values(self.annotate).items() if n not in RECOGNISER_FIELDS}
        return config


@dataclass(frozen=True)
class AnnotateRequest:
    """Arguments of the command line.

    Attributes:
        content: the video that was watched, or None.
        output: a file or folder; None: a summary is printed.
        labels: write votes.
        apart: write the votes of each viewer, not of all together.
        as_json: print JSON only.
        offline: use only networks that are in the cache.
        offsets: where the content is in the reaction, if that is known; None: it is searched.
    """

    content: Path | None
    output: Path | None
    labels: bool
    apart: bool
    as_json: bool
    offline: bool
    offsets: OffsetMap | None = None


class AnnotateBatch:
    """Annotates reactions one after another.

    Args:
        request: arguments of the command line.
        settings: of alignment, annotation and vote.
        tables: reaction → the file of its table.
        previews: the videos to write of each reaction.
        failures: collects the reactions that fail; the others are processed.

    Raises:
        click.UsageError: if a threshold is of an unknown expression.
        EvokedError: if the recogniser cannot be opened.
    """

    def __init__(
        self,
        request: AnnotateRequest,
        settings: AnnotateSettings,
        tables: dict[Path, Path],
        previews: Previews,
        failures: Failures,
    ) -> None:
        self._request, self._settings, self._tables = request, settings, tables
        self._previews, self._failures = previews, failures
        self._recogniser = open_recogniser(
            settings.annotate.recogniser,
            settings.expressions,
            settings.root,
            allow_unvalidated=settings.annotate.allow_unvalidated,
        )
        self._thresholds = thresholds_for(settings.votes, self._recogniser)
        content = request.content
        self._matcher = ContentMatcher({content.name: content}, settings.align) if content else None
        self._annotated: list[AnnotatedReaction] = []
        self._rows: list[dict[str, object]] = []

    @cached_property
    def _annotator(self) -> Annotator:
        cache = default_cache(offline=self._request.offline)
        config = replace(self._settings.annotate, recogniser=PROTOTYPE)  # the one it names is open already
        return Annotator(self._recogniser, config, self._settings.detect, cache)

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks that annotating runs."""
        return tuple(annotation_models(self._recogniser))

    def files(self, reaction: Path) -> tuple[Path, ...]:
        """The files that are written of a reaction; with labels, the one file of all reactions."""
        output = self._request.output
        table = [output] if self._request.labels and output else [self._tables[reaction]] if self._tables else []
        return (*table, *(target.path for target in self._previews.targets[reaction]))

    def add(self, reaction: Path) -> None:
        """Annotate a reaction; write its table and its preview videos."""
        annotated_share = 1.0 - _PREVIEW_SHARE * self._previews.count(reaction)
        with bar(f"annotate {reaction.name}") as progress:
            work = partial(self._annotate, part(progress, 0, annotated_share))
            (outcome,) = SerialPool().run(work, [reaction])
            drawing = part(progress, annotated_share, 1)
            drawn = [] if isinstance(outcome, Failed) else self._write_previews(outcome.result, drawing)
        if isinstance(outcome, Failed):
            self._failures.add(reaction, outcome.error)
            self._rows.append({"reaction": str(reaction), "state": "failed", "reason": str(outcome.error)})
            return
        annotated = outcome.result
        self._annotated.append(annotated)
        previews = []
        for path in drawn:
            if isinstance(path, EvokedError):
                self._failures.add(reaction, path)
            else:
                previews.append(path)
        self._rows.append(reaction_row(annotated, self._tables.get(reaction), previews))
        for path in previews:
            self._print(str(path))
        if self._request.output:
            for line in damage_lines(annotated):
                print_note(reaction, line)
        if not self._request.labels:
            self._print(self._write_table(annotated))

    def end(self) -> None:
        """Write the labels, print the JSON.

        Raises:
            EvokedError: if a reaction failed.
        """
        request = self._request
        if request.content is None and any(annotated.annotation.viewers for annotated in self._annotated):
            tell(_NO_CONTENT)
        if request.labels and self._annotated and request.output:
            self._write_labels(request.output)
            self._print(str(request.output))
        if request.as_json:
            labels = str(request.output) if request.labels and self._annotated else None
            unreliable = unreliable_expressions(self._recogniser.describe())
            summary = {"reactions": self._rows, "labels": labels, "unreliable": unreliable}
            click.echo(json.dumps(summary, indent=1, ensure_ascii=False))
        self._failures.end()

    def _write_previews(self, annotated: AnnotatedReaction, progress: Progress) -> list[Path | EvokedError]:
        return self._previews.write(annotated.reaction, annotated.annotation, progress)

    def _annotate(self, progress: Progress, reaction: Path) -> AnnotatedReaction:
        region, offsets, content = self._settings.window, self._request.offsets, self._request.content
        if offsets is not None and content is not None:
            return annotate_known(reaction, content, offsets, lambda: self._annotator, region, progress)
        return annotate_reaction(reaction, self._matcher, lambda: self._annotator, region, progress)

    def _write_table(self, annotated: AnnotatedReaction) -> str:
        """Write a reaction's table and return its path; if it has no file, return a summary."""
        path = self._tables.get(annotated.reaction)
        if path is None:
            return summary_text(annotated, unreliable_expressions(self._recogniser.describe()))
        table = annotation_to_table(annotated.annotation, self._recogniser.names, self._settings.annotate.columns)
        write_table(path, table, self._provenance([annotated]))
        return str(path)

    def _write_labels(self, output: Path) -> None:
        provenance, config = self._provenance(self._annotated, "votes"), self._settings.votes
        content = self._request.content
        if self._request.apart:
            apart = votes_apart(self._annotated, content, config, self._thresholds)
            write_labels_apart(output, apart, provenance)
            return
        votes = votes_together(self._annotated, content, self._recogniser.names, config, self._thresholds)
        write_labels(output, votes, provenance)

    def _provenance(self, annotated: list[AnnotatedReaction], *more: str) -> Provenance:
        content = [self._request.content] if self._request.content else []
        inputs = unique_names({path: sha256(path) for path in [*(a.reaction for a in annotated), *content]})
        notes = tuple(f"{a.reaction.name}: {line}" for a in annotated for line in a.notes)
        sections = (*(("align", "window") if content else ()), "detect", "annotate", *more)
        config = self._settings.plain(*sections) | dict(self._recogniser.describe())
        if self._request.offsets is not None:
            config["align"] = self._request.offsets.as_dict()
        nets = {name: NETS[name].sha256 for name in annotation_models(self._recogniser)}
        damage = tuple(entry for a in annotated for entry in a.defects)
        return Provenance("annotate", config, inputs, nets, (*self._settings.notes, *notes), damage)

    def _print(self, text: str) -> None:
        """Print on stdout; with --json only the JSON is printed there."""
        if not self._request.as_json:
            click.echo(text)

"""The work of `evoked annotate`: one reaction after another, each told and written as it is done."""

import json
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import click

from evoked.cli.annotate_previews import Previews
from evoked.cli.annotate_summary import damage_lines, reaction_row, summary_text
from evoked.cli.annotate_votes import thresholds_for, votes_apart, votes_together
from evoked.cli.failures import Failures, print_note
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
from evoked.reactions.content_region.detector import ContentRegionConfig
from evoked.reactions.expressions.choose import open_recogniser
from evoked.reactions.labelling.majority_vote import VoteConfig
from evoked.reactions.labelling.pipeline import AnnotatedReaction, annotate_reaction
from evoked.reactions.viewers.annotation import AnnotateConfig
from evoked.reactions.viewers.annotation_table import annotation_to_table
from evoked.reactions.viewers.annotator import Annotator, annotation_models
from evoked.study.layout import config_values
from evoked.weights.cache import default_cache
from evoked.weights.catalogue import NETS as CATALOGUE

__all__ = ["ALONE", "DRAWING", "AnnotateBatch", "AnnotateRequest", "AnnotateSettings"]

DRAWING = 0.2
"""About what share of the time the drawing of a video takes."""
ALONE = "note: without --content the faces of a film that is on the screen count as viewers, too"


@dataclass(frozen=True)
class AnnotateSettings:
    """How to match, annotate and vote.

    Attributes:
        align, window, detect, annotate, votes: as the sections of study.toml.
        expressions: which are scored; None: all that the recogniser knows.
        root: the folder that a relative recogniser is in; None: the working directory.
        notes: what every result must say.
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
        """Sections as plain values, for provenance; the recogniser by what it is, not by its folder."""
        config: dict[str, object] = {name: config_values(getattr(self, name)) for name in sections}
        config["annotate"] = {n: v for n, v in config_values(self.annotate).items() if n != "recogniser"}
        return config


@dataclass(frozen=True)
class AnnotateRequest:
    """What was asked for.

    Attributes:
        content: the video that was watched, or None.
        output: a file or folder; None: a summary is printed.
        labels, apart: votes are written, of all viewers together or of each.
        as_json: rows are printed as JSON, and nothing else.
        offline: only nets that the cache holds.
    """

    content: Path | None
    output: Path | None
    labels: bool
    apart: bool
    as_json: bool
    offline: bool


class AnnotateBatch:
    """Annotates reactions that share an order; a recogniser or a threshold that makes no sense is reported at once.

    Args:
        order: what was asked for.
        settings: how to match, annotate and vote.
        places: reaction → the file of its table.
        drawn: the videos to be drawn of each.
        failures: collects what failed; a reaction that fails does not take the others with it.
    """

    def __init__(
        self,
        order: AnnotateRequest,
        settings: AnnotateSettings,
        places: dict[Path, Path],
        drawn: Previews,
        failures: Failures,
    ) -> None:
        self._order, self._settings, self._places = order, settings, places
        self._drawn, self._failures = drawn, failures
        self._recogniser = open_recogniser(settings.annotate.recogniser, settings.expressions, settings.root)
        self._levels = thresholds_for(settings.votes, self._recogniser)
        self._matcher = ContentMatcher({order.content.name: order.content}, settings.align) if order.content else None
        self._seen: list[AnnotatedReaction] = []
        self._rows: list[dict[str, object]] = []

    @cached_property
    def _nets(self) -> Annotator:
        cache = default_cache(offline=self._order.offline)
        return Annotator(self._recogniser, self._settings.annotate, self._settings.detect, cache)

    def add(self, reaction: Path) -> None:
        """Annotate a reaction, and write and tell what is to be written and told of it alone."""
        begin = 1.0 - DRAWING * self._drawn.count(reaction)
        with bar(f"annotate {reaction.name}") as progress:
            (outcome,) = SerialPool().run(partial(self._annotated, part(progress, 0, begin)), [reaction])
            drawn = [] if isinstance(outcome, Failed) else self._draw(outcome.result, part(progress, begin, 1))
        if isinstance(outcome, Failed):
            self._failures.add(reaction, outcome.error)
            self._rows.append({"reaction": str(reaction), "state": "failed", "reason": str(outcome.error)})
            return
        seen = outcome.result
        self._seen.append(seen)
        previews = []
        for path in drawn:
            if isinstance(path, EvokedError):
                self._failures.add(reaction, path)
            else:
                previews.append(path)
        self._rows.append(reaction_row(seen, self._places.get(reaction), previews))
        for path in previews:
            self._say(str(path))
        if self._order.output:
            for line in damage_lines(seen):
                print_note(reaction, line)
        if not self._order.labels:
            self._say(self._written(seen))

    def end(self) -> None:
        """Write the labels, print the JSON; EvokedError if a reaction failed."""
        order = self._order
        if order.content is None and any(seen.found.viewers for seen in self._seen):
            click.echo(ALONE, err=True)
        if order.labels and self._seen and order.output:
            self._write_labels(order.output)
            self._say(str(order.output))
        if order.as_json:
            labels = str(order.output) if order.labels and self._seen else None
            click.echo(json.dumps({"reactions": self._rows, "labels": labels}, indent=1, ensure_ascii=False))
        self._failures.end()

    def _draw(self, seen: AnnotatedReaction, progress: Progress) -> list[Path | EvokedError]:
        return self._drawn.write(seen.reaction, seen.found, progress)

    def _annotated(self, progress: Progress, reaction: Path) -> AnnotatedReaction:
        return annotate_reaction(reaction, self._matcher, lambda: self._nets, self._settings.window, progress)

    def _written(self, seen: AnnotatedReaction) -> str:
        """Write a reaction's table and give its path; where it has no place, its summary."""
        place = self._places.get(seen.reaction)
        if place is None:
            return summary_text(seen)
        table = annotation_to_table(seen.found, self._recogniser.names)
        write_table(place, table, self._provenance([seen]))
        return str(place)

    def _write_labels(self, output: Path) -> None:
        made_by, votes = self._provenance(self._seen, "votes"), self._settings.votes
        if self._order.apart:
            write_labels_apart(output, votes_apart(self._seen, self._order.content, votes, self._levels), made_by)
            return
        by = votes, self._levels
        write_labels(output, votes_together(self._seen, self._order.content, self._recogniser.names, by), made_by)

    def _provenance(self, seen: list[AnnotatedReaction], *more: str) -> Provenance:
        content = [self._order.content] if self._order.content else []
        inputs = unique_names({path: sha256(path) for path in [*(s.reaction for s in seen), *content]})
        told = tuple(f"{s.reaction.name}: {line}" for s in seen for line in s.known)
        sections = (*(("align", "window") if content else ()), "detect", "annotate", *more)
        config = self._settings.plain(*sections) | dict(self._recogniser.describe())
        nets = {name: CATALOGUE[name].sha256 for name in annotation_models(self._recogniser)}
        return Provenance("annotate", config, inputs, nets, (*self._settings.notes, *told))

    def _say(self, text: str) -> None:
        """On stdout; with --json that is the JSON alone."""
        if not self._order.as_json:
            click.echo(text)

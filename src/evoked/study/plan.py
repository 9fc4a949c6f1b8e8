"""The dry run: what a run would do, and why. Nothing is done and nothing is written."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evoked.core.progress import Progress, silent
from evoked.core.step_outcome import StepOutcome
from evoked.core.study_layout import StudyLayout
from evoked.study.build_records import StepKey, StepRecords
from evoked.study.label_steps import LabelSteps, playable
from evoked.study.layout import open_study
from evoked.study.own_results import SET_ASIDE
from evoked.study.prediction_steps import PredictionSteps
from evoked.study.run import HALF_WRITTEN, stale_files
from evoked.study.runner import Runner, Work
from evoked.study.selection import ALL_STEPS, StepSelection
from evoked.study.settings import Settings, checked_settings
from evoked.weights.cache import Cache

__all__ = ["PlannedItem", "Planner", "plan_study"]

NOT_DONE = ("failed", "left out")


@dataclass(frozen=True)
class PlannedItem:
    """What a run would do with one item.

    Attributes:
        step: e.g. "annotate".
        name: file name, or "" for a step over the whole study.
        state: it would be done, is kept, has failed and would fail again, or is left out; "to remove" for a result
            file that would be removed because it belongs to none of the items.
        why: one line; "" for an item that is kept; for a file to remove its path below the study, and the reason.
    """

    step: str
    name: str
    state: Literal["to do", "kept", "failed", "left out", "to remove"]
    why: str = ""


class Planner(Runner):
    """Accepts work like a Runner, but only records what would be done with it.

    Args:
        records: of the study, read-only.
        selection: which steps would be done.

    Attributes:
        planned: every item, in order.
    """

    def __init__(self, records: StepRecords, selection: StepSelection = ALL_STEPS) -> None:
        super().__init__(records, _NoProgress(), selection=selection)
        self.planned: list[PlannedItem] = []

    def do(self, work: Work) -> bool:
        """Record what would be done with a piece of work; True where its outputs are in place and are kept."""
        records, item = self.records, (work.step, work.name)
        self.outputs[item] = work.outputs
        if records.is_kept(*item, work.key):
            self.planned.append(PlannedItem(*item, "kept"))
            return True
        if not self.selection.does(work.step) and not self._finding(work):
            self.blocked = True
            self.planned.append(PlannedItem(*item, "failed", self.selection.refusal(self._changes(work))))
        elif self.selection.does(work.step) and work.archive and records.can_recall(*item, work.key):
            self.planned.append(PlannedItem(*item, "to do", "made before under the same key: only put back"))
        elif reason := self._finding(work):
            self.planned.append(PlannedItem(*item, "failed", reason))
        else:
            assert isinstance(work.key, StepKey)
            self.planned.append(PlannedItem(*item, "to do", "; ".join(records.changes(*item, work.key))))
        return False

    def do_all(self, works: Iterable[Work]) -> dict[str, bool]:
        """Record what would be done with independent pieces of work."""
        return {work.name: self.do(work) for work in works}

    def prepare(self, works: Sequence[Work]) -> None:
        """Nothing: nothing is overwritten."""

    def fail(self, step: str, name: str, reason: str) -> None:
        """Record that the work of an item could not begin.

        Args:
            step, name: of the item.
            reason: one line.
        """
        self.planned.append(PlannedItem(step, name, "failed", reason))

    def leave_out(self, step: str, name: str, reason: str) -> None:
        """Record that an item would be left out, which is no failure.

        Args:
            step, name: of the item.
            reason: one line.
        """
        self.planned.append(PlannedItem(step, name, "left out", reason))

    def after(self, step: str, name: str, first: PlannedItem) -> None:
        """Record that an item depends on another which would be done.

        Args:
            step, name: of the item.
            first: the item it depends on.
        """
        if not self.selection.does(step):
            return
        dependency = f"{first.step} {first.name}".strip()
        self.planned.append(PlannedItem(step, name, "to do", f"depends on {dependency}, which would be done"))

    def remove_stale(self, folder: StudyLayout) -> None:
        """Record which result files would be removed if every item that would be done succeeds."""
        good = {(i.step, i.name) for i in self.planned if i.state in ("to do", "kept")}
        for file in stale_files(folder, good, self.outputs):
            own = HALF_WRITTEN.fullmatch(file.path.name) or self.records.own.holds(file.step, file.path)
            kept = "" if own else f"; evoked did not write it, so it is moved to {SET_ASIDE}/"
            why = f"{file.path.relative_to(folder.root)}: {file.why}{kept}"
            self.planned.append(PlannedItem(file.step, file.name, "to remove", why))

    def to_do(self, *steps: str) -> list[PlannedItem]:
        """Items of these steps, or of all where none is named, that would be done."""
        return [i for i in self.planned if i.state == "to do" and (not steps or i.step in steps)]


def plan_study(
    root: Path, cache: Cache | None = None, selection: StepSelection = ALL_STEPS, preset: str = ""
) -> list[PlannedItem]:
    """What `run_study` would do, item by item, and why.

    An item that depends on one which would be done is listed as to do: whether its inputs will differ from before is
    not known yet. Files that would be removed are listed too.

    Args:
        root: the study's folder.
        cache: where the pretrained networks are.
        selection: which steps would be done.
        preset: used instead of the one that study.toml names; "": that one.

    Returns:
        Every item, in the order of the steps.

    Raises:
        StudyError, DatasetError: if the folder, study.toml or pairs.csv cannot be used at all.
    """
    folder = open_study(root)
    settings = checked_settings(folder, preset)
    planner = Planner(StepRecords(folder.results, read_only=True), selection)
    _plan(folder, settings, planner, cache or Cache())
    return planner.planned


def _plan(folder: StudyLayout, settings: Settings, planner: Planner, cache: Cache) -> None:
    contents, reactions = playable(folder, planner)
    selection = planner.selection
    if selection.reads("align"):
        _plan_labels(LabelSteps(folder, settings, planner, cache, contents), planner, reactions)
    predictions = PredictionSteps(folder, settings, planner, cache)
    described = predictions.describe(sorted(contents)) if selection.reads("features") else []
    if planner.blocked:
        pass
    elif first := planner.to_do("label", "features"):
        for step in ("hold out", "evaluate", "train"):
            planner.after(step, "", first[0])
    elif (
        selection.reads("hold out", "train")
        and described
        and not any(i.step == "label" and i.state == "failed" for i in planner.planned)
    ):
        predictions.learn(described)
        if first := planner.to_do("hold out"):
            planner.after("evaluate", "", first[0])
    if selection.whole:
        planner.remove_stale(folder)
    if first := planner.to_do():
        planner.after("report", "", first[0])
    elif any(i.state == "to remove" for i in planner.planned):
        planner.planned.append(PlannedItem("report", "", "to do", "it shows results that would be removed"))
    elif selection.does("report"):
        predictions.report({"failed": [[i.step, i.name, i.why] for i in planner.planned if i.state in NOT_DONE]})


def _plan_labels(labels: LabelSteps, planner: Planner, reactions: Sequence[str]) -> None:
    """Record what would be done to align, annotate and label the reactions of these names."""
    selection = planner.selection
    labels.read_people()
    wanted = labels.wanted(reactions)
    pairs = {}
    aligned = {name: planner.do(labels.align_work(name, wanted[name])) for name in reactions if name in wanted}
    again = {item.name: item for item in planner.to_do("align")}
    for name, good in aligned.items() if selection.reads("annotate") else ():
        if name in again:
            planner.after("annotate", name, again[name])
        elif good and (work := labels.annotate_work(name, labels.paired(name))) is not None and planner.do(work):
            pairs[name] = labels.paired(name)
    if first := planner.to_do("align", "annotate"):
        planner.after("label", "", first[0])
    elif selection.reads("label") and not planner.blocked:
        labels.label(pairs)


class _NoProgress:
    """Shows nothing."""

    def bar(self, _label: str, /) -> AbstractContextManager[Progress]:
        return nullcontext(silent)

    def item(self, _item: StepOutcome, /) -> None: ...

    def redo(self, _label: str, _why: str, /) -> None: ...

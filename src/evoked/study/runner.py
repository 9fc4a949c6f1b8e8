"""Run the work of a study, in this process or on an executor; keep finished results; isolate failures."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evoked.core.errors import FILE_ERRORS, EvokedError, failure_of
from evoked.core.progress import Progress, silent
from evoked.core.step_outcome import StepOutcome
from evoked.parallel.pool import Failed, Pool
from evoked.study.build_records import MissingOutputError, StepKey, StepRecords
from evoked.study.selection import ALL_STEPS, StepSelection

__all__ = ["ProgressView", "Runner", "Work", "run_work"]


@dataclass(frozen=True)
class Work:
    """One step for one file.

    Attributes:
        step: e.g. "annotate".
        name: the file's name; "" for a step over the whole study.
        key: of everything the outputs depend on, from `StepRecords.key`.
        outputs: files that `do` writes, each atomically.
        do: does the work; a partial of a module-level function and a frozen task where it may run in another process.
            Raises EvokedError where a file or a setting is at fault. Returns a note for readers of the result, one
            line, or None.
        archive: whether its results are cached and restored when a run asks for their key again.
        findings: errors that depend only on the key: they are recorded, and reported again without repeating the
            work. Others (a full disk, a network file that cannot be downloaded) are tried again.
    """

    step: str
    name: str
    key: str
    outputs: Sequence[Path]
    do: Callable[[Progress], str | None]
    archive: bool = True
    findings: tuple[type[EvokedError], ...] = ()


class ProgressView(Protocol):
    """Reports progress to the user."""

    def bar(self, label: str, /) -> AbstractContextManager[Progress]:
        """A progress callable for one piece of work."""
        ...

    def item(self, item: StepOutcome, /) -> None:
        """Report that an item ended."""
        ...

    def redo(self, label: str, why: str, /) -> None:
        """Report that work which an earlier run did is done again.

        Args:
            label: step and file.
            why: reasons, joined by "; ".
        """
        ...


def run_work(work: Work) -> str | None:
    """Do a piece of work in the current process, without progress.

    Raises:
        EvokedError: where a file or a setting is at fault.
    """
    return work.do(silent)


class Runner:
    """Does work and records how each item ended.

    Args:
        records: which items are done.
        show: gets each item as it ends, and the progress.
        executor: where independent items of a step run in parallel; None: one after another, in this process.
        selection: which steps are done; results of the others are used where they are up to date.

    Attributes:
        records, selection: the same.
        items: how every item ended, in order.
        outputs: (step, name) → the files of each item that was to be done, whether or not it was.
        blocked: whether a result that a chosen step reads is not up to date.
    """

    def __init__(
        self,
        records: StepRecords,
        show: ProgressView,
        executor: Pool | None = None,
        selection: StepSelection = ALL_STEPS,
    ) -> None:
        self.records, self.selection = records, selection
        self.blocked = False
        self._executor = executor
        self.items: list[StepOutcome] = []
        self.outputs: dict[tuple[str, str], Sequence[Path]] = {}
        self._show = show

    def do(self, work: Work) -> bool:
        """Do a piece of work in this process, with all of its threads, unless its result is kept.

        Returns:
            True where its outputs are in place, False where it failed, now or with the same finding before. An
            EvokedError, OSError or UnicodeError fails this item only; any other exception is a bug and stops the run.
            An interruption leaves no record.
        """
        if (outcome := self._known(work)) is not None:
            return self._ended(outcome)
        self._begin(work)
        try:
            with self._show.bar(f"{work.step} {work.name}".strip()) as progress:
                note = work.do(progress)
        except FILE_ERRORS as error:
            return self._ended(self._failed(work, failure_of(error)))
        return self._ended(self._done(work, note))

    def prepare(self, works: Sequence[Work]) -> None:
        """Before works begin that may overwrite files of each other's records: a content changes its fold.

        Results of the step are cached, and what the user put in their places is set aside, while all records are as
        the run before left them.

        Args:
            works: all works of one step; their outputs do not overlap, but may overlap those of an earlier run.
        """
        records, keys = self.records, {work.name: work.key for work in works}
        for step in {work.step for work in works}:
            for name in records.names(step):
                if name not in keys or not records.is_kept(step, name, keys[name]):
                    records.archive(step, name, wanted=keys.get(name, ""))
        for work in works:
            if self.selection.does(work.step) and not records.is_kept(work.step, work.name, work.key):
                self._begin(work)

    def has(self, work: Work) -> bool:
        """Whether `do` would not have to work: the outputs are kept, or can be put back."""
        records, item = self.records, (work.step, work.name, work.key)
        return records.is_kept(*item) or (work.archive and records.can_recall(*item))

    def do_all(self, works: Iterable[Work]) -> dict[str, bool]:
        """Do independent pieces of work, in parallel where there is an executor.

        Args:
            works: of one step, each with a different name; `do` and key can be pickled. Without an executor each is
                taken from the iterable when the one before has ended, so that its inputs are read only then.

        Returns:
            Name → what `do` returns. Records are written as outcomes arrive, so that an interruption loses only what
            is running; `items` lists them in the order of the works, whatever the order in which they end.
        """
        if self._executor is None:
            return {work.name: self.do(work) for work in works}
        works = list(works)
        ended = {work.name: outcome for work in works if (outcome := self._known(work)) is not None}
        for item in ended.values():
            self._show.item(item)
        waiting = {work.name: work for work in works if work.name not in ended}
        for work in waiting.values():
            self._begin(work)
        if waiting:
            workers = min(getattr(self._executor, "workers", 1), len(waiting))
            parallel = f", {workers} at once" if workers > 1 else ""
            with self._show.bar(f"{works[0].step} {len(waiting)} items{parallel}") as progress:
                for count, result in enumerate(self._executor.run(run_work, waiting.values()), start=1):
                    work = waiting[result.item.name]
                    if isinstance(result, Failed):
                        ended[work.name] = self._failed(work, result.error)
                    else:
                        ended[work.name] = self._done(work, result.result)
                    self._show.item(ended[work.name])
                    progress(count, len(waiting), work.name)
        self.items += [ended[work.name] for work in works]
        return {work.name: ended[work.name].state != "failed" for work in works}

    def _known(self, work: Work) -> StepOutcome | None:
        """The outcome of an item that need not be done; None where it must be done."""
        self.outputs[work.step, work.name] = work.outputs
        if self.records.is_kept(work.step, work.name, work.key):
            return StepOutcome(work.step, work.name, "kept")
        if not self.selection.does(work.step):
            if reason := self._finding(work):  # up to date: it would fail again
                return StepOutcome(work.step, work.name, "failed", reason)
            self.blocked = True
            return StepOutcome(work.step, work.name, "failed", self.selection.refusal(self._changes(work)))
        if work.archive and self.records.can_recall(work.step, work.name, work.key):
            self._begin(work)  # the outputs of today are replaced
        if work.archive and self.records.recall(work.step, work.name, work.key):
            self.records.own.end(work.step, work.name)
            return StepOutcome(work.step, work.name, "kept")
        if reason := self._finding(work):
            return StepOutcome(work.step, work.name, "failed", reason)
        if self.records.is_recorded(work.step, work.name):
            self._show.redo(f"{work.step} {work.name}".strip(), self._changes(work))
        return None

    def _finding(self, work: Work) -> str:
        """The finding that an earlier run recorded under the same key; "" where there is none."""
        return self.records.refusal(work.step, work.name, work.key) if work.findings else ""

    def _changes(self, work: Work) -> str:
        """Why an item is not kept, in words."""
        key = work.key if isinstance(work.key, StepKey) else self.records.key(key=work.key)
        return "; ".join(self.records.changes(work.step, work.name, key))

    def _begin(self, work: Work) -> None:
        for path, place in self.records.own.begin(work.step, work.name, work.outputs):
            self.set_aside(path, place)

    def set_aside(self, path: Path, place: Path) -> None:
        """Record that a file among the results, which evoked did not write, was moved.

        Args:
            path: where it was.
            place: where it is now.
        """
        reason = f"evoked did not write this file, or it was changed since: it is kept as {place}"
        self.leave_out("set aside", path.name, reason)

    def _failed(self, work: Work, error: EvokedError) -> StepOutcome:
        if isinstance(error, work.findings):
            self.records.refuse(work.step, work.name, work.key, str(error))
        self.records.own.end(work.step, work.name, work.outputs)
        return StepOutcome(work.step, work.name, "failed", str(error))

    def _done(self, work: Work, note: str | None) -> StepOutcome:
        try:
            self.records.write(work.step, work.name, work.key, work.outputs)
        except MissingOutputError as error:
            return StepOutcome(work.step, work.name, "failed", str(error))
        self.records.own.end(work.step, work.name)
        return StepOutcome(work.step, work.name, "done", note or "")

    def fail(self, step: str, name: str, reason: str) -> None:
        """Record that an item failed before its work could begin.

        Args:
            step, name: of the item.
            reason: one line.
        """
        self._ended(StepOutcome(step, name, "failed", reason))

    def leave_out(self, step: str, name: str, reason: str) -> None:
        """Record that an item is left out, which is no failure: the study lacks what the step needs.

        Args:
            step, name: of the item.
            reason: one line.
        """
        self._ended(StepOutcome(step, name, "left out", reason))

    @property
    def failed(self) -> list[StepOutcome]:
        """Every item that failed, in order."""
        return [item for item in self.items if item.state == "failed"]

    def _ended(self, item: StepOutcome) -> bool:
        self.items.append(item)
        self._show.item(item)
        return item.state != "failed"

"""Run the work of a study, here or on an executor; keep what is kept; let one failure be one failure."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evoked.core.errors import EvokedError
from evoked.core.progress import Progress, silent
from evoked.parallel.pool import Failed, Pool
from evoked.study.build_records import StepOutcome, StepRecords

__all__ = ["ProgressView", "Runner", "Work", "run_work"]


@dataclass(frozen=True)
class Work:
    """One step for one file.

    Attributes:
        step: e.g. "annotate".
        name: the file's name; "" for a step over the whole study.
        key: of everything the outputs depend on, from Ledger.key.
        outputs: files that `do` writes, whole or not at all.
        do: does it; a partial of a module-level function and a frozen task where it may run in another process.
            Raises EvokedError where a file or a setting is at fault. Gives, where there is one, a line that a
            reader of the result must know.
        archive: whether what it made comes back when a run asks for its key again.
        findings: errors that say something about what the key is of, and would say it again: they are told
            again without looking. Others (a full disk, a net that cannot be had) are tried again.
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

    def bar(self, what: str) -> AbstractContextManager[Progress]:
        """A progress callable for one piece of work."""
        ...

    def item(self, item: StepOutcome) -> None:
        """One piece of work ended."""
        ...


def run_work(work: Work) -> str | None:
    """Do a piece of work in whatever process this is.

    Raises:
        EvokedError: where a file or a setting is at fault.
    """
    return work.do(silent)


class Runner:
    """Does work, remembers how each piece ended.

    Args:
        ledger: knows what is kept.
        show: told of each item as it ends.
        executor: where independent items of a step run together; None: one after another, here.
    """

    def __init__(self, ledger: StepRecords, show: ProgressView, executor: Pool | None = None) -> None:
        self.ledger = ledger
        self._executor = executor
        self.items: list[StepOutcome] = []
        self._show = show

    def do(self, work: Work) -> bool:
        """Do a piece of work unless it is kept.

        Returns:
            True where its outputs are in place, False where it failed, now or with the same finding before. An
            EvokedError fails this piece alone; anything else is a bug and stops the run. An interruption leaves
            no record.
        """
        if (known := self._known(work)) is not None:
            return self._ended(known)
        try:
            with self._show.bar(f"{work.step} {work.name}".strip()) as progress:
                noted = work.do(progress)
        except EvokedError as error:
            return self._ended(self._failed(work, error))
        return self._ended(self._done(work, noted))

    def do_all(self, works: Iterable[Work]) -> dict[str, bool]:
        """Do independent pieces of work, together where there is an executor.

        Args:
            works: of one step, each with a name of its own; their `do` and keys can be pickled. Without an
                executor each is taken when the one before has ended, so that its inputs are read just then.

        Returns:
            Name → what `do` returns. Records are written as outcomes arrive, so that an interruption loses only
            what is running; items are listed in the order of the works, however they end.
        """
        if self._executor is None:
            return {work.name: self.do(work) for work in works}
        works = list(works)
        ended = {work.name: known for work in works if (known := self._known(work)) is not None}
        for item in ended.values():
            self._show.item(item)
        waiting = {work.name: work for work in works if work.name not in ended}
        if waiting:
            with self._show.bar(f"{works[0].step} {len(waiting)} items") as progress:
                for count, outcome in enumerate(self._executor.run(run_work, waiting.values()), start=1):
                    work = waiting[outcome.item.name]
                    if isinstance(outcome, Failed):
                        ended[work.name] = self._failed(work, outcome.error)
                    else:
                        ended[work.name] = self._done(work, outcome.result)
                    self._show.item(ended[work.name])
                    progress(count, len(waiting), work.name)
        self.items += [ended[work.name] for work in works]
        return {work.name: ended[work.name].state != "failed" for work in works}

    def _known(self, work: Work) -> StepOutcome | None:
        """How an item ended that need not be done; None where it must be."""
        if self.ledger.is_kept(work.step, work.name, work.key):
            return StepOutcome(work.step, work.name, "kept")
        if work.archive and self.ledger.recall(work.step, work.name, work.key):
            return StepOutcome(work.step, work.name, "kept")
        if work.findings and (told := self.ledger.refusal(work.step, work.name, work.key)):
            return StepOutcome(work.step, work.name, "failed", told)
        return None

    def _failed(self, work: Work, error: EvokedError) -> StepOutcome:
        if isinstance(error, work.findings):
            self.ledger.refuse(work.step, work.name, work.key, str(error))
        return StepOutcome(work.step, work.name, "failed", str(error))

    def _done(self, work: Work, noted: str | None) -> StepOutcome:
        self.ledger.write(work.step, work.name, work.key, work.outputs)
        return StepOutcome(work.step, work.name, "done", noted or "")

    def fail(self, step: str, name: str, reason: str) -> None:
        """Note that something could not even be begun."""
        self._ended(StepOutcome(step, name, "failed", reason))

    def leave_out(self, step: str, name: str, reason: str) -> None:
        """Note that something is not done, and that this is no failure: the study does not have what it needs."""
        self._ended(StepOutcome(step, name, "left out", reason))

    @property
    def failed(self) -> list[StepOutcome]:
        """Every item that failed, in order."""
        return [item for item in self.items if item.state == "failed"]

    def _ended(self, item: StepOutcome) -> bool:
        self.items.append(item)
        self._show.item(item)
        return item.state != "failed"

"""Ratings made in Label Studio: its export as JSON or JSON-MIN, as the lines of a table of ratings."""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from evoked.core.csv_sheet import parse_cell
from evoked.core.errors import DatasetError
from evoked.core.files import parse_json

__all__ = ["LabelStudioSheet"]

NAMES, TIMES = ("clip", "video", "viewer"), ("second", "start_s", "end_s")
PLACES = (*NAMES, *TIMES)
NEED = "need video with start_s and end_s, or with second, or clip"
CONTROL = "expressions"
"""The name of the Choices in JSON-MIN, which does not tell answers from the task's other data."""
NONE, UNSURE = "none", "cannot tell"
UPLOAD = re.compile(r"/data/upload/(?:\d+/)?[0-9a-f]{8}-(.+)")


@dataclass(frozen=True)
class _Answer:
    """What one annotation says.

    Attributes:
        task: its number, for messages.
        cells: place and groups as the cells of a table.
        rater: a pseudonym.
        ticked: expressions; None where the rater could not tell.
        order: later answers of one rater replace earlier ones.
    """

    task: int
    cells: Mapping[str, str]
    rater: str
    ticked: frozenset[str] | None
    order: tuple[float, int]


class LabelStudioSheet:
    """An export of Label Studio, read as `CsvSheet` reads a table.

    Args:
        path: a JSON file.
        known: expressions that a choice may name.
        columns: further keys of a task's data that are read: groups, `sampling_probability`.
        asked: expressions that raters could tick; where it is empty, those that somebody ticked.

    Attributes:
        header: columns in lower case.
        separator: of cells that hold numbers.
        notes: for the user: what was left out, replaced or understood.

    Raises:
        DatasetError: if it cannot be read, is no such export, or an annotation is invalid: the first is named, by the
            number of its task; no message names a rater otherwise than by pseudonym.
    """

    separator, row_word = ",", "task"

    def __init__(
        self, path: Path, *, known: Sequence[str], columns: Sequence[str] = (), asked: Sequence[str] = ()
    ) -> None:
        self.path, self._columns = path, columns
        self._known = {_plain(name): name for name in (asked or known)}
        self._skipped = self._open = self._empty = 0
        self._replaced: list[_Answer] = []
        self._answers: dict[tuple[str, ...], _Answer] = {}
        self._read(_tasks(path))
        ticked = {name for answer in self._answers.values() for name in answer.ticked or ()}
        self._rated = tuple(asked) or tuple(name for name in known if name in ticked)
        if not self._answers:
            raise DatasetError(f"{path} holds no rating: {'; '.join(self._left_out()) or 'no task'}")
        if not self._rated:
            raise DatasetError(f"{path}: nobody ticked an expression, so what was asked is unknown")
        given = {key for answer in self._answers.values() for key in answer.cells}
        fixed = ("rater", "cannot_tell", *(name.lower() for name in self._rated))
        self.header: Sequence[str] = [*(key for key in (*PLACES, *columns) if key in given), *fixed]
        self.notes = (*self._left_out(), *self._understood(bool(asked)))

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The number of each task and its cells, one row for each rater of it."""
        for answer in self._answers.values():
            unsure = answer.ticked is None
            marks = ["" if answer.ticked is None else str(int(name in answer.ticked)) for name in self._rated]
            places = [answer.cells.get(key, "") for key in self.header[: -2 - len(marks)]]
            yield answer.task, [*places, answer.rater, str(int(unsure)), *marks]

    def _read(self, tasks: Sequence[Any]) -> None:
        minimal = [task for task in tasks if isinstance(task, dict) and _is_minimal(task)]
        if minimal and not any(CONTROL in task for task in minimal):
            raise DatasetError(
                f"{self.path} is JSON-MIN without the key {CONTROL}: give the Choices name={CONTROL!r}, or export JSON"
            )
        for place, task in enumerate(tasks, start=1):
            number = task.get("id", place) if isinstance(task, dict) else place
            number = number if isinstance(number, int) else place
            try:
                self._task(number, task)
            except ValueError as error:
                raise DatasetError(f"{self.path} task {number}: {error}") from error

    def _task(self, number: int, task: Any) -> None:
        if not isinstance(task, dict):
            raise ValueError("it is no object; need an export of Label Studio, as JSON or JSON-MIN")
        if _is_minimal(task):
            self._add(number, self._cells(task), task.get("annotator"), _minimal_choices(task), task)
            return
        annotations = task.get("annotations", task.get("completions"))
        data = task.get("data")
        if not isinstance(data, dict) or not isinstance(annotations, list):
            raise ValueError("it has no data and annotations; need an export of Label Studio, as JSON or JSON-MIN")
        if not annotations:
            self._open += 1
        for annotation in annotations:
            if not isinstance(annotation, dict):
                raise ValueError("its annotations are no objects; export JSON with all annotations")
            if annotation.get("was_cancelled") or annotation.get("skipped"):
                self._skipped += 1
                continue
            choices = _choices(annotation.get("result"))
            self._add(number, self._cells(data), annotation.get("completed_by"), choices, annotation)

    def _add(self, number: int, cells: Mapping[str, str], by: object, choices: Sequence[str], about: Any) -> None:
        order = (_moment(about.get("updated_at") or about.get("created_at")), len(self._answers) + len(self._replaced))
        answer = _Answer(number, cells, _pseudonym(by), self._ticked(choices), order)
        self._empty += not choices
        key = (answer.rater, *(cells.get(place, "") for place in PLACES))
        before = self._answers.get(key, answer)
        self._answers[key] = max(before, answer, key=lambda a: a.order)
        if before is not answer:
            self._replaced.append(min(before, answer, key=lambda a: a.order))

    def _cells(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Place and groups; ValueError if the clip is not named."""
        cells = {}
        for key in (*PLACES, *self._columns):
            found = [name for name in data if name.lower() == key and data[name] is not None]
            if len(found) > 1:
                raise ValueError(f"its data has {found[0]} and {found[1]}; keep one")
            if found and (cell := _cell(key, data[found[0]])):
                cells[key] = cell
        spans = {"start_s", "end_s"} <= set(cells)
        if "clip" not in cells and not ("video" in cells and (spans or "second" in cells)):
            missing = next(key for key in ("video", "start_s", "end_s") if key not in cells)
            raise ValueError(f"its data has no {missing}; {NEED}; it has: {', '.join(data) or 'nothing'}")
        return cells

    def _ticked(self, choices: Sequence[str]) -> frozenset[str] | None:
        plain = {_plain(choice): choice for choice in choices}
        other = [word for word in (NONE, UNSURE) if word in plain and word not in self._known]
        if other and len(plain) > 1:
            raise ValueError(f"{plain[other[0]]!r} is ticked beside {len(plain) - 1} others; it must stand alone")
        if other:
            return None if other[0] == UNSURE else frozenset()
        for word, choice in plain.items():
            if word not in self._known:
                near = [self._known[n] for n in get_close_matches(word, list(self._known), n=2)]
                hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(self._known.values())}"
                raise ValueError(f"the choice {choice!r} is no known expression; {hint}")
        return frozenset(self._known[word] for word in plain)

    def _left_out(self) -> list[str]:
        skipped = (
            [f"{_count(self._skipped, 'annotation')} skipped in Label Studio: no ratings"] if self._skipped else []
        )
        return skipped + ([f"{_count(self._open, 'task')} without annotations"] if self._open else [])

    def _understood(self, asked: bool) -> list[str]:
        notes = []
        if self._replaced:
            first = self._replaced[0]
            notes.append(
                f"{_count(len(self._replaced), 'rating')} replaced by the same rater's last one of the clip "
                f"(the first: {first.rater}, task {first.task})"
            )
        if self._empty:
            notes.append(f"{_count(self._empty, 'annotation')} with nothing ticked: none of the expressions")
        if not asked:
            notes.append(f"the export names only what was ticked; taken as asked: {', '.join(self._rated)}")
        return notes


def _tasks(path: Path) -> list[Any]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror or error}") from error
    if not raw.strip():
        raise DatasetError(f"{path} is empty; export the project again")
    try:
        value = parse_json(raw)
    except ValueError as error:
        reason = "it is no text" if isinstance(error, UnicodeError) else str(error)
        raise DatasetError(
            f"{path} is no JSON: {reason}; need an export of Label Studio (a table of ratings must end in .csv)"
        ) from error
    return value if isinstance(value, list) else [value]


def _is_minimal(task: Mapping[str, Any]) -> bool:
    return "annotator" in task and not isinstance(task.get("annotations", task.get("completions")), list)


def _minimal_choices(task: Mapping[str, Any]) -> list[str]:
    """A single choice is a text there, several an object, several Choices a list of either."""
    value = task.get(CONTROL, [])
    return [choice for item in (value if isinstance(value, list) else [value]) for choice in _of_value(item)]


def _choices(result: object) -> list[str]:
    """The choices of all Choices of an annotation; ValueError for answers of another kind."""
    if not isinstance(result, list):
        raise ValueError("an annotation has no result; export JSON with all annotations")
    choices: list[str] = []
    for item in result:
        value = item.get("value") if isinstance(item, dict) else None
        kind = item.get("type", "choices") if isinstance(item, dict) else "unknown"
        if kind == "textarea":  # a remark
            continue
        if kind != "choices" or not isinstance(value, dict):
            raise ValueError(f"an answer is of type {kind!r}; only Choices of a whole clip are read")
        if part := {"start", "end", "ranges", "frame"} & set(value):
            raise ValueError(f"a choice is of a part of the clip ({min(part)}); only Choices of a whole clip are read")
        choices += _of_value(value)
    return choices


def _of_value(value: object) -> list[str]:
    choices = value.get("choices") if isinstance(value, dict) else value
    choices = [choices] if isinstance(choices, str) else choices
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        raise ValueError("its choices are no list of texts")
    return choices


def _cell(key: str, value: object) -> str:
    """A value of a task's data as the cell of a table; equal times are equal texts."""
    if isinstance(value, dict | list):
        raise ValueError(f"{key} of its data must be a text or a number")
    text = str(value).strip()
    if key in TIMES:
        number = parse_cell(text)
        whole = isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
        return repr(float(number)) if whole else text  # type: ignore[arg-type]
    return _file_name(text) if key in ("clip", "video") else text


def _file_name(text: str) -> str:
    """The file that an address of Label Studio or of a store names; a path is left as it is."""
    if "://" not in text and not text.startswith("/data/"):
        return text
    parts = urlsplit(text)
    path = unquote(parts.path)
    if path.endswith("/local-files/"):
        path = parse_qs(parts.query).get("d", [""])[0]
    uploaded = UPLOAD.search(path)
    name = uploaded[1] if uploaded else path.replace("\\", "/").rpartition("/")[2]
    if not name:
        raise ValueError("an address in its data names no file")
    return name


def _pseudonym(by: object) -> str:
    """ls-17 for the user 17; where only a name or an e-mail address is given, a digest of it: neither is kept."""
    if isinstance(by, dict):
        by = by.get("id") or by.get("email") or by.get("username")
    text = str(by).strip().lower() if isinstance(by, str | int) and not isinstance(by, bool) else ""
    if not text:
        raise ValueError("an annotation does not say who made it (completed_by, annotator)")
    return f"ls-{text}" if text.isascii() and text.isdigit() else f"ls-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _moment(value: object) -> float:
    """Seconds since 1970 of a time, which old exports give so; −∞ where there is none."""
    if not value:
        return -math.inf
    try:
        if isinstance(value, int | float):
            time = datetime.fromtimestamp(value, UTC)
        else:
            time = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"updated_at must be a time, got {str(value)[:40]!r}") from error
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.strip().lower())


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"

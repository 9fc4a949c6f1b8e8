"""pairs.csv: which content each reaction video shows, and where, if that is known."""

import csv
import io
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from evoked.core.csv_sheet import CsvSheet, parse_cell
from evoked.core.errors import DatasetError
from evoked.core.files import write_text

__all__ = ["COLUMNS", "OPTIONAL", "TRACKS", "Pair", "Pairs", "read_pairs", "write_pairs"]

COLUMNS = ("reaction", "content")
OPTIONAL = ("offset_s", "rate")
TRACKS = ("audio_track", "content_audio_track")
LONGEST_S = 1_000_000
"""No recording is longer: such an offset is in milliseconds."""


@dataclass(frozen=True)
class Pair:
    """A reaction video and the content that it shows; both are file names.

    Attributes:
        reaction, content: file names.
        offset_s: second of the reaction at which the content's second 0 is played; None: it is searched.
        rate: with offset_s: reaction seconds for each content second.
        audio_track, content_audio_track: which of a file's audio tracks is compared, from 1; 0: as the settings say.
    """

    reaction: str
    content: str
    offset_s: float | None = None
    rate: float = 1.0
    audio_track: int = 0
    content_audio_track: int = 0


@dataclass(frozen=True)
class Pairs:
    """The lines of a pairs.csv.

    Attributes:
        pairs: of the valid lines, in the file's order; each reaction is listed once.
        problems: a message for each invalid line, with its number: what is wrong and what to do.
        named: reactions that are named on any line, valid or not.
    """

    pairs: tuple[Pair, ...]
    problems: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()

    def sound(self) -> tuple[Pair, ...]:
        """The pairs, if every line is valid.

        Raises:
            DatasetError: with the first problem, and how many more there are.
        """
        if self.problems:
            more = f" (and {len(self.problems) - 1} more lines are wrong)" if len(self.problems) > 1 else ""
            raise DatasetError(self.problems[0] + more)
        return self.pairs


def read_pairs(path: Path, reactions: Sequence[str], contents: Sequence[str]) -> Pairs:
    """Read a table of reactions and contents.

    Comma, semicolon or tab; UTF-8 with or without BOM, or UTF-16 with one; a line `sep=;` before the
    header; names in either Unicode form (macOS writes ü as two letters); empty lines.

    Args:
        path: a CSV file with columns `reaction` and `content`, and optionally those of OPTIONAL and TRACKS.
        reactions: file names that a line may name.
        contents: likewise.

    Returns:
        Names as in `reactions` and `contents`. A line with an empty cell, an unknown name, or a reaction of an earlier
        line is a problem; the others are still used.

    Raises:
        DatasetError: if the file is absent, is no such table, lacks a column, has a further one, or has no line at all.
    """
    pairs: dict[str, tuple[int, Pair]] = {}
    problems: list[str] = []
    known = tuple({_plain(name): name for name in names} for names in (reactions, contents))
    lines, named = 0, set[str]()
    for number, cells in _lines(path):
        lines += 1
        line = f"{path.name} line {number}"
        named |= {name for plain, name in known[0].items() if plain == _plain(cells["reaction"])}
        wrong = [text for i, name in enumerate(COLUMNS) if (text := _name_problem(name, cells[name], known[i]))]
        offset_s, rate, unclear = _offset(cells)
        tracks = {column: cells.get(column, "").strip() for column in TRACKS}
        unclear += [
            f"{column} {cell!r} is no number of a track: 1, 2, …, or empty"
            for column, cell in tracks.items()
            if not _is_track(cell)
        ]
        if wrong or unclear:
            problems.append(f"{line}: {'; '.join((*wrong, *unclear))}")
            continue
        pair = Pair(
            known[0][_plain(cells["reaction"])],
            known[1][_plain(cells["content"])],
            offset_s,
            rate,
            *(int(cell or 0) for cell in tracks.values()),
        )
        if pair.reaction in pairs:
            first, before = pairs[pair.reaction]
            problems.append(
                f"{line}: reaction {pair.reaction!r} is already on line {first}, with content {before.content!r}; "
                "keep one of the two lines"
            )
            continue
        pairs[pair.reaction] = (number, pair)
    if not lines:
        raise DatasetError(
            f"{path} has a header and no pairs below it; add lines of reaction,content or delete the file"
        )
    return Pairs(tuple(pair for _, pair in pairs.values()), tuple(problems), frozenset(named))


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Write a table that `read_pairs` reads.

    Args:
        path: the file to write.
        pairs: in the order of the lines.

    Raises:
        OutputError: if it cannot be written.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    offsets = OPTIONAL if any(pair.offset_s is not None for pair in pairs) else ()
    tracks = [column for column in TRACKS if any(getattr(pair, column) for pair in pairs)]
    writer.writerow((*COLUMNS, *offsets, *tracks))
    for pair in pairs:
        placed = ("", "") if pair.offset_s is None else (repr(pair.offset_s), repr(pair.rate))
        cells = (*(placed if offsets else ()), *(getattr(pair, column) for column in tracks))
        writer.writerow((pair.reaction, pair.content, *cells))
    write_text(path, out.getvalue())


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and the cells, by column, of every line below the header that is not empty."""
    sheet = CsvSheet(path, ",".join(COLUMNS))
    if missing := [name for name in COLUMNS if name not in sheet.header]:
        raise DatasetError(
            f"{path} has no column {', '.join(missing)}; its first line must be reaction,content"
            f" and is {sheet.first.strip()!r:.80}"
        )
    names = [name for name in sheet.header if name]
    if unknown := [name for name in names if name not in (*COLUMNS, *OPTIONAL, *TRACKS)]:
        raise DatasetError(
            f"{path} has a column {', '.join(unknown)} that is not known, and nothing is done with it; "
            f"take it out: the columns are {', '.join((*COLUMNS, *OPTIONAL, *TRACKS))}"
        )
    if len(set(names)) < len(names):
        raise DatasetError(f"{path} has a column twice; its first line must be {','.join(COLUMNS)}")
    for number, cells in sheet.rows():
        if unnamed := [cell for name, cell in zip(sheet.header, cells, strict=True) if cell and not name]:
            raise DatasetError(f"{path} line {number}: {unnamed[0]!r} has no column name above it; remove it")
        yield number, dict(zip(sheet.header, cells, strict=True))


def _offset(cells: dict[str, str]) -> tuple[float | None, float, list[str]]:
    """The offset and rate of a line, and what is wrong with them."""
    wrong, values = [], {}
    for name in OPTIONAL:
        value = parse_cell(cells.get(name, ""), ";")
        if value is not None and (isinstance(value, bool | str) or not math.isfinite(value)):
            wrong.append(f"{name} {cells[name]!r} is no number")
        elif value is not None:
            values[name] = float(value)
    offset_s, rate = values.get("offset_s"), values.get("rate", 1.0)
    if offset_s is not None and abs(offset_s) > LONGEST_S:
        wrong.append(f"offset_s {offset_s:g} is too large for seconds; give seconds of the recording")
    if not rate > 0:
        wrong.append(f"rate must be above 0, got {rate:g}")
    if "rate" in values and offset_s is None and not wrong:
        wrong.append("a rate without offset_s; give both, or leave both empty to have them found")
    return offset_s, rate, wrong


def _is_track(cell: str) -> bool:
    return not cell or (cell.isascii() and cell.isdigit())


def _name_problem(column: str, cell: str, known: dict[str, str]) -> str | None:
    if not cell:
        return f"no {column}; give its file name"
    if _plain(cell) in known:
        return None
    near = get_close_matches(_plain(cell), list(known), n=1)
    hint = f"did you mean {known[near[0]]!r}?" if near else f"there are {len(known)} {column}s and none is like it"
    return f"no {column} {cell!r}; {hint}"


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip())

"""participants.csv: who is seen in each recording, and their group, condition, age, gender and further columns."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from evoked.core.csv_sheet import CsvSheet
from evoked.core.errors import DatasetError

__all__ = ["OF_PERSON", "Participant", "Participants", "identify", "read_participants"]

REQUIRED = ("recording", "participant")
OF_PERSON = ("group", "age", "gender")
"""Columns that must say the same on every line of a participant; others, as condition, may differ by recording."""
RESERVED = ("video", "second", "valid", "content", "time_s")
ABSENT = frozenset({"", "na", "n/a", "nan", "#n/a", "<na>"})


@dataclass(frozen=True)
class Participant:
    """Who a viewer of a recording is.

    Attributes:
        name: of the person; the same in each of their recordings.
        attributes: column → cell, "" where unknown: group, condition, age, gender and further columns.
    """

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Participants:
    """The lines of a participants.csv.

    Attributes:
        columns: those after recording, viewer and participant, in the file's order.
        lines: (recording, viewer) → who it is; viewer is "" on a line that names none.
        unknown: a message for each line whose recording does not exist.
    """

    columns: tuple[str, ...] = ()
    lines: Mapping[tuple[str, str], Participant] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def unnamed(self, recordings: Sequence[str]) -> tuple[str, ...]:
        """The recordings that no line names, in order."""
        named = {recording for recording, _ in self.lines}
        return tuple(name for name in recordings if name not in named)

    def as_dict(self) -> dict[str, object]:
        """Plain values, for keys."""
        lines = [[*key, who.name, dict(who.attributes)] for key, who in sorted(self.lines.items(), key=lambda i: i[0])]
        return {"columns": list(self.columns), "lines": lines}


def read_participants(path: Path, recordings: Sequence[str], expressions: Sequence[str] = ()) -> Participants:
    """Read a table of recordings and participants.

    Any form that `CsvSheet` reads; a column `reaction`, as in pairs.csv, counts as `recording`.

    Args:
        path: the table: recording, participant; perhaps viewer, group, condition, age, gender, further columns.
        recordings: names of those that there are.
        expressions: names that no further column may have.

    Returns:
        Its lines; those of recordings that do not exist are messages.

    Raises:
        DatasetError: if the table cannot be used: a column is missing, a line names no participant, a viewer is on two
            lines, or a participant has two groups, ages or genders. The first such line is named.
    """
    sheet = CsvSheet(path, ",".join(REQUIRED))
    columns = _columns(path, sheet, expressions)
    known = {_plain(name): name for name in recordings}
    lines: dict[tuple[str, str], Participant] = {}
    first: dict[tuple[str, str], int] = {}
    unknown = []
    for number, row in sheet.rows():
        cells = dict(zip(columns, row, strict=True))
        where = f"{path} line {number}"
        recording, viewer, person = cells["recording"], _value(cells.get("viewer", "")), _value(cells["participant"])
        if not recording or not person:
            raise DatasetError(
                f"{where}: no {'participant' if recording else 'recording'}; fill it in, or delete the line"
            )
        if cells.get(""):
            raise DatasetError(f"{where}: {cells['']!r} has no column name above it; remove it")
        attributes = {name: _value(cell) for name, cell in cells.items() if name not in (*REQUIRED, "viewer", "")}
        key = known.get(_plain(recording), recording), viewer
        if key in lines:
            face = f" viewer {viewer!r}" if viewer else ""
            raise DatasetError(f"{where}: recording {recording!r}{face} is already on line {first[key]}; keep one line")
        lines[key], first[key] = Participant(person, attributes), number
        if _plain(recording) not in known:
            unknown.append(f"{path.name} line {number}: {_not_there(recording, known)}")
    if not lines:
        raise DatasetError(
            f"{path} has a header and no lines below it; add lines of recording,participant or delete it"
        )
    _check_persons(path, lines, first)
    further = tuple(name for name in columns if name and name not in (*REQUIRED, "viewer"))
    there = set(known.values())
    return Participants(further, {key: who for key, who in lines.items() if key[0] in there}, tuple(unknown))


def identify(
    participants: Participants, seen: Mapping[tuple[str, str], int]
) -> tuple[dict[tuple[str, str], Participant], tuple[str, ...]]:
    """Who each viewer is.

    A line without `viewer` is of the viewer of its recording who was seen most. Viewers whom no line names are
    participants of their own, called RECORDING/VIEWER.

    Args:
        participants: the lines of the table; empty where there is none.
        seen: (recording, viewer) → number of frames in which the face was visible.

    Returns:
        (recording, viewer) → participant, for each of `seen`; and notes on recordings with more viewers than lines,
        and on lines whose viewer was not seen.
    """
    nobody = dict.fromkeys(participants.columns, "")
    people: dict[tuple[str, str], Participant] = {}
    notes = []
    for recording in dict.fromkeys(recording for recording, _ in seen):
        viewers = {viewer: count for (name, viewer), count in seen.items() if name == recording}
        named = {viewer: who for (name, viewer), who in participants.lines.items() if name == recording}
        alone = named.pop("", None)
        people |= {(recording, viewer): who for viewer, who in named.items() if viewer in viewers}
        for viewer in sorted(named.keys() - viewers.keys()):
            notes.append(f"participants.csv: no viewer {viewer!r} was seen in {recording}; seen: {', '.join(viewers)}")
        left = {viewer: count for viewer, count in viewers.items() if viewer not in named}
        if alone and left:
            most = min(left, key=lambda viewer: (-left[viewer], viewer))
            people[recording, most] = alone
            if others := [viewer for viewer in left if viewer != most]:
                notes.append(
                    f"{recording} shows {len(left)} viewers and participants.csv names one: {most}, seen most, is "
                    f"taken for {alone.name}; name {', '.join(others)} in a column viewer"
                )
        for viewer in left:
            people.setdefault((recording, viewer), Participant(f"{recording}/{viewer}", nobody))
    return people, tuple(notes)


def _columns(path: Path, sheet: CsvSheet, expressions: Sequence[str]) -> list[str]:
    """The names of the columns, lower case where they are known; DatasetError if they cannot be used."""
    known = (*REQUIRED, *OF_PERSON, "viewer", "condition")
    columns = [low if low in known else name for name, low in zip(sheet.names, sheet.header, strict=True)]
    if "recording" not in columns and "reaction" in sheet.header:
        columns[list(sheet.header).index("reaction")] = "recording"
    if missing := [name for name in REQUIRED if name not in columns]:
        raise DatasetError(
            f"{path} has no column {', '.join(missing)}; its first line must name the columns recording and "
            f"participant, and is {sheet.first.strip()!r:.80}"
        )
    if twice := [name for i, name in enumerate(columns) if name and name in columns[:i]]:
        raise DatasetError(f"{path} has the column {twice[0]!r} twice; keep one")
    for name in columns:
        if name in RESERVED or name in expressions or name.startswith("share_"):
            raise DatasetError(f"{path}: a column cannot be called {name!r}, results have one of that name; rename it")
    return columns


def _check_persons(
    path: Path, lines: Mapping[tuple[str, str], Participant], first: Mapping[tuple[str, str], int]
) -> None:
    """DatasetError if a participant has two groups, ages or genders."""
    before: dict[tuple[str, str], tuple[str, int]] = {}
    for key, who in lines.items():
        for column in OF_PERSON:
            value = who.attributes.get(column, "")
            known, line = before.setdefault((who.name, column), (value, first[key]))
            if value != known:
                raise DatasetError(
                    f"{path} line {first[key]}: participant {who.name!r} has {column} {value!r}, and {known!r} on line "
                    f"{line}; what differs by recording is a condition"
                )


def _value(cell: str) -> str:
    return "" if cell.lower() in ABSENT else cell


def _not_there(recording: str, known: Mapping[str, str]) -> str:
    near = get_close_matches(_plain(recording), list(known), n=1)
    hint = f"did you mean {known[near[0]]!r}?" if near else f"there are {len(known)} recordings and none is like it"
    return f"no recording {recording!r}; {hint}"


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip())

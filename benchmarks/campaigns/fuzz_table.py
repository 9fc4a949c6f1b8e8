"""The table at the end of a fuzzing campaign."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from campaigns.records import wilson

__all__ = ["ASKED", "FAULTS", "table"]

Row = dict[str, Any]
FAULTS = ("crash", "hang", "memory", "traceback", "unclear", "unreadable result")
ASKED = 0.99
"""Share of the files with another result for which a reason must be told."""


def table(rows: Sequence[Row], cases: int) -> tuple[str, bool]:
    """Summarise the records of a campaign.

    Args:
        rows: records.
        cases: number that was asked for.

    Returns:
        Markdown, and whether all cases were run without fault and the share that is told is as asked.
    """
    lines = [f"{len(rows)} of {cases} files; revisions: {_counted(row['revision'] for row in rows)}", ""]
    columns = ("files", *FAULTS, "refused", "same", "differ", "told", "share")
    for head, key in (("source", _source), ("verb", _verb), ("mutation", _mutation)):
        lines += [f"| {head} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
        for name in sorted({key(row) for row in rows}):
            lines.append(_line(name, [row for row in rows if key(row) == name]))
        lines += [_line("all", rows), ""]
    differing = [row for row in rows if row.get("differs")]
    told = sum(row["told"] for row in differing)
    low, high = wilson(told, len(differing))
    share = told / len(differing) if differing else 1.0
    lines.append(f"told: {told} of {len(differing)} that differ, {share:.2%} (95 % interval {low:.2%} to {high:.2%})")
    silent = [row for row in differing if not row["told"]]
    unseen = sum(not row.get("ffmpeg") for row in silent)
    lines.append(f"not told: {len(silent)}; ffmpeg finds nothing wrong in {unseen} of them either")
    seen = len(differing) - unseen
    low, high = wilson(told, seen)
    lines.append(f"without those: {told} of {seen}, {told / max(seen, 1):.2%} (95 % interval {low:.2%} to {high:.2%})")
    lines += [f"case {row['case']}: {row['fault'] or 'not told'}: {_named(row)}" for row in rows if _is_bad(row)]
    faults = sum(bool(row["fault"]) for row in rows)
    return "\n".join(lines), len(rows) >= cases and not faults and share >= ASKED


def _line(name: str, rows: Sequence[Row]) -> str:
    faults = Counter(row["fault"] for row in rows)
    refused = sum(row["code"] == 1 and not row["fault"] for row in rows)
    differing = [row for row in rows if row.get("differs")]
    told = sum(row["told"] for row in differing)
    same = sum(not row["fault"] for row in rows) - len(differing)
    share = f"{told / len(differing):.1%}" if differing else ""
    counts = (len(rows), *(faults[fault] for fault in FAULTS), refused, same, len(differing), told, share)
    return f"| {name} | {' | '.join(map(str, counts))} |"


def _is_bad(row: Row) -> bool:
    return bool(row["fault"]) or (row["differs"] and not row["told"])


def _named(row: Row) -> str:
    mutation = row["mutation"]
    ffmpeg = f"; ffmpeg: {row['ffmpeg'][0]}" if row.get("ffmpeg") else ""
    apart = f", apart {row['apart']}" if "apart" in row else ""
    return (
        f"{row['verb']} of {row['source']}, {mutation['kind']} at {mutation['at']} ({mutation['count']}){apart}{ffmpeg}"
    )


def _counted(names: Any) -> str:
    return ", ".join(f"{name} ({count})" for name, count in sorted(Counter(names).items()))


_source: Callable[[Row], str] = lambda row: str(row["source"])  # noqa: E731
_verb: Callable[[Row], str] = lambda row: str(row["verb"])  # noqa: E731
_mutation: Callable[[Row], str] = lambda row: str(row["mutation"]["kind"])  # noqa: E731

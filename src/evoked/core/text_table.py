"""Tables as plain text for a terminal: columns aligned by their widest cell."""

from collections.abc import Collection, Sequence

__all__ = ["MISSING", "text_table"]

MISSING = "–"
"""Shown in place of an undefined number."""
GAP = "  "


def text_table(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """Align the cells of a table in columns.

    Args:
        rows: the header, if any, then the rows; all of one length.
        left: indices of the columns that are aligned left; the others are aligned right.

    Returns:
        One line per row, without trailing spaces and without a final line break; empty without rows.

    Raises:
        ValueError: if the rows differ in length.
    """
    if len({len(row) for row in rows}) > 1:
        raise ValueError(f"rows of a table must have one length, got {sorted({len(row) for row in rows})}")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        GAP.join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )

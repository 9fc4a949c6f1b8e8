"""Damage of a media file: what is wrong with it, and which of its seconds are affected."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

__all__ = ["Damage", "FileDamage", "damage_dicts", "damage_texts", "of_file"]


@dataclass(frozen=True)
class Damage:
    """One defect of a media file.

    Attributes:
        kind: short identifier, such as "cut_off" or "clock_restart".
        text: one line for people: what is wrong, and what is done about it.
        from_s: second at which it begins, on the file's clock (0 = its first frame or sample); None: unknown,
            or the whole file.
        to_s: second at which it ends; None as above.

    Raises:
        ValueError: if the text is not one line, or the span runs backwards.
    """

    kind: str
    text: str
    from_s: float | None = None
    to_s: float | None = None

    def __post_init__(self) -> None:
        if not self.kind or not self.text or len(self.text.splitlines()) != 1:
            raise ValueError(f"damage must have a kind and one line of text, got {self.kind!r} and {self.text!r}")
        if self.from_s is not None and self.to_s is not None and self.to_s < self.from_s:
            raise ValueError(f"damage must not end before it begins, got {self.from_s} s to {self.to_s} s")

    def __str__(self) -> str:
        return self.text


def damage_texts(damage: Iterable[Damage]) -> tuple[str, ...]:
    """The lines for people, each once, in order."""
    return tuple(dict.fromkeys(entry.text for entry in damage))


def damage_dicts(damage: Iterable[Damage]) -> list[dict[str, object]]:
    """The entries as JSON values, for provenance and `--json`."""
    return [asdict(entry) for entry in damage]


@dataclass(frozen=True)
class FileDamage:
    """A defect of one of several files.

    Attributes:
        file: name of the file.
        damage: the defect.
    """

    file: str
    damage: Damage

    def as_dict(self) -> dict[str, object]:
        """Plain values: file, kind, text, from_s, to_s."""
        return {"file": self.file, **asdict(self.damage)}


def of_file(file: str, damage: Iterable[Damage]) -> tuple[FileDamage, ...]:
    """The defects of a file, each once, in order.

    Args:
        file: name of the file.
        damage: its defects.

    Returns:
        One entry for each.
    """
    return tuple(FileDamage(file, entry) for entry in dict.fromkeys(damage))

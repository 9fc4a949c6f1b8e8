"""What is done to a whole file: bits flipped, cut, bytes inserted, a stretch zeroed, joined with another."""

from dataclasses import asdict, dataclass

import numpy as np

__all__ = ["KINDS", "Mutation", "apply_mutation", "draw_mutation"]

KINDS = ("flip", "cut_end", "cut_middle", "cut_begin", "insert", "zero", "join")
HEAD = 2048
"""Bytes at the begin and at the end where containers keep their tables: a third of all places are there."""


@dataclass(frozen=True)
class Mutation:
    """One damage of a file.

    Attributes:
        kind: one of KINDS.
        at: the byte where it begins.
        count: bits that are flipped; bytes that are cut, inserted or zeroed; bytes of the second piece.
        within: flipped bits lie in so many bytes.
        skip: bytes at the begin of the second file that are left out before it is joined.
        seed: of flipped places and inserted bytes.
    """

    kind: str
    at: int
    count: int
    within: int = 0
    skip: int = 0
    seed: int = 0

    def as_dict(self) -> dict[str, object]:
        """Plain values, for the record."""
        return asdict(self)


def draw_mutation(rng: np.random.Generator, size: int, other_size: int) -> Mutation:
    """Draw a mutation.

    Args:
        rng: of the case.
        size: bytes of the file.
        other_size: bytes of the file that may be joined.

    Returns:
        The mutation.
    """
    kind = str(rng.choice(KINDS))
    seed = int(rng.integers(2**32))
    if kind == "join":
        whole_first, whole_second = rng.random(2) < 0.5
        at = size if whole_first else int(rng.integers(size // 10, size))
        skip = 0 if whole_second else int(rng.integers(other_size * 9 // 10))
        return Mutation(kind, at, other_size - skip, skip=skip, seed=seed)
    if kind == "cut_end":
        at = int(rng.integers(size))
        return Mutation(kind, at, size - at)
    if kind == "cut_begin":
        return Mutation(kind, 0, int(2 ** rng.uniform(0, np.log2(size))))
    at = _place(rng, size)
    if kind == "flip":
        within = min(size - at, int(2 ** rng.uniform(0, np.log2(size))) + 1)
        return Mutation(kind, at, int(2 ** rng.uniform(0, 10)), within=within, seed=seed)
    count = int(2 ** rng.uniform(0, np.log2(size / 2)))
    return Mutation(kind, at, count if kind == "insert" else min(count, size - at), seed=seed)


def _place(rng: np.random.Generator, size: int) -> int:
    region, offset = rng.random(), int(rng.integers(min(HEAD, size)))
    if region < 1 / 6:
        return offset
    if region < 1 / 3:
        return size - 1 - offset
    return int(rng.integers(size))


def apply_mutation(body: bytes, other: bytes, mutation: Mutation) -> bytes:
    """Damage a file.

    Args:
        body: its bytes.
        other: bytes of the file that may be joined.
        mutation: what is done.

    Returns:
        The damaged bytes.
    """
    at, count = mutation.at, mutation.count
    rng = np.random.default_rng(mutation.seed)
    match mutation.kind:
        case "flip":
            damaged = np.frombuffer(body, dtype=np.uint8).copy()
            places = at + rng.integers(0, mutation.within, count)
            np.bitwise_xor.at(damaged, places, np.uint8(1) << rng.integers(0, 8, count).astype(np.uint8))
            return damaged.tobytes()
        case "cut_end":
            return body[:at]
        case "cut_begin" | "cut_middle":
            return body[:at] + body[at + count :]
        case "insert":
            return body[:at] + rng.bytes(count) + body[at:]
        case "zero":
            return body[:at] + bytes(count) + body[at + count :]
        case "join":
            return body[:at] + other[mutation.skip :]
        case kind:
            raise ValueError(f"unknown mutation {kind!r}")

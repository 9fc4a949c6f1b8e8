"""Expressions without a majority anywhere: how close the vote came, and what can be changed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evoked.report.page_data import PageContent
from evoked.report.timelines import positive_labels

__all__ = ["HighestShare", "highest_shares", "without_majority"]


@dataclass(frozen=True)
class HighestShare:
    """Where an expression had its highest share of the votes.

    Attributes:
        expression: its name.
        share: of the votes, in [0, 1]; None where no table has shares.
        content: name of the content; "" likewise.
        second: of the content.
    """

    expression: str
    share: float | None = None
    content: str = ""
    second: int = 0


def without_majority(contents: Sequence[PageContent], names: Sequence[str]) -> tuple[str, ...]:
    """The expressions that no second of any labelled content carries.

    Args:
        contents: of the page.
        names: expressions.

    Returns:
        Their names, in order; none where no content has labels.
    """
    labels = [c.labels for c in contents if c.labels]
    return tuple(name for name in names if labels and not any(positive_labels(own, name).any() for own in labels))


def highest_shares(contents: Sequence[PageContent], names: Sequence[str]) -> tuple[HighestShare, ...]:
    """The highest vote share of each expression over the valid seconds of all contents.

    Args:
        contents: of the page.
        names: expressions.

    Returns:
        One for each of `names`, in order.
    """
    return tuple(_highest(contents, name) for name in names)


def _highest(contents: Sequence[PageContent], name: str) -> HighestShare:
    best = HighestShare(name)
    for content in contents:
        labels = content.labels
        if labels is None or labels.share is None or name not in labels.share.names:
            continue
        shares = np.where(labels.labels.valid, labels.share[name], np.nan)
        if np.isfinite(shares).any():
            second = int(np.nanargmax(shares))
            if best.share is None or shares[second] > best.share:
                best = HighestShare(name, float(shares[second]), content.name, second)
    return best

"""Which expressions there are. The set is data: rooms take names as an argument, in this order."""

__all__ = ["EEV5", "EEV15"]

EEV5: tuple[str, ...] = ("amusement", "concentration", "contentment", "interest", "surprise")
"""The paper's five, in the paper's order."""

EEV15: tuple[str, ...] = (
    "amusement",
    "anger",
    "awe",
    "concentration",
    "confusion",
    "contempt",
    "contentment",
    "disappointment",
    "doubt",
    "elation",
    "interest",
    "pain",
    "sadness",
    "surprise",
    "triumph",
)
"""The fifteen of the released dataset (v2), in its column order."""

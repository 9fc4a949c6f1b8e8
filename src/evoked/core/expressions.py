"""Names of the expressions. Other modules take names as an argument, in this order."""

__all__ = ["AFFECT", "EEV5", "EEV15"]

EEV5: tuple[str, ...] = ("amusement", "concentration", "contentment", "interest", "surprise")
"""The five expressions of the paper, in its order."""

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
"""The fifteen expressions of the released dataset (v2), in its column order."""

AFFECT: tuple[str, ...] = ("valence", "arousal")
"""What a transferred model predicts, in [−1, 1]: no expressions, and no probabilities."""

"""What counts as found when a reaction is aligned with a content, and what is compared."""

from dataclasses import dataclass

from evoked.core.settings import setting

SOUND_HZ = 8000


@dataclass(frozen=True)
class AlignConfig:
    """What counts as found."""

    min_score: float = setting(12.0, "standard score below which a reaction is refused as having nothing in common")
    min_common_s: float = setting(5.0, "seconds of common sound below which a reaction is refused")
    min_share: float = setting(0.15, "share of the shorter of the two that must be common: episodes share title music")
    min_segment_s: float = setting(1.0, "seconds below which a stretch is no segment of its own")
    max_bridge_s: float = setting(
        30.0, "longest silence or talk, in seconds, that an unchanged offset is carried across"
    )
    candidates: int = setting(160, "most offsets that are looked into")
    speed: float = setting(0.06, "largest change of the film's speed that is looked for; 0.06: 6 % either way")
    semitones: float = setting(2.0, "largest change of the film's pitch that is looked for, in semitones")

    spectra: bool = setting(
        False, "where nothing else is found in less than a minute, believe the shapes of spectra: see docs/alignment.md"
    )

    def __post_init__(self) -> None:
        if not 0 <= self.speed <= 0.5 or not 0 <= self.semitones <= 12:
            raise ValueError(
                f"speed must be in [0, 0.5] and semitones in [0, 12], got {self.speed} and {self.semitones}"
            )
        if min(self.min_score, self.min_common_s, self.min_segment_s) <= 0 or self.candidates < 1:
            raise ValueError("min_score, min_common_s, min_segment_s and candidates must be above zero")
        if self.max_bridge_s < 0 or not 0 <= self.min_share <= 1:
            raise ValueError(
                f"max_bridge_s must be at least 0 and min_share in [0, 1], got {self.max_bridge_s} and {self.min_share}"
            )


WAYS = ("auto", "sound", "picture")


@dataclass(frozen=True)
class MatchConfig(AlignConfig):
    """What counts as found, and what is compared."""

    by: str = setting(
        "auto", "what is compared: sound, picture, or auto: sound, and the picture for what that leaves open"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by not in WAYS:
            raise ValueError(f"by must be one of {', '.join(WAYS)}, got {self.by!r}")

"""Settings of the alignment: thresholds of a match, and which modality is compared."""

from dataclasses import dataclass

from evoked.core.settings import setting

__all__ = ["MODALITIES", "SOUND_HZ", "AlignConfig", "MatchConfig"]

SOUND_HZ = 8000


@dataclass(frozen=True)
class AlignConfig:
    """Thresholds of a match and the range of changes that is searched.

    Raises:
        ValueError: if a value is out of its range.
    """

    min_score: float = setting(12.0, "standard score below which a reaction is refused as having nothing in common")
    min_common_s: float = setting(5.0, "seconds of common sound below which a reaction is refused")
    min_share: float = setting(0.15, "share of the shorter of the two that must be common: episodes share title music")
    min_segment_s: float = setting(1.0, "shortest segment, in seconds")
    max_bridge_s: float = setting(
        30.0, "longest silence or talk, in seconds, that an unchanged offset is carried across"
    )
    max_candidates: int = setting(160, "most offset candidates that are examined")
    max_speed_change: float = setting(
        0.06, "largest change of the content's speed that is searched; 0.06: 6 % either way"
    )
    max_pitch_semitones: float = setting(2.0, "largest change of the content's pitch that is searched, in semitones")

    spectrum_fallback: bool = setting(
        False,
        "where nothing else matches in less than a minute, accept a match of spectra: see docs/alignment.md",
    )

    def __post_init__(self) -> None:
        if not 0 <= self.max_speed_change <= 0.5 or not 0 <= self.max_pitch_semitones <= 12:
            raise ValueError(
                "max_speed_change must be in [0, 0.5], max_pitch_semitones in [0, 12], got "
                f"{self.max_speed_change} and {self.max_pitch_semitones}"
            )
        if min(self.min_score, self.min_common_s, self.min_segment_s) <= 0 or self.max_candidates < 1:
            raise ValueError("min_score, min_common_s, min_segment_s and max_candidates must be above zero")
        if self.max_bridge_s < 0 or not 0 <= self.min_share <= 1:
            raise ValueError(
                f"max_bridge_s must be at least 0 and min_share in [0, 1], got {self.max_bridge_s} and {self.min_share}"
            )


MODALITIES = ("auto", "audio", "video")


@dataclass(frozen=True)
class MatchConfig(AlignConfig):
    """Settings of the alignment, with the modality that is compared.

    Raises:
        ValueError: if a value is out of its range, or `by` is none of MODALITIES.
    """

    by: str = setting("auto", "what is compared: audio, video, or auto: audio, and video for what that leaves open")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by not in MODALITIES:
            raise ValueError(f"by must be one of {', '.join(MODALITIES)}, got {self.by!r}")

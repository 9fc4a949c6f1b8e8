"""Settings of the alignment: thresholds of a match, and which modality is compared."""

from dataclasses import replace
from typing import Literal, TypeVar, get_args

from evoked.core.settings import setting, settings

__all__ = ["MODALITIES", "SOUND_HZ", "AlignConfig", "MatchConfig", "own_speed_only"]

SOUND_HZ = 8000


@settings
class AlignConfig:
    """Thresholds of a match and the range of changes that is searched.

    Raises:
        ValueError: if a value is out of its range.
    """

    min_score: float = setting(
        12.0, "standard score below which a reaction is refused as having nothing in common", gt=0
    )
    min_common_s: float = setting(5.0, "seconds of common sound below which a reaction is refused", gt=0)
    min_share: float = setting(
        0.15, "share of the shorter of the two that must be common: episodes share title music", ge=0, le=1
    )
    min_segment_s: float = setting(1.0, "shortest segment, in seconds", gt=0)
    max_bridge_s: float = setting(
        30.0, "longest silence or talk, in seconds, that an unchanged offset is carried across", ge=0
    )
    max_candidates: int = setting(160, "most offset candidates that are examined", ge=1)
    max_speed_change: float = setting(
        0.06, "largest change of the content's speed that is searched; 0.06: 6 % either way", ge=0, le=0.5
    )
    max_pitch_semitones: float = setting(
        2.0, "largest change of the content's pitch that is searched, in semitones", ge=0, le=12
    )
    audio_track: int = setting(
        0,
        "audio track of the reaction, from 1; 0: the one that a player plays, and the others where it does not match",
        ge=0,
    )
    spectrum_fallback: bool = setting(
        False,
        "where nothing else matches in less than a minute, accept a match of spectra: see docs/alignment.md",
    )


ConfigT = TypeVar("ConfigT", bound=AlignConfig)


def own_speed_only(config: ConfigT) -> ConfigT:
    """The settings of a quick search: at the content's own speed and pitch."""
    return replace(config, max_speed_change=0.0, max_pitch_semitones=0.0, spectrum_fallback=False)


Modalities = Literal["auto", "audio", "video"]
MODALITIES: tuple[str, ...] = get_args(Modalities)


@settings
class MatchConfig(AlignConfig):
    """Settings of the alignment, with the modality that is compared.

    Raises:
        ValueError: if a value is out of its range, or `by` is none of MODALITIES.
    """

    content_audio_track: int = setting(
        0,
        "audio track of the content, from 1; 0: the one that a player plays, and the others where it does not match",
        ge=0,
    )
    by: Modalities = setting(
        "auto", "what is compared: audio, video, or auto: audio, and video for what that leaves open"
    )

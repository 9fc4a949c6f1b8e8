"""Temporal alignment of a reaction with its content by audio.

Three steps: shared hashes give candidate offsets (fast, coarse: 16 ms); GCC-PHAT refines each offset to the sample and
measures, every quarter second, whether the content is present; the best chain of such runs, in the order of the
reaction, is the map. Where nothing is common at the content's own speed and pitch, others are tried. Gaps of an
accepted map are then filled by comparing spectra.
"""

import numpy as np

from evoked.core.errors import AlignmentError
from evoked.reactions.alignment.audio.by_fingerprints import by_fingerprints
from evoked.reactions.alignment.audio.by_gcc_phat import by_gcc_phat
from evoked.reactions.alignment.audio.by_spectrum import fill_gaps_by_spectrum
from evoked.reactions.alignment.audio.by_spectrum_only import by_spectrum_only
from evoked.reactions.alignment.audio.fingerprints import AudioFingerprint, fingerprint
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.audio.speed_pitch import (
    SpeedPitch,
    estimate_speed_pitch,
    refine_speed,
    resample_speed,
    speed_pitch_grid,
    stretch_offsets,
    stretch_peaks,
    varispeed,
)
from evoked.reactions.alignment.chaining import AlignedRun, fill_gaps, merge_runs, overlap_refusal, run_to_segment
from evoked.reactions.alignment.config import SOUND_HZ, AlignConfig
from evoked.reactions.alignment.offset_map import OffsetMap, Segment

__all__ = ["align", "levelled"]

SAME_SPEED = 0.0005  # a change of speed below this is none: over a minute it moves the content by 30 ms


def align(
    reaction_sound: Samples, content_sound: Samples, hz: int = SOUND_HZ, config: AlignConfig | None = None
) -> OffsetMap:
    """Map the content's time onto the reaction's by audio.

    Args:
        reaction_sound, content_sound: float32, shape (samples,), mono in [-1, 1].
        hz: samples per second of both; 8000 is enough, below 7500 the band is cut short.
        config: thresholds of a match.

    Returns:
        The map. Content that is played twice is mapped to where it is played first.

    Raises:
        AlignmentError: if the two have no sound in common, or one of them is silent.
        ValueError: if the arrays are not mono, or hz is too low.
    """
    config = config or AlignConfig()
    for name, sound in (("reaction", reaction_sound), ("content", content_sound)):
        if sound.ndim != 1:
            raise ValueError(f"the {name}'s sound must be mono, shape (samples,), got {sound.shape}")
        if not len(sound) or float(np.abs(sound).max()) < 1e-5:
            raise AlignmentError(f"the {name} is silent from end to end, so it cannot be aligned by sound")
    if hz < 4000:
        raise ValueError(f"sound must have at least 4000 samples per second, got {hz}")
    reaction, content = levelled(reaction_sound), levelled(content_sound)
    shorter_s = min(len(reaction), len(content)) / hz
    content_prints = fingerprint(content, hz)
    change, chain = SpeedPitch(), by_gcc_phat(reaction, content, hz, content_prints, config.max_candidates)
    if reason := _refusal(_segments(chain, hz, config), config, shorter_s):
        changed = _at_another_speed(reaction, content, hz, content_prints, config)
        if changed is None and config.spectrum_fallback:
            changed = by_spectrum_only(
                reaction, content, hz, speed_pitch_grid(config.max_speed_change, config.max_pitch_semitones)
            )
        if changed is None or _refusal(_segments(changed[1], hz, config), config, shorter_s):
            raise AlignmentError(reason)
        change, chain = changed
    # From here on an accepted map is filled
    chain = fill_gaps(chain, fill_gaps_by_spectrum(reaction, content, hz, change, chain), hz)
    segments = _segments(chain, hz, config, change.speed)
    return OffsetMap(max(s.score for s in segments), tuple(segments))


def _at_another_speed(
    reaction: Samples, content: Samples, hz: int, content_prints: AudioFingerprint, config: AlignConfig
) -> tuple[SpeedPitch, list[AlignedRun]] | None:
    """The change of speed or pitch of a content, and its chain on the content's clock; None where none is found."""
    if not (config.max_speed_change or config.max_pitch_semitones):
        return None
    shorter_s = min(len(reaction), len(content)) / hz
    change, votes = estimate_speed_pitch(
        reaction, content_prints, speed_pitch_grid(config.max_speed_change, config.max_pitch_semitones)
    )
    if not votes:
        return None
    peaks = stretch_peaks(reaction, hz, change.pitch)
    change = refine_speed(peaks, content_prints, change)
    if max(abs(change.pitch - 1), abs(change.speed - 1)) < SAME_SPEED:
        return None  # GCC-PHAT would have found it: the similar sound is another scene with the same music
    if change.is_varispeed:
        points = stretch_offsets(stretch_peaks(reaction, hz, change.pitch).fingerprint_at(change.speed), content_prints)
        speed = varispeed(reaction, content, hz, change.speed, points)
        slower = resample_speed(reaction, 1 / speed)
        chain = by_gcc_phat(slower, content, hz, content_prints, config.max_candidates)
        if not _refusal(_segments(chain, hz, config), config, shorter_s):
            return SpeedPitch(speed, speed), chain
    chain = by_fingerprints(peaks.fingerprint_at(change.speed), content_prints, config.max_candidates)
    return None if _refusal(_segments(chain, hz, config), config, shorter_s) else (change, chain)


def _segments(chain: list[AlignedRun], hz: int, config: AlignConfig, speed: float = 1.0) -> list[Segment]:
    """A chain on the content's clock as segments of a reaction that plays it `speed` times as fast."""
    segments = [run_to_segment(run, hz, 1 / speed) for run in merge_runs(chain, hz, config.max_bridge_s)]
    return [s for s in segments if s.content_end_s - s.content_start_s >= config.min_segment_s]


def levelled(sound: Samples) -> Samples:
    """The sound at a common loudness (RMS 0.1), so that silence does not depend on a volume control."""
    loudness = np.sqrt(np.mean(np.square(sound, dtype=np.float32), dtype=np.float64))
    return (sound * np.float32(0.1 / loudness)).astype(np.float32, copy=False)


def _refusal(segments: list[Segment], config: AlignConfig, shorter_s: float) -> str:
    """Why segments are not enough for a map; "" where they are enough."""
    if not segments:
        return (
            "the reaction and the content have no sound in common. Check that they belong together and that "
            "the content can be heard in the reaction"
        )
    return overlap_refusal(segments, config, shorter_s, shared="sound", min_score=config.min_score)

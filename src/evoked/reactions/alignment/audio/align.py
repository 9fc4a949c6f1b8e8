"""Find where a reaction stands on its content's time, by the sound they share.

Three steps: shared landmarks point at offsets (fast, coarse: 16 ms); the phase transform settles each
offset to the sample and says, quarter second by quarter second, whether the film is heard there; the
best chain of such stretches, one after the other in the reaction, is the map. Where nothing is common at the
film's own speed and pitch, others are tried. What a map leaves open is then filled by the shapes of spectra.
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

SAME_SPEED = 0.0005  # a change of speed below this is none: over a minute it moves the film by 30 ms


def align(
    reaction_sound: Samples, content_sound: Samples, hz: int = SOUND_HZ, config: AlignConfig | None = None
) -> OffsetMap:
    """Map the content's time onto the reaction's.

    Args:
        reaction_sound, content_sound: float32, shape (samples,), mono in [-1, 1].
        hz: samples per second of both; 8000 is enough, below 7500 the band is cut short.
        config: what counts as found.

    Returns:
        Where the content runs through the reaction. What is played twice is mapped to where it comes first.

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
    marks = fingerprint(content, hz)
    change, chain = SpeedPitch(), by_gcc_phat(reaction, content, hz, marks, config.candidates)
    if why := _refused(_segments(chain, hz, config), config, shorter_s):
        found = _at_another_speed(reaction, content, hz, marks, config)
        if found is None and config.spectra:
            found = by_spectrum_only(reaction, content, hz, speed_pitch_grid(config.speed, config.semitones))
        if found is None or _refused(_segments(found[1], hz, config), config, shorter_s):
            raise AlignmentError(why)
        change, chain = found
    # What follows fills a map that stands; it makes none
    chain = fill_gaps(chain, fill_gaps_by_spectrum(reaction, content, hz, change, chain), hz)
    own = _segments(chain, hz, config, change.speed)
    return OffsetMap(max(s.score for s in own), tuple(own))


def _at_another_speed(
    reaction: Samples, content: Samples, hz: int, marks: AudioFingerprint, config: AlignConfig
) -> tuple[SpeedPitch, list[AlignedRun]] | None:
    """What was done to a film that was made faster, slower, higher or deeper, and its chain on the content's clock.

    None where it is none of these.
    """
    shorter_s = min(len(reaction), len(content)) / hz
    change, votes = estimate_speed_pitch(reaction, marks, speed_pitch_grid(config.speed, config.semitones))
    if not votes:
        return None
    heard_at = stretch_peaks(reaction, hz, change.pitch)
    change = refine_speed(heard_at, marks, change)
    if max(abs(change.pitch - 1), abs(change.speed - 1)) < SAME_SPEED:
        return None  # its phases would have been found: what is alike is another scene with the same music
    if change.as_tape:
        points = stretch_offsets(stretch_peaks(reaction, hz, change.pitch).at_speed(change.speed), marks)
        speed = varispeed(reaction, content, hz, change.speed, points)
        slower = resample_speed(reaction, 1 / speed)
        chain = by_gcc_phat(slower, content, hz, marks, config.candidates)
        if not _refused(_segments(chain, hz, config), config, shorter_s):
            return SpeedPitch(speed, speed), chain
    chain = by_fingerprints(heard_at.at_speed(change.speed), marks, config.candidates)
    return None if _refused(_segments(chain, hz, config), config, shorter_s) else (change, chain)


def _segments(chain: list[AlignedRun], hz: int, config: AlignConfig, speed: float = 1.0) -> list[Segment]:
    """A chain on the content's clock as segments of the reaction, which played it `speed` times as fast."""
    segments = [run_to_segment(run, hz, 1 / speed) for run in merge_runs(chain, hz, config.max_bridge_s)]
    return [s for s in segments if s.content_end_s - s.content_start_s >= config.min_segment_s]


def levelled(sound: Samples) -> Samples:
    """The sound at a common loudness, so that what counts as silence does not hang on a volume control."""
    loudness = np.sqrt(np.mean(np.square(sound, dtype=np.float32), dtype=np.float64))
    return (sound * np.float32(0.1 / loudness)).astype(np.float32, copy=False)


def _refused(segments: list[Segment], config: AlignConfig, shorter_s: float) -> str:
    """Why these are no map; "" where they are one."""
    if not segments:
        return (
            "the reaction and the content have no sound in common. Check that they belong together and that "
            "the film can be heard in the reaction"
        )
    return overlap_refusal(segments, config, shorter_s, shared="sound", min_score=config.min_score)

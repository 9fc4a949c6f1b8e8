"""What sound and picture say together: a map by one of them, with the other's word on what it leaves open.

A voice hides the film's sound and leaves its picture; a calm shot says nothing and may be loud. What stands is not
touched: the other sense only adds stretches where both clocks are open. A picture that is not sure by itself may ask
whether the sound says the same along its lines.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evoked.reactions.alignment.audio.align import levelled
from evoked.reactions.alignment.audio.by_spectrum import (
    STEP_FRAMES,
    affordable,
    fill_gaps_by_spectrum,
    spectral_similarity,
    spectrogram_shape,
)
from evoked.reactions.alignment.audio.fingerprints import HOPS, stft_window
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.audio.speed_pitch import SpeedPitch
from evoked.reactions.alignment.chaining import MIN_RUN_S, SMEAR_S, AlignedRun, fill_gaps, merge_runs
from evoked.reactions.alignment.config import AlignConfig
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.alignment.video.align import enough_motion, follow_region, map_runs
from evoked.reactions.alignment.video.region_search import FRAME_STEP, RegionHypothesis, SearchedContent, search_region
from evoked.reactions.alignment.video.thumbnails import HZ, FrameThumbnails

ALSO = {"sound": "sound and picture", "picture": "picture and sound"}  # what came first, and what was filled with
OPEN_S = 1.0  # what a map leaves open on both clocks; below this nothing is looked for
ENDS_S = 1.5  # a film that is followed to so near its beginning or end began, or ended, on that line
LINE_S = 0.1  # a picture's line is a sound's where they are as near as this
AGREE = 0.8  # of the reaction that both know, the share on which they must agree, or the picture is not believed …
BOTH_S = 2.0  # … of so many at least
PROOFS = 2  # blocks that must point at lines of two or more: that the film is played is known
BLOCK_S = 12.0  # of a stretch that is known, by which the film's rectangle is found
TRIED = 3  # such stretches
MARGIN = 5  # looks around it, in which its moment may lie
NEAR = 4  # frames (64 ms) by which a picture's line may be off
CONFIRMS = 5.0  # deviations from which on the sound says the same as a picture's lines
CERTAIN = 1000.0  # nats of a stretch that stands: no stretch of the other sense can outweigh it
MS = 1000


def uncovered_s(offsets: OffsetMap, reaction_s: float, content_s: float) -> float:
    """The most that could be added to a map: seconds open of the reaction and of the content, whichever is less."""
    played = sum(s.reaction_end_s - s.reaction_start_s for s in offsets.segments)
    return max(0.0, min(reaction_s - played, content_s - offsets.covered_s))


def extend_to_ends(offsets: OffsetMap, reaction_s: float, content_s: float) -> OffsetMap:
    """A map whose film begins and ends where it is followed to within ENDS_S of that and the recording runs on.

    Films fade in and out: their first and last second is often silent and dark, and neither sense can follow it.
    """
    out = list(offsets.segments)
    first, last = out[0], out[-1]
    before = [s.reaction_end_s for s in out if s.reaction_end_s <= first.reaction_start_s]
    start = max(0.0, first.content_time(max([0.0, *before])))
    if start < first.content_start_s <= ENDS_S:
        out[0] = replace(first, content_start_s=start, reaction_start_s=max(0.0, first.reaction_time(start)))
    # Asked of what now stands: the beginning may be played in the pause after the end
    after = [s.reaction_start_s for s in out if s.reaction_start_s >= last.reaction_end_s]
    end = min(content_s, last.content_time(min([reaction_s, *after])))
    if content_s - ENDS_S <= last.content_end_s < end:
        out[-1] = replace(out[-1], content_end_s=end)
    return replace(offsets, segments=tuple(out))


def fill_by_video(
    offsets: OffsetMap, reaction: FrameThumbnails, film: FrameThumbnails, config: AlignConfig | None = None
) -> OffsetMap:
    """A map by sound with what is seen of what it leaves open; the same map where that is nothing.

    Args:
        offsets: by sound. Its stretches and its speed stand.
        reaction, film: looks at both.
        config: as for `align_by_picture`.
    """
    config = config or AlignConfig()
    speed = 1 / offsets.segments[0].rate
    followed = [follow_region(reaction, film, found, 0.0) for found in _guesses(offsets, reaction, film, speed)]
    best = max((one for one in followed if one.proofs >= PROOFS), key=lambda one: one.evidence, default=None)
    seen = map_runs(reaction, film, best, config) if best else []
    return _with(offsets, [_run(s, speed) for s in seen], MIN_RUN_S, config) if _agree(offsets, seen) else offsets


def fill_by_audio(
    offsets: OffsetMap, reaction: Samples, content: Samples, hz: int, config: AlignConfig | None = None
) -> OffsetMap:
    """A map by picture with what is heard of what it leaves open; the same map where that is nothing.

    Args:
        offsets: by picture. Its stretches and its speed stand.
        reaction, content: float32, shape (samples,), mono.
        hz: samples per second of both.
        config: as for `align`.
    """
    if not (reaction.any() and content.any()):
        return offsets
    config = config or AlignConfig()
    speed = 1 / offsets.segments[0].rate
    chain = [_scaled(_run(s, speed), hz / MS) for s in offsets.segments]
    chain.sort(key=lambda run: run.start)
    best: list[AlignedRun] = []
    for pitch in dict.fromkeys((1.0, speed)):  # the film's pitch was kept, or went with its speed
        heard = fill_gaps_by_spectrum(levelled(reaction), levelled(content), hz, SpeedPitch(speed, pitch), chain)
        best = max(best, heard, key=lambda runs: sum(run.weight for run in runs))
    return _with(offsets, [_scaled(run, MS / hz) for run in best], SMEAR_S, config)


def coherence_along(segments: list[Segment], reaction: Samples, content: Samples, hz: int) -> float:
    """How far the likeness of both spectra along known lines stands above that at all other lags, in deviations.

    Args:
        segments: where the film is taken to run.
        reaction, content: float32, shape (samples,), mono.
        hz: samples per second of both.

    Returns:
        0 where one is silent, or the sounds are too long to be laid beside each other at every lag, or too short.
    """
    speed = 1 / segments[0].rate
    if not (reaction.any() and content.any()) or not affordable(len(reaction) * speed, float(len(content)), hz):
        return 0.0
    theirs = spectrogram_shape(levelled(content), hz)
    best = 0.0
    for pitch in dict.fromkeys((1.0, speed)):
        scores = spectral_similarity(spectrogram_shape(levelled(reaction), hz, SpeedPitch(speed, pitch)), theirs)
        best = max(best, _above(scores, [_run(s, speed) for s in segments], len(theirs), hz))
    return best


def _above(scores: NDArray[np.float32], runs: list[AlignedRun], content: int, hz: int) -> float:
    frame = MS * stft_window(hz) / HOPS / hz  # milliseconds
    total, count = 0.0, 0
    for run in runs:
        steps = slice(int(run.start / frame / STEP_FRAMES), int(run.end / frame / STEP_FRAMES))
        lag = round(run.offset / frame) + content - 1
        here = scores[steps, max(0, lag - NEAR) : lag + NEAR + 1]
        if here.size and not np.isnan(here).all():
            here = here[~np.isnan(here).any(axis=1)]
            total, count = total + float(here.sum(axis=0).max(initial=0.0)), count + len(here)
    return total / float(np.sqrt(count)) if count else 0.0


def _guesses(
    offsets: OffsetMap, reaction: FrameThumbnails, film: FrameThumbnails, speed: float
) -> list[RegionHypothesis]:
    """Where in the frame the film is, by stretches that the map knows."""
    out = []
    longest = sorted(offsets.segments, key=lambda s: s.content_start_s - s.content_end_s)[:TRIED]
    for segment in longest:
        first, last = (int(s * float(HZ)) for s in (segment.reaction_start_s, segment.reaction_end_s))
        part = replace(reaction, cells=reaction.cells[first:last])
        block = min(round(BLOCK_S * float(HZ)), len(part.cells) - 1) // FRAME_STEP
        if block < 2 * MARGIN:
            continue
        start = first + enough_motion(part)[0]
        begins = max(0, int(segment.content_time(start / float(HZ)) * float(HZ)) - MARGIN)
        ends = begins + round((block * FRAME_STEP + 2 * MARGIN) * speed) + 1
        known = SearchedContent(replace(film, cells=film.cells[begins:ends]), speed, block)
        found = search_region(reaction, start, known, film.aspect)
        if found is not None:
            out.append(replace(found, lag=found.lag + round(begins / speed)))
    return out


def _agree(offsets: OffsetMap, seen: list[Segment]) -> bool:
    """Whether a picture's stretches say of what the map knows of the reaction what it says."""
    both, same = 0, 0
    for segment in seen:
        for tenth in range(int(10 * segment.reaction_start_s), int(10 * segment.reaction_end_s)):
            second = (tenth + 0.5) / 10
            known = offsets.content_time(second)
            if known is not None:
                both += 1
                same += abs(known - segment.content_time(second)) < LINE_S
    return same >= max(AGREE * both, 10 * BOTH_S)


def _with(offsets: OffsetMap, more: list[AlignedRun], smear_s: float, config: AlignConfig) -> OffsetMap:
    """A map with stretches, in milliseconds on the content's clock, where it leaves both clocks open."""
    rate = offsets.segments[0].rate
    chain = sorted((_run(s, 1 / rate) for s in offsets.segments), key=lambda run: run.start)
    parts = fill_gaps(chain, more, MS, LINE_S, smear_s)
    if len(parts) == len(chain):
        return offsets
    segments = [_segment(run, rate) for run in merge_runs(parts, MS, config.max_bridge_s)]
    kept = tuple(s for s in segments if s.content_end_s - s.content_start_s >= config.min_segment_s)
    return OffsetMap(offsets.score, kept, ALSO[offsets.by])


def _run(segment: Segment, speed: float) -> AlignedRun:
    """A segment in milliseconds on the content's clock; one of another speed holds at its middle."""
    middle = (segment.content_start_s + segment.content_end_s) / 2
    offset = segment.reaction_time(middle) * speed - middle
    half = (segment.content_end_s - segment.content_start_s) / 2
    start, end = middle + offset - half, middle + offset + half
    return AlignedRun(offset * MS, start * MS, end * MS, CERTAIN, segment.score, 1.0)


def _segment(run: AlignedRun, rate: float) -> Segment:
    start = max(0.0, (run.start - run.offset) / MS)
    return Segment(start, (run.end - run.offset) / MS, max(0.0, start + run.offset / MS) * rate, run.score, rate)


def _scaled(run: AlignedRun, by: float) -> AlignedRun:
    return replace(run, offset=run.offset * by, start=run.start * by, end=run.end * by)

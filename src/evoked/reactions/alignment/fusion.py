"""Fusion of audio and video: a map that was found by one modality, its gaps filled by the other.

A voice hides the content's sound but not its picture; a calm shot cannot be aligned by video but may be loud. Segments
of the map are never changed: the other modality only adds stretches where both clocks are open. A match by video that
is uncertain by itself can be confirmed by the audio along its segments.
"""

from collections.abc import Sequence
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

__all__ = [
    "MAX_FADE_S",
    "MIN_CONFIRMING_SCORE",
    "MIN_OPEN_S",
    "coherence_along",
    "extend_to_ends",
    "fill_by_audio",
    "fill_by_video",
    "uncovered_s",
]

FUSED = {"audio": "audio and video", "video": "video and audio"}  # modality of a map → of the map with filled gaps
MIN_OPEN_S = 1.0  # seconds that must be open on both clocks, or the other modality is not compared
MAX_FADE_S = 1.5  # a segment that comes so near to the content's beginning or end is extended to it
SAME_LINE_S = 0.1  # seconds within which a segment by video and one by audio are on one line
MIN_AGREEMENT = 0.8  # share of the reaction covered by both on which they must agree, or the video is ignored …
MIN_COMMON_S = 2.0  # … and the least that they must agree on, in seconds
MIN_PROOFS = 2  # matching blocks that are needed: fewer than by video alone, as the content is known to be played
BLOCK_S = 12.0  # seconds of a known segment that the content's rectangle is searched with
MAX_TRIED_SEGMENTS = 3  # segments that are tried
MARGIN_FRAMES = 5  # frames of the content around a block that are searched
NEAR_FRAMES = 4  # frames of the spectrogram (64 ms) by which a segment by video may be off
MIN_CONFIRMING_SCORE = 5.0  # standard score from which on the audio confirms segments by video
FIXED_WEIGHT = 1000.0  # nats of a segment of the map: no stretch of the other modality can outweigh it
MS = 1000  # milliseconds per second: runs are counted in these


def uncovered_s(offsets: OffsetMap, reaction_s: float, content_s: float) -> float:
    """The most that could be added to a map: what is open of the reaction or of the content, whichever is less.

    Args:
        offsets: the map.
        reaction_s, content_s: durations, in seconds.

    Returns:
        Seconds, at least 0.
    """
    played = sum(s.reaction_end_s - s.reaction_start_s for s in offsets.segments)
    return max(0.0, min(reaction_s - played, content_s - offsets.covered_s))


def extend_to_ends(offsets: OffsetMap, reaction_s: float, content_s: float) -> OffsetMap:
    """A map whose first and last segment reach the ends of the content if they come within MAX_FADE_S of them.

    Videos fade in and out: the first and the last second are often silent and dark, and match in neither modality.

    Args:
        offsets: the map.
        reaction_s, content_s: durations, in seconds; nothing is extended beyond them.

    Returns:
        The map, extended where the reaction is open there.
    """
    out = list(offsets.segments)
    first, last = out[0], out[-1]
    before = [s.reaction_end_s for s in out if s.reaction_end_s <= first.reaction_start_s]
    start = max(0.0, first.content_time(max([0.0, *before])))
    if start < first.content_start_s <= MAX_FADE_S:
        out[0] = replace(first, content_start_s=start, reaction_start_s=max(0.0, first.reaction_time(start)))
    # The extended first segment counts: the beginning may be played in the pause after the end
    after = [s.reaction_start_s for s in out if s.reaction_start_s >= last.reaction_end_s]
    end = min(content_s, last.content_time(min([reaction_s, *after])))
    if content_s - MAX_FADE_S <= last.content_end_s < end:
        out[-1] = replace(out[-1], content_end_s=end)
    return replace(offsets, segments=tuple(out))


def fill_by_video(
    offsets: OffsetMap, reaction: FrameThumbnails, content: FrameThumbnails, config: AlignConfig | None = None
) -> OffsetMap:
    """A map by audio, its gaps filled by video.

    Args:
        offsets: by audio. Its segments and its speed are not changed.
        reaction, content: thumbnails of both.
        config: as for `align_by_video`.

    Returns:
        The map; the same object where nothing is added.
    """
    config = config or AlignConfig()
    speed = 1 / offsets.segments[0].rate
    hypotheses = _region_hypotheses(offsets, reaction, content, speed)
    followed = [follow_region(reaction, content, hypothesis, 0.0) for hypothesis in hypotheses]
    proven = (run for run in followed if run.proofs >= MIN_PROOFS)
    best = max(proven, key=lambda run: run.evidence, default=None)
    segments = map_runs(reaction, content, best, config) if best else []
    if not _agree(offsets, segments):
        return offsets
    return _filled(offsets, [_segment_run(s, speed) for s in segments], MIN_RUN_S, config)


def fill_by_audio(
    offsets: OffsetMap, reaction: Samples, content: Samples, hz: int, config: AlignConfig | None = None
) -> OffsetMap:
    """A map by video, its gaps filled by audio.

    Args:
        offsets: by video. Its segments and its speed are not changed.
        reaction, content: float32, shape (samples,), mono.
        hz: samples per second of both.
        config: as for `align`.

    Returns:
        The map; the same object where nothing is added.
    """
    if not (reaction.any() and content.any()):
        return offsets
    config = config or AlignConfig()
    speed = 1 / offsets.segments[0].rate
    chain = [_scaled(_segment_run(s, speed), hz / MS) for s in offsets.segments]
    chain.sort(key=lambda run: run.start)
    best: list[AlignedRun] = []
    for pitch in dict.fromkeys((1.0, speed)):  # the pitch was kept, or changed with the speed
        runs = fill_gaps_by_spectrum(levelled(reaction), levelled(content), hz, SpeedPitch(speed, pitch), chain)
        best = max(best, runs, key=lambda runs: sum(run.weight for run in runs))
    return _filled(offsets, [_scaled(run, MS / hz) for run in best], SMEAR_S, config)


def coherence_along(segments: Sequence[Segment], reaction: Samples, content: Samples, hz: int) -> float:
    """Standard score of the similarity of both spectra along segments, against all other lags.

    Args:
        segments: where the content is assumed to run.
        reaction, content: float32, shape (samples,), mono.
        hz: samples per second of both.

    Returns:
        0 where one is silent or too short, or both are too long to be compared at every lag.
    """
    speed = 1 / segments[0].rate
    if not (reaction.any() and content.any()) or not affordable(len(reaction) * speed, float(len(content)), hz):
        return 0.0
    content_shape = spectrogram_shape(levelled(content), hz)
    best = 0.0
    for pitch in dict.fromkeys((1.0, speed)):
        scores = spectral_similarity(spectrogram_shape(levelled(reaction), hz, SpeedPitch(speed, pitch)), content_shape)
        runs = [_segment_run(s, speed) for s in segments]
        best = max(best, _score_along(scores, runs, len(content_shape), hz))
    return best


def _score_along(scores: NDArray[np.float32], runs: list[AlignedRun], content_frames: int, hz: int) -> float:
    frame_ms = MS * stft_window(hz) / HOPS / hz
    total, count = 0.0, 0
    for run in runs:
        steps = slice(int(run.start / frame_ms / STEP_FRAMES), int(run.end / frame_ms / STEP_FRAMES))
        lag = round(run.offset / frame_ms) + content_frames - 1
        near = scores[steps, max(0, lag - NEAR_FRAMES) : lag + NEAR_FRAMES + 1]
        if near.size and not np.isnan(near).all():
            near = near[~np.isnan(near).any(axis=1)]
            total, count = total + float(near.sum(axis=0).max(initial=0.0)), count + len(near)
    return total / float(np.sqrt(count)) if count else 0.0


def _region_hypotheses(
    offsets: OffsetMap, reaction: FrameThumbnails, content: FrameThumbnails, speed: float
) -> list[RegionHypothesis]:
    """Where in the frame the content is, from the longest segments of the map."""
    out = []
    longest = sorted(offsets.segments, key=lambda s: s.content_start_s - s.content_end_s)[:MAX_TRIED_SEGMENTS]
    for segment in longest:
        first, last = (int(s * float(HZ)) for s in (segment.reaction_start_s, segment.reaction_end_s))
        stretch = replace(reaction, cells=reaction.cells[first:last])
        block = min(round(BLOCK_S * float(HZ)), len(stretch.cells) - 1) // FRAME_STEP
        if block < 2 * MARGIN_FRAMES:
            continue
        start = first + enough_motion(stretch)[0]
        content_start = max(0, int(segment.content_time(start / float(HZ)) * float(HZ)) - MARGIN_FRAMES)
        content_end = content_start + round((block * FRAME_STEP + 2 * MARGIN_FRAMES) * speed) + 1
        searched = SearchedContent(replace(content, cells=content.cells[content_start:content_end]), speed, block)
        hypothesis = search_region(reaction, start, searched, content.aspect)
        if hypothesis is not None:
            out.append(replace(hypothesis, lag=hypothesis.lag + round(content_start / speed)))
    return out


def _agree(offsets: OffsetMap, segments: list[Segment]) -> bool:
    """Whether segments by video agree with a map where both cover the reaction, compared every tenth of a second."""
    common, same = 0, 0
    for segment in segments:
        for tenth in range(int(10 * segment.reaction_start_s), int(10 * segment.reaction_end_s)):
            second = (tenth + 0.5) / 10
            known = offsets.content_time(second)
            if known is not None:
                common += 1
                same += abs(known - segment.content_time(second)) < SAME_LINE_S
    return same >= max(MIN_AGREEMENT * common, 10 * MIN_COMMON_S)


def _filled(offsets: OffsetMap, more: list[AlignedRun], smear_s: float, config: AlignConfig) -> OffsetMap:
    """A map with more runs, in milliseconds on the content's clock, where it leaves both clocks open."""
    rate = offsets.segments[0].rate
    chain = sorted((_segment_run(s, 1 / rate) for s in offsets.segments), key=lambda run: run.start)
    filled = fill_gaps(chain, more, MS, SAME_LINE_S, smear_s)
    if len(filled) == len(chain):
        return offsets
    segments = [_run_segment(run, rate) for run in merge_runs(filled, MS, config.max_bridge_s)]
    long_enough = tuple(s for s in segments if s.content_end_s - s.content_start_s >= config.min_segment_s)
    return OffsetMap(offsets.score, long_enough, FUSED[offsets.by])


def _segment_run(segment: Segment, speed: float) -> AlignedRun:
    """A segment in milliseconds on the content's clock; one of another speed is exact at its middle."""
    middle = (segment.content_start_s + segment.content_end_s) / 2
    offset = segment.reaction_time(middle) * speed - middle
    half = (segment.content_end_s - segment.content_start_s) / 2
    start, end = middle + offset - half, middle + offset + half
    return AlignedRun(offset * MS, start * MS, end * MS, FIXED_WEIGHT, segment.score, 1.0)


def _run_segment(run: AlignedRun, rate: float) -> Segment:
    start = max(0.0, (run.start - run.offset) / MS)
    return Segment(start, (run.end - run.offset) / MS, max(0.0, start + run.offset / MS) * rate, run.score, rate)


def _scaled(run: AlignedRun, factor: float) -> AlignedRun:
    return replace(run, offset=run.offset * factor, start=run.start * factor, end=run.end * factor)

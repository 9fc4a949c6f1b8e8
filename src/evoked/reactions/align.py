"""Find where a reaction stands on its content's time, by the sound they share.

Three steps: shared landmarks point at offsets (fast, coarse: 16 ms); the phase transform settles each
offset to the sample and says, quarter second by quarter second, whether the film is heard there; the
best chain of such stretches, one after the other in the reaction, is the map. Where nothing is common at the
film's own speed and pitch, others are tried.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import AlignmentError
from evoked.core.settings import setting
from evoked.reactions.by_landmarks import NEW_LINE, runs_at
from evoked.reactions.chain import Run, best_chain, runs_of
from evoked.reactions.coherence import Line, Samples, exact_line, obedience, presence
from evoked.reactions.landmarks import Landmarks, landmarks, shared
from evoked.reactions.offsets import OffsetMap, Segment
from evoked.reactions.speeds import changes, likeliest, offsets_of, peaks_at, resampled, settled, tape_speed

SOUND_HZ = 8000
BLOCK_S = 10.0  # landmarks are counted over blocks of the reaction this long, half overlapping …
LINES = 6  # … and this many offsets of each are kept
WIDE = 3  # frames on which one offset's landmarks may lie
PIECE_S = 60.0  # the exact offset is settled anew over pieces this long: clocks drift …
REACH_S = 0.06  # … within this of where the landmarks point
STRONG = 10.0  # standard score at which a piece's own line is sure …
WEAK = 5.0  # … and below which a candidate is dropped
MARGIN_S = 15.0  # how far beyond its landmarks a line is followed
OBEYS = 0.15  # least obedience of a line: between .04, shared music, and .33, the film far under noise
PLAIN = 0.3  # coherence beyond which no other offset can be the true one …
FOUND_AGAIN = 0.008  # least share of the content's landmarks along an offset that has no phases: the hardest have .012
SAME_SPEED = 0.0005  # a change of speed below this is none: over a minute it moves the film by 30 ms
SETTLED = 0.95  # … if the candidate's span is covered to this share


@dataclass(frozen=True)
class AlignConfig:
    """What counts as found."""

    min_score: float = setting(12.0, "standard score below which a reaction is refused as having nothing in common")
    min_common_s: float = setting(5.0, "seconds of common sound below which a reaction is refused")
    min_share: float = setting(0.15, "share of the shorter of the two that must be common: episodes share title music")
    min_segment_s: float = setting(1.0, "seconds below which a stretch is no segment of its own")
    bridge_s: float = setting(30.0, "longest silence or talk, in seconds, that an unchanged offset is carried across")
    candidates: int = setting(160, "most offsets that are looked into")
    speed: float = setting(0.06, "largest change of the film's speed that is looked for; 0.06: 6 % either way")
    semitones: float = setting(2.0, "largest change of the film's pitch that is looked for, in semitones")

    def __post_init__(self) -> None:
        if not 0 <= self.speed <= 0.5 or not 0 <= self.semitones <= 12:
            raise ValueError(
                f"speed must be in [0, 0.5] and semitones in [0, 12], got {self.speed} and {self.semitones}"
            )
        if min(self.min_score, self.min_common_s, self.min_segment_s) <= 0 or self.candidates < 1:
            raise ValueError("min_score, min_common_s, min_segment_s and candidates must be above zero")
        if self.bridge_s < 0 or not 0 <= self.min_share <= 1:
            raise ValueError(
                f"bridge_s must not be negative and min_share in [0, 1], got {self.bridge_s} and {self.min_share}"
            )


@dataclass(frozen=True)
class Candidate:
    """An offset that shared landmarks point at: a span of the reaction, all in samples."""

    offset: int
    start: int
    end: int
    votes: int


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
    reaction, content = _levelled(reaction_sound), _levelled(content_sound)
    marks = landmarks(content, hz)
    try:
        return _judged(_by_phase(reaction, content, hz, marks, config), config, min(len(reaction), len(content)) / hz)
    except AlignmentError:
        found = _at_another_speed(reaction, content, hz, marks, config)
        if found is None:
            raise
        return found


def _by_phase(reaction: Samples, content: Samples, hz: int, marks: Landmarks, config: AlignConfig) -> list[Segment]:
    """Segments of a reaction that holds the recording itself, whatever lies on top."""
    found = candidates(landmarks(reaction, hz), marks, config.candidates)
    return _segments(best_chain(_heard(reaction, content, hz, found), hz, config.bridge_s), hz, config)


def _by_landmarks(reaction: Landmarks, content: Landmarks, config: AlignConfig) -> list[Segment]:
    """Segments of a reaction that holds the content's peaks, but not its phases."""
    runs: list[Run] = []
    hop = reaction.hop
    for one in candidates(reaction, content, config.candidates):
        new = runs_at(reaction, content, one.offset // hop, (one.start // hop, one.end // hop))
        weight = sum(run.end - run.start for run in new)
        if new and sum(run.level * (run.end - run.start) for run in new) >= FOUND_AGAIN * weight:
            runs += new
    return _segments(best_chain(runs, reaction.hz, config.bridge_s, NEW_LINE), reaction.hz, config)


def _segments(chain: list[Run], hz: int, config: AlignConfig) -> list[Segment]:
    segments = [_segment(run, hz) for run in chain]
    return [s for s in segments if s.content_end_s - s.content_start_s >= config.min_segment_s]


def _at_another_speed(
    reaction: Samples, content: Samples, hz: int, marks: Landmarks, config: AlignConfig
) -> OffsetMap | None:
    """The map of a film that was made faster, slower, higher or deeper; None where it is none of these."""
    tried = changes(config.speed, config.semitones)
    change, votes = likeliest(reaction, marks, tried)
    if not votes:
        return None
    heard_at = peaks_at(reaction, hz, change.pitch)
    change = settled(heard_at, marks, change)
    if max(abs(change.pitch - 1), abs(change.speed - 1)) < SAME_SPEED:
        return None  # its phases would have been found: what is alike is another scene with the same music
    if change.as_tape:
        points = offsets_of(peaks_at(reaction, hz, change.pitch).at_speed(change.speed), marks)
        speed = tape_speed(reaction, content, hz, change.speed, points)
        slower = resampled(reaction, 1 / speed)
        map_ = _map(_by_phase(slower, content, hz, marks, config), speed, config, reaction, content, hz)
        if map_ is not None:
            return map_
    return _map(
        _by_landmarks(heard_at.at_speed(change.speed), marks, config), change.speed, config, reaction, content, hz
    )


def candidates(reaction: Landmarks, content: Landmarks, most: int) -> list[Candidate]:
    """Offsets with far more shared landmarks than chance, those with most first.

    The hits of a block of the reaction are counted by offset; a count stands out where it is many
    deviations above the mean count of the offsets around it (a busy part of the film collects more).
    """
    block = round(BLOCK_S / 2 * reaction.hz / reaction.hop)
    size = reaction.frames_total + content.frames_total
    found: dict[int, list[tuple[int, int]]] = {}
    last = np.zeros(size, np.int32)
    for start in range(0, reaction.frames_total, block):
        at, there = shared(reaction, content, (start, start + block))
        counts = np.bincount(at - there + content.frames_total, minlength=size).astype(np.int32)
        for place, votes in _standing_out(last + counts):
            found.setdefault(place - content.frames_total, []).append((max(0, start - block), votes))
        last = counts
    return _joined(found, 2 * block, block, reaction.hop, most)


def _standing_out(counts: NDArray[np.int32]) -> list[tuple[int, int]]:
    """(place, votes) of the few places whose count cannot be chance."""
    counts = np.pad(counts, WIDE // 2)
    counts = counts[:-2] + counts[1:-1] + counts[2:]
    width = 251  # frames: four seconds
    sums = np.cumsum(np.pad(counts, (width // 2 + 1, width // 2)))
    usual = (sums[width:] - sums[:-width]) / np.float32(width)
    excess = (counts - usual) / np.sqrt(usual + 1)
    found = []
    for _ in range(LINES):
        best = int(np.argmax(excess))
        if excess[best] < 5 or counts[best] < 6:
            break
        found.append((best, int(counts[best])))
        excess[max(0, best - WIDE) : best + WIDE + 1] = -1
    return found


def _joined(found: dict[int, list[tuple[int, int]]], block: int, hop: int, samples: int, most: int) -> list[Candidate]:
    """Blocks that point at one offset become one candidate; a long silence between them parts it."""
    groups: list[list[int]] = []
    for distance in sorted(found):
        if groups and distance - groups[-1][0] <= WIDE:
            groups[-1].append(distance)
        else:
            groups.append([distance])
    out = []
    for group in groups:
        hits = sorted((start, votes, distance) for distance in group for start, votes in found[distance])
        parts = [[hits[0]]]
        for hit in hits[1:]:
            if hit[0] - parts[-1][-1][0] > block + 8 * hop:
                parts.append([])
            parts[-1].append(hit)
        for part in parts:
            middle = max(part, key=lambda h: h[1])[2]
            votes = sum(h[1] for h in part)
            out.append(Candidate(middle * samples, part[0][0] * samples, (part[-1][0] + block) * samples, votes))
    return sorted(out, key=lambda c: (-c.votes, c.offset, c.start))[:most]


def _heard(reaction: Samples, content: Samples, hz: int, found: list[Candidate]) -> list[Run]:
    """The runs of all candidates, most votes first; where one is plain to hear, others are not looked into."""
    tick = hz // 10
    plain = np.zeros(len(reaction) // tick + 1, dtype=np.bool_)
    runs: list[Run] = []
    for one in found:
        if plain[one.start // tick : one.end // tick].mean() < SETTLED:
            new = _follow(reaction, content, hz, one)
            for run in new:
                plain[int(run.start) // tick : int(run.end) // tick] |= run.level > PLAIN
            runs += new
    return runs


def _follow(reaction: Samples, content: Samples, hz: int, one: Candidate) -> list[Run]:
    """The stretches along a candidate over which the content is heard, each at its exact offset."""
    edges = [*range(one.start, max(one.start + 1, one.end - round(PIECE_S * hz) // 2), round(PIECE_S * hz)), one.end]
    spans = list(pairwise(edges))
    lines = [exact_line(reaction, content, hz, one.offset, span, round(REACH_S * hz)) for span in spans]
    margin = round(MARGIN_S * hz)
    runs: list[Run] = []
    for line, (start, end) in _strands(lines, spans):
        span = start - margin * (start == one.start), end + margin * (end == one.end)
        heard = runs_of(presence(reaction, content, hz, line, span), line)
        if obedience(reaction, content, hz, line, [(run.start, run.end) for run in heard]) >= OBEYS:
            runs += heard
    return runs


def _strands(lines: list[tuple[Line, float]], spans: list[tuple[int, int]]) -> list[tuple[Line, tuple[int, int]]]:
    """A line for each piece, or for several that are on one; a piece too quiet to tell takes its neighbour's."""
    least = max(WEAK, min(STRONG, max(score for _, score in lines)))
    sure = [i for i, (_, score) in enumerate(lines) if score >= least]
    strands: list[tuple[Line, tuple[int, int]]] = []
    for i, span in enumerate(spans):
        if not sure:
            break
        line = lines[min(sure, key=lambda k: (abs(k - i), k))][0]
        last = strands[-1] if strands else None
        if last and line.slope == last[0].slope == 0 and abs(line.offset - last[0].offset) <= 0.5:
            strands[-1] = (last[0], (last[1][0], span[1]))
        else:
            strands.append((line, span))
    return strands


def _segment(run: Run, hz: int) -> Segment:
    start = max(0.0, (run.start - run.offset) / hz)
    offset_s = run.offset / hz
    return Segment(start, (run.end - run.offset) / hz, max(0.0, start + offset_s), run.score)


def _map(
    segments: list[Segment], speed: float, config: AlignConfig, reaction: Samples, content: Samples, hz: int
) -> OffsetMap | None:
    """The segments of a reaction that was played slower, on its own time; None where they are too few."""
    rate = 1 / speed
    own = [replace(s, reaction_start_s=s.reaction_start_s * rate, rate=rate) for s in segments]
    try:
        return _judged(own, config, min(len(reaction), len(content)) / hz)
    except AlignmentError:
        return None


def _levelled(sound: Samples) -> Samples:
    """The sound at a common loudness, so that what counts as silence does not hang on a volume control."""
    loudness = np.sqrt(np.mean(np.square(sound, dtype=np.float32), dtype=np.float64))
    return (sound * np.float32(0.1 / loudness)).astype(np.float32, copy=False)


def _judged(segments: list[Segment], config: AlignConfig, shorter_s: float) -> OffsetMap:
    if not segments:
        raise AlignmentError(
            "the reaction and the content have no sound in common. Check that they belong together and that "
            "the film can be heard in the reaction"
        )
    best = max(s.score for s in segments)
    common = sum(s.content_end_s - s.content_start_s for s in segments)
    needed = max(config.min_common_s, config.min_share * shorter_s)
    if best < config.min_score or common < needed:
        raise AlignmentError(
            f"too little sound in common: {common:.1f} s at a score of {best:.1f}; needed: {needed:.1f} s and "
            f"{config.min_score:g}. Check that reaction and content belong together"
        )
    return OffsetMap(best, tuple(segments))

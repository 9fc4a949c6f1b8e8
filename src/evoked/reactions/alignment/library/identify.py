"""Identification of the content that a reaction plays, among many, by audio.

The hashes of a few stretches of the reaction are looked up in an index of all contents; only the few with most shared
hashes at one offset are aligned in full. A content costs its hashes once; a search costs hardly more with a thousand
contents than with ten.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evoked.core.errors import AlignmentError
from evoked.reactions.alignment.audio.align import align
from evoked.reactions.alignment.audio.fingerprints import fingerprint
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.audio.speed_pitch import speed_pitch_grid
from evoked.reactions.alignment.config import SOUND_HZ, AlignConfig, own_speed_only
from evoked.reactions.alignment.library.inverted_index import InvertedIndex, build_index, count_keys, postings_of
from evoked.reactions.alignment.offset_map import OffsetMap

__all__ = ["ContentMatch", "MemoryLibrary", "identify_content"]

MAX_ALIGNED = 3  # contents that are aligned in full
LIKELY_SHARE = 0.5  # share of the reaction that a content covers at its own speed from which no other speed is tried


@dataclass(frozen=True)
class ContentMatch:
    """The content of a reaction, and the temporal alignment of both.

    Attributes:
        content: name of the content.
        offsets: the map.
    """

    content: str
    offsets: OffsetMap


def identify_content(
    reaction_sound: Samples,
    index: InvertedIndex,
    sound_of: Callable[[str], Samples],
    config: AlignConfig | None = None,
) -> ContentMatch:
    """The content of an index that a reaction plays the most of.

    Args:
        reaction_sound: float32, shape (samples,), mono at the index's hz.
        index: hashes of the contents.
        sound_of: name → mono sound at that hz; called for the few that are aligned in full.
        config: thresholds of a match.

    Returns:
        The content with most covered seconds, and its map.

    Raises:
        AlignmentError: if it has nothing in common with any of them, or is silent.
    """
    config = config or AlignConfig()
    if not index.names:
        raise AlignmentError("there are no contents to compare with")
    search = _Search(reaction_sound, index.hz, sound_of)
    # Other speeds only where none matches at its own: looking for them takes seconds, and for each wrong content again
    own_speed = index.ranked(reaction_sound, ())[:MAX_ALIGNED]
    likely = search.best(own_speed, own_speed_only(config))
    if likely is not None and likely.offsets.covered_s >= LIKELY_SHARE * len(reaction_sound) / index.hz:
        return likely
    changes = speed_pitch_grid(config.max_speed_change, config.max_pitch_semitones)
    ranked = index.ranked(reaction_sound, changes)[:MAX_ALIGNED]
    for attempt in dict.fromkeys((own_speed_only(config), config)):
        match = search.best(ranked, attempt)
        if match is not None:
            return match
    raise AlignmentError(f"the reaction plays none of {len(index.names)} contents ({search.reason})")


class _Search:
    """Aligns a reaction with contents, with each at the same settings once."""

    def __init__(self, reaction_sound: Samples, hz: int, sound_of: Callable[[str], Samples]) -> None:
        self.reason = "no audio hash is shared"
        self._reaction_sound, self._hz, self._sound_of = reaction_sound, hz, sound_of
        self._results: dict[tuple[str, AlignConfig], ContentMatch | str] = {}

    def best(self, ranked: Sequence[tuple[str, int]], config: AlignConfig) -> ContentMatch | None:
        """The match of which most is covered; None where none of the contents matches."""
        results = [self._result(name, config) for name, _ in ranked]
        for (name, _), result in zip(ranked, results, strict=True):
            if isinstance(result, str):
                self.reason = f"nearest {name}: {result}"
        matches = [result for result in results if isinstance(result, ContentMatch)]
        return max(matches, key=lambda match: (match.offsets.covered_s, match.offsets.score), default=None)

    def _result(self, name: str, config: AlignConfig) -> ContentMatch | str:
        if (name, config) not in self._results:
            try:
                offsets = align(self._reaction_sound, self._sound_of(name), self._hz, config)
                self._results[name, config] = ContentMatch(name, offsets)
            except AlignmentError as error:
                self._results[name, config] = str(error)
        return self._results[name, config]


class MemoryLibrary:
    """Contents that can be searched by audio, in memory (250 kB for ten minutes).

    Args:
        contents: their names, in any order: the result does not depend on it.
        sound_of: name → mono sound at `hz`; called once for the hashes, and again for each full
            alignment. Its exceptions are not caught.
        hz: samples per second.
        config: thresholds of a match.
    """

    def __init__(
        self,
        contents: Sequence[str],
        sound_of: Callable[[str], Samples],
        hz: int = SOUND_HZ,
        config: AlignConfig | None = None,
    ) -> None:
        self.contents = tuple(sorted(contents))
        self._sound_of = sound_of
        self._hz = hz
        self._config = config or AlignConfig()
        self._index: InvertedIndex | None = None

    def ranked(self, reaction_sound: Samples) -> list[tuple[str, int]]:
        """Contents with their number of shared hashes at one offset, most first; those without any are left out."""
        return self._built_index().ranked(
            reaction_sound, speed_pitch_grid(self._config.max_speed_change, self._config.max_pitch_semitones)
        )

    def identify(self, reaction_sound: Samples, config: AlignConfig | None = None) -> ContentMatch:
        """The content that a reaction plays the most of.

        Args:
            reaction_sound: float32, shape (samples,), mono at `hz`.
            config: thresholds of a match; None: those of the library.

        Returns:
            The content, and the map.

        Raises:
            AlignmentError: if it has nothing in common with any of them, or is silent.
        """
        return identify_content(reaction_sound, self._built_index(), self._sound_of, config or self._config)

    def _built_index(self) -> InvertedIndex:
        if self._index is None:
            postings = [postings_of(fingerprint(self._sound_of(name), self._hz)) for name in self.contents]
            self._index = build_index(self.contents, postings, count_keys(postings, self._hz), self._hz)
        return self._index

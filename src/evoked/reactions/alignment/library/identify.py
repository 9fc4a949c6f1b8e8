"""Which content does a reaction play, of many, or none of them?

The landmarks of a few stretches of the reaction are looked up in an index of all contents; only the few with
most shared landmarks at one offset are aligned in full. A content costs its landmarks once; a search costs
hardly more with a thousand contents than with ten.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from evoked.core.errors import AlignmentError
from evoked.reactions.alignment.audio.align import align
from evoked.reactions.alignment.audio.fingerprints import fingerprint
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.audio.speed_pitch import speed_pitch_grid
from evoked.reactions.alignment.config import SOUND_HZ, AlignConfig
from evoked.reactions.alignment.library.inverted_index import InvertedIndex, build_index, count_keys, postings_of
from evoked.reactions.alignment.offset_map import OffsetMap

TRIED = 3  # contents that are aligned in full


@dataclass(frozen=True)
class ContentMatch:
    """A reaction's content, and where it stands in it."""

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
        index: landmarks of the contents.
        sound_of: name → mono sound at that hz, asked for the few that are aligned in full.
        config: what counts as found.

    Raises:
        AlignmentError: if it has nothing in common with any of them, or is silent.
    """
    config = config or AlignConfig()
    if not index.names:
        raise AlignmentError("there are no contents to compare with")
    found: list[ContentMatch] = []
    reason = "no landmark is shared"
    ranked = index.ranked(reaction_sound, speed_pitch_grid(config.speed, config.semitones))[:TRIED]
    # Other speeds only where none is found at its own: the search costs some seconds for each wrong content
    for tried in (replace(config, speed=0.0, semitones=0.0), config):
        for name, _ in ranked:
            try:
                found.append(ContentMatch(name, align(reaction_sound, sound_of(name), index.hz, tried)))
            except AlignmentError as error:
                reason = f"nearest {name}: {error}"
        if found:
            break
    else:
        raise AlignmentError(f"the reaction plays none of {len(index.names)} contents ({reason})")
    return max(found, key=lambda p: (p.offsets.covered_s, p.offsets.score))


class MemoryLibrary:
    """Contents that can be searched by sound, held in memory (250 kB for ten minutes).

    Args:
        contents: their names, in any order: the answer does not depend on it.
        sound_of: name → mono sound at `hz`; called once for the landmarks, and again for each full
            alignment. A content whose sound cannot be had raises there.
        hz: samples per second.
        config: what counts as found.
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
        """Contents with their shared landmarks at one offset, most first; those that share none are left out."""
        return self._known().ranked(reaction_sound, speed_pitch_grid(self._config.speed, self._config.semitones))

    def which(self, reaction_sound: Samples) -> ContentMatch:
        """The content that a reaction plays the most of.

        Raises:
            AlignmentError: if it has nothing in common with any of them, or is silent.
        """
        return identify_content(reaction_sound, self._known(), self._sound_of, self._config)

    def _known(self) -> InvertedIndex:
        if self._index is None:
            marks = [postings_of(fingerprint(self._sound_of(name), self._hz)) for name in self.contents]
            self._index = build_index(self.contents, marks, count_keys(marks, self._hz), self._hz)
        return self._index

"""Which content does a reaction play, of many, or none of them?

The landmarks of a few stretches of the reaction are looked up in each content's; only the contents with
most shared landmarks at one offset are aligned in full. A content costs its landmarks once, and then
hundredths of a second for each reaction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evoked.core.errors import AlignmentError
from evoked.reactions.align import SOUND_HZ, AlignConfig, align, candidates
from evoked.reactions.coherence import Samples
from evoked.reactions.landmarks import Landmarks, landmarks
from evoked.reactions.offsets import OffsetMap

TRIED = 3  # contents that are aligned in full
PROBES = 16  # stretches of the reaction that are looked up …
PROBE_S = 20.0  # … and how long each is


@dataclass(frozen=True)
class Pairing:
    """A reaction's content, and where it stands in it."""

    content: str
    offsets: OffsetMap


class Library:
    """Contents that can be searched by sound.

    Args:
        contents: their names, in any order: the answer does not depend on it.
        sound_of: name → mono sound at `hz`; called once for the landmarks (some 7 MB for ten minutes are
            kept), and again for each full alignment. A content whose sound cannot be had raises there.
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
        self._known: dict[str, Landmarks] = {}

    def ranked(self, reaction_sound: Samples) -> list[tuple[str, int]]:
        """Contents with their shared landmarks at one offset, most first; those that share none are left out."""
        probes = landmarks(_probed(reaction_sound, self._hz), self._hz)
        votes = {name: sum(c.votes for c in candidates(probes, self._marks(name), 2)) for name in self.contents}
        return sorted(((n, v) for n, v in votes.items() if v), key=lambda item: (-item[1], item[0]))

    def which(self, reaction_sound: Samples) -> Pairing:
        """The content that a reaction plays the most of.

        Raises:
            AlignmentError: if it has nothing in common with any of them, or is silent.
        """
        if not self.contents:
            raise AlignmentError("there are no contents to compare with")
        found: list[Pairing] = []
        reason = "no landmark is shared"
        for name, _ in self.ranked(reaction_sound)[:TRIED]:
            try:
                found.append(Pairing(name, align(reaction_sound, self._sound_of(name), self._hz, self._config)))
            except AlignmentError as error:
                reason = f"nearest {name}: {error}"
        if not found:
            raise AlignmentError(f"the reaction plays none of {len(self.contents)} contents ({reason})")
        return max(found, key=lambda p: (p.offsets.covered_s, p.offsets.score))

    def _marks(self, name: str) -> Landmarks:
        if name not in self._known:
            self._known[name] = landmarks(self._sound_of(name), self._hz)
        return self._known[name]


def _probed(sound: Samples, hz: int) -> Samples:
    """The sound, or where it is long stretches spread over it, one after another."""
    length = round(PROBE_S * hz)
    if len(sound) <= PROBES * length:
        return sound
    starts = np.linspace(0, len(sound) - length, PROBES).astype(np.int64)
    return np.concatenate([sound[s : s + length] for s in starts])

"""Which content does a reaction play, and where: by the sound they share, else by the picture.

Sound is asked first: it is exact, and cheap with many contents. A recording without sound, or of a viewer with
headphones, has none in common; then the film is looked for in the picture of the reaction. What the one leaves open of
a content that is found, the other is asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from evoked.core.errors import AlignmentError, MediaError, NoSoundError
from evoked.core.progress import Progress, part, silent
from evoked.reactions.alignment.audio.align import align
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.audio.soundtrack import damage_suffix
from evoked.reactions.alignment.config import SOUND_HZ, MatchConfig
from evoked.reactions.alignment.fusion import (
    CONFIRMS,
    OPEN_S,
    coherence_along,
    extend_to_ends,
    fill_by_audio,
    fill_by_video,
    uncovered_s,
)
from evoked.reactions.alignment.library.identify import ContentMatch, MemoryLibrary
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.alignment.recording import Recording, as_recording, is_same_recording
from evoked.reactions.alignment.video.align import align_by_video

__all__ = ["ContentMatcher", "modality_notes"]

SEARCH = "looking for the film in the picture"
HOW = {
    "picture": "aligned by picture: no sound in common",
    "picture and sound": "aligned by picture, and by sound where nothing is seen",
    "sound and picture": "aligned by sound, and by picture where nothing is heard",
}


def modality_notes(offsets: OffsetMap) -> tuple[str, ...]:
    """What a reader of a map must know of how it was found; nothing for a map by sound."""
    return (HOW[offsets.by],) if offsets.by in HOW else ()


class ContentMatcher:
    """Finds which of some contents a reaction plays, and where.

    Keeps the thumbnails of every content that was compared by picture (9 MB for an hour), and the sound of the last.

    Args:
        contents: name → file, or its recording.
        config: what counts as found.
    """

    def __init__(self, contents: Mapping[str, Path | Recording], config: MatchConfig | None = None) -> None:
        self.contents = {name: as_recording(file) for name, file in contents.items()}
        self.config = config or MatchConfig()
        self._library: MemoryLibrary | None = None  # the fingerprints of the contents compared last
        self._matched: dict[Path, Recording] = {}  # reactions that were given as a path, freed

    @property
    def paths(self) -> dict[str, Path]:
        """Name → file of each content."""
        return {name: content.path for name, content in self.contents.items()}

    def match(
        self, reaction: Path | Recording, among: Sequence[str] | None = None, progress: Progress = silent
    ) -> ContentMatch:
        """The content that a reaction plays, and where; its map says by what it was found.

        Args:
            reaction: a file or its recording, whose sound and thumbnails are freed at the end.
            among: names of contents; all if not given.
            progress: is called during the search by picture, which takes seconds to minutes.

        Raises:
            AlignmentError: if it plays none of them, by neither, with both reasons; if it is one of them.
            NoSoundError, NoPictureError: if what the config asks for is not there.
            MediaError or a subclass: if a file cannot be used.
        """
        recording = as_recording(reaction)
        if recording is not reaction:
            self._matched[recording.path] = recording
        try:
            return self._match(recording, tuple(sorted(self.contents if among is None else among)), progress)
        finally:
            recording.free()

    def damage_notes(self, reaction: Path | Recording, name: str) -> tuple[str, ...]:
        """What was wrong with a reaction and a content in what was read of them, for people.

        Args:
            reaction: as it was given to `match`.
            name: of the content, which stands before each line of it.
        """
        recording = reaction if isinstance(reaction, Recording) else self._matched.get(reaction)
        own = recording.damage if recording else ()
        return (*own, *(f"{name}: {line}" for line in self.contents[name].damage))

    def _match(self, reaction: Recording, names: tuple[str, ...], progress: Progress) -> ContentMatch:
        for name in names:
            if _same(reaction, self.contents[name]):
                raise AlignmentError(
                    f"{reaction.path} is the content itself ({name}): name the recording of the people who watched it"
                )
        sound_reason = ""
        if self.config.by != "picture":
            try:
                return self._completed(reaction, self._by_sound(reaction, names), progress)
            except (AlignmentError, NoSoundError) as error:
                if self.config.by == "sound":
                    raise
                sound_reason = str(error)
        try:
            return self._completed(reaction, self._by_picture(reaction, names, progress), progress)
        except AlignmentError as error:
            prefix = f"{sound_reason}; by picture" if sound_reason else self._compared(reaction, names)
            raise AlignmentError(f"{prefix}: {error}") from error

    def _compared(self, reaction: Recording, names: tuple[str, ...]) -> str:
        """What was compared, for messages."""
        return f"{reaction.path} against {self.contents[names[0]].path}" if len(names) == 1 else str(reaction.path)

    def _by_sound(self, reaction: Recording, names: tuple[str, ...]) -> ContentMatch:
        soundtrack = reaction.soundtrack
        compared = self._compared(reaction, names)
        try:
            if len(names) == 1:
                return ContentMatch(
                    names[0], align(soundtrack.samples, self._sound_of(names[0]), SOUND_HZ, self.config)
                )
            names = tuple(name for name in names if self.contents[name].media.sound is not None)
            if not names:
                raise AlignmentError("no content has sound")
            if self._library is None or self._library.contents != names:
                self._library = MemoryLibrary(names, self._sound_of, SOUND_HZ, self.config)
            return self._library.identify(soundtrack.samples)
        except AlignmentError as error:
            raise soundtrack.refused(error, compared) from error

    def _by_picture(self, reaction: Recording, names: tuple[str, ...], progress: Progress) -> ContentMatch:
        """The content of which most is seen."""
        progress(0, 1, SEARCH)
        parts = 1 + len(names)
        thumbnails = reaction.reaction_thumbnails(part(progress, 0, 1 / parts, SEARCH))
        matches, reason = [], ""
        for i, name in enumerate(names, start=1):
            content_progress = part(progress, i / parts, (i + 0.5) / parts, SEARCH)  # then it is compared
            try:
                confirmed = partial(self._sound_confirms, reaction, name)
                content = self.contents[name].content_thumbnails(content_progress)
                matches.append(ContentMatch(name, align_by_video(thumbnails, content, self.config, confirmed)))
            except AlignmentError as error:
                reason = str(error)
            progress((i + 1) / parts, 1, SEARCH)
        if not matches:
            what = reason if len(names) == 1 else f"none of {len(names)} contents is seen in it"
            raise AlignmentError(what + damage_suffix(reaction.path, thumbnails.damage))
        return max(matches, key=lambda match: (match.offsets.covered_s, match.offsets.score))

    def _sound_confirms(self, reaction: Recording, name: str, segments: list[Segment]) -> bool:
        """Whether the sound, too weak to find anything by itself, agrees with a picture that is not sure."""
        if self.config.by == "picture" or reaction.media.sound is None or self.contents[name].media.sound is None:
            return False
        coherence = coherence_along(segments, reaction.soundtrack.samples, self._sound_of(name), SOUND_HZ)
        return coherence >= CONFIRMS

    def _completed(self, reaction: Recording, match: ContentMatch, progress: Progress) -> ContentMatch:
        """The same with what is seen of what is not heard, or heard of what is not seen."""
        content, offsets = self.contents[match.content], match.offsets
        ours, theirs = reaction.media, content.media
        durations_s = float(ours.duration_s), float(theirs.duration_s)
        if self.config.by == "auto" and uncovered_s(offsets, *durations_s) >= OPEN_S:
            if offsets.by == "picture" and ours.sound and theirs.sound:
                sounds = reaction.soundtrack.samples, self._sound_of(match.content)
                offsets = fill_by_audio(offsets, *sounds, SOUND_HZ, self.config)
            elif offsets.by == "sound" and ours.picture and theirs.picture:
                reaction.free_sound()  # it has said what it can
                try:
                    thumbnails = reaction.reaction_thumbnails(part(progress, 0, 0.8, SEARCH))
                    offsets = fill_by_video(offsets, thumbnails, content.content_thumbnails(), self.config)
                except MediaError as error:  # the map by sound is kept
                    reaction.note(f"not compared by picture: {error}")
        return replace(match, offsets=extend_to_ends(offsets, *durations_s))

    def _sound_of(self, name: str) -> Samples:
        for other, content in self.contents.items():
            if other != name:
                content.free_sound()  # one sound at a time
        return self.contents[name].soundtrack.samples


def _same(reaction: Recording, content: Recording) -> bool:
    """Whether both are one file; what cannot be opened is reported by the code that opens it."""
    try:
        return is_same_recording(reaction, content)
    except (MediaError, OSError):
        return False

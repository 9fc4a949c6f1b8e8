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
from evoked.core.files import same_file
from evoked.core.progress import Progress, part, silent
from evoked.media.probe import probe
from evoked.reactions.alignment.audio.align import align
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.audio.soundtrack import Soundtrack, damage_suffix, load_soundtrack
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
from evoked.reactions.alignment.video.align import align_by_video
from evoked.reactions.alignment.video.thumbnails import FrameThumbnails, content_thumbnails, reaction_thumbnails

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
    """What may have been watched; each is heard and looked at when it is first needed.

    Holds the looks of every content that was compared by picture (9 MB for an hour), and the sound of the last.

    Args:
        paths: name → file.
        config: what counts as found.

    Attributes:
        damage: file → what was wrong with it, one line each, of those that were heard or looked at.
    """

    def __init__(self, paths: Mapping[str, Path], config: MatchConfig | None = None) -> None:
        self.paths = dict(paths)
        self.config = config or MatchConfig()
        self.damage: dict[Path, tuple[str, ...]] = {}
        self._heard: Soundtrack | None = None
        self._looks: dict[str, FrameThumbnails] = {}
        self._library: MemoryLibrary | None = None

    def match(self, reaction: Path, among: Sequence[str] | None = None, progress: Progress = silent) -> ContentMatch:
        """The content that a reaction plays, and where; its map says by what it was found.

        Args:
            reaction: a recording.
            among: names of contents; all if not given.
            progress: told of the search by picture, which takes seconds to minutes.

        Raises:
            AlignmentError: if it plays none of them, by neither, with both reasons; if it is one of them.
            NoSoundError, NoPictureError: if what the config asks for is not there.
            MediaError and its kin: if a file cannot be used.
        """
        names = tuple(sorted(self.paths if among is None else among))
        for name in names:
            if _same(reaction, self.paths[name]):
                raise AlignmentError(
                    f"{reaction} is the content itself ({name}): name the recording of the people who watched it"
                )
        heard = ""
        if self.config.by != "picture":
            try:
                return self._completed(reaction, self._by_sound(reaction, names), progress)
            except (AlignmentError, NoSoundError) as error:
                if self.config.by == "sound":
                    raise
                heard = str(error)
        try:
            return self._completed(reaction, self._by_picture(reaction, names, progress), progress)
        except AlignmentError as error:
            what = f"{reaction} against {self.paths[names[0]]}" if len(names) == 1 else str(reaction)
            raise AlignmentError(f"{heard}; by picture: {error}" if heard else f"{what}: {error}") from error

    def told(self, reaction: Path, name: str) -> tuple[str, ...]:
        """What was wrong with a reaction and a content as they were matched; the content's lines name it."""
        return (*self.damage.get(reaction, ()), *(f"{name}: {line}" for line in self.damage.get(self.paths[name], ())))

    def _by_sound(self, reaction: Path, names: tuple[str, ...]) -> ContentMatch:
        ours = self._hear(reaction)
        what = f"{reaction} against {self.paths[names[0]]}" if len(names) == 1 else str(reaction)
        try:
            if len(names) == 1:
                return ContentMatch(names[0], align(ours.samples, self._sound_of(names[0]), SOUND_HZ, self.config))
            names = tuple(name for name in names if probe(self.paths[name]).sound is not None)
            if not names:
                raise AlignmentError("no content has sound")
            if self._library is None or self._library.contents != names:
                self._library = MemoryLibrary(names, self._sound_of, SOUND_HZ, self.config)
            return self._library.identify(ours.samples)
        except AlignmentError as error:
            raise ours.refused(error, what) from error

    def _by_picture(self, reaction: Path, names: tuple[str, ...], progress: Progress) -> ContentMatch:
        """The content of which most is seen."""
        progress(0, 1, SEARCH)
        parts = 1 + len(names)
        ours, found, reason = self._looks_at(reaction, part(progress, 0, 1 / parts, SEARCH)), [], ""
        for i, name in enumerate(names, start=1):
            own = part(progress, i / parts, (i + 0.5) / parts, SEARCH)  # then it is compared
            try:
                heard_there, theirs = partial(self._heard_there, reaction, name), self._looks_of(name, own)
                found.append(ContentMatch(name, align_by_video(ours, theirs, self.config, heard_there)))
            except AlignmentError as error:
                reason = str(error)
            progress((i + 1) / parts, 1, SEARCH)
        if not found:
            what = reason if len(names) == 1 else f"none of {len(names)} contents is seen in it"
            raise AlignmentError(what + damage_suffix(reaction, ours.damage))
        return max(found, key=lambda p: (p.offsets.covered_s, p.offsets.score))

    def _heard_there(self, reaction: Path, name: str, seen: list[Segment]) -> bool:
        """Whether the sound, too weak to find anything by itself, says the same as a picture that is not sure."""
        if self.config.by == "picture" or probe(reaction).sound is None or probe(self.paths[name]).sound is None:
            return False
        return coherence_along(seen, self._hear(reaction).samples, self._sound_of(name), SOUND_HZ) >= CONFIRMS

    def _completed(self, reaction: Path, found: ContentMatch, progress: Progress) -> ContentMatch:
        """The same with what is seen of what is not heard, or heard of what is not seen."""
        content, offsets = self.paths[found.content], found.offsets
        ours, theirs = probe(reaction), probe(content)
        lengths = float(ours.duration_s), float(theirs.duration_s)
        if self.config.by == "auto" and uncovered_s(offsets, *lengths) >= OPEN_S:
            if offsets.by == "picture" and ours.sound and theirs.sound:
                sounds = self._hear(reaction).samples, self._sound_of(found.content)
                offsets = fill_by_audio(offsets, *sounds, SOUND_HZ, self.config)
            elif offsets.by == "sound" and ours.picture and theirs.picture:
                try:
                    looks = self._looks_at(reaction, part(progress, 0, 0.8, SEARCH)), self._looks_of(found.content)
                except MediaError as error:  # the map by sound stands
                    self._note(reaction, f"not compared by picture: {error}")
                else:
                    offsets = fill_by_video(offsets, *looks, self.config)
        return replace(found, offsets=extend_to_ends(offsets, *lengths))

    def _sound_of(self, name: str) -> Samples:
        if self._heard is None or self._heard.path != self.paths[name]:
            self._heard = None  # one sound at a time
            self._heard = self._hear(self.paths[name])
        return self._heard.samples

    def _hear(self, path: Path) -> Soundtrack:
        found = load_soundtrack(path)
        self._note(path, *found.damage)
        return found

    def _looks_at(self, reaction: Path, progress: Progress) -> FrameThumbnails:
        looks = reaction_thumbnails(reaction, progress)
        self._note(reaction, *looks.damage)
        return looks

    def _note(self, path: Path, *lines: str) -> None:
        self.damage[path] = tuple(dict.fromkeys((*self.damage.get(path, ()), *lines)))

    def _looks_of(self, name: str, progress: Progress = silent) -> FrameThumbnails:
        if name not in self._looks:
            self._looks[name] = content_thumbnails(self.paths[name], progress)
            self._note(self.paths[name], *self._looks[name].damage)
        return self._looks[name]


def _same(reaction: Path, content: Path) -> bool:
    """Whether both are one file; what cannot be opened is told by who opens it."""
    try:
        return same_file(reaction, content)
    except (MediaError, OSError):
        return False

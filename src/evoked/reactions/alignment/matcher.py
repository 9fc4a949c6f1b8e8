"""Identify which content a reaction plays, and where: by audio, or by video where there is no common audio.

Audio is compared first: it is exact, and cheap with many contents. A recording without sound, or of a viewer with
headphones, has none in common; its content is then searched in the video. What one modality leaves open of an
identified content is filled by the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from evoked.core.damage import FileDamage, of_file
from evoked.core.errors import AlignmentError, MediaError, NoSoundError
from evoked.core.progress import Progress, part, silent
from evoked.media.probe import track_of_several
from evoked.reactions.alignment.audio.align import align
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.audio.soundtrack import damage_suffix
from evoked.reactions.alignment.config import SOUND_HZ, MatchConfig, own_speed_only
from evoked.reactions.alignment.fusion import (
    MIN_CONFIRMING_SCORE,
    MIN_OPEN_S,
    coherence_along,
    extend_to_ends,
    fill_by_audio,
    fill_by_video,
    uncovered_s,
)
from evoked.reactions.alignment.library.identify import ContentMatch, MemoryLibrary
from evoked.reactions.alignment.offset_map import KNOWN, OffsetMap, Segment
from evoked.reactions.alignment.recording import Recording, Stream, as_recording, is_same_recording
from evoked.reactions.alignment.video.align import align_by_video

__all__ = ["ContentMatcher", "modality_notes"]

MAX_ATTEMPTS = 24
"""Most pairs of audio tracks that are compared before a reaction is refused."""
SEARCH_NOTE = "looking for the content in the video"
MODALITY_NOTES = {
    "video": "aligned by video: no sound in common",
    "video and audio": "aligned by video, and by audio where nothing is seen",
    KNOWN: "aligned by the offset that was given: nothing was compared",
    "audio and video": "aligned by audio, and by video where nothing is heard",
}


def modality_notes(offsets: OffsetMap) -> tuple[str, ...]:
    """A note on the modalities that a map was found by; none for a map by audio."""
    return (MODALITY_NOTES[offsets.by],) if offsets.by in MODALITY_NOTES else ()


@dataclass(frozen=True)
class _ReadStreams:
    """What one match read: the reaction, and (content, stream) of every content that was compared."""

    reaction: Recording
    of_contents: set[tuple[str, Stream]] = field(default_factory=set)


@dataclass(frozen=True)
class _AudioTracks:
    """Tracks that are compared: of the reaction, and of contents; 0: the one that a player plays."""

    reaction: int
    names: tuple[str, ...]
    content: int = 0


class ContentMatcher:
    """Identifies which of some contents a reaction plays, and aligns it in time.

    Keeps the thumbnails of every content that was compared by video (9 MB for an hour), and the sound of the last.

    Args:
        contents: name → file, or its recording.
        config: thresholds, and the modality that is compared.
    """

    def __init__(self, contents: Mapping[str, Path | Recording], config: MatchConfig | None = None) -> None:
        self.contents = {name: as_recording(file) for name, file in contents.items()}
        self.config = config or MatchConfig()
        self._library: MemoryLibrary | None = None  # the fingerprints of the contents compared last
        self._read: dict[Path, _ReadStreams] = {}  # path of a reaction → what its last match read; sounds are freed

    @property
    def paths(self) -> dict[str, Path]:
        """Name → file of each content."""
        return {name: content.path for name, content in self.contents.items()}

    def match(
        self, reaction: Path | Recording, among: Sequence[str] | None = None, progress: Progress = silent
    ) -> ContentMatch:
        """The content that a reaction plays, and where; `by` of its map names the modalities.

        Args:
            reaction: a file or its recording, whose sound and thumbnails are freed at the end.
            among: names of contents; all if not given.
            progress: is called during the search by video, which takes seconds to minutes.

        Returns:
            The name of the content, and the map.

        Raises:
            AlignmentError: if it plays none of them, by neither modality, with both reasons; if it is one of them.
            NoSoundError, NoPictureError: if the stream that the config asks for is missing.
            MediaError or a subclass: if a file cannot be used.
        """
        recording = as_recording(reaction)
        self._read[recording.path] = _ReadStreams(recording)
        try:
            return self._match(recording, tuple(sorted(self.contents if among is None else among)), progress)
        finally:
            recording.free()

    def damage_notes(self, reaction: Path | Recording, name: str) -> tuple[str, ...]:
        """Damage of a reaction and of a content, in the streams that the reaction's last match compared.

        The notes do not depend on which other reactions were matched before, or in which order.

        Args:
            reaction: as it was passed to `match`.
            name: of the content; it precedes each line of the content's damage.

        Returns:
            One line per defect, the reaction's first; empty where all is well or nothing was matched.
        """
        read = self._read.get(reaction.path if isinstance(reaction, Recording) else reaction)
        if read is None:
            return reaction.damage if isinstance(reaction, Recording) else ()
        lines = self.contents[name].damage_of({stream for content, stream in read.of_contents if content == name})
        return (*read.reaction.damage, *(f"{name}: {line}" for line in lines))

    def defects(self, reaction: Path | Recording, name: str) -> tuple[FileDamage, ...]:
        """The same damage with kinds and seconds, by file.

        Args:
            reaction: as it was passed to `match`.
            name: of the content.

        Returns:
            One entry per defect, the reaction's first.
        """
        path = reaction.path if isinstance(reaction, Recording) else reaction
        read = self._read.get(path)
        if read is None:
            return ()
        content = self.contents[name]
        streams = {stream for among, stream in read.of_contents if among == name}
        of_content = of_file(content.path.name, content.defects_of(streams))
        return (*of_file(path.name, read.reaction.defects_of()), *of_content)

    def _match(self, reaction: Recording, names: tuple[str, ...], progress: Progress) -> ContentMatch:
        for name in names:
            if _same(reaction, self.contents[name]):
                raise AlignmentError(
                    f"{reaction.path} is the content itself ({name}): name the recording of the people who watched it"
                )
        audio_reason = ""
        if self.config.by != "video":
            try:
                return self._completed(reaction, self._by_audio(reaction, names), progress)
            except (AlignmentError, NoSoundError) as error:
                if self.config.by == "audio":
                    raise
                audio_reason = str(error)
        try:
            return self._completed(reaction, self._by_video(reaction, names, progress), progress)
        except AlignmentError as error:
            prefix = f"{audio_reason}; by video" if audio_reason else self._compared(reaction, names)
            raise AlignmentError(f"{prefix}: {error}") from error

    def _compared(self, reaction: Recording, names: tuple[str, ...]) -> str:
        """What was compared, for messages."""
        return f"{reaction.path} against {self.contents[names[0]].path}" if len(names) == 1 else str(reaction.path)

    def _note_read(self, reaction: Recording, stream: Stream, *names: str) -> None:
        """Note that a stream of contents was compared with a reaction."""
        self._read[reaction.path].of_contents.update((name, stream) for name in names)

    def _by_audio(self, reaction: Recording, names: tuple[str, ...]) -> ContentMatch:
        """The content at the audio tracks that the config names or a player plays, else at the others."""
        attempts = self._attempts(reaction, names)
        if len(attempts) == 1:
            return self._by_tracks(reaction, names, self.config)
        refusal: AlignmentError | NoSoundError | None = None
        for config in (own_speed_only(self.config), self.config):
            for attempt in attempts:
                self._use_tracks(reaction, names, attempt)
                try:
                    return self._by_tracks(reaction, attempt.names, config)
                except (AlignmentError, NoSoundError) as error:
                    refusal = refusal or error
                except MediaError:
                    if attempt is attempts[0]:
                        raise
        self._use_tracks(reaction, names, attempts[0])
        raise AlignmentError(f"{refusal}. The other audio tracks were tried as well") from refusal

    def _attempts(self, reaction: Recording, names: tuple[str, ...]) -> list[_AudioTracks]:
        """What is compared with what, the tracks that a player plays first."""
        self._use_tracks(reaction, names, _AudioTracks(self.config.audio_track, names))
        tracks = [self.config.audio_track]
        if not self.config.audio_track:
            tracks += reaction.other_tracks
        attempts = [_AudioTracks(track, names) for track in tracks]
        if not self.config.content_audio_track:
            for name in names:
                for number in self.contents[name].other_tracks:
                    attempts += [_AudioTracks(track, (name,), number) for track in tracks]
        return attempts[:MAX_ATTEMPTS]

    def _use_tracks(self, reaction: Recording, names: tuple[str, ...], tracks: _AudioTracks) -> None:
        reaction.choose_track(tracks.reaction)
        for name in names:
            chosen = tracks.content if name in tracks.names and tracks.content else self.config.content_audio_track
            self.contents[name].choose_track(chosen)

    def _by_tracks(self, reaction: Recording, names: tuple[str, ...], config: MatchConfig) -> ContentMatch:
        soundtrack = reaction.soundtrack
        compared = self._compared(reaction, names)
        try:
            if len(names) == 1:
                self._note_read(reaction, "audio", *names)
                return ContentMatch(names[0], align(soundtrack.samples, self._sound_of(names[0]), SOUND_HZ, config))
            names = tuple(name for name in names if self.contents[name].media.sound is not None)
            if not names:
                raise AlignmentError("no content has sound")
            self._note_read(reaction, "audio", *names)
            if self._library is None or self._library.contents != names:
                self._library = MemoryLibrary(names, self._sound_of, SOUND_HZ, self.config)
            return self._library.identify(soundtrack.samples, config)
        except AlignmentError as error:
            raise soundtrack.refused(error, compared) from error

    def _by_video(self, reaction: Recording, names: tuple[str, ...], progress: Progress) -> ContentMatch:
        """The content of which most is seen."""
        progress(0, 1, SEARCH_NOTE)
        total = 1 + len(names)
        thumbnails = reaction.reaction_thumbnails(part(progress, 0, 1 / total, SEARCH_NOTE))
        matches, reason = [], ""
        for i, name in enumerate(names, start=1):
            content_progress = part(progress, i / total, (i + 0.5) / total, SEARCH_NOTE)  # then it is compared
            self._note_read(reaction, "video", name)
            try:
                confirmed = partial(self._audio_confirms, reaction, name)
                content = self.contents[name].content_thumbnails(content_progress)
                matches.append(ContentMatch(name, align_by_video(thumbnails, content, self.config, confirmed)))
            except AlignmentError as error:
                reason = str(error)
            progress((i + 1) / total, 1, SEARCH_NOTE)
        if not matches:
            refusal = reason if len(names) == 1 else f"none of {len(names)} contents is seen in it"
            raise AlignmentError(refusal + damage_suffix(reaction.path, thumbnails.damage))
        return max(matches, key=lambda match: (match.offsets.covered_s, match.offsets.score))

    def _audio_confirms(self, reaction: Recording, name: str, segments: list[Segment]) -> bool:
        """Whether the audio, too weak to identify anything by itself, agrees with segments that are uncertain."""
        if self.config.by == "video" or reaction.media.sound is None or self.contents[name].media.sound is None:
            return False
        coherence = coherence_along(segments, reaction.soundtrack.samples, self._sound_of(name), SOUND_HZ)
        return coherence >= MIN_CONFIRMING_SCORE

    def _completed(self, reaction: Recording, match: ContentMatch, progress: Progress) -> ContentMatch:
        """The same match, its gaps filled by the other modality."""
        content, offsets = self.contents[match.content], match.offsets
        reaction_media, content_media = reaction.media, content.media
        durations_s = float(reaction_media.duration_s), float(content_media.duration_s)
        if self.config.by == "auto" and uncovered_s(offsets, *durations_s) >= MIN_OPEN_S:
            if offsets.by == "video" and reaction_media.sound and content_media.sound:
                sounds = reaction.soundtrack.samples, self._sound_of(match.content)
                self._note_read(reaction, "audio", match.content)
                offsets = fill_by_audio(offsets, *sounds, SOUND_HZ, self.config)
            elif offsets.by == "audio" and reaction_media.picture and content_media.picture:
                reaction.free_sound()  # no longer needed
                try:
                    thumbnails = reaction.reaction_thumbnails(part(progress, 0, 0.8, SEARCH_NOTE))
                    self._note_read(reaction, "video", match.content)
                    offsets = fill_by_video(offsets, thumbnails, content.content_thumbnails(), self.config)
                except MediaError as error:  # the map by audio is kept
                    reaction.note(f"not compared by video: {error}")
        offsets = extend_to_ends(offsets, *durations_s)
        if "audio" in offsets.by:
            tracks = track_of_several(reaction_media), track_of_several(content_media)
            offsets = replace(offsets, reaction_audio_track=tracks[0], content_audio_track=tracks[1])
        return replace(match, offsets=offsets)

    def _sound_of(self, name: str) -> Samples:
        for content_name, content in self.contents.items():
            if content_name != name:
                content.free_sound()  # one sound at a time
        return self.contents[name].soundtrack.samples


def _same(reaction: Recording, content: Recording) -> bool:
    """Whether both are one file; what cannot be opened is reported by the code that opens it."""
    try:
        return is_same_recording(reaction, content)
    except (MediaError, OSError):
        return False

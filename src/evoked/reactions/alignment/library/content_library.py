"""Library of contents on disk: a folder of audio fingerprints that can be searched by audio.

    LIBRARY/contents.json            names of the contents, paths of their files, digests, settings
    LIBRARY/marks/SHA256.safetensors the postings (hashes) of one content
    LIBRARY/places.npy, starts.npy   the index of all contents, built from the postings

Processes take turns: each lists its contents beside those that others added meanwhile. Adding continues where it was
interrupted, and an index of other contents is rebuilt from the postings. Sounds are not
stored; the few contents that are aligned in full are read from their own files.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from evoked.core.damage import Damage, damage_texts, of_file
from evoked.core.errors import AlignmentError, LibraryError
from evoked.core.files import digest, parse_json, sha256, write_text, writing
from evoked.core.locks import locked
from evoked.core.provenance import Provenance
from evoked.media.probe import probe, track_of_several
from evoked.reactions.alignment.audio.fingerprints import fingerprint, key_limit
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.audio.soundtrack import damage_suffix, load_soundtrack
from evoked.reactions.alignment.config import SOUND_HZ, AlignConfig, own_speed_only
from evoked.reactions.alignment.library.identify import ContentMatch, identify_content
from evoked.reactions.alignment.library.inverted_index import (
    KEEP_ONE_IN,
    FingerprintPostings,
    InvertedIndex,
    build_index,
    count_keys,
    postings_of,
)
from evoked.reactions.alignment.recording import Recording

__all__ = ["ContentLibrary", "Entry"]

KEYS = key_limit(SOUND_HZ)
FORMAT = {"format": 1, "hz": SOUND_HZ, "keep": KEEP_ONE_IN, "keys": KEYS}
REBUILD_ADVICE = "make the library again, in a new folder"


@dataclass(frozen=True)
class Entry:
    """One content.

    Attributes:
        name: unique in the library.
        path: absolute path of its file when it was added.
        sha256: digest of the file.
        seconds: duration of its sound.
        audio_track: which of the file's several audio tracks it is, from 1; 0: it has one.
        damage: of its sound.
    """

    name: str
    path: str
    sha256: str
    seconds: float
    audio_track: int = 0
    damage: tuple[Damage, ...] = ()


def _without_a_word(_line: str) -> None: ...


class ContentLibrary:
    """A library of contents on disk.

    Args:
        folder: its folder; created when the first content is added.
        waiting: called with one line before waiting for another process that writes to it.

    Raises:
        LibraryError: if the folder holds no library, or one of another format.
    """

    def __init__(self, folder: Path, *, waiting: Callable[[str], None] = _without_a_word) -> None:
        self.folder = folder
        self._waiting = waiting
        self.entries: tuple[Entry, ...] = self._read()

    def add(self, path: Path, name: str | None = None, audio_track: int = 0) -> bool:
        """Add a content.

        Its postings are written before it is listed, so that an interruption loses those of one content at most.

        Args:
            path: of its file.
            name: in the library; None: the name of the file, with the audio track where one is named.
            audio_track: which of its audio tracks, from 1; 0: the one that a player plays.

        Returns:
            False if the library holds a content of the same bytes (and of this track) already, under any name.

        Raises:
            MediaError or a subclass: if the file has no sound that can be read.
            LibraryError: if another content has this name.
        """
        sha = sha256(path)
        name = name or (f"{path.name} track {audio_track}" if audio_track else path.name)
        media = probe(path, audio_track)
        track = track_of_several(media)
        if self._holds(sha, track, name):
            return False
        soundtrack = load_soundtrack(path, media)
        sound = soundtrack.samples
        postings = postings_of(fingerprint(sound, SOUND_HZ))
        if not len(postings.keys):
            why = damage_suffix(path, soundtrack.damage)
            raise LibraryError(
                f"{path} has no sound to be recognised by: it is silent, or shorter than half a second{why}"
            )
        arrays = {"keys": postings.keys, "frames": postings.frames, "total": np.array([postings.total])}
        entry = Entry(name, str(path.absolute()), sha, round(len(sound) / SOUND_HZ, 3), track, soundtrack.defects)
        with locked(self.folder, "evoked library add", waiting=self._waiting):
            self.entries = self._read()  # others may have added some meanwhile, this one too
            if self._holds(sha, track, name):
                return False
            with writing(self._postings_path(sha, track)) as temporary:
                save_file(arrays, temporary)
            self.entries = tuple(sorted((*self.entries, entry), key=lambda e: e.name))
            self._write()
        return True

    def index(self) -> InvertedIndex:
        """The index of all contents; rebuilt where the one on disk is of other contents, incomplete or damaged.

        Raises:
            LibraryError: if the postings of a content are missing or damaged.
        """
        state = digest({**FORMAT, "contents": [[e.name, e.sha256] for e in self.entries]})
        if (index := self._index_on_disk(state)) is not None:
            return index
        with locked(self.folder, "evoked library", waiting=self._waiting):
            index = self._index_on_disk(state)  # another process may have built it meanwhile
            return self._built(state) if index is None else index

    def find(self, reaction: Samples, config: AlignConfig | None = None) -> ContentMatch:
        """The content that a reaction plays the most of; see `identify_content`.

        Args:
            reaction: float32, shape (samples,), mono at SOUND_HZ.
            config: thresholds of a match.

        Returns:
            The content, and the map.

        Raises:
            AlignmentError: if it plays none of them.
            LibraryError: if the file of a content that is to be aligned is not where it was, or has changed.
        """
        return identify_content(reaction, self.index(), self._sound, config)

    def find_recording(self, reaction: Recording, config: AlignConfig | None = None) -> ContentMatch:
        """The content that a recording plays the most of, at the audio track that a player plays, else at another.

        Args:
            reaction: the recording; its sound is kept.
            config: thresholds of a match, and the audio track, where one is named.

        Returns:
            The content, and the map.

        Raises:
            AlignmentError: if it plays none of them.
            NoSoundError: if it has no sound.
            LibraryError: as `find`.
        """
        config = config or AlignConfig()
        reaction.choose_track(config.audio_track)
        other_tracks = () if config.audio_track else reaction.other_tracks
        refusal: AlignmentError | None = None
        for attempt in (own_speed_only(config), config) if other_tracks else (config,):
            for track in (config.audio_track, *other_tracks):
                reaction.choose_track(track)
                try:
                    match = self.find(reaction.soundtrack.samples, attempt)
                except AlignmentError as error:
                    refusal = refusal or error
                    continue
                tracks = track_of_several(reaction.media), self._entry(match.content).audio_track
                offsets = replace(match.offsets, reaction_audio_track=tracks[0], content_audio_track=tracks[1])
                return replace(match, offsets=offsets)
        reaction.choose_track(config.audio_track)
        also = ". The other audio tracks were tried as well" if other_tracks else ""
        raise AlignmentError(f"{refusal}{also}") from refusal

    def provenance(self, reaction: Recording, content: str) -> Provenance:
        """The provenance that `evoked library find` writes with a map.

        Args:
            reaction: the recording that was searched for.
            content: name of the content.

        Returns:
            Format of the library, digests of both, and their damage.
        """
        entry, name = self._entry(content), reaction.path.name
        config = {"contents": len(self.entries), "content": content, **FORMAT}
        damage = (*of_file(name, reaction.defects_of()), *of_file(content, entry.damage))
        lines = {name: reaction.damage, content: damage_texts(entry.damage)}
        notes = tuple(f"{file}: {line}" for file, texts in lines.items() for line in texts)
        inputs = {name: reaction.digest, content: entry.sha256}
        return Provenance("library find", config, inputs, notes=notes, damage=damage)

    def damage_of(self, path: Path, audio_track: int = 0) -> tuple[Damage, ...]:
        """What is wrong with the sound of a content.

        Args:
            path: its file.
            audio_track: as it was added.

        Returns:
            Its defects; nothing where the library does not hold it.
        """
        sha, track = sha256(path), track_of_several(probe(path, audio_track))
        return next((e.damage for e in self.entries if (e.sha256, e.audio_track) == (sha, track)), ())

    def _index_on_disk(self, state: str) -> InvertedIndex | None:
        """The index on disk; None where it is missing, incomplete, damaged or of other contents."""
        try:
            body = parse_json((self.folder / "index.json").read_text(encoding="utf-8"))
            return self._opened(body["places"]) if body["of"] == state else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _holds(self, sha: str, audio_track: int, name: str) -> bool:
        """Whether a track of a file is in the library, by its bytes; LibraryError if its name is another's."""
        if any((e.sha256, e.audio_track) == (sha, audio_track) for e in self.entries):
            return True
        if any(e.name == name for e in self.entries):
            raise LibraryError(f"{self.folder} holds another content called {name}: rename one of the two")
        return False

    def _sound(self, name: str) -> Samples:
        entry = self._entry(name)
        path = Path(entry.path)
        if not path.is_file():
            raise LibraryError(f"{name} is not at {path} any more: add it again from where it is now")
        if sha256(path) != entry.sha256:
            raise LibraryError(f"{path} has changed since it was added: add it again under another name")
        return load_soundtrack(path, probe(path, entry.audio_track)).samples

    def _entry(self, name: str) -> Entry:
        return next(e for e in self.entries if e.name == name)

    def _postings_path(self, sha: str, audio_track: int) -> Path:
        return self.folder / "marks" / (f"{sha}-{audio_track}.safetensors" if audio_track else f"{sha}.safetensors")

    def _read_postings(self, entry: Entry) -> FingerprintPostings:
        path = self._postings_path(entry.sha256, entry.audio_track)
        try:
            arrays = load_file(path)
            postings = FingerprintPostings(arrays["keys"], arrays["frames"], int(arrays["total"][0]))
        except (OSError, SafetensorError, KeyError, IndexError) as error:
            raise LibraryError(
                f"{path}, the audio fingerprint of {entry.name}, cannot be read: {REBUILD_ADVICE}"
            ) from error
        keys = postings.keys
        if keys.shape != postings.frames.shape or (len(keys) and not 0 <= keys.min() <= keys.max() < KEYS):
            raise LibraryError(f"{path}, the audio fingerprint of {entry.name}, is damaged: {REBUILD_ADVICE}")
        return postings

    def _all_postings(self) -> Iterator[FingerprintPostings]:
        for entry in self.entries:
            yield self._read_postings(entry)

    def _built(self, of: str) -> InvertedIndex:
        counts = count_keys(self._all_postings(), SOUND_HZ)
        with writing(self.folder / "places.npy") as temporary:
            index = build_index([e.name for e in self.entries], self._all_postings(), counts, SOUND_HZ, temporary)
            places = len(index.places)
        with writing(self.folder / "starts.npy") as temporary, temporary.open("wb") as file:
            np.save(file, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), allow_pickle=False)
        write_text(self.folder / "index.json", json.dumps({"of": of, "places": places}) + "\n")
        return self._opened(places)

    def _opened(self, places: int) -> InvertedIndex:
        """The index on disk, memory-mapped; ValueError or OSError if it is incomplete or damaged."""
        starts = np.load(self.folder / "starts.npy", allow_pickle=False)
        mapped = np.load(self.folder / "places.npy", mmap_mode="r", allow_pickle=False)
        valid = starts.dtype == np.int64 and starts.shape == (KEYS + 1,) and mapped.dtype == np.uint64
        if not valid or mapped.shape != (places,) or starts[-1] != places or (np.diff(starts, prepend=0) < 0).any():
            raise ValueError("the index is incomplete or damaged")
        return InvertedIndex(tuple(e.name for e in self.entries), starts, mapped, SOUND_HZ)

    def _read(self) -> tuple[Entry, ...]:
        """The contents that are listed now; LibraryError if the list is damaged."""
        path = self.folder / "contents.json"
        if not path.exists():
            return ()
        try:
            body = parse_json(path.read_text(encoding="utf-8"))
            if body["settings"] != FORMAT:
                raise LibraryError(f"{self.folder} was made by another version of evoked: make it again")
            entries = tuple(_entry_of(e) for e in body["contents"])
            for entry in entries:
                _check_entry(entry)
            return entries
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LibraryError(f"{path} is no list of contents ({error}): make the library again") from error

    def _write(self) -> None:
        inputs = {e.name: e.sha256 for e in self.entries}
        body = {
            "settings": FORMAT,
            "contents": [_plain(e) for e in self.entries],
            "provenance": Provenance(
                "library add",
                FORMAT,
                inputs,
                notes=tuple(f"{e.name}: {line}" for e in self.entries for line in damage_texts(e.damage)),
                damage=tuple(defect for e in self.entries for defect in of_file(e.name, e.damage)),
            ).as_dict(),
        }
        write_text(self.folder / "contents.json", json.dumps(body, indent=1, ensure_ascii=False) + "\n")


def _entry_of(plain: Mapping[str, Any]) -> Entry:
    """An entry from JSON values; TypeError or ValueError if they are of no entry."""
    return Entry(**{**plain, "damage": tuple(Damage(**defect) for defect in plain.get("damage", ()))})


def _check_entry(entry: Entry) -> None:
    """ValueError unless an entry is as `add` writes it: its digest becomes part of a path."""
    texts = isinstance(entry.name, str) and isinstance(entry.path, str) and isinstance(entry.sha256, str)
    if not texts or not re.fullmatch("[0-9a-f]{64}", entry.sha256):
        raise ValueError(f"{str(entry.sha256)[:80]!r} of {str(entry.name)[:80]!r} is no sha256")
    if not isinstance(entry.seconds, int | float) or not 0 < entry.seconds < math.inf:
        raise ValueError(f"{entry.name!r} has no duration")
    if type(entry.audio_track) is not int or entry.audio_track < 0:
        raise ValueError(f"{entry.name!r} has no audio track {str(entry.audio_track)[:80]!r}")


def _plain(entry: Entry) -> dict[str, object]:
    """An entry as JSON values; the audio track only where a file has several, damage only where there is any."""
    return {n: value for n, value in asdict(entry).items() if n not in ("audio_track", "damage") or value}

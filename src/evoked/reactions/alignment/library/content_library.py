"""A folder of contents' fingerprints that can be searched by sound, kept on disk.

    LIBRARY/contents.json            what is in it: names, where their files are, digests, settings
    LIBRARY/marks/SHA256.safetensors the hashes of one content
    LIBRARY/places.npy, starts.npy   the index over all of them, made from the marks

The marks are the truth: adding goes on where it was cut off, and an index that is not of these contents is
made anew. Sounds themselves are not kept; the few contents that are aligned in full are read where they are.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from evoked.core.errors import LibraryError
from evoked.core.files import digest, sha256, write_text, writing
from evoked.core.provenance import Provenance
from evoked.media.decode import read_audio
from evoked.reactions.alignment.audio.fingerprints import fingerprint, key_limit
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.config import SOUND_HZ, AlignConfig
from evoked.reactions.alignment.library.identify import ContentMatch, identify_content
from evoked.reactions.alignment.library.inverted_index import (
    KEEP_ONE_IN,
    FingerprintPostings,
    InvertedIndex,
    build_index,
    count_keys,
    postings_of,
)

__all__ = ["ContentLibrary", "Entry"]

KEYS = key_limit(SOUND_HZ)
FORMAT = {"format": 1, "hz": SOUND_HZ, "keep": KEEP_ONE_IN, "keys": KEYS}
REBUILD_ADVICE = "make the library again, in a new folder"


@dataclass(frozen=True)
class Entry:
    """One content: its file when it was added, the digest of that, and how long its sound is."""

    name: str
    path: str
    sha256: str
    seconds: float


class ContentLibrary:
    """A library on disk.

    Args:
        folder: where it is; made when the first content is added.

    Raises:
        LibraryError: if what is there is no library, or one of another format.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: tuple[Entry, ...] = self._read() if (folder / "contents.json").exists() else ()

    def add(self, path: Path, name: str | None = None) -> bool:
        """Take a content in; False if it is there already, whatever it was called.

        Its hashes are kept before it is listed, so that an interruption loses one content's at most.

        Raises:
            MediaError or a subclass: if the file has no sound that can be had.
            LibraryError: if another content has this name.
        """
        sha = sha256(path)
        name = name or path.name
        if any(e.sha256 == sha for e in self.entries):
            return False
        if any(e.name == name for e in self.entries):
            raise LibraryError(f"{self.folder} holds another content called {name}: rename one of the two")
        heard = read_audio(path, SOUND_HZ)
        marks = postings_of(fingerprint(heard, SOUND_HZ))
        if not len(marks.keys):
            raise LibraryError(f"{path} has no sound to be recognised by: it is silent, or shorter than half a second")
        with writing(self._marks(sha)) as temporary:
            save_file({"keys": marks.keys, "frames": marks.frames, "total": np.array([marks.total])}, temporary)
        entry = Entry(name, str(path.absolute()), sha, round(len(heard) / SOUND_HZ, 3))
        self.entries = tuple(sorted((*self.entries, entry), key=lambda e: e.name))
        self._write()
        return True

    def index(self) -> InvertedIndex:
        """The index of all contents; made anew where it is not of them.

        Raises:
            LibraryError: if the hashes of a content are gone or damaged.
        """
        state = {**FORMAT, "contents": [[e.name, e.sha256] for e in self.entries]}
        try:
            made = json.loads((self.folder / "index.json").read_text(encoding="utf-8"))
            if made["of"] == digest(state):
                return self._opened(made["places"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # never made, cut off, or damaged: it can be made again from the marks
        return self._made(digest(state))

    def find(self, reaction: Samples, config: AlignConfig | None = None) -> ContentMatch:
        """The content that a reaction plays the most of; see `pairing.chosen`.

        Raises:
            AlignmentError: if it plays none of them.
            LibraryError: if the file of a content that is to be aligned is not where it was, or has changed.
        """
        return identify_content(reaction, self.index(), self._sound, config)

    def provenance(self, reaction: Mapping[str, str], content: str) -> Provenance:
        """What `evoked library find` writes beside a map."""
        entry = self._entry(content)
        config = {"contents": len(self.entries), "content": content, **FORMAT}
        return Provenance("library find", config, {**reaction, content: entry.sha256})

    def _sound(self, name: str) -> Samples:
        entry = self._entry(name)
        path = Path(entry.path)
        if not path.is_file():
            raise LibraryError(f"{name} is not at {path} any more: add it again from where it is now")
        if sha256(path) != entry.sha256:
            raise LibraryError(f"{path} has changed since it was added: add it again under another name")
        return read_audio(path, SOUND_HZ)

    def _entry(self, name: str) -> Entry:
        return next(e for e in self.entries if e.name == name)

    def _marks(self, sha: str) -> Path:
        return self.folder / "marks" / f"{sha}.safetensors"

    def _read_marks(self, entry: Entry) -> FingerprintPostings:
        path = self._marks(entry.sha256)
        try:
            held = load_file(path)
            marks = FingerprintPostings(held["keys"], held["frames"], int(held["total"][0]))
        except (OSError, SafetensorError, KeyError, IndexError) as error:
            raise LibraryError(
                f"{path}, the audio fingerprint of {entry.name}, cannot be read: {REBUILD_ADVICE}"
            ) from error
        keys = marks.keys
        if keys.shape != marks.frames.shape or (len(keys) and not 0 <= keys.min() <= keys.max() < KEYS):
            raise LibraryError(f"{path}, the audio fingerprint of {entry.name}, is damaged: {REBUILD_ADVICE}")
        return marks

    def _all_marks(self) -> Iterator[FingerprintPostings]:
        for entry in self.entries:
            yield self._read_marks(entry)

    def _made(self, of: str) -> InvertedIndex:
        counts = count_keys(self._all_marks(), SOUND_HZ)
        with writing(self.folder / "places.npy") as temporary:
            index = build_index([e.name for e in self.entries], self._all_marks(), counts, SOUND_HZ, temporary)
            places = len(index.places)
        with writing(self.folder / "starts.npy") as temporary, temporary.open("wb") as file:
            np.save(file, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), allow_pickle=False)
        write_text(self.folder / "index.json", json.dumps({"of": of, "places": places}) + "\n")
        return self._opened(places)

    def _opened(self, places: int) -> InvertedIndex:
        """The index on disk, mapped and not read; ValueError or OSError if it is not whole."""
        starts = np.load(self.folder / "starts.npy", allow_pickle=False)
        mapped = np.load(self.folder / "places.npy", mmap_mode="r", allow_pickle=False)
        whole = starts.dtype == np.int64 and starts.shape == (KEYS + 1,) and mapped.dtype == np.uint64
        if not whole or mapped.shape != (places,) or starts[-1] != places or (np.diff(starts, prepend=0) < 0).any():
            raise ValueError("the index is not whole")
        return InvertedIndex(tuple(e.name for e in self.entries), starts, mapped, SOUND_HZ)

    def _read(self) -> tuple[Entry, ...]:
        path = self.folder / "contents.json"
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
            if body["settings"] != FORMAT:
                raise LibraryError(f"{self.folder} was made by another version of evoked: make it again")
            return tuple(Entry(**e) for e in body["contents"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LibraryError(f"{path} is no list of contents ({error}): make the library again") from error

    def _write(self) -> None:
        inputs = {e.name: e.sha256 for e in self.entries}
        body = {
            "settings": FORMAT,
            "contents": [asdict(e) for e in self.entries],
            "provenance": Provenance("library add", FORMAT, inputs).as_dict(),
        }
        write_text(self.folder / "contents.json", json.dumps(body, indent=1, ensure_ascii=False) + "\n")

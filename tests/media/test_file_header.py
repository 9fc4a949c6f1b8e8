"""A file's digest and its header are read in one opening."""

import hashlib
from pathlib import Path

import pytest

from evoked.media import file_header
from evoked.media.file_header import header_of, sha256_with_header


def test_the_digest_is_that_of_hashlib_and_the_header_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + (4).to_bytes(4, "little") + b"WAVE" + b"RIFF" + bytes(range(256)) * 999)
    assert sha256_with_header(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    kept = header_of(path)
    assert (kept.head[:4], kept.riff_end, kept.after_riff) == (b"RIFF", 12, b"RIFF")
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("the file was opened again"))
    assert header_of(path) is kept


def test_a_changed_file_is_read_again_and_old_headers_go(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    for size in range(1, 3 * file_header.MAX_HEADERS):
        path.write_bytes(bytes(size))
        sha256_with_header(path)
        assert len(header_of(path).head) == size
        assert len(file_header._HEADERS) <= file_header.MAX_HEADERS

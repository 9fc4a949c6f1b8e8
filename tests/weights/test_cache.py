"""What the cache hands out is what the catalogue names, whatever happens to it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evoked.core.errors import OutputError, WeightsMismatch, WeightsMissing
from evoked.core.files import sha256
from evoked.weights import convert
from evoked.weights.cache import Cache, default_cache
from evoked.weights.catalogue import NETS, FilePart, PretrainedNet
from evoked.weights.convert import Conversion

from .conftest import Site, sha

BODY = bytes(range(256)) * 400
AddNet = Callable[..., PretrainedNet]
TINY_SCRIPT = """
import sys
from pathlib import Path
from evoked.weights.cache import Cache
from evoked.weights.catalogue import NETS, Address, Input, PretrainedNet
root, url, sha, size = sys.argv[1:]
NETS["a"] = PretrainedNet("a", "", "a.bin", sha, int(size), "", Address(url), Input(()), "", runs=False)
print(Cache(Path(root)).path("a"))
"""


def another_process(root: Path, url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", TINY_SCRIPT, str(root), url, sha(BODY), str(len(BODY))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )


def interruptible() -> None:
    """Whoever started the tests in the background told them to ignore Ctrl-C; a child inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def held(root: Path) -> list[str]:
    return sorted(p.name for p in root.rglob("*") if p.is_file() and p.suffix != ".lock")


class TestOffline:
    def test_what_is_missing_is_said_in_one_line(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, site.give("/a", BODY))
        with pytest.raises(WeightsMissing, match=r"'a' is not in the cache .* offline.*: evoked weights fetch a") as e:
            Cache(tmp_path, offline=True).path("a")
        assert "\n" not in str(e.value)
        assert site.asked == []

    def test_what_is_there_is_handed_out(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, site.give("/a", BODY))
        path = Cache(tmp_path).path("a")
        assert Cache(tmp_path, offline=True).path("a") == path

    @pytest.mark.parametrize(("said", "offline"), [("1", True), ("true", True), ("0", False), ("", False)])
    def test_the_environment_says(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, offline: bool
    ) -> None:
        monkeypatch.setenv("EVOKED_OFFLINE", said)
        monkeypatch.setenv("EVOKED_CACHE", str(tmp_path / "own"))
        monkeypatch.setenv("EVOKED_WEIGHTS", str(tmp_path / "mine"))
        cache = default_cache()
        assert (cache.offline, cache.root, cache.folder) == (offline, tmp_path / "own", tmp_path / "mine")
        assert default_cache(offline=True).offline

    def test_where_the_cache_is(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("EVOKED_CACHE", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert default_cache().root == tmp_path / "xdg" / "evoked"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert default_cache().root == tmp_path / ".cache" / "evoked"


class TestFolderOfOnesOwn:
    def test_comes_before_the_network_and_works_offline(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, site.give("/a", BODY))
        mine = tmp_path / "mine"
        mine.mkdir()
        (mine / "a.bin").write_bytes(BODY)
        cache = Cache(tmp_path / "cache", offline=True, folder=mine)
        assert cache.path("a").read_bytes() == BODY
        assert cache.path("a").is_relative_to(cache.root)
        assert site.asked == []

    def test_another_file_of_that_name_is_refused_not_passed_over(
        self, site: Site, add_net: AddNet, tmp_path: Path
    ) -> None:
        add_net("a", BODY, site.give("/a", BODY))
        (tmp_path / "a.bin").write_bytes(b"mine")
        cache = Cache(tmp_path / "cache", folder=tmp_path)
        with pytest.raises(WeightsMismatch):
            cache.path("a")
        assert site.asked == []
        assert held(cache.root) == []

    def test_a_folder_without_it_leaves_the_network(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, site.give("/a", BODY))
        assert Cache(tmp_path / "cache", folder=tmp_path).path("a").read_bytes() == BODY

    def test_a_folder_that_is_none(self, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, "https://example.invalid/a")
        with pytest.raises(WeightsMissing, match=r"EVOKED_WEIGHTS names .*nowhere, which is no folder"):
            Cache(tmp_path, folder=tmp_path / "nowhere").path("a")


class TestDamage:
    @pytest.mark.parametrize("harm", [lambda b: b[:-1], lambda b: b"x" + b[1:], lambda b: b""])
    def test_an_altered_file_is_never_handed_out_again(
        self, site: Site, add_net: AddNet, tmp_path: Path, harm: Callable[[bytes], bytes]
    ) -> None:
        add_net("a", BODY, site.give("/a", BODY))
        cache = Cache(tmp_path)
        path = cache.path("a")
        before = path.stat()
        path.write_bytes(harm(BODY))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # a date that hides it

        assert cache.state("a") == "altered"
        with pytest.raises(WeightsMismatch, match="run: evoked weights fetch a"):
            cache.path("a")
        assert cache.fetch(["a"]) == [path]
        assert path.read_bytes() == BODY
        assert cache.state("a") == "good"

    def test_a_replacement_that_cannot_be_had_leaves_the_old_file(
        self, site: Site, add_net: AddNet, tmp_path: Path
    ) -> None:
        add_net("a", BODY, site.give("/a", BODY))
        cache = Cache(tmp_path)
        cache.path("a").write_bytes(b"altered")
        del site.pages["/a"]
        with pytest.raises(WeightsMissing, match="404"):
            cache.fetch(["a"])
        assert cache.state("a") == "altered"

    def test_a_part_is_checked_by_itself(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        import io
        import zipfile

        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as packed:
            packed.writestr("inside.bin", BODY)
        add_net("whole", whole.getvalue(), site.give("/whole", whole.getvalue()))
        add_net("a", BODY, FilePart("whole", "inside.bin"))
        add_net("wrong", b"other", FilePart("whole", "inside.bin"))
        add_net("gone", BODY, FilePart("whole", "elsewhere.bin"))
        cache = Cache(tmp_path)

        assert cache.path("a").read_bytes() == BODY
        with pytest.raises(WeightsMismatch):
            cache.path("wrong")
        with pytest.raises(Exception, match=r"whole\.bin has no elsewhere\.bin"):
            cache.path("gone")
        assert held(tmp_path) == ["a.bin", "whole.bin"]


class TestUnwritable:
    def test_a_file_where_the_cache_should_be(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, site.give("/a", BODY))
        (tmp_path / "cache").write_text("in the way")
        with pytest.raises(OutputError, match=r"cannot write the cache .*Set EVOKED_CACHE to a folder") as caught:
            Cache(tmp_path / "cache").path("a")
        assert "\n" not in str(caught.value)

    def test_a_file_where_its_folder_should_be(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, site.give("/a", BODY))
        (tmp_path / "nets").write_text("in the way")
        with pytest.raises(OutputError, match="cannot write the cache"):
            Cache(tmp_path).path("a")

    def test_a_read_only_folder(self, site: Site, add_net: AddNet) -> None:
        """/proc can be written by nobody, root included; what is asked of it fails at once."""
        add_net("a", BODY, site.give("/a", BODY))
        with pytest.raises(OutputError, match="cannot write the cache /proc/evoked"):
            Cache(Path("/proc/evoked")).path("a")

    def test_a_full_disk(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        small = tmp_path / "small"
        small.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip("a small disk can only be mounted by root")
        try:
            add_net("a", BODY, site.give("/a", BODY))  # 102 kB
            with pytest.raises(OutputError, match=r"the disk of the cache .* is full\. Free some space"):
                Cache(small).path("a")
            assert held(small) == []
        finally:
            subprocess.run(["umount", str(small)], check=True)


class TestProcesses:
    def test_two_at_once_download_once(self, site: Site, tmp_path: Path) -> None:
        until = threading.Event()
        url = site.stall("/a", BODY, until)
        first = another_process(tmp_path, url)
        while not site.asked:
            assert first.poll() is None, first.communicate()[1]
            time.sleep(0.01)
        second = another_process(tmp_path, url)
        assert second.stderr is not None
        said = second.stderr.readline()
        until.set()

        out = [p.communicate(timeout=30)[0].strip() for p in (first, second)]

        begin = f"evoked: {tmp_path / 'incoming'} is in use by process {first.pid} (fetching a, since "
        assert said.startswith(begin)
        assert said.endswith("): waiting for it\n")
        assert out == [str(tmp_path / "nets" / "a.bin")] * 2
        assert site.asked == ["/a"]
        assert held(tmp_path) == ["a.bin"]

    @pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
    def test_one_that_is_killed_leaves_nothing_in_the_way(
        self, site: Site, add_net: AddNet, tmp_path: Path, blow: signal.Signals
    ) -> None:
        until = threading.Event()
        victim = another_process(tmp_path, site.stall("/a", BODY, until))
        incoming = tmp_path / "incoming" / "a" / "a.bin"
        while not incoming.is_file():
            assert victim.poll() is None, victim.communicate()[1]
            time.sleep(0.01)
        victim.send_signal(blow)
        victim.communicate(timeout=30)
        until.set()

        assert not (tmp_path / "nets" / "a.bin").exists()
        add_net("a", BODY, site.give("/b", BODY))
        assert Cache(tmp_path).path("a").read_bytes() == BODY
        assert held(tmp_path) == ["a.bin"]


class TestReady:
    @pytest.fixture
    def made(self, site: Site, add_net: AddNet, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
        """A net "a" that runs, whose conversion turns its bytes around; a list of the times it was done."""
        done: list[Path] = []

        def turn(source: Path, target: Path) -> None:
            done.append(target)
            target.write_bytes(source.read_bytes()[::-1])

        from dataclasses import replace

        monkeypatch.setitem(NETS, "a", replace(add_net("a", BODY, site.give("/a", BODY)), runs=True))
        monkeypatch.setitem(convert.CONVERSIONS, "a", Conversion(1, turn))
        return done

    def test_is_made_once(self, made: list[Path], tmp_path: Path) -> None:
        ready = Cache(tmp_path).ready("a")
        assert ready.read_bytes() == BODY[::-1]
        assert Cache(tmp_path, offline=True).ready("a") == ready
        assert len(made) == 1
        assert held(tmp_path / "ready") == [ready.name, ready.name + ".sha256"]

    def test_another_version_is_made_anew(
        self, made: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = Cache(tmp_path).ready("a")
        monkeypatch.setitem(convert.CONVERSIONS, "a", Conversion(2, convert.CONVERSIONS["a"].make))
        assert Cache(tmp_path).ready("a") != old
        assert len(made) == 2

    @pytest.mark.parametrize("harm", ["alter", "cut", "no seal"])
    def test_an_altered_one_is_made_again_and_said(self, made: list[Path], tmp_path: Path, harm: str) -> None:
        said: list[str] = []
        cache = Cache(tmp_path, say=said.append)
        ready = cache.ready("a")
        if harm == "no seal":
            ready.with_name(ready.name + ".sha256").unlink()
        else:
            ready.write_bytes(BODY if harm == "alter" else BODY[:5])
        assert cache.stale() == [ready]

        assert cache.ready("a").read_bytes() == BODY[::-1]
        assert said[-1] == f"{ready} is not as it was made: making it again"
        assert cache.stale() == []

    def test_an_altered_source_is_noticed_though_the_made_file_is_good(self, made: list[Path], tmp_path: Path) -> None:
        cache = Cache(tmp_path)
        cache.ready("a")
        cache.path("a").write_bytes(b"altered")
        with pytest.raises(WeightsMismatch):
            cache.ready("a")

    def test_a_conversion_that_fails_leaves_nothing(
        self, made: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(source: Path, target: Path) -> None:
            target.write_bytes(b"half")
            raise ValueError("no tensor b")

        monkeypatch.setitem(convert.CONVERSIONS, "a", Conversion(1, fail))
        with pytest.raises(Exception, match=r"weights 'a': .*a\.bin cannot be converted: no tensor b"):
            Cache(tmp_path).ready("a")
        assert held(tmp_path) == ["a.bin"]

    def test_no_room_for_what_is_made(self, made: list[Path], tmp_path: Path) -> None:
        (tmp_path / "ready").write_text("in the way")
        with pytest.raises(OutputError, match="cannot write the cache"):
            Cache(tmp_path).ready("a")

    def test_a_net_that_is_only_fetched(self, site: Site, add_net: AddNet, tmp_path: Path) -> None:
        add_net("a", BODY, site.give("/a", BODY))
        with pytest.raises(ValueError, match="'a' can be fetched but is not run"):
            Cache(tmp_path).ready("a")


@pytest.mark.nets
def test_conversions_give_the_same_bytes_each_time(tmp_path: Path) -> None:
    """Results elsewhere must not hang on when a net was made plain."""
    for name in ("yunet", "sface", "yamnet"):
        ready = default_cache().ready(name)
        convert.convert(name, default_cache().path(name), tmp_path / "again.onnx")
        assert sha256(tmp_path / "again.onnx") == sha256(ready)


def test_names_that_are_none() -> None:
    with pytest.raises(ValueError, match="no network 'yolo'; there are: efficientnet-lite2, "):
        Cache().path("yolo")
    with pytest.raises(ValueError, match=r"no clip 'yolo'; there are: bbb\.mp4, "):
        Cache().clip("yolo")

"""For every room: the cache of networks, and which tests are run (`make test-fast`, `make test ROOM=…`).

`--fast` leaves out the tests that need networks and those that `tests/durations.json` says take more than half a second
of processor time, fixtures included; a test that is not in the file counts as fast. `--room ROOM` keeps the tests
whose imports reach a room. `--record-durations` measures, and writes what was measured into the file.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from evoked.weights.cache import Cache, default_cache
from import_graph import reaching, rooms

DURATIONS = Path(__file__).with_name("durations.json")
SLOW_S = 0.5


@pytest.fixture(scope="session")
def cache() -> Cache:
    """The pretrained networks and clips of this machine."""
    return default_cache()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The three options that choose or measure tests."""
    parser.addoption(
        "--fast", action="store_true", help="leave out tests that need networks or take over half a second"
    )
    parser.addoption("--room", metavar="ROOM", help="only tests whose imports reach this room, such as alignment")
    parser.addoption("--record-durations", action="store_true", help=f"write measured durations into {DURATIONS.name}")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a room that is not there; measure only where it is asked for."""
    room = config.getoption("--room")
    if room and room not in rooms():
        raise pytest.UsageError(f"--room {room}: no such room; there are {', '.join(sorted(rooms()))}")
    if config.getoption("--record-durations"):
        config.pluginmanager.register(DurationRecorder(), "duration-recorder")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what `--fast` and `--room` leave out."""
    kept = list(items)
    if config.getoption("--fast"):
        durations = json.loads(DURATIONS.read_text())
        kept = [item for item in kept if not is_slow(item, durations)]
    if room := config.getoption("--room"):
        files = reaching(room)
        kept = [item for item in kept if item.path in files]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def is_slow(item: pytest.Item, durations: dict[str, float]) -> bool:
    """Whether `--fast` leaves a test out."""
    marked = any(item.get_closest_marker(name) for name in ("full", "nets"))
    return marked or durations.get(item.nodeid, 0.0) > SLOW_S


class DurationRecorder:
    """Processor seconds of each test, children included: a busy machine does not change them as it does clock time.

    A fixture that several tests share is counted for each of them: whichever of them is run first pays for it.
    """

    def __init__(self) -> None:
        self.own: dict[str, float] = {}
        self.uses: dict[str, set[str]] = {}
        self.shared: dict[str, float] = {}
        self._nested = [0.0]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """A test with its setup and teardown, less the shared fixtures that happen to be made for it."""
        began, self._nested = _processor_s(), [0.0]
        result = yield
        self.own[item.nodeid] = _processor_s() - began - self._nested[0]
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """A shared fixture, less those it asks for itself."""
        if fixturedef.scope == "function":
            return (yield)
        began = _processor_s()
        self._nested.append(0.0)
        result = yield
        spent = _processor_s() - began
        inner = self._nested.pop()
        self._nested[-1] += spent
        name = f"{fixturedef.baseid}::{fixturedef.argname}"
        self.shared[name] = max(self.shared.get(name, 0.0), spent - inner)
        return result

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Which shared fixtures a test has used, by name."""
        info = getattr(item, "_fixtureinfo", None)
        definitions = info.name2fixturedefs.values() if info else ()
        self.uses[item.nodeid] = {f"{d[-1].baseid}::{d[-1].argname}" for d in definitions}

    def pytest_sessionfinish(self) -> None:
        """Merge what was measured into the file; tests that are gone are forgotten with their file."""
        measured = {
            name: own + sum(self.shared.get(fixture, 0.0) for fixture in self.uses.get(name, ()))
            for name, own in self.own.items()
        }
        files = {name.split("::")[0] for name in measured}
        before = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}
        root = DURATIONS.parents[1]
        kept = {n: s for n, s in before.items() if n.split("::")[0] not in files and (root / n.split("::")[0]).exists()}
        slow = {name: round(seconds, 1) for name, seconds in measured.items() if seconds > SLOW_S}
        text = json.dumps(dict(sorted({**kept, **slow}.items())), indent=0, ensure_ascii=False)
        part = DURATIONS.with_suffix(f".{os.getpid()}")
        part.write_text(text + "\n")
        part.replace(DURATIONS)


def _processor_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system

"""The paper's nets, to be had by any test of this folder."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from paper_files import Folder

from evoked.weights.catalogue import NETS


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    path = tmp_path_factory.mktemp("paper")
    yield Folder(path)
    shutil.rmtree(path)  # half a gigabyte


@pytest.fixture
def own(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Folder]:
    """own(names…): the folder, with these nets in it and, for one test, in the catalogue."""

    def made(*names: str) -> Folder:
        for name in names:
            folder.make(name)
            monkeypatch.setitem(NETS, name, folder.known[name])
        return folder

    return made

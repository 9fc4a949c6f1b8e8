"""Make an empty study folder: the folders for the videos, a commented study.toml, templates of the tables."""

from pathlib import Path

from evoked.core.errors import OutputError
from evoked.core.files import write_text
from evoked.core.study_layout import StudyLayout
from evoked.study.settings_toml import defaults_toml

__all__ = ["new_study"]

PAIRS_TEMPLATE = "reaction,content,offset_s\nanna.mp4,trailer.mp4,\nben.mov,trailer.mp4,12.48\n"
PARTICIPANTS_TEMPLATE = (
    "recording,participant,group,condition,age,gender\n"
    "anna.mp4,P01,control,with sound,24,f\n"
    "ben.mov,P02,trained,with sound,31,m\n"
)
README = """\
contents/           put the videos that were watched here
reactions/          put the recordings of the people who watched here
study.toml          settings; every key has a default
pairs.example.csv   who watched what, and the second at which the content began, if it is known: put your own names in
                    and save it as pairs.csv; what it does not name is found by sound or picture
participants.example.csv
                    who is seen in each recording; save it as participants.csv to compare groups and conditions

Run it:             evoked run .
Its report:         results/report.html
"""


def new_study(root: Path) -> tuple[Path, ...]:
    """Make what is missing of a study folder; what is there stays as it is.

    Args:
        root: the folder; made where missing.

    Returns:
        The files and folders that were made.

    Raises:
        OutputError: if the folder is a file, or cannot be written.
    """
    if root.exists() and not root.is_dir():
        raise OutputError(f"{root} is a file, not a folder. Choose another place")
    layout = StudyLayout(root)
    folders = [folder for folder in (layout.contents_folder, layout.reactions_folder) if not folder.is_dir()]
    texts = {
        layout.settings_toml: defaults_toml(),
        root / "pairs.example.csv": PAIRS_TEMPLATE,
        root / "participants.example.csv": PARTICIPANTS_TEMPLATE,
        root / "README.txt": README,
    }
    files = [path for path in texts if not path.exists()]
    try:
        for folder in folders:
            folder.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"{error.filename or root} cannot be made: {error.strerror or error}") from error
    for path in files:
        write_text(path, texts[path])
    return (*folders, *files)

"""Open the recogniser that a setting names: the prototype recogniser or a trained one."""

from pathlib import Path

from evoked.core.errors import EvokedError
from evoked.core.expressions import EEV5
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.expressions.recogniser import PROTOTYPE, Recogniser
from evoked.reactions.expressions.trained import load_trained

__all__ = ["open_recogniser"]


def open_recogniser(choice: str, names: tuple[str, ...] | None = None, root: Path | None = None) -> Recogniser:
    """Open the recogniser that a setting names.

    Args:
        choice: "prototype", or the folder of a trained one.
        names: expressions to score; None: all of a trained recogniser, or the paper's five.
        root: a relative folder is relative to this one; the working directory where None.

    Returns:
        The recogniser, with its model loaded.

    Raises:
        EvokedError: if there is no such recogniser, or it was not trained on one of the expressions.
    """
    if choice != PROTOTYPE:
        return load_trained(Path(choice) if root is None else root / choice, names)
    try:
        return PrototypeRecogniser(names or EEV5)
    except ValueError as error:
        raise EvokedError(f"{error}. Leave the others out, or name a recogniser that was trained on them") from error

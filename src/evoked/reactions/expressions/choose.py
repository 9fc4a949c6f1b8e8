"""Open the recogniser that a setting names: the prototype recogniser or a trained one."""

from pathlib import Path

from evoked.core.errors import CheckpointError, EvokedError
from evoked.core.expressions import EEV5
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.expressions.recogniser import PROTOTYPE, Recogniser
from evoked.reactions.expressions.trained import load_trained

__all__ = ["open_recogniser"]


def open_recogniser(
    choice: str, names: tuple[str, ...] | None = None, root: Path | None = None, *, allow_unvalidated: bool = False
) -> Recogniser:
    """Open the recogniser that a setting names.

    Args:
        choice: "prototype", or the folder of a trained one.
        names: expressions to score; None: all of a trained recogniser, or the paper's five.
        root: a relative folder is relative to this one; the working directory where None.
        allow_unvalidated: also open a trained one that failed, or did not have, its check on moving faces.

    Returns:
        The recogniser, with its model loaded.

    Raises:
        EvokedError: if there is no such recogniser, it was not trained on one of the expressions, or its score of one
            is not known to follow moving faces.
    """
    if choice != PROTOTYPE:
        trained = load_trained(Path(choice) if root is None else root / choice, names)
        unvalidated = trained.unvalidated()
        if unvalidated and not allow_unvalidated:
            name, reason = next(iter(unvalidated.items()))
            also = f"; so with {', '.join(list(unvalidated)[1:])}" if len(unvalidated) > 1 else ""
            raise CheckpointError(
                f"the recogniser in {choice} is not fit for videos: {name}: {reason}{also}. Train it again, or use it "
                "all the same: --allow-unvalidated, in a study.toml allow_unvalidated = true under [annotate]"
            )
        return trained
    try:
        return PrototypeRecogniser(names or EEV5)
    except ValueError as error:
        raise EvokedError(f"{error}. Leave the others out, or name a recogniser that was trained on them") from error

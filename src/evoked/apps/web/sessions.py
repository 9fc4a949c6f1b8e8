"""Signed sessions and signed addresses that expire; the secret is a file that only its owner can read."""

import os
import secrets
from pathlib import Path
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

from evoked.core.errors import OutputError

__all__ = ["Signer", "read_secret"]

_FEWEST = 32
"""Characters of a secret."""


def read_secret(path: Path) -> str:
    """Read the secret with which sessions and addresses are signed; make it where there is none.

    Args:
        path: the file; deleting it ends all sessions and addresses.

    Returns:
        The secret.

    Raises:
        OutputError: if it can be neither read nor made, or is too short to be one.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            secret = path.read_text(encoding="ascii").strip()
            if len(secret) < _FEWEST:  # half written: whoever guesses that could sign anything
                raise OutputError(
                    f"{path} holds no secret: delete it; all sessions end, and a new one is made"
                ) from None
            return secret
        secret = secrets.token_urlsafe(32)
        with os.fdopen(file, "w", encoding="ascii") as out:
            out.write(secret)
    except (OSError, UnicodeError) as error:
        raise OutputError(f"cannot keep the secret in {path}: {getattr(error, 'strerror', None) or error}") from error
    return secret


class Signer:
    """Signs small values, and reads them back as long as they are neither changed nor too old.

    Args:
        secret: of `read_secret`.
        purpose: a value signed for one purpose is none for another.
    """

    def __init__(self, secret: str, purpose: str) -> None:
        self._serializer = URLSafeTimedSerializer(secret, salt=f"evoked {purpose}")

    def sign(self, value: object) -> str:
        """Text that holds a JSON value and its signature, for a cookie or an address."""
        return str(self._serializer.dumps(value))

    def read(self, text: str, max_age_s: float) -> Any:
        """Read a signed value.

        Args:
            text: what was signed.
            max_age_s: seconds since it was.

        Returns:
            The value; None where the signature is wrong or too old.
        """
        try:
            return self._serializer.loads(text, max_age=int(max_age_s))
        except BadData:
            return None

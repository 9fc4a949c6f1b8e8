"""What the rater's page shows, and how far its rater is."""

import hashlib
from importlib import resources
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel

from evoked.apps.rating.invitations import has_consented
from evoked.apps.rating.store import rater_progress, read_plan
from evoked.core.files import parse_json

__all__ = ["PageState", "ShownExpression", "page_state"]


class ShownExpression(BaseModel):
    """An expression that can be ticked.

    Attributes:
        id: its name in tables.
        name, definition: as they are shown; None: the page's own, in its language.
    """

    id: str
    name: str | None = None
    definition: str | None = None


class PageState(BaseModel):
    """What the page shows.

    Attributes:
        expressions: in the order of the keys 1 to 9.
        seconds: length of a clip.
        consent_version: of the text to which a rater consents.
        consent_text: None: the page's own, in its language.
        training: clips of the training round.
        consented: whether this rater has, to this version.
        answered: clips that this rater has answered.
    """

    expressions: list[ShownExpression]
    seconds: int
    consent_version: str
    consent_text: str | None
    training: int
    consented: bool = False
    answered: int = 0

    def of_rater(self, connection: sa.Connection, rater: int) -> "PageState":
        """The same with what this rater has done.

        Args:
            connection: any.
            rater: number.

        Returns:
            The state of the rater's page.
        """
        consented = has_consented(connection, rater, self.consent_version)
        answered = rater_progress(connection, rater)
        return self.model_copy(update={"consented": consented, "answered": answered})


def page_state(connection: sa.Connection) -> PageState:
    """The state of a page nobody has opened yet; EvokedError if the store has no plan."""
    plan = read_plan(connection)
    definitions: dict[str, Any] = plan.settings.get("definitions") or {}
    text = plan.settings.get("consent")
    own = text or str(parse_json(_page_file("texts.en.json"))["consent_text"])
    return PageState(
        expressions=[ShownExpression(id=name, **definitions.get(name, {})) for name in plan.expressions],
        seconds=plan.settings["seconds"],
        consent_version=hashlib.sha256(own.encode()).hexdigest()[:12],
        consent_text=text,
        training=plan.training,
    )


def _page_file(name: str) -> str:
    return (resources.files("evoked.apps.rating") / "page" / name).read_text(encoding="utf-8")

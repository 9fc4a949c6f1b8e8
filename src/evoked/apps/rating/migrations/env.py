"""Alembic runs the versions on the connection that evoked gives it."""

from alembic import context

__all__: list[str] = []

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()

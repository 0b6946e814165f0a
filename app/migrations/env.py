"""How Alembic runs the steps: on the connection that `upgrade` opened, in its transaction."""

from __future__ import annotations

from alembic import context

from app.tables import Table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()

"""The steps by which the schema came to be; each runs whole or not at all."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.settings import Settings
from app.store import Store, open_store

_HERE = Path(__file__).parent


def upgrade(where: Store | Settings) -> str:
    """Bring the schema of this store (or of the one these settings name) up to date and answer its revision.
    All missing steps run in one transaction, so that a stop in the middle leaves the old schema as it was."""
    if isinstance(where, Settings):
        with open_store(where) as store:
            return upgrade(store)
    with where.connection() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return head()


def head() -> str:
    """The revision this version of the program needs."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def revision(store: Store) -> str | None:
    """The revision the database stands at, None for an empty one."""
    with store.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    return config

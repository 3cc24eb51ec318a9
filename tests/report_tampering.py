"""Somebody with all rights on the database, who gets past what protects reports."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from database.session import make_engine

_TABLES = ("report_revision", "report_document")


@contextmanager
def unprotected(owner_url: str) -> Iterator[Connection]:
    """A connection of the tables' owner, for whom the triggers are gone."""
    engine = make_engine(owner_url)
    with engine.execution_options(writes=True).begin() as connection:
        for table in _TABLES:
            if engine.dialect.name == "postgresql":
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            else:
                connection.execute(text(f"DROP TRIGGER {table}_no_update"))
                connection.execute(text(f"DROP TRIGGER {table}_no_delete"))
        yield connection
    engine.dispose()

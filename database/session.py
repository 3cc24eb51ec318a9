"""The only place that makes engines and sessions, and where SQLite is made to behave.

SQLite: WAL, foreign keys, and every transaction that will write begins with ``BEGIN IMMEDIATE``: it waits for
its turn instead of failing half-way with "database is locked". Readers never wait.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session, sessionmaker

from database.words import fold

_SQLITE_WAIT_SECONDS = 15
_SQLITE_PRAGMAS = ("journal_mode=WAL", "foreign_keys=ON", "temp_store=MEMORY")


def make_engine(url: str, *, is_durable: bool = True) -> Engine:
    """An engine for ``sqlite:///…`` or ``postgresql://…``. Nothing connects before its first use.

    Durable commits are on the disk before they return: what a person saved survives a power cut. Without,
    a power cut (not a crash) may take back the last commits, whole and in order. That suits the bridge,
    whose cursor would go back with the rows: it doesn't compete with Orthanc for the disk.
    """
    if make_url(url).get_backend_name() == "sqlite":
        return _make_sqlite_engine(url, "FULL" if is_durable else "NORMAL")
    engine = create_engine(
        url,
        hide_parameters=True,  # errors are logged, and parameters are patient data
        pool_size=10,
        pool_pre_ping=True,  # a restarted PostgreSQL costs no request
        connect_args=_POSTGRESQL_ARGUMENTS,
    )
    event.listen(engine, "connect", partial(_prepare_postgresql, "on" if is_durable else "off"))
    return engine


# A server that falls silent (its host lost, a firewall's state gone) is noticed within seconds, not hours.
_POSTGRESQL_ARGUMENTS = {
    "connect_timeout": 5,
    "application_name": "noctis",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    # Compiling a plan takes longer than any of our queries: they are short, and many
    "options": "-c jit=off",
}


def _prepare_postgresql(synchronous_commit: str, connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET synchronous_commit = {synchronous_commit}")
    connection.commit()


def _make_sqlite_engine(url: str, synchronous: str) -> Engine:
    # isolation_level None: the driver begins nothing by itself, _begin_sqlite says how
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": _SQLITE_WAIT_SECONDS, "isolation_level": None}
    )
    event.listen(engine, "connect", partial(_prepare_sqlite, synchronous))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(synchronous: str, connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.create_function("fold", 1, fold, deterministic=True)  # its own lower() knows ASCII only


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class Database:
    """Hands out read and write sessions on one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._reading = sessionmaker(engine, expire_on_commit=False)
        self._writing = sessionmaker(engine.execution_options(writes=True), expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for queries: one consistent snapshot on SQLite, never blocks a writer."""
        with self._reading() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits at the end of the block and rolls back on an exception."""
        with self._writing() as session, session.begin():
            yield session

"""How fast the bridge brings a spool into the database, over writing nothing but the same rows.

The spool holds 60,000 records of C-STOREs, written by the recorder's own code: two of each operation, as it
began and as it ended, and three of each association. The ceiling writes the rows that come of them into an
equally fresh database by SQLAlchemy Core's ``executemany``, one call a table in one transaction: nothing is
read, compared or added up, and there is no position to keep. Both count these same rows. Runs follow each
other in pairs, the order alternating; the ratio is the median of the pairs' ratios.

There are no instances here: which of them an operation brought (``bridge/transfers/accounting.py``) is asked
once, with nothing to find, and no part of what is measured.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Table, insert, select

from bench.conversations import opening
from bench.measuring import median_ratio, rate, say
from bench.servers import KINDS, Databases, client_of, databases, orthanc
from bench.spools import write_spool
from bridge.orthanc_client import OrthancClient
from bridge.transfers.transfer_log import TransferLog
from database.models import Base
from database.session import Database, make_engine
from settings import Settings

_ASSOCIATION_COUNT = 296
_PAIR_COUNT = 7
_TABLES = [Base.metadata.tables[name] for name in ("association", "operation", "transfer_hour", "sender")]

Rows = list[tuple[Table, list[dict[str, Any]]]]
Work = Callable[[Database], None]


def measure() -> Iterator[dict[str, Any]]:
    with (
        databases() as fresh,
        orthanc() as source,
        client_of(source) as client,
        tempfile.TemporaryDirectory(prefix="noctis-bench-") as folder,
    ):
        settings = Settings(data_dir=Path(folder), recorder="on")
        say("writing the spool")
        write_spool(settings.spool_dir, opening(source), _ASSOCIATION_COUNT)
        for kind in KINDS:
            yield {"database": kind, **_compare(fresh, kind, partial(_catch_up, settings, client))}


def _compare(fresh: Databases, kind: str, catch_up: Work) -> dict[str, float]:
    rows = _rows_after(fresh.fresh(kind), catch_up)  # it warms up, too
    row_count = sum(len(found) for _, found in rows)
    log: list[float] = []
    ceiling: list[float] = []
    runs: list[tuple[list[float], Work]] = [(log, catch_up), (ceiling, partial(_write, rows))]
    for number in range(1, _PAIR_COUNT + 1):
        for found, work in runs if number % 2 else reversed(runs):
            found.append(_rate(fresh.fresh(kind), work, row_count))
        pair = f"{log[-1]:.0f} rows/s, ceiling {ceiling[-1]:.0f}"
        say(f"{kind}, pair {number} of {_PAIR_COUNT}: {pair}")
    return {
        "ratio": round(median_ratio(log, ceiling), 3),
        "rows_per_s": round(median(log)),
        "ceiling_per_s": round(median(ceiling)),
        "rows": row_count,
    }


def _rate(url: str, work: Work, row_count: int) -> float:
    database = Database(make_engine(url, is_durable=False))
    os.sync()

    def counted() -> int:
        work(database)
        return row_count

    found = rate(counted)
    database.engine.dispose()
    return found


def _catch_up(settings: Settings, client: OrthancClient, database: Database) -> None:
    with closing(TransferLog(database, client, settings)) as log:
        log.drain()


def _write(rows: Rows, database: Database) -> None:
    with database.write() as session:
        for table, found in rows:
            session.connection().execute(insert(table), found)


def _rows_after(url: str, work: Work) -> Rows:
    database = Database(make_engine(url, is_durable=False))
    work(database)
    with database.read() as session:
        rows = [
            (table, [dict(row) for row in session.execute(select(table)).mappings()]) for table in _TABLES
        ]
    database.engine.dispose()
    return rows

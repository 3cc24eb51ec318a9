"""Sending lines of the transfer log to an external collector: JSON on standard output, or syslog.

A line is sent before its rows are committed: after a crash it may come twice, never not at all (but for UDP's
own losses).
"""

import logging
import sys
from collections.abc import Iterable
from datetime import datetime
from logging.handlers import SysLogHandler
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson

from bridge.transfers.rows import Row
from settings import SettingsError

_SYSLOG_PORT = 514


class Collector(Protocol):
    """Gets associations and operations that ended. Safe to give the same one twice."""

    def send(self, rows: Iterable[Row]) -> None: ...
    def close(self) -> None: ...


def collector_of(target: str) -> Collector | None:
    """For NOCTIS_TRANSFER_COLLECTOR; None when it is empty. Raises SettingsError."""
    if not target:
        return None
    if target == "stdout":
        return StandardOutput()
    address = urlsplit(target)
    try:
        host, port = address.hostname, address.port or _SYSLOG_PORT
    except ValueError:
        host, port = None, 0
    if address.scheme != "syslog" or not host:
        raise SettingsError("NOCTIS_TRANSFER_COLLECTOR: must be stdout or syslog://HOST:PORT.")
    return Syslog(host, port)


class StandardOutput:
    def send(self, rows: Iterable[Row]) -> None:
        for row in rows:
            sys.stdout.write(f"{_line(row)}\n")
        sys.stdout.flush()

    def close(self) -> None:
        """Standard output isn't ours."""


class Syslog:
    """RFC 3164 over UDP, as the standard library writes it: facility daemon, severity info."""

    def __init__(self, host: str, port: int) -> None:
        self._handler = SysLogHandler((host, port), facility=SysLogHandler.LOG_DAEMON)
        self._handler.ident = "noctis: "
        self._handler.append_nul = False

    def send(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._handler.emit(logging.makeLogRecord({"msg": _line(row), "levelname": "INFO"}))

    def close(self) -> None:
        self._handler.close()


def _line(row: Row) -> str:
    kind = "operation" if "status_class" in row else "association"
    told: dict[str, Any] = {"log": "transfer", "record": kind}
    told |= {name: value for name, value in row.items() if value not in (None, "", [])}
    return orjson.dumps(told, default=_text, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)

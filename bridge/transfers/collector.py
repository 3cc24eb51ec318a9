"""Sending lines of the transfer log to an external collector: JSON on standard output, or syslog.

A line is sent before its rows are committed: after a crash it may come twice, never not at all. (UDP loses
what nobody hears, and so is lost what comes while the collector's name leads nowhere.)
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

logger = logging.getLogger(__name__)

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
        self._address = (host, port)
        self._handler: SysLogHandler | None = None

    def send(self, rows: Iterable[Row]) -> None:
        try:
            handler = self._handler or self._open()
        except OSError as error:  # its name can't be found: the log itself goes on
            logger.warning("the collector can't be reached (%s)", error.strerror)
            return
        for row in rows:
            handler.emit(logging.makeLogRecord({"msg": _line(row), "levelname": "INFO"}))

    def close(self) -> None:
        if self._handler is not None:
            self._handler.close()

    def _open(self) -> SysLogHandler:
        handler = SysLogHandler(self._address, facility=SysLogHandler.LOG_DAEMON)
        handler.ident, handler.append_nul = "noctis: ", False
        self._handler = handler
        return handler


def _line(row: Row) -> str:
    kind = "operation" if "status_class" in row else "association"
    told: dict[str, Any] = {"log": "transfer", "record": kind}
    told |= {name: value for name, value in row.items() if value not in (None, "", [])}
    return orjson.dumps(told, default=_text, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)

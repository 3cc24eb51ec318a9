"""Reading a spool from where the database stands: whole lines only, segment by segment. No database."""

import json
from dataclasses import dataclass
from pathlib import Path

from bridge.recorder.spool import NAME_FILE

_CHUNK_LENGTH = 512 * 1024
_LONGEST_LINE = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Position:
    """Everything before ``byte_offset`` of ``segment`` is read, and all segments whose names sort before."""

    segment: str = ""
    byte_offset: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    lines: list[bytes]
    position: Position
    """After these lines."""
    is_last: bool
    """Nothing more was there."""
    torn_count: int = 0
    """Half lines that nobody will end: their segment has a successor."""


def name_of(folder: Path) -> str:
    """The spool's own; empty while no recorder has run here."""
    try:
        return (folder / NAME_FILE).read_text().strip()
    except OSError:
        return ""


def read_chunk(folder: Path, position: Position, length: int = _CHUNK_LENGTH) -> Chunk:
    """What comes next. A last line without its end waits, unless a newer segment follows. Raises OSError."""
    segments = sorted(path.name for path in folder.glob("*.jsonl") if path.name >= position.segment)
    if not segments:
        return Chunk([], position, is_last=True)
    segment = segments[0]
    offset = position.byte_offset if segment == position.segment else 0
    with (folder / segment).open("rb") as file:
        file.seek(offset)
        data = file.read(length)
    end = data.rfind(b"\n") + 1
    if end:
        lines = data[:end].split(b"\n")[:-1]
        return Chunk(lines, Position(segment, offset + end), is_last=False)
    if len(data) == length < _LONGEST_LINE:
        return read_chunk(folder, position, length * 4)
    if len(segments) == 1:
        return Chunk([], Position(segment, offset), is_last=True)
    return Chunk([], Position(segments[1], 0), is_last=False, torn_count=bool(data))


def unread(folder: Path, position: Position) -> tuple[int, float | None]:
    """``(bytes, when)``: how much of the spool isn't read, and when the first of it was written."""
    byte_count = 0
    written_at = None
    for path in sorted(folder.glob("*.jsonl")):
        if path.name < position.segment:
            continue
        found = path.stat()
        rest = found.st_size - (position.byte_offset if path.name == position.segment else 0)
        if rest > 0 and written_at is None:
            written_at = _first_time(path, found.st_size - rest) or found.st_mtime
        byte_count += max(0, rest)
    return byte_count, written_at


def _first_time(path: Path, offset: int) -> float | None:
    with path.open("rb") as file:
        file.seek(offset)
        line = file.readline()
    try:
        record = json.loads(line)
        return float(record.get("started_at") or record["written_at"]) / 1e6
    except (ValueError, KeyError, TypeError, AttributeError):
        return None

"""AE titles: checked when a person gives one, proposed from a name when nobody does. Pure."""

import re
from collections.abc import Collection
from itertools import count

from anyascii import anyascii

from webapp.registry.fields import RegistryError

LONGEST = 16
"""VR AE, PS3.5 6.2."""

_WORD = re.compile(r"[A-Z]+|[0-9]+")
_GENERIC = "FACILITY"
# A first word shorter than this says too little when the next one is left out whole.
_TELLING = 8
_LONGEST_NUMBER = 4
# What tools call themselves and each other by default: never proposed, whatever a facility is called.
# Compared without underscores.
_RESERVED = {
    "AETITLE", "ANYSCP", "ANYSCU", "CALLED", "CALLING", "CONQUESTSRV", "DCM4CHEE", "DCMQRSCP", "DCMRECV",
    "DCMSEND", "DCMSND", "DCMTK", "DICOM", "ECHOSCP", "ECHOSCU", "FINDSCP", "FINDSCU", "GETSCP", "GETSCU",
    "HOROS", "LOCALHOST", "MOVESCP", "MOVESCU", "NOCTIS", "NOCTISPROBE", "ORTHANC", "OSIRIX", "PACS",
    "PYNETDICOM", "SERVER", "STORESCP", "STORESCU", "TEST", "UNKNOWN", "WLMSCPFS",
}  # fmt: skip


def check(text: str, field: str = "ae_title") -> str:
    """Without the blanks around it, which mean nothing. Raises RegistryError."""
    title = text.strip()
    if not 1 <= len(title) <= LONGEST:
        raise RegistryError(field, f"An AE title has 1 to {LONGEST} characters; this one has {len(title)}.")
    if not (title.isascii() and title.isprintable()) or "\\" in title:
        raise RegistryError(
            field,
            "An AE title has printable ASCII characters only: no accents, no backslash (DICOM PS3.5, VR AE).",
        )
    return title


def key_of(title: str) -> str:
    """What is unique: Orthanc compares AE titles without regard to case."""
    return title.upper()


def propose(name: str, taken: Collection[str]) -> str:
    """A valid AE title that reminds of the name: ``Hospital 1`` → ``HOSPITAL1``, ``Zürich`` → ``ZURICH``.

    ``taken`` holds keys (``key_of``). Any text is a name, even an empty one.
    """
    words = _words(name)
    base = _shorten(words) if words else _GENERIC
    is_plain_good = bool(words) and not _is_reserved(base)
    if is_plain_good and base not in taken:
        return base
    numbered = (_append(base, number) for number in count(2 if is_plain_good else 1))
    return next(title for title in numbered if title not in taken and not _is_reserved(title))


def _is_reserved(title: str) -> bool:
    return title.replace("_", "") in _RESERVED


def _words(name: str) -> list[str]:
    """Latin letters and digits in upper case; a number belongs to the word before it."""
    plain = anyascii(name).upper().replace("'", "")
    words: list[str] = []
    for word in _WORD.findall(plain):
        if word.isdigit() and words and not words[-1][-1].isdigit():
            words[-1] += word
        else:
            words.append(word)
    if words and words[0].isdigit():
        words[0] = _GENERIC + words[0]
    return words


def _shorten(words: list[str]) -> str:
    """As many whole words as fit; a number at the very end is kept, as it tells neighbours apart."""
    if len("_".join(words)) <= LONGEST:
        return "_".join(words)
    stem, number = _split_number(words[-1])
    room = LONGEST - len(number)
    *words, _ = words
    words = [word for word in (*words, stem) if word]
    title = words[0][:room]
    for word in words[1:]:
        if len(title) + 1 + len(word) <= room:
            title += f"_{word}"
            continue
        if len(title) < _TELLING:
            title = f"{title}_{word}"[:room]
        break
    return title.rstrip("_") + number


def _split_number(word: str) -> tuple[str, str]:
    stem = word.rstrip("0123456789")
    number = word[len(stem) :]
    return (stem, number) if len(number) <= _LONGEST_NUMBER else (word, "")


def _append(base: str, number: int) -> str:
    suffix = str(number)
    stem = base[: LONGEST - len(suffix)].rstrip("_")
    if not stem[-1].isdigit():
        return stem + suffix
    return f"{base[: LONGEST - len(suffix) - 1].rstrip('_')}_{suffix}"

"""Folding text into the words by which a study is found. Bridge (writing) and webapp (asking) must agree."""

import re
import unicodedata

# Letters that Unicode doesn't decompose although people type them without the mark.
_PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
)
_WORD = re.compile(r"\w+")
_LONGEST_WORD = 64  # VR PN: 64 characters a component group; LO and SH are shorter


def fold(text: str) -> str:
    """Lower case without accents: ``Zoë Müller-Lüdenscheidt`` → ``zoe muller-ludenscheidt``.

    Only Latin, Greek and Cyrillic marks are dropped: to Japanese and Korean they are part of the letter.
    """
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f")
    return unicodedata.normalize("NFKC", bare.translate(_PLAIN_LETTERS))


def words_of(*texts: str) -> set[str]:
    """The distinct folded words of all texts. An underscore separates words, as ``^`` and ``=`` do."""
    return {word[:_LONGEST_WORD] for text in texts for word in _WORD.findall(fold(text).replace("_", " "))}


def prefix_range(word: str) -> tuple[str, str]:
    """``(first, beyond)``: exactly the strings that start with ``word`` are ``first <= s < beyond``."""
    return word, word + "\U0010ffff"

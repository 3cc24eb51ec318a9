"""What a printed report says, read with poppler's tools."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

_WORD = r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="[\d.]+" yMax="([\d.]+)">(.*?)</word>'


@dataclass(frozen=True)
class Printed:
    """A PDF."""

    content: bytes

    @property
    def pages(self) -> list[str]:
        """The text of each."""
        return _run("pdftotext", "-layout", self.content).removesuffix("\f").split("\f")

    @property
    def text(self) -> str:
        """With single blanks, as it is read."""
        return " ".join(" ".join(self.pages).split())

    @property
    def words(self) -> set[str]:
        return set(self.text.split())

    @property
    def watermarks(self) -> list[str]:
        """What stands across each page; poppler takes slanting letters for separate words."""
        pages = _run("pdftotext", "-bbox", self.content).split("<page ")[1:]
        return ["".join(letters for _, letters in sorted(_slanting(page))) for page in pages]

    @property
    def paper(self) -> str:
        found = re.search(r"Page size:\s+(\S+) x (\S+) pts", _run("pdfinfo", "", self.content))
        assert found
        return f"{float(found[1]):.0f} x {float(found[2]):.0f}"

    @property
    def fonts(self) -> dict[str, bool]:
        """By name without the subset's prefix: whether it is embedded."""
        lines = _run("pdffonts", "", self.content).splitlines()[2:]
        return {line.split()[0].split("+")[-1]: line.split()[-5] == "yes" for line in lines}


def _slanting(page: str) -> Iterator[tuple[float, str]]:
    """From left to right: words that are higher than any line."""
    for x, top, bottom, word in re.findall(_WORD, page):
        if float(bottom) - float(top) > 25:
            yield float(x), word


def _run(tool: str, option: str, content: bytes) -> str:
    command = [tool, *option.split(), "-", *(["-"] if tool == "pdftotext" else [])]
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout.decode()

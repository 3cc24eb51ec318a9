"""``python -m tests.fuzz.dialogue [-runs=N] [FOLDER]``: mutates conversations to reach ever more of the code.

What libFuzzer finds worth keeping, and what crashes, lies in the folder. A crash is repeated by giving its
file instead of a folder.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["bridge.recorder", "pydicom.filereader", "pydicom.fileutil"]):
    from tests.fuzz import corpus

_FOLDER = Path(".cache/fuzz")
_OPTIONS = ["-max_len=30000", "-rss_limit_mb=1024"]


def main() -> None:
    options = [one for one in sys.argv[1:] if one.startswith("-")]
    given = [one for one in sys.argv[1:] if not one.startswith("-")]
    place = Path(given[0]) if given else _FOLDER
    if not place.is_file():
        place.mkdir(parents=True, exist_ok=True)
        for name, seed in corpus.seeds().items():
            (place / name).write_bytes(seed)
        options.append(f"-artifact_prefix={place}/")
    atheris.Setup([sys.argv[0], *_OPTIONS, *options, str(place)], corpus.hear)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

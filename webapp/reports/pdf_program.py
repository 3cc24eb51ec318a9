"""The program that ``pdf`` starts: HTML and CSS as JSON in, PDF out. Imports nothing of ours.

What goes wrong is told by where it went wrong, without the words: an exception's text may quote a value.
"""

import json
import logging
import sys
import traceback
from types import TracebackType

NO_LIBRARY = 3
"""Exit code: Pango, or another library that WeasyPrint loads, isn't installed."""


def main() -> None:
    logging.disable()
    html, css = json.load(sys.stdin)
    try:
        from weasyprint import CSS, HTML  # noqa: PLC0415 - it loads its libraries here
        from weasyprint.urls import URLFetcher  # noqa: PLC0415
    except OSError:
        sys.exit(NO_LIBRARY)
    fetcher = URLFetcher(allowed_protocols=("data",))
    stylesheet = CSS(string=css, url_fetcher=fetcher)
    HTML(string=html, url_fetcher=fetcher).write_pdf(
        sys.stdout.buffer, stylesheets=[stylesheet], pdf_tags=True
    )


def _tell(kind: type[BaseException], _error: BaseException, trace: TracebackType | None) -> None:
    frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(trace)]
    sys.stderr.write(f"{kind.__name__} at {' < '.join(reversed(frames))}\n")


if __name__ == "__main__":
    sys.excepthook = _tell
    main()

"""HTML to PDF by WeasyPrint. Knows no report."""

import logging
from threading import BoundedSemaphore

_log = logging.getLogger(__name__)
# WeasyPrint keeps a processor busy and isn't made for threads: one at a time, and few that wait.
_turn = BoundedSemaphore(1)
_QUEUE_SECONDS = 20.0


class NoPdfError(Exception):
    """No PDF can be made now; the text says why and what to do."""


def make_pdf(html: str, css: str) -> bytes:
    """Nothing is fetched: what isn't in these texts isn't there. Raises NoPdfError."""
    if not _turn.acquire(timeout=_QUEUE_SECONDS):
        raise NoPdfError("Too many reports are being printed at once. Please try again in a moment.")
    try:
        return _make(html, css)
    finally:
        _turn.release()


def _make(html: str, css: str) -> bytes:
    try:
        # Here, not above: without its libraries only the PDF is missing, not every page
        from weasyprint import CSS, HTML  # noqa: PLC0415
        from weasyprint.urls import URLFetcher  # noqa: PLC0415
    except OSError as error:
        _log.error("WeasyPrint can't be loaded: %s", error)
        raise NoPdfError(
            "This server can't make PDFs: a library that WeasyPrint needs (Pango) is missing. "
            "An administrator can install it; until then, print this report from its page."
        ) from error
    for name in ("weasyprint", "fontTools"):  # they tell of each font and may quote what they set
        logging.getLogger(name).setLevel(logging.CRITICAL)
    fetcher = URLFetcher(allowed_protocols=("data",))
    stylesheet = CSS(string=css, url_fetcher=fetcher)
    document = HTML(string=html, url_fetcher=fetcher)
    content: bytes = document.write_pdf(stylesheets=[stylesheet], pdf_tags=True)
    return content

"""HTML to PDF by WeasyPrint, in a process of its own. Knows no report.

A report of hundreds of pages keeps a processor busy for half a minute, and Pango isn't Python: neither may
slow down or end the process that serves everybody else.
"""

import json
import logging
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore

from webapp.reports.pdf_program import NO_LIBRARY

_log = logging.getLogger(__name__)

PLACES = BoundedSemaphore(2)
"""Each of them takes a processor; more at a time would starve everything else."""
_PROGRAM = Path(__file__).with_name("pdf_program.py")
_QUEUE_SECONDS = 20.0
_LONGEST_SECONDS = 180.0


class NoPdfError(Exception):
    """No PDF can be made now; the text says why and what to do."""


def make_pdf(html: str, css: str) -> bytes:
    """Nothing is fetched: what isn't in these texts isn't there. Raises NoPdfError."""
    if not PLACES.acquire(timeout=_QUEUE_SECONDS):
        raise NoPdfError("Too many reports are being printed at once. Please try again in a moment.")
    try:
        return _run(json.dumps([html, css]).encode())
    finally:
        PLACES.release()


def _run(request: bytes) -> bytes:
    command = [sys.executable, "-I", str(_PROGRAM)]  # isolated: no other folder's modules
    try:
        run = subprocess.run(
            command, input=request, capture_output=True, timeout=_LONGEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        _log.error("a PDF took longer than %d s", _LONGEST_SECONDS)
        raise NoPdfError(
            "This report is so long that making its PDF takes too much time. Print it from its page instead."
        ) from error
    if run.returncode == 0:
        return run.stdout
    _log.error(
        "the PDF program ended with %d: %s", run.returncode, run.stderr.decode(errors="replace")[-2000:]
    )
    if run.returncode == NO_LIBRARY:
        raise NoPdfError(
            "This server can't make PDFs: a library that WeasyPrint needs (Pango) is missing. "
            "An administrator can install it; until then, print this report from its page."
        )
    raise NoPdfError(
        "Making the PDF failed; the server has written down where. Print this report from its page instead."
    )

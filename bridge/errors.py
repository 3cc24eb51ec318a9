"""Exceptions, named by what the caller must do. No text of theirs holds patient data."""


class OrthancUnavailable(Exception):  # noqa: N818 - named by what to do: wait
    """Wait: Orthanc doesn't answer, or not in time. The same call may succeed later."""


class OrthancTimeout(OrthancUnavailable):
    """Ask for less, or wait: Orthanc took the request, and its answer didn't come in time."""


class OrthancRefused(Exception):  # noqa: N818 - named by what to do: report
    """Report: Orthanc answered, and the answer is no.

    ``status`` is HTTP's. ``details`` are Orthanc's own words; they may quote values and stay out of the text.
    """

    def __init__(self, status: int, details: str) -> None:
        why = ": it doesn't accept our user name and password" if status in {401, 403} else ""
        super().__init__(f"Orthanc answered {status}{why}")
        self.status = status
        self.details = details


class RemoteNodeFailed(OrthancRefused):
    """Report: Orthanc is well, the node that it was to reach isn't; ``details`` say how."""


class FeedRewound(Exception):  # noqa: N818 - named by what to do: sweep
    """Sweep: this isn't the change feed that we followed: Orthanc was restored or replaced."""


class BadResource(Exception):  # noqa: N818 - named by what to do: skip
    """Skip: this one resource can't be kept. The text names the attribute, never its value."""


class CursorMoved(Exception):  # noqa: N818 - named by what to do: stop
    """Stop: another bridge has moved the cursor; whatever was read here is void."""

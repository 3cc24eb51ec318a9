"""What may be done with a report, and what becomes of it. Pure: no database, no Flask.

draft → preliminary → final. After that only an addendum, an amendment (a new version, with its reason) or a
retraction (with its reason). A retracted report may be followed by a new one.
"""

from dataclasses import dataclass, replace

from database.models import Purpose, ReportAction, ReportState, Role

WRITERS = frozenset({Role.RADIOLOGIST})
_UNSIGNED = {ReportState.DRAFT, ReportState.PRELIMINARY}
_FRESH = {None, ReportState.DISCARDED, ReportState.RETRACTED}


class NotAllowedError(Exception):
    """It can't be done with the report as it is; the text says why, in the user's words."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a report stands. ``state`` is None before anything was written."""

    state: ReportState | None = None
    writing: Purpose | None = None
    version: int = 0
    addendum_count: int = 0
    first_signer_id: int | None = None

    @property
    def is_signed_once(self) -> bool:
        return self.first_signer_id is not None

    @property
    def is_readable_by_all(self) -> bool:
        """By everyone who may see the study; before that by radiologists only."""
        return self.state in {ReportState.FINAL, ReportState.RETRACTED}


def save(standing: Standing, purpose: Purpose) -> Standing:
    """Text for ``purpose``. Raises NotAllowedError."""
    if purpose is Purpose.REPORT:
        if standing.state is ReportState.FINAL:
            raise NotAllowedError("This report is final: write an addendum or an amendment instead.")
        if standing.state in _FRESH:
            return replace(standing, state=ReportState.DRAFT, writing=Purpose.REPORT, first_signer_id=None)
        return replace(standing, writing=Purpose.REPORT, first_signer_id=None)
    if standing.state is not ReportState.FINAL:
        raise NotAllowedError("Only a final report can have an addendum or an amendment.")
    if standing.writing not in {None, purpose}:
        raise NotAllowedError("Something else is being written on this report: sign or discard that first.")
    return replace(standing, writing=purpose, first_signer_id=None)


def release(standing: Standing) -> Standing:
    """As preliminary. Raises NotAllowedError."""
    if standing.state not in _UNSIGNED:
        raise NotAllowedError("Only a draft can be released as preliminary.")
    return replace(standing, state=ReportState.PRELIMINARY, first_signer_id=None)


def sign(standing: Standing, signer_id: int, *, needs_second: bool) -> tuple[Standing, ReportAction]:
    """What is being written becomes valid, or waits for the second signer. Raises NotAllowedError."""
    if standing.writing is None:
        raise NotAllowedError("There is nothing to sign: nothing was written since.")
    if standing.is_signed_once:
        if standing.first_signer_id == signer_id:
            raise NotAllowedError("You have signed it; the second signature must be somebody else's.")
        return _finalized(standing), ReportAction.COSIGN
    if needs_second:
        return replace(standing, first_signer_id=signer_id), ReportAction.SIGN
    return _finalized(standing), ReportAction.SIGN


def retract(standing: Standing) -> Standing:
    """Raises NotAllowedError."""
    if standing.state is not ReportState.FINAL:
        raise NotAllowedError("Only a final report can be retracted.")
    return replace(standing, state=ReportState.RETRACTED, writing=None, first_signer_id=None)


def discard(standing: Standing) -> Standing:
    """What is being written isn't wanted; what is final stays. Raises NotAllowedError."""
    if standing.writing is None or standing.state is ReportState.PRELIMINARY:
        raise NotAllowedError(
            "Only a draft can be discarded. A released report is corrected, not thrown away."
        )
    state = standing.state
    if standing.writing is Purpose.REPORT:  # after a retraction, that stands again
        state = ReportState.RETRACTED if standing.version else ReportState.DISCARDED
    return replace(standing, state=state, writing=None, first_signer_id=None)


def needs_reason(action: ReportAction, purpose: Purpose) -> bool:
    if action in {ReportAction.SIGN, ReportAction.COSIGN}:
        return purpose is Purpose.AMENDMENT
    return action is ReportAction.RETRACT


def _finalized(standing: Standing) -> Standing:
    done = replace(standing, state=ReportState.FINAL, writing=None, first_signer_id=None)
    if standing.writing is Purpose.ADDENDUM:
        return replace(done, addendum_count=standing.addendum_count + 1)
    return replace(done, version=standing.version + 1, addendum_count=0)

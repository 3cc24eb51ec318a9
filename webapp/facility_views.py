"""What pages show of one facility, node or peer, as far as it follows from rows that are read. No queries."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from database.models import Facility, LinkRun, Registration, RegistrationState
from webapp import registry

_WORDS_OF_ORTHANC = {
    "AET": "AE title",
    "Host": "host",
    "Port": "port",
    "LocalAet": "our AE title",
    "UseDicomTls": "TLS",
    "Url": "address",
    "Username": "user name",
    "AllowEcho": "C-ECHO",
    "AllowStore": "C-STORE",
    "AllowFind": "C-FIND",
    "AllowFindWorklist": "C-FIND for Modality Worklist",
    "AllowMove": "C-MOVE",
    "AllowGet": "C-GET",
    "AllowNAction": "N-ACTION",
    "AllowEventReport": "N-EVENT-REPORT",
}
_ATTENTION = {RegistrationState.PENDING, RegistrationState.FAILED, RegistrationState.DRIFTED}


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of which Orthanc's list held something else; ``name`` in our words."""

    name: str
    ours: Any
    theirs: Any


@dataclass(slots=True)
class TargetView:
    """An application entity or a peer, and how far Orthanc knows it."""

    target: Any
    state: RegistrationState | None
    registration: Registration | None
    last_received_at: datetime | None = None
    """When an instance of a study came from it last."""
    last_came_at: datetime | None = None
    """When it came to the DICOM port last, for whatever, admitted or not; None where no recorder saw it."""
    recent_count: int = 0
    link_run: LinkRun | None = None
    former: list["TargetView"] = field(default_factory=list)
    """Its former AE titles: what they sent counts as sent by it."""

    @property
    def last_seen_at(self) -> datetime | None:
        return max(filter(None, (self.last_received_at, self.last_came_at)), default=None)

    @property
    def drift_id(self) -> str:
        """Another one for each drift; empty without."""
        at = self.registration.drifted_at if self.registration is not None and self.drift else None
        return "" if at is None else at.isoformat()

    @property
    def left_out(self) -> list[str]:
        """What isn't adopted with the rest of the drift."""
        return registry.reading_granted_by(self.drift)

    @property
    def drift(self) -> dict[str, list[Any]]:
        """What the last drift was, by Orthanc's names, until the next decision."""
        registration = self.registration
        is_current = registration is not None and registration.applied_revision == self.target.revision
        return registration.drift if registration is not None and is_current else {}

    @property
    def differences(self) -> list[Difference]:
        return [
            Difference(_WORDS_OF_ORTHANC.get(name, name), *values)
            for name, values in sorted(self.drift.items())
        ]

    @property
    def was_lost(self) -> bool:
        """Orthanc's list had lost the whole entry: there is nothing of it to adopt."""
        return any(one.theirs is None for one in self.differences)

    @property
    def is_linked(self) -> bool:
        """Whether the studies that came already are where the latest decision wants them."""
        return self.has_done_run and all(one.is_linked for one in self.former)

    @property
    def linked_count(self) -> int | None:
        """Of studies, so far; None before the latest decision is being carried out."""
        runs = [one.link_run for one in (self, *self.former) if one.has_current_run]
        return sum(run.study_count for run in runs if run is not None) if runs else None

    @property
    def linked_at(self) -> datetime | None:
        runs = [one.link_run for one in (self, *self.former)]
        return max((run.done_at for run in runs if run is not None and run.done_at), default=None)

    @property
    def has_current_run(self) -> bool:
        return self.link_run is not None and self.link_run.link_revision == self.target.link_revision

    @property
    def has_done_run(self) -> bool:
        return self.has_current_run and self.link_run is not None and self.link_run.done_at is not None

    def take_former(self, view: "TargetView") -> None:
        self.former.append(view)
        received = filter(None, (self.last_received_at, view.last_received_at))
        self.last_received_at = max(received, default=None)
        came = filter(None, (self.last_came_at, view.last_came_at))
        self.last_came_at = max(came, default=None)
        self.recent_count += view.recent_count


@dataclass(slots=True)
class FacilityView:
    facility: Facility
    entities: list[TargetView] = field(default_factory=list)
    peers: list[TargetView] = field(default_factory=list)

    @property
    def last_received_at(self) -> datetime | None:
        return max((one.last_received_at for one in self.entities if one.last_received_at), default=None)

    @property
    def recent_count(self) -> int:
        return sum(one.recent_count for one in self.entities)

    @property
    def is_silent(self) -> bool:
        """Longer than its threshold; one that never sent counts from its creation.

        What only echoes, or is rejected, brings no images.
        """
        hours = self.facility.silent_hours
        if hours is None or self.facility.retired_at is not None:
            return False
        heard_at = max(filter(None, (self.last_received_at, self.facility.created_at)))
        return datetime.now(UTC) - heard_at > timedelta(hours=hours)

    @property
    def needs_attention(self) -> bool:
        """Silent, or not all of it in Orthanc as decided."""
        return self.is_silent or any(one.state in _ATTENTION for one in [*self.entities, *self.peers])

    def has_word(self, text: str) -> bool:
        titles = (view.target.ae_title for one in self.entities for view in (one, *one.former))
        values = (self.facility.name, self.facility.code, *titles)
        return any(text.casefold() in value.casefold() for value in values)

"""Reports in any state, written as the webapp writes them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from sqlalchemy import select, update

from database.models import Priority, Purpose, Report, ReportRevision, Role, Study, StudyFlag, User
from database.session import Database
from tests.factories import create_member
from webapp.reports import locks, writing
from webapp.reports.texts import Save
from webapp.reports.writing import Writer

_tokens = count(1)


@dataclass(frozen=True)
class Pen:
    """A radiologist who writes, and closes the page after each act."""

    database: Database
    user: User

    @classmethod
    def of_somebody(cls, database: Database) -> "Pen":
        return cls(database, create_member(database, Role.RADIOLOGIST))

    def draft(self, study: Study, **texts: str) -> None:
        self._save(study, Purpose.REPORT, texts or {"findings": "A secret draft."})

    def release(self, study: Study) -> None:
        self.draft(study)
        writer = self._writer()
        writing.release(self.database, study.id, writer, self._newest(study))
        locks.release(self.database, study.id, writer.token)

    def sign(self, study: Study, reason: str = "") -> ReportRevision:
        writer = self._writer()
        signed = writing.sign(self.database, study.id, writer, self._newest(study), reason)
        locks.release(self.database, study.id, writer.token)
        return signed

    def finalize(self, study: Study) -> ReportRevision:
        self.draft(study)
        return self.sign(study)

    def begin_addendum(self, study: Study) -> None:
        self._save(study, Purpose.ADDENDUM, {"addendum": "More."})

    def add(self, study: Study) -> ReportRevision:
        self.begin_addendum(study)
        return self.sign(study)

    def amend(self, study: Study) -> ReportRevision:
        self._save(study, Purpose.AMENDMENT, {"findings": "Other."})
        return self.sign(study, "overlooked")

    def retract(self, study: Study) -> None:
        writing.retract(self.database, study.id, self._writer(), self._newest(study), "wrong patient")

    def discard(self, study: Study) -> None:
        writer = self._writer()
        writing.discard(self.database, study.id, writer, self._newest(study))
        locks.release(self.database, study.id, writer.token)

    def open(self, study: Study) -> str:
        """Begin to write, and leave the page open; answers its token."""
        writer = self._writer()
        locks.beat(self.database, study.id, self.user, writer.token)
        return writer.token

    def _save(self, study: Study, purpose: Purpose, texts: dict[str, str]) -> None:
        writer = self._writer()
        writing.save(self.database, study.id, writer, Save(texts, self._newest(study), purpose))
        locks.release(self.database, study.id, writer.token)

    def _writer(self) -> Writer:
        return Writer(self.user, f"page {next(_tokens)}")

    def _newest(self, study: Study) -> int:
        with self.database.read() as session:
            return session.scalar(select(Report.revision).where(Report.study_id == study.id)) or 0


def flag(
    database: Database, study: Study, *, priority: Priority | None = None, assignee: User | None = None
) -> None:
    """As the webapp does."""
    with database.write() as session:
        values = {"priority": priority, "assignee_id": assignee.id if assignee else None}
        session.merge(StudyFlag(study_id=study.id, updated_at=datetime.now(UTC), **values))


def receive_more(database: Database, study: Study) -> None:
    """As the bridge does when images come."""
    now = datetime.now(UTC)
    with database.write() as session:
        session.execute(
            update(Study).where(Study.id == study.id).values(last_received_at=now, updated_at=now)
        )

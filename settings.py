"""Every setting of Noctis: environment variables with the prefix ``NOCTIS_``, read once, here.

All processes (launcher, bridge, webapp, emulator) take a ``Settings`` object; nothing else reads the
environment. The table in the README is checked against this module by a test.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]
SecretName = Literal["orthanc_password", "secret_key", "admin_password", "encryption_key"]
PROBE_AE_TITLE = "NOCTIS_PROBE"
"""The AE title of our own checks (launcher, doctor); the bridge registers it."""
DOCTOR_AE_TITLE = re.compile("DOCTOR_[0-9A-F]{8}")
"""Those that the doctor makes up when it stores a test object."""


def _check_ae_title(value: str) -> str:
    """PS3.5 6.2, VR AE: 1 to 16 characters of the default repertoire, no backslash or control characters."""
    title = value.strip(" ")
    if not title or len(title) > 16 or not title.isascii() or not title.isprintable() or "\\" in title:
        raise ValueError("must be 1 to 16 printable ASCII characters without a backslash")
    return title


AETitle = Annotated[str, AfterValidator(_check_ae_title)]


class SettingsError(Exception):
    """A ``NOCTIS_`` variable can't be used; the text names it and says what is wrong."""


class Settings(BaseSettings):
    """One field a variable: ``data_dir`` is ``NOCTIS_DATA_DIR``. The description is the README's text."""

    model_config = SettingsConfigDict(env_prefix="NOCTIS_", frozen=True, env_ignore_empty=True)

    data_dir: Path = Field(Path("var"), description="Where all data lies: database, images, keys, logs")
    http_host: str = Field("127.0.0.1", description="Address on which the web pages are served")
    http_port: Port = Field(8000, description="Port of the web pages")
    dicom_port: Port = Field(11112, description="Port to which modalities send DICOM")
    recorder: Literal["on", "off"] = Field(
        "on",
        description="`on`: the recorder takes the DICOM port, writes down every association and forwards it "
        "to Orthanc. `off`: Orthanc takes the port itself, and the transfer log holds what Orthanc knows",
    )
    orthanc_dicom_port: Port = Field(4242, description="Orthanc's own DICOM port behind the recorder")
    orthanc_dicom_host: str = Field(
        "",
        description="Where the recorder reaches Orthanc's DICOM port; the host of its REST API when empty",
    )
    dicom_tls_port: Port | None = Field(
        None, description="A second port of the recorder, for DICOM over TLS; none when empty"
    )
    dicom_tls_certificate: str = Field("", description="File with the TLS port's certificate and chain (PEM)")
    dicom_tls_key: str = Field("", description="File with its private key (PEM)")
    dicom_tls_client_ca: str = Field(
        "",
        description="File with the authorities whose client certificates the TLS port demands, if any",
    )
    max_associations: Annotated[int, Field(ge=1, le=10_000)] = Field(
        90,
        description="Associations at the same time; more are rejected for the moment. "
        "Below Orthanc's `DicomThreadsCount` (100)",
    )
    max_associations_per_address: Annotated[int, Field(ge=1, le=10_000)] = Field(
        60, description="The same for one remote address, so that no sender shuts out the others"
    )
    transfer_retention_days: Annotated[int, Field(ge=1)] = Field(
        90,
        description="Days for which the log keeps each successful operation; failures and associations stay",
    )
    spool_retention_days: Annotated[int, Field(ge=0)] = Field(
        7, description="Days for which the recorder's files are kept after they are in the database"
    )
    transfer_collector: str = Field(
        "",
        description="Also send each line of the transfer log, as JSON, to `stdout` (the bridge's log) or "
        "`syslog://HOST:PORT` (UDP)",
    )
    orthanc_http_port: Port = Field(8042, description="Port of Orthanc's REST API, on loopback only")
    orthanc_url: str = Field(
        "", description="Address of Orthanc's REST API, when it isn't the one started here"
    )
    orthanc_username: str = Field("noctis", description="User name for Orthanc's REST API")
    orthanc_password: str = Field(
        "", description="Password for Orthanc's REST API; generated into the data folder when empty"
    )
    ae_title: AETitle = Field("NOCTIS", description="AE title of this server")
    database_url: str = Field(
        "",
        description="Reporting database, such as `postgresql://noctis_app@localhost/noctis`; "
        "an SQLite file in the data folder when empty",
    )
    database_owner_url: str = Field(
        "",
        description="The same database as the role that owns the tables and migrates them (PostgreSQL); "
        "`NOCTIS_DATABASE_URL` when empty",
    )
    admin_username: str = Field("admin", description="Name of the first administrator")
    admin_password: str = Field("", description="The first administrator's password; generated when empty")
    secret_key: str = Field(
        "", description="Signs the browser's sessions; generated into the data folder when empty"
    )
    behind_https: bool = Field(
        False, description="`true` when a proxy serves the pages over HTTPS: secure cookies, HSTS"
    )
    encryption_key: str = Field(
        "", description="Encrypts stored passwords of peers; generated into the data folder when empty"
    )
    unknown_senders: Literal["strict", "open"] = Field(
        "strict",
        description="What AE titles that no facility has may do: `strict` nothing, `open` C-ECHO and C-STORE",
    )
    stable_seconds: Annotated[int, Field(ge=1, le=86400)] = Field(
        60, description="A study counts as *arrived* when nothing came for this many seconds"
    )
    sweep_interval: Annotated[int, Field(ge=10)] = Field(
        3600, description="Seconds between full comparisons of Orthanc with the reporting database"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="How much the logs say; no level writes patient data"
    )

    @property
    def has_recorder(self) -> bool:
        return self.recorder == "on"

    @property
    def orthanc_dicom_listener(self) -> int:
        """The port Orthanc itself binds: its own behind the recorder, or the one that modalities use."""
        return self.orthanc_dicom_port if self.has_recorder else self.dicom_port

    @property
    def orthanc_dicom_address(self) -> tuple[str, int]:
        """Where the recorder forwards to."""
        return self.orthanc_dicom_host or urlsplit(
            self.orthanc_api_url
        ).hostname or "", self.orthanc_dicom_port

    @property
    def spool_dir(self) -> Path:
        """Where the recorder writes and the bridge reads: on one host."""
        return self.data_dir.absolute() / "spool"

    @property
    def orthanc_api_url(self) -> str:
        return self.orthanc_url or f"http://127.0.0.1:{self.orthanc_http_port}"

    @property
    def sqlalchemy_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'noctis.sqlite'}"

    @property
    def sqlalchemy_owner_url(self) -> str:
        return self.database_owner_url or self.sqlalchemy_url

    @property
    def secrets_dir(self) -> Path:
        return self.data_dir / "secrets"

    def secret(self, name: SecretName) -> str:
        """The variable's value, else what the launcher generated into ``secrets/`` of the data folder.

        Raises SettingsError when there is neither.
        """
        configured: str = getattr(self, name)
        if configured:
            return configured
        path = self.secrets_dir / name
        try:
            return path.read_text().strip()
        except OSError as error:
            raise SettingsError(
                f"NOCTIS_{name.upper()} is not set and {path} can't be read ({error.strerror}): "
                "start Noctis with `make run`, which generates it, or set the variable."
            ) from error


def describe(error: ValidationError) -> str:
    """Pydantic's findings, one plain sentence a variable. Values are left out: they may be passwords."""
    return " ".join(
        f"NOCTIS_{str(item['loc'][0]).upper()}: {item['msg'].removeprefix('Value error, ')}."
        for item in error.errors()
    )


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Read the environment once. Raises SettingsError in words for people."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(describe(error)) from None

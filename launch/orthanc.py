"""Orthanc's configuration: the fixed part is orthanc/orthanc.json, the rest comes from the settings.

Why each option is what it is stands in orthanc/README.md.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from launch.errors import LaunchError
from launch.folders import DataFolder
from settings import Settings

_TEMPLATE = Path(__file__).parent.parent / "orthanc" / "orthanc.json"
_PLUGINS = ("libOrthancGdcm.so", "libOrthancDicomWeb.so")
# Debian's, in Orthanc's container image too: without them no peer can be reached over HTTPS
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
DEBIAN_PLUGINS = Path("/usr/share/orthanc/plugins")
# Debian installs it where an ordinary user's PATH may not lead
_SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"


def binary() -> str:
    """Path of the Orthanc program. Raises LaunchError when it isn't installed."""
    found = shutil.which("Orthanc") or shutil.which("Orthanc", path=_SEARCH_PATH)
    if found is None:
        raise LaunchError(
            "The program Orthanc is not installed: install the packages orthanc, orthanc-gdcm and "
            "orthanc-dicomweb (`make run` does it on Debian and Ubuntu)."
        )
    return found


def installed_plugins() -> list[str]:
    """The plugins to load, by file: others that happen to be installed (PostgreSQL, …) stay unloaded."""
    missing = [name for name in _PLUGINS if not (DEBIAN_PLUGINS / name).exists()]
    if missing:
        raise LaunchError(
            f"Orthanc's plugin {missing[0]} is not in {DEBIAN_PLUGINS}: install the packages "
            "orthanc-gdcm and orthanc-dicomweb."
        )
    return plugins_in(DEBIAN_PLUGINS)


def plugins_in(folder: Path) -> list[str]:
    return [str(folder / name) for name in _PLUGINS]


def thread_count() -> int:
    """How many associations it serves at a time."""
    options: dict[str, Any] = json.loads(_TEMPLATE.read_text())
    return int(options["DicomThreadsCount"])


def configuration(
    settings: Settings, *, storage: Path, plugins: list[str], is_in_container: bool = False
) -> dict[str, Any]:
    """All options. In a container, REST must answer the other containers; nothing publishes its port."""
    options: dict[str, Any] = json.loads(_TEMPLATE.read_text())
    options |= {
        "DicomAet": settings.ae_title,
        "DicomAlwaysAllowEcho": settings.unknown_senders == "open",
        "DicomAlwaysAllowStore": settings.unknown_senders == "open",
        "DicomPort": settings.orthanc_dicom_listener,
        "HttpPort": settings.orthanc_http_port,
        "RegisteredUsers": {settings.orthanc_username: settings.secret("orthanc_password")},
        "RemoteAccessAllowed": is_in_container,
        "HttpBindAddresses": [] if is_in_container else ["127.0.0.1"],
        "HttpsCACertificates": _CERTIFICATES,
        "StorageDirectory": str(storage),
        "IndexDirectory": str(storage),
        "Plugins": plugins,
    }
    return options


def configuration_here(settings: Settings, folder: DataFolder) -> str:
    """The text of the configuration for Orthanc as a process of this machine."""
    options = configuration(settings, storage=folder.orthanc, plugins=installed_plugins())
    return json.dumps(options, indent=2) + "\n"

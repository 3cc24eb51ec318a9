"""Sending as a modality does: one association by DCMTK's ``storescu``, a process of its own."""

import os
import subprocess
from pathlib import Path

from bench.servers import client_of
from emulator.studies import make_study, part10_bytes
from tests.orthanc_process import AE_TITLE, OrthancProcess

LARGE, SMALL = 512 * 1024, 3 * 1024 - 900
"""Bytes of pixels in instances of 512 kB and of 3 kB."""
NO_NAGLE = {"TCP_NODELAY": "1"}
"""In the environment of DCMTK's programs and of Orthanc; Debian's builds leave Nagle's algorithm on."""
_CALLING_AE_TITLE = "BENCH"


def storescu(
    *options: str, port: int, file: Path, environment: dict[str, str] = NO_NAGLE
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            "storescu", "--aetitle", _CALLING_AE_TITLE, "--call", AE_TITLE,
            *options, "127.0.0.1", str(port), str(file),
        ],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def send(port: int, file: Path, count: int, environment: dict[str, str] = NO_NAGLE) -> int:
    """The file so often, each time with new UIDs, one instance after the other. Answers ``count``."""
    options = ["--max-send-pdu", "65536", "--invent-instance", "--repeat", str(count)]
    with storescu(*options, port=port, file=file, environment=environment) as process:
        if process.wait() != 0:
            raise RuntimeError(f"storescu ended with {process.returncode}")
    return count


def make_file(folder: Path, pixel_byte_count: int) -> Path:
    """A DICOM file with one instance."""
    (dataset,) = make_study(instance_count=1, pixel_byte_count=pixel_byte_count)
    path = folder / f"{pixel_byte_count}.dcm"
    path.write_bytes(part10_bytes(dataset))
    return path


def empty(source: OrthancProcess) -> None:
    """Delete every study that Orthanc holds."""
    with client_of(source) as client:
        for study_id in client.study_ids():
            client.delete_study(study_id)

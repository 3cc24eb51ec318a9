"""The port that modalities use, tried as they do: a C-ECHO, and a C-STORE when it is wanted."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from bridge import scu
from bridge.doctor.check import Check
from bridge.doctor.installation import is_listened_on
from bridge.errors import OrthancRefused, OrthancUnavailable
from bridge.orthanc_client import OrthancClient
from bridge.registration_entries import NO_HOST
from settings import PROBE_AE_TITLE, Settings

_SUCCESS = 0x0000
_SEE_ORTHANCS_LOG = "See log/orthanc.log in the data folder."


def check_echo(settings: Settings) -> Check:
    port = settings.dicom_port
    if not is_listened_on("127.0.0.1", port):
        advice = "Start Noctis with `make run`."
        if settings.has_recorder:
            advice += " If it runs: the recorder doesn't; log/recorder.log in the data folder says why."
        return Check.failed("C-ECHO", f"nothing listens on DICOM port {port}", advice)
    try:
        status = scu.echo("127.0.0.1", port, PROBE_AE_TITLE, settings.ae_title)
    except scu.AssociationError as error:
        return Check.failed("C-ECHO", str(error), _advice(settings))
    if status != _SUCCESS:
        return Check.failed("C-ECHO", scu.words_of(status), _advice(settings))
    return Check.passed("C-ECHO", f"answered on DICOM port {port}")


def _advice(settings: Settings) -> str:
    """Somebody listens, but the answer isn't the right one."""
    if settings.has_recorder and not is_listened_on(*settings.orthanc_dicom_address):
        return "The recorder answers and Orthanc doesn't: see Orthanc's DICOM port above."
    return "Another program may use the port: stop it, or choose another with NOCTIS_DICOM_PORT."


def check_store(settings: Settings, client: OrthancClient) -> Check:
    """A test object goes in by the front door, is seen in Orthanc, and is removed again."""
    name = "C-STORE"
    dataset = _test_object()
    try:
        port, called = settings.dicom_port, settings.ae_title
        with _may_store(client) as calling:
            status = scu.store([dataset], "127.0.0.1", port, calling, called)[0]
        stored = client.lookup(dataset.StudyInstanceUID)
        for orthanc_id in stored:
            client.delete_study(orthanc_id)
    except (scu.AssociationError, OrthancUnavailable, OrthancRefused) as error:
        return Check.failed(name, str(error), _SEE_ORTHANCS_LOG)
    if status != _SUCCESS:
        return Check.failed(name, scu.words_of(status), _SEE_ORTHANCS_LOG)
    if not stored:
        return Check.failed(
            name, "acknowledged, but Orthanc doesn't hold it", "Does the DICOM port lead to another server?"
        )
    return Check.passed(name, "a test object was stored and removed again")


@contextmanager
def _may_store(client: OrthancClient) -> Iterator[str]:
    """An AE title that nobody can know, let in for as long as it takes."""
    ae_title = f"DOCTOR_{secrets.token_hex(4).upper()}"
    name = ae_title.lower().replace("_", "-")
    client.put_modality(name, {"AET": ae_title, "Host": NO_HOST, "Port": 104})
    try:
        yield ae_title
    finally:
        client.delete_modality(name)


def _test_object() -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.PatientID = "NOCTIS-DOCTOR"
    dataset.PatientName = "Doctor^Noctis"
    dataset.Modality = "OT"
    return dataset

"""The command lines of a connection sheet: DCMTK's tools, which engineers have. Pure."""

import shlex

from database.models import ApplicationEntity


def command_lines(
    entity: ApplicationEntity, our_ae_title: str, our_host: str, our_port: int
) -> dict[str, str]:
    """By operation, for the facility's side."""
    titles = f"-aet {shlex.quote(entity.ae_title)} -aec {shlex.quote(our_ae_title)}"
    where = f"{shlex.quote(our_host)} {our_port}"
    study = '-k QueryRetrieveLevel=STUDY -k StudyInstanceUID="1.2.3"'
    return {
        "echo": f"echoscu -v {titles} {where}",
        "store": f"storescu -v {titles} {where} image.dcm",
        "find": f'findscu -v -S {titles} -k QueryRetrieveLevel=STUDY -k PatientName="DOE*" {where}',
        "move": f"movescu -v -S {titles} -aem {shlex.quote(entity.ae_title)} {study} {where}",
        "get": f"getscu -v -S {titles} {study} {where}",
    }

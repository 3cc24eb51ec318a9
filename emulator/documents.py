"""Objects that are no pictures: an Encapsulated PDF and an instance of a private SOP class."""

from typing import Final

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    PYDICOM_ROOT_UID,
    UID,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)

PRIVATE_SOP_CLASS: Final = generate_uid(
    prefix=PYDICOM_ROOT_UID, entropy_srcs=["Noctis emulator", "private SOP class"]
)


def encapsulated_pdf(sop_instance_uid: UID, lines: list[str]) -> Dataset:
    """A one-page PDF of these lines (ASCII) as DICOM object, without patient and study."""
    dataset = _document(EncapsulatedPDFStorage, sop_instance_uid)
    pdf = make_pdf(lines)
    dataset.Modality = "DOC"
    dataset.ConversionType = "SYN"
    dataset.BurnedInAnnotation = "NO"
    dataset.DocumentTitle = lines[0]
    dataset.ConceptNameCodeSequence = []
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(pdf)
    dataset.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return dataset


def private_object(sop_instance_uid: UID) -> Dataset:
    """What a vendor's modality sends beside its images: nobody else knows the class."""
    dataset = _document(PRIVATE_SOP_CLASS, sop_instance_uid)
    dataset.Modality = "OT"
    block = dataset.private_block(0x0099, "NOCTIS EMULATOR", create=True)
    block.add_new(0x01, "LO", "calibration")
    block.add_new(0x02, "OB", bytes(range(256)))
    return dataset


def make_pdf(lines: list[str]) -> bytes:
    """A minimal PDF 1.4 (ISO 32000, 7.5) of one A5 page."""
    text = " ".join(f"({_escaped(line)}) Tj T*" for line in lines)
    content = f"BT /F1 16 Tf 40 520 Td 24 TL {text} ET".encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 420 595] /Contents 5 0 R /Resources 6 0 R >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Font << /F1 4 0 R >> >>",
    ]
    file = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    file += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(file)


def _escaped(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _document(sop_class: UID, sop_instance_uid: UID) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = sop_instance_uid
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = sop_instance_uid
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset

"""DICOM objects as the wild sends them: any character set, right or wrongly declared, down to the byte."""

from dataclasses import dataclass
from typing import Any

from pydicom import Dataset

from emulator.studies import make_study, part10_bytes

_FILL = {"PatientName": "@", "StudyDescription": "#", "InstitutionName": "%"}


@dataclass(frozen=True)
class Spoken:
    """The same patient name and description as text and as the bytes a modality sends."""

    title: str
    declared: tuple[str, ...] | None
    """The values of SpecificCharacterSet; None leaves the attribute out."""
    patient_name: str
    description: str
    name_bytes: bytes
    description_bytes: bytes
    orthanc_is_right: bool = True
    """Whether Orthanc 1.10.1 by itself gives the right text (measured; a test holds it to that)."""


def _jis(text: str) -> bytes:
    return text.encode("iso2022_jp")


def _korean(text: str) -> bytes:
    return b"\x1b$)C" + text.encode("euc_kr")


def _plain(declared: str, codec: str, name: str, description: str) -> Spoken:
    return Spoken(declared, (declared,), name, description, name.encode(codec), description.encode(codec))


_JAPANESE = "Yamada^Tarou=山田^太郎=やまだ^たろう"
_JAPANESE_BYTES = b"Yamada^Tarou=%b^%b=%b^%b" % tuple(map(_jis, ("山田", "太郎", "やまだ", "たろう")))

CHARACTER_SETS = [
    _plain("ISO_IR 100", "latin_1", "Müller^Jürgen^^Dr.", "Schädel nativ"),
    _plain("ISO_IR 101", "iso8859_2", "Wałęsa^Łukasz", "Głowa"),
    _plain("ISO_IR 127", "iso8859_6", "قباني^لنزار", "الرأس"),
    _plain("ISO_IR 144", "iso8859_5", "Иванов^Пётр^Сергеевич", "Голова"),
    _plain("ISO_IR 148", "iso8859_9", "Çavuşoğlu^Şükrü", "Göğüs"),
    _plain("ISO_IR 192", "utf-8", "Wang^XiaoDong=王^小東=やまだ", "Łódź 頭部 😀"),
    _plain("GB18030", "gb18030", "Wang^XiaoDong=王^小东", "胸部 㐂"),
    _plain("GBK", "gbk", "Wang^XiaoDong=王^小东", "胸部"),
    _plain("ISO_IR 13", "shift_jis", "ﾔﾏﾀﾞ^ﾀﾛｳ", "ﾄｳﾌﾞ"),
    Spoken("single 87", ("ISO 2022 IR 87",), _JAPANESE, "頭部CT", _JAPANESE_BYTES, _jis("頭部CT")),
    Spoken("empty and 87", ("", "ISO 2022 IR 87"), _JAPANESE, "頭部CT", _JAPANESE_BYTES, _jis("頭部CT")),
    Spoken(
        "empty and 149, Korean",
        ("", "ISO 2022 IR 149"),
        "Hong^Gildong=洪^吉洞=홍^길동",
        "두부 MRI",
        b"Hong^Gildong=%b^%b=%b^%b" % tuple(map(_korean, ("洪", "吉洞", "홍", "길동"))),
        _korean("두부") + b" MRI",
    ),
    Spoken(
        "empty and 58, Chinese",
        ("", "ISO 2022 IR 58"),
        "Zhang^XiaoDong=张^小东",
        "胸部CT",
        b"Zhang^XiaoDong=\x1b$)A%b^\x1b$)A%b" % ("张".encode("gb2312"), "小东".encode("gb2312")),
        b"\x1b$)A" + "胸部".encode("gb2312") + b"CT",
    ),
    Spoken("undeclared Latin-1", None, "Müller^Jürgen", "Schädel", b"M\xfcller^J\xfcrgen", b"Sch\xe4del"),
    Spoken(
        "13 and 87",
        ("ISO 2022 IR 13", "ISO 2022 IR 87"),
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
        "頭部CT",
        "ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis") + _JAPANESE_BYTES.removeprefix(b"Yamada^Tarou"),
        _jis("頭部CT"),
        orthanc_is_right=False,
    ),
    Spoken(
        "6 and 87",
        ("ISO 2022 IR 6", "ISO 2022 IR 87"),
        _JAPANESE,
        "頭部CT",
        _JAPANESE_BYTES,
        _jis("頭部CT"),
        orthanc_is_right=False,
    ),
    Spoken(
        "100 and 87",
        ("ISO 2022 IR 100", "ISO 2022 IR 87"),
        "Müller^Tarou=山田^太郎",
        "Größe 頭部",
        b"M\xfcller^Tarou=%b^%b" % (_jis("山田"), _jis("太郎")),
        b"Gr\xf6\xdfe " + _jis("頭部"),
        orthanc_is_right=False,
    ),
    Spoken(
        "6 and 149",
        ("ISO 2022 IR 6", "ISO 2022 IR 149"),
        "Hong^Gildong=洪^吉洞",
        "두부",
        b"Hong^Gildong=%b^%b" % (_korean("洪"), _korean("吉洞")),
        _korean("두부"),
        orthanc_is_right=False,
    ),
    Spoken(
        "undeclared UTF-8",
        None,
        "Müller^Łukasz=山田",
        "Schädel",
        "Müller^Łukasz=山田".encode(),
        "Schädel".encode(),
        orthanc_is_right=False,
    ),
    Spoken(
        "100, but UTF-8",
        ("ISO_IR 100",),
        "Müller^Łukasz",
        "Schädel",
        "Müller^Łukasz".encode(),
        "Schädel".encode(),
        orthanc_is_right=False,
    ),
    Spoken(
        "192, but Latin-1",
        ("ISO_IR 192",),
        "Müller^Jürgen",
        "Schädel",
        b"M\xfcller^J\xfcrgen",
        b"Sch\xe4del",
        orthanc_is_right=False,
    ),
    Spoken(
        "misspelt",
        ("ISO_IR_100",),
        "Müller^Jürgen",
        "Schädel",
        b"M\xfcller^J\xfcrgen",
        b"Sch\xe4del",
        orthanc_is_right=False,
    ),
]


def spoken_instance(spoken: Spoken, **knobs: Any) -> bytes:
    """A DICOM file whose PatientName, StudyDescription and InstitutionName are exactly these bytes."""
    values = {
        "PatientName": spoken.name_bytes,
        "StudyDescription": spoken.description_bytes,
        "InstitutionName": spoken.description_bytes,
    }
    dataset = make_study(instance_count=1, seed=spoken.title, patient_id=spoken.title, **knobs)[0]
    return with_raw_values(dataset, values, spoken.declared)


def with_raw_values(dataset: Dataset, values: dict[str, bytes], declared: tuple[str, ...] | None) -> bytes:
    """The data set as a DICOM file in which these attributes have these bytes, whatever they mean.

    ``declared`` becomes SpecificCharacterSet; None leaves it out.
    """
    placeholders = {keyword: _FILL[keyword] * (len(raw) + len(raw) % 2) for keyword, raw in values.items()}
    for keyword, placeholder in placeholders.items():
        setattr(dataset, keyword, placeholder)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    file = part10_bytes(dataset).replace(_character_set_element("ISO_IR 192"), _element_of(declared), 1)
    for keyword, placeholder in placeholders.items():
        padded = values[keyword].ljust(len(placeholder))
        file = file.replace(placeholder.encode(), padded, 1)
    return file


def _element_of(declared: tuple[str, ...] | None) -> bytes:
    return b"" if declared is None else _character_set_element("\\".join(declared))


def _character_set_element(value: str) -> bytes:
    """(0008,0005) in explicit VR little endian."""
    raw = value.encode() + b" " * (len(value) % 2)
    return b"\x08\x00\x05\x00CS" + len(raw).to_bytes(2, "little") + raw

"""The demo's studies: varied, and each with something that real archives have and simple programs get wrong.

All names are invented, or the DICOM standard's own examples (PS3.5 annexes H, I and J).
"""

from typing import Final

from emulator.demo import Bundled, DemoStudy, Drawn, Patient, Pdf, PrivateObject
from emulator.senders import CT, MR, XRAY

_MUELLER = Patient(
    name="Müller^Jürgen^^Dr.",
    patient_id="ANNA-10042",
    sex="M",
    birth_date="19580312",
    character_set="ISO_IR 100",
)
_LUKASZ = Patient(
    name="Przykładowy^Łukasz",
    patient_id="ANNA-10077",
    sex="M",
    birth_date="19890721",
    character_set="ISO_IR 101",
)
_YAMADA = Patient(
    name="Yamada^Tarou=山田^太郎=やまだ^たろう",
    patient_id="JP-000123",
    sex="M",
    birth_date="19640229",
    character_set=["", "ISO 2022 IR 87"],
)
_SUZUKI = Patient(
    name="Rei^Hanako=例^花子=れい^はなこ",
    patient_id="JP-000124",
    sex="F",
    birth_date="19920504",
    character_set=["ISO 2022 IR 6", "ISO 2022 IR 87"],
)
_HONG = Patient(
    name="Hong^Gildong=洪^吉洞=홍^길동",
    patient_id="KR-5501",
    sex="M",
    birth_date="19751109",
    character_set=["", "ISO 2022 IR 149"],
)
_WANG = Patient(
    name="Wang^XiaoDong=王^小东",
    patient_id="CN-88012",
    sex="F",
    birth_date="19830618",
    character_set="GB18030",
)
_PRIMEROV = Patient(
    name="Примеров^Иван^Тестович",
    patient_id="RH-70011",
    sex="M",
    birth_date="19490901",
    character_set="ISO_IR 144",
)
_QABBANI = Patient(
    name="قباني^لنزار",
    patient_id="RH-70015",
    sex="M",
    birth_date="19700130",
    character_set="ISO_IR 127",
)
_AGED = Patient(name="Beispiel^Zoë", patient_id="PDM-301", sex="F", age="045Y")
_NEWBORN = Patient(name="Sample^Baby^^^Jr", patient_id="RH-70099", age="003D")
_LONG = Patient(
    name="Vorname-Nachname-Beispielhausen^Maria Magdalena Theresia^von zu",
    patient_id="PDM-302",
    sex="F",
    birth_date="19360606",
)
_DOE = Patient(name="Doe^Jane", patient_id="RH-70020", sex="F", birth_date="19791224")
_ROE = Patient(name="O'Example^Seán", patient_id="RH-70021", sex="M", birth_date="20010203")
_SO = Patient(name="Örnek^Ayşegül", patient_id="PDM-303", sex="F", birth_date="19951030")


def _chest(description: str, count: int) -> Drawn:
    return Drawn("CT", description, count, 256, 256, attributes={"BodyPartExamined": "CHEST"})


def _head(description: str, count: int) -> Drawn:
    return Drawn("MR", description, count, 192, 192)


def _radiograph(view: str) -> Drawn:
    return Drawn("CR", f"Chest {view}", 1, 800, 720, attributes={"ViewPosition": view})


def _two_views() -> Drawn:
    return Drawn("CR", "Chest PA and lateral", 2, 800, 720, attributes={"ViewPosition": ""})


def _echo(description: str, frames: int) -> Drawn:
    return Drawn("US", description, 1, 240, 320, frames)


STUDIES: Final = (
    DemoStudy(
        calling_ae_title=CT,
        patient=_MUELLER,
        accession_number="A2600101",
        description="CT Thorax mit KM, Rundherd links",
        days_ago=0,
        time="072145.120",
        referring_physician="Übungsarzt^Greta^^Dr.",
        series=(_chest("Thorax axial 5 mm", 24), _chest("Thorax axial spät", 12)),
    ),
    DemoStudy(
        calling_ae_title=MR,
        patient=_LUKASZ,
        accession_number="A2600102",
        description="MR głowy",
        days_ago=0,
        time="0815",
        series=(_head("T2 axial", 18), PrivateObject("Vendor's raw data")),
    ),
    DemoStudy(
        calling_ae_title=XRAY,
        patient=_YAMADA,
        accession_number="A2600103",
        description="胸部X線 正面・側面",
        days_ago=0,
        time="083000",
        series=(_two_views(),),
    ),
    DemoStudy(
        calling_ae_title=XRAY,
        patient=_HONG,
        accession_number="A2600104",
        description="심장 초음파",
        days_ago=0,
        time="091512",
        series=(_echo("4 chamber", 24), _echo("4 chamber, rest", 12)),
    ),
    DemoStudy(
        calling_ae_title=CT,
        patient=_WANG,
        accession_number="A2600105",
        description="胸部CT平扫",
        days_ago=0,
        time="094003",
        series=(_chest("Chest 5 mm", 20),),
    ),
    DemoStudy(
        calling_ae_title=XRAY,
        patient=_AGED,
        accession_number="A2600106",
        description="Thorax p.a.",
        days_ago=0,
        time="10",
        series=(
            _radiograph("PA"),
            Pdf("Referral", ("Referral (synthetic)", "Chest radiograph requested.", "Cough, 3 weeks.")),
        ),
    ),
    DemoStudy(
        calling_ae_title=MR,
        patient=_PRIMEROV,
        accession_number="A2600107",
        description="МРТ головы",  # noqa: RUF001 - Cyrillic is the point
        days_ago=1,
        time="1105",
        series=(_head("T2 axial", 16), _head("FLAIR axial", 16)),
    ),
    DemoStudy(
        calling_ae_title=XRAY,
        patient=_QABBANI,
        accession_number="A2600108",
        description="الصدر",
        days_ago=1,
        time="123456",
        series=(_radiograph("PA"),),
    ),
    DemoStudy(
        calling_ae_title=XRAY,
        patient=_SUZUKI,
        accession_number="A2600109",
        description="心臓超音波",
        days_ago=1,
        time="133000",
        series=(_echo("Apical view", 20),),
    ),
    DemoStudy(
        calling_ae_title=XRAY,
        patient=_NEWBORN,
        accession_number="A2600110",
        description="Babygram",
        days_ago=1,
        time="2359",
        series=(_radiograph("AP"),),
    ),
    DemoStudy(
        calling_ae_title=MR,
        patient=_DOE,
        accession_number="A2600111",
        description="MR, compressed three ways",
        days_ago=2,
        time="101010",
        series=(
            Bundled("examples_overlay.dcm", "Abdomen, uncompressed"),
            Bundled("MR_small_RLE.dcm", "RLE lossless"),
            Bundled("MR_small_jpeg_ls_lossless.dcm", "JPEG-LS lossless"),
            Bundled("MR_small_jp2klossless.dcm", "JPEG 2000 lossless"),
        ),
    ),
    DemoStudy(
        calling_ae_title=CT,
        patient=_ROE,
        accession_number="A2600112",
        description="CT head, JPEG 2000",
        days_ago=7,
        time="154500",
        series=(Bundled("693_J2KI.dcm", "JPEG 2000, strongly compressed"),),
    ),
    DemoStudy(
        calling_ae_title=XRAY,
        patient=_LONG,
        accession_number="A2600113",
        description="Ultrasound, colour",
        days_ago=7,
        time="160001",
        series=(
            Bundled("examples_rgb_color.dcm", "Colour Doppler"),
            Bundled("examples_ybr_color.dcm", "Clip, JPEG baseline"),
            Bundled("examples_palette.dcm", "Palette colour"),
        ),
    ),
    DemoStudy(
        calling_ae_title=MR,
        patient=_SO,
        accession_number="A2600114",
        description="Structured report and ECG",
        days_ago=7,
        time="1200",
        series=(
            Bundled("reportsi.dcm", "Basic Text SR"),
            Bundled("test-SR.dcm", "Comprehensive SR"),
            Bundled("waveform_ecg.dcm", "12-lead ECG"),
        ),
    ),
    DemoStudy(
        calling_ae_title=XRAY,
        patient=_MUELLER,
        accession_number="A2500871",
        description="Thorax in zwei Ebenen",
        days_ago=371,
        time="0905",
        series=(_two_views(),),
    ),
    DemoStudy(
        calling_ae_title=CT,
        patient=_MUELLER,
        accession_number="A2500902",
        description="CT Thorax, Voruntersuchung",
        days_ago=360,
        time="140730",
        series=(_chest("Thorax axial 5 mm", 16),),
    ),
)

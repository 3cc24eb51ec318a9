"""Who sends in the demo: three modalities, and the facilities that they belong to."""

from typing import Final

CT, MR, XRAY = "DEMO_CT", "DEMO_MR", "DEMO_XRAY"
ANNA = "St. Anna Klinik Musterstadt"
REGIONAL = "Example Regional Hospital"
PRACTICE = "Praxis Dr. Muster"

FACILITIES: Final = {REGIONAL: CT, ANNA: MR, PRACTICE: XRAY}
"""Each with its modality's AE title: nobody else may send."""

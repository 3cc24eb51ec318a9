"""Who sends in the demo: three modalities, and the facilities that they belong to."""

from typing import Final

CT, MR, XRAY = "DEMO_CT", "DEMO_MR", "DEMO_XRAY"

INSTITUTIONS: Final = {
    CT: "Example Regional Hospital",
    MR: "St. Anna Klinik Musterstadt",
    XRAY: "Praxis Dr. Muster",
}
"""The facility of each modality: nobody else may send."""

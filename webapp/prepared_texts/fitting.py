"""Which prepared texts fit a study's modality and body part, the closest first. Pure."""

from dataclasses import dataclass
from enum import IntEnum

from database.words import fold, words_of


class Fit(IntEnum):
    """From close to none."""

    BOTH = 0
    MODALITY = 1
    """For any body part."""
    BODY_PART = 2
    """For any modality."""
    ANY = 3
    OTHER_BODY_PART = 4
    """Or nobody knows: many studies don't say which part they show."""
    OTHER_MODALITY = 5

    @property
    def is_good(self) -> bool:
        return self <= Fit.ANY


@dataclass(frozen=True, slots=True)
class Examination:
    """What a prepared text is compared with."""

    modalities: frozenset[str]
    body_parts: tuple[str, ...]
    """As the series say (0018,0015), which many don't."""
    description: str

    def fit(self, modality: str, body_part: str) -> Fit:
        """Of a text for this modality and body part; each may be empty: any."""
        if modality and modality not in self.modalities:
            return Fit.OTHER_MODALITY
        if body_part and not self._shows(body_part):
            return Fit.OTHER_BODY_PART
        if body_part:
            return Fit.BOTH if modality else Fit.BODY_PART
        return Fit.MODALITY if modality else Fit.ANY

    def _shows(self, body_part: str) -> bool:
        """A series names it, or all its words are in the study's description."""
        if fold(body_part) in {fold(one) for one in self.body_parts}:
            return True
        return words_of(body_part) <= words_of(self.description)

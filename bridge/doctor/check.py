"""One check: what was found, and what to do about it."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    is_ok: bool
    finding: str
    advice: str = ""

    @classmethod
    def passed(cls, name: str, finding: str, advice: str = "") -> Self:
        return cls(name, is_ok=True, finding=finding, advice=advice)

    @classmethod
    def failed(cls, name: str, finding: str, advice: str) -> Self:
        return cls(name, is_ok=False, finding=finding, advice=advice)

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.is_ok, "finding": self.finding, "advice": self.advice}

    def line(self) -> str:
        advice = f"\n           {self.advice}" if self.advice else ""
        return f"{'ok  ' if self.is_ok else 'FAIL'}  {self.name}: {self.finding}{advice}"

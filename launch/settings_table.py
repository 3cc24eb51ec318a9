"""The README's table of settings, made from ``settings.Settings`` so that the two can't disagree."""

from typing import Any

from settings import Settings

_PREFIX = "NOCTIS_"


def markdown() -> str:
    rows = ["| Variable | Default | What it sets |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        rows.append(f"| `{_PREFIX}{name.upper()}` | {_default(field.default)} | {field.description} |")
    return "\n".join(rows) + "\n"


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "" if value is None or value == "" else f"`{value}`"

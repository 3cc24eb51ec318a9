"""The environment of the processes that tests and benchmarks start."""

import os


def clean_environment(**settings: object) -> dict[str, str]:
    """Without what make and the settings of the session that runs the tests left in it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("NOCTIS_") and name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    }
    return kept | {f"NOCTIS_{name.upper()}": str(value) for name, value in settings.items()}

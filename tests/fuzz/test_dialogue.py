"""A short run of what ``make fuzz`` does for as long as one wants."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_RUNS = 4000


def test_mutated_conversations_break_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.dialogue", f"-runs={_RUNS}", "-seed=1", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )

    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {_RUNS} runs" in done.stderr

"""``python -m bridge COMMAND``: the recorder, or one of the ``commands``.

The recorder starts without their libraries, ten times as fast: while it is down, nobody can send.
"""

import logging
import ssl
import sys

from bridge.recorder.service import run
from bridge.recorder.spool import SpoolInUse
from settings import SettingsError, load_settings

_RECORDER = ["recorder"]
_WRONG, _MISUSED = 1, 2
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def record() -> int:
    """The recorder, until SIGTERM. Answers the exit code: 0 ended, 1 it can't run, 2 a setting is wrong."""
    try:
        settings = load_settings()
        logging.basicConfig(format=LOG_FORMAT)
        logging.getLogger("bridge").setLevel(settings.log_level.upper())
        run(settings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return _MISUSED
    except (OSError, ssl.SSLError, SpoolInUse) as error:
        sys.stderr.write(f"The recorder can't run: {error}.\n")
        return _WRONG
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == _RECORDER:
        sys.exit(record())
    from bridge.commands import main

    main()

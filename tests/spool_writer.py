"""``python -m tests.spool_writer FOLDER``: writes records as fast as it can and prints each that is written.

It ends by being killed: whoever does that has read which records must be in the spool.
"""

import os
import sys
from itertools import count
from pathlib import Path

from bridge.recorder.spool import Spool


def main() -> None:
    spool = Spool(Path(sys.argv[1]))
    spool.announce()
    for number in count(1):
        spool.write({"record": "operation", "number": number, "filling": "x" * (number * 37 % 5000)})
        os.write(sys.stdout.fileno(), b"%d %d\n" % (spool.boot, number))


if __name__ == "__main__":
    main()

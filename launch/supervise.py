"""supervisord in the foreground: ``python -m launch.supervise CONFIGURATION [PID]``.

The library's own supervisord, but: a closed terminal ends it instead of restarting everything, and the
process PID, which waits for Noctis to answer, is told to end before the servers that it asks. The launcher
execs this with signals blocked, so that a Ctrl-C in between isn't lost.
"""

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

from supervisor import supervisord
from supervisor.options import ServerOptions

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class _Options(ServerOptions):  # type: ignore[misc]  # supervisor is untyped
    companion: int | None = None
    """A pidfd, as the number of a process that ended could be another's by now."""
    has_terminal = False
    is_ending = False

    def setsignals(self) -> None:
        ignores_hangup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # started by nohup
        super().setsignals()
        for number in ENDING_SIGNALS:
            signal.signal(number, self._end)
        if ignores_hangup:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)

    def get_signal(self) -> int | None:
        """Asked about once a second. ``make`` as a session's first process keeps a hangup to itself."""
        if self.has_terminal and not os.isatty(0):
            self.has_terminal = False
            self._end(signal.SIGHUP, None)
        number: int | None = super().get_signal()
        return number

    def _end(self, number: int, frame: FrameType | None) -> None:
        if self.companion is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.companion, signal.SIGTERM)
        if self.has_terminal and not self.is_ending:
            self.is_ending = True
            os.write(1, b"\nStopping, which takes a few seconds ...\n")
        self.signal_receiver.receive(signal.SIGTERM if number == signal.SIGHUP else number, frame)


def main(configuration: str, companion_pid: int | None) -> None:
    options = _Options()
    options.has_terminal = os.isatty(0)
    if companion_pid is not None:
        options.companion = os.pidfd_open(companion_pid)
    options.realize(["--configuration", configuration], doc=__doc__)
    options.first = True
    options.test = False
    supervisord.go(options)
    options.close_httpservers()
    options.close_logger()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)

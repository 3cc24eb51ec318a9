"""The text of supervisord's configuration: which programs run, where they log, how they end."""

import hashlib
import os
import pwd
import shlex
import stat
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from launch import orthanc
from launch.errors import LaunchError
from launch.folders import DataFolder
from settings import Settings

_RPC_INTERFACE = "supervisor.rpcinterface:make_main_rpcinterface"
PROJECT = Path(__file__).parent.parent
_LONGEST_SOCKET_PATH = 107 - len(".4194304")  # sun_path; supervisord first binds a name with its pid added


@dataclass(frozen=True)
class Program:
    """A process that runs for ever. ``stop_seconds`` is its time to finish after SIGTERM.

    Programs end one after the other, the highest ``rank`` first: those who ask before the one who answers.
    """

    name: str
    rank: int
    command: list[str]
    stop_seconds: int
    environment: dict[str, str] = field(default_factory=dict)


def programs(settings: Settings, folder: DataFolder) -> list[Program]:
    """The bridge ends after the recorder: it still reads what that wrote last."""
    python = sys.executable
    bridge = Program("bridge", 2, [python, "-m", "bridge", "run"], stop_seconds=20)
    webapp = Program(
        "webapp",
        4,
        [python, "-m", "gunicorn", "--config", "python:launch.gunicorn_settings", "webapp:create_app()"],
        stop_seconds=20,
    )
    return [*_orthanc(settings, folder), bridge, *_recorder(settings), webapp]


def _orthanc(settings: Settings, folder: DataFolder) -> list[Program]:
    if settings.orthanc_url:
        return []
    server = Program(
        "orthanc",
        1,
        [orthanc.binary(), str(folder.orthanc_configuration)],
        stop_seconds=60,
        environment={"TCP_NODELAY": "1"},  # without it Debian's build stores 11 small instances a second
    )
    return [server]


def _recorder(settings: Settings) -> list[Program]:
    if not settings.has_recorder:
        return []
    return [Program("recorder", 3, [sys.executable, "-m", "bridge", "recorder"], stop_seconds=20)]


def text(settings: Settings, folder: DataFolder) -> str:
    """The whole file. Raises LaunchError when Orthanc isn't installed or the socket has no safe place."""
    socket_path = _socket_path(folder)
    sections = [
        _section("unix_http_server", file=str(socket_path), chmod="0600"),
        _section("supervisorctl", serverurl=f"unix://{socket_path}"),
        _section("rpcinterface:supervisor", **{"supervisor.rpcinterface_factory": _RPC_INTERFACE}),
        _supervisord(folder),
        *(_program(program, folder) for program in programs(settings, folder)),
    ]
    return "\n".join(sections)


def _supervisord(folder: DataFolder) -> str:
    options = {
        "nodaemon": "true",
        "silent": "true",  # its log is a file; the terminal is for people
        "logfile": str(folder.log / "supervisord.log"),
        "logfile_maxbytes": "5MB",
        "logfile_backups": "3",
        "loglevel": "info",
        "pidfile": str(folder.supervisor_pid),
        "directory": str(PROJECT),
        "childlogdir": str(folder.log),
    }
    if os.getuid() == 0:
        options["user"] = pwd.getpwuid(0).pw_name  # as root on purpose: says so instead of being warned
    return _section("supervisord", **options)


def _program(program: Program, folder: DataFolder) -> str:
    # setpriv: when supervisord is killed, the kernel ends its children
    command = ["setpriv", "--pdeathsig", "TERM", "--", *program.command]
    return _section(
        f"program:{program.name}",
        command=shlex.join(command),
        directory=str(PROJECT),
        environment=",".join(f'{name}="{value}"' for name, value in program.environment.items()),
        priority=str(program.rank),
        autorestart="true",
        startsecs="1",
        startretries="1000000000",
        stopsignal="TERM",
        stopwaitsecs=str(program.stop_seconds),
        redirect_stderr="true",
        stdout_logfile=str(folder.log / f"{program.name}.log"),
        stdout_logfile_maxbytes="10MB",
        stdout_logfile_backups="5",
    )


def _section(name: str, **options: str) -> str:
    # "%" would begin an expansion
    lines = [f"{key} = {value.replace('%', '%%')}" for key, value in options.items() if value]
    return "\n".join([f"[{name}]", *lines, ""])


def _socket_path(folder: DataFolder) -> Path:
    path = folder.run / "supervisor.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(folder.root)).hexdigest()[:16]
    private = Path(tempfile.gettempdir()) / f"noctis-{os.getuid()}-{name}"
    private.mkdir(mode=0o700, exist_ok=True)
    found = private.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise LaunchError(
            f"{private}, where the supervisor's socket would lie, belongs to somebody else: "
            "choose a data folder with a shorter path with NOCTIS_DATA_DIR."
        )
    return private / "supervisor.sock"

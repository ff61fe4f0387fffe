"""`driftscan …` as a process of its own that need not import everything first: forked from one that has.

It gets what `python -m driftscan` gets: arguments, environment, directory, a stdin that is at its end, stdout and
stderr of its own. What only `python -m` shows are what is imported when, and an order that hangs on the seed of the
hashes, which all that are forked from one process have in common: for that there is `anew=True`.
"""

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import IO, NoReturn

import driftscan
from tests.conftest import Cli

_ROOT = Path(driftscan.__file__).parent.parent
_MAIN = str(_ROOT / "driftscan" / "__main__.py")
_AT_START = ("PYTHON", "LANG", "LC_")  # what Python itself reads of the environment, once
_TIMEOUT = 300


def command_line(directory: Path) -> Cli:
    """Return what runs `driftscan …` with its home and its database in `directory`; a traceback is never an answer."""
    home = directory / "home"
    home.mkdir()
    known = {**_kept(), "HOME": str(home), "DRIFTSCAN_DB": str(directory / "driftscan.db")}

    def run(*arguments: str, columns: int = 80, anew: bool = False, **extra: str) -> subprocess.CompletedProcess[str]:
        environment = {**known, "COLUMNS": str(columns), **extra}
        started = _anew if anew or any(name.startswith(_AT_START) for name in extra) else _mother().run
        done = started(arguments, environment)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


def _kept() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}


def _anew(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "driftscan", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


class Mother:
    """The process from which they are forked: it has one thread, so that a copy of it is whole."""

    def __init__(self) -> None:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link.settimeout(_TIMEOUT)
        with theirs:
            program = f"from tests.unit.born import bear; bear({theirs.fileno()})"
            self._process = subprocess.Popen(
                [sys.executable, "-c", program], cwd=_ROOT, env=_kept(), pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        atexit.register(self._end)

    def _end(self) -> None:
        self._link.close()
        self._process.wait(_TIMEOUT)

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run `driftscan ARGUMENTS` in this directory to its end."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            order = json.dumps([str(Path.cwd()), dict(environment), list(arguments)]).encode()
            socket.send_fds(self._link, [order], [out.fileno(), err.fileno()])
            child = int(self._link.recv(100))
            try:
                code = int(self._link.recv(100))
            except TimeoutError:
                os.kill(child, signal.SIGKILL)
                self._link.recv(100)
                raise
            return subprocess.CompletedProcess(list(arguments), code, _whole(out), _whole(err))


@cache
def _mother() -> Mother:
    return Mother()


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _modules() -> Iterator[str]:
    """Name all that a command may import; what only processes of a fleet load would make this one deaf to Ctrl-C."""
    for module in walk_packages(driftscan.__path__, "driftscan."):
        if module.name not in {"driftscan.__main__", "driftscan.cli.preloaded"}:
            yield module.name


def bear(link: int) -> None:
    """Fork a process for each order until nobody can give one any more; say which it is, and how it ended."""
    for module in _modules():
        import_module(module)
    gc.freeze()
    orders = socket.socket(fileno=link)
    while True:
        order, files, _, _ = socket.recv_fds(orders, 1 << 20, 2)
        if not order:
            return
        child = os.fork()
        if child == 0:
            orders.close()
            _live(*json.loads(order), *files)
        for file in files:
            os.close(file)
        orders.send(b"%d" % child)
        orders.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _live(directory: str, environment: dict[str, str], arguments: list[str], out: int, err: int) -> NoReturn:
    """Become `python -m driftscan ARGUMENTS`, and end as it does, but for the taking apart of all that was imported."""
    from driftscan.cli import main

    for file, number in ((out, 1), (err, 2)):
        os.dup2(file, number)
        os.close(file)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = [_MAIN, *arguments]
    code: object = 1
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - Python itself would tell of it so
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 1)

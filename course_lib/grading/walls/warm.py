"""A warm parent: it has imported what takes seconds to import, and forks a child for each request.

``python -m course_lib.grading.walls.warm LISTENER LIFELINE CHILD MODULE…`` takes the number of an open
listening socket, that of a pipe whose closing ends it, the child's function as ``package.module:name``
and the modules to import. It never computes anything: a child of a process that has run a tensor
operation can hang.

A connection is a child. The client sends one line of JSON with open files attached, ``{"start": …}``;
the parent calls the function in a fork with what was sent and the files' numbers, and answers
``{"exit": code}`` when the child has ended. A client that closes its end, for writing or at all, kills
the child.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

MOST_FILES = 16  # that come with a request
REQUEST_BYTES = 1 << 16

Child = Callable[[dict[str, Any], list[int]], None]


def main() -> None:
    """Serve until the lifeline closes."""
    listener, lifeline, function, *modules = sys.argv[1:]
    module, name = function.split(":")
    for needed in (*modules, module):
        importlib.import_module(needed)
    child: Child = getattr(importlib.import_module(module), name)
    prepare = getattr(importlib.import_module(module), "prepare", None)
    if prepare:
        prepare()
    gc.collect()
    gc.freeze()  # or the first collection in each child would copy the whole memory
    _Parent(socket.socket(fileno=int(listener)), int(lifeline), child).serve()


class _Parent:
    def __init__(self, listener: socket.socket, lifeline: int, child: Child) -> None:
        self._listener, self._lifeline, self._child = listener, lifeline, child
        self._children: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._alone = _others()  # the processes that may be here

    def serve(self) -> None:
        woken, wake = socket.socketpair()
        wake.setblocking(False)
        woken.setblocking(False)
        signal.set_wakeup_fd(wake.fileno())
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._lifeline, selectors.EVENT_READ, self._end)
        self._selector.register(woken, selectors.EVENT_READ, lambda: self._reap(woken))
        while True:
            for key, _ in self._selector.select():
                key.data()

    def _end(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        os._exit(0)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._hear(connection))

    def _hear(self, connection: socket.socket) -> None:
        data, files = b"", list[int]()
        with contextlib.suppress(OSError):
            data, files, _, _ = socket.recv_fds(connection, REQUEST_BYTES, MOST_FILES)
        if data:
            self._fork(connection, json.loads(data)["start"], files)
        else:  # the client wants its child to end, or has gone itself
            self._selector.unregister(connection)
            mine = [pid for pid, other in self._children.items() if other is connection]
            for pid in mine:
                os.kill(pid, signal.SIGKILL)
            if not mine:
                with contextlib.suppress(OSError):
                    connection.send(b"\n")  # somebody wants to know whether the parent has started
                connection.close()
        for file in files:
            os.close(file)

    def _fork(self, connection: socket.socket, request: dict[str, Any], files: list[int]) -> None:
        pid = os.fork()
        if pid:
            self._children[pid] = connection
            return
        code = 70
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._selector.close()
            self._child(request, _only(files))
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _reap(self, woken: socket.socket) -> None:
        woken.recv(4096)
        for pid, connection in list(self._children.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self._children[pid]
            if not self._children:
                self._check_alone()
            answer = json.dumps({"exit": os.waitstatus_to_exitcode(status)}).encode()
            with contextlib.suppress(OSError):
                connection.send(answer)
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(connection)
            connection.close()

    def _check_alone(self) -> None:
        """Make sure that nothing of an ended child is left, or end: a new parent then takes the place."""
        deadline = time.monotonic() + 5
        while _others() - self._alone:
            if time.monotonic() > deadline:
                os._exit(3)
            time.sleep(0.002)


def _others() -> set[str]:
    """Return the processes in this parent's namespace; none where the parent has no namespace of its own."""
    if os.environ.get("COURSE_WALLS") != "1":
        return set()
    return {name for name in os.listdir("/proc") if name.isdigit()}


def _only(files: list[int]) -> list[int]:
    """Close all files but standard input and output and these, which are numbered from 3 on."""
    high = [os.dup2(file, 100 + i) for i, file in enumerate(files)]
    os.closerange(3, 100)
    low = [os.dup2(file, 3 + i) for i, file in enumerate(high)]
    os.closerange(3 + len(low), os.sysconf("SC_OPEN_MAX"))
    return low


if __name__ == "__main__":
    main()

"""A Jupyter kernel for one submission, in a child of the warm parent."""

import os
import random
import sys
from typing import Any

from course_lib.grading.walls import agent, confine

_CHANNELS = ("shell", "stdin", "control", "iopub")  # in the order in which ipykernel binds them


def prepare() -> None:
    """Before any child: shut the parent's door."""
    if os.environ.get("COURSE_WALLS") == "1":
        confine.guard()


def start(request: dict[str, Any], files: list[int]) -> None:
    """Be a kernel, behind walls of its own if the request has ``limits``.

    Parameters
    ----------
    request : dict
        ``key`` signs messages, ``folder`` is where to work, ``environment`` what is set; ``limits`` and
        ``user`` as :func:`course_lib.grading.walls.confine.confined` takes them.
    files : list of int
        Listening sockets for shell, stdin, control and iopub, then the connection to the examiner.
    """
    if request.get("probe"):  # can this machine do it at all?
        sys.exit(confine.confined(lambda: None, request["user"], request["limits"]))
    if request.get("limits"):
        sys.exit(confine.confined(lambda: _run(request, files), request["user"], request["limits"]))
    _run(request, files)


def _run(request: dict[str, Any], files: list[int]) -> None:
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    for number in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
    random.seed()
    for name in ("numpy", "torch"):  # or all children would share one stream of random numbers
        if name in sys.modules:
            sys.modules[name].random.seed()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    agent.connect(files[len(_CHANNELS)])
    _launch(request["key"], dict(zip(_CHANNELS, files, strict=False)))


def _launch(key: str, listening: dict[str, int]) -> None:
    """Run ipykernel on sockets that were opened for it outside."""
    import zmq
    from ipykernel.kernelapp import IPKernelApp

    numbers = iter(listening.values())

    class App(IPKernelApp):
        def init_connection_file(self) -> None:
            self.session.key = key.encode()

        def write_connection_file(self, **options: Any) -> None:
            pass

        def init_heartbeat(self) -> None:
            pass

        def init_shell(self) -> None:
            super().init_shell()
            shell: Any = self.shell
            shell.ask_exit = lambda: None  # or exit() would end it at some later moment

        def _bind_socket(self, s: Any, port: int) -> int:
            s.setsockopt(zmq.USE_FD, next(numbers))
            s.bind("ipc:///handed-in")
            return 1

    App.launch_instance(argv=["--HistoryManager.enabled=False", "--IPKernelApp.parent_handle=0"])

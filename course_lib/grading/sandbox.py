"""Walls around students' code: bubblewrap, and a kernel provisioner that starts kernels inside.

A :class:`WarmParent` has imported what takes seconds to import; each kernel is a fork of it. Behind
walls it sees a read-only system, no network, and nothing of the course but the students' half of
``course_lib``; each fork confines itself further (:mod:`course_lib.grading.walls.confine`).
"""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import KernelProvisionerBase
from traitlets import Dict, Unicode

from course_lib import _files
from course_lib.grading.walls.confine import Limits

Isolation = Literal["bwrap", "none"]

LIMITS = Limits(
    memory=4 << 30,
    process_memory=4 << 30,
    seconds=900,
    processes=128,
    open_files=512,
    file_size=128 << 20,
    disk=256 << 20,
)

_TRIES = 3
_START_SECONDS = 120.0  # to import everything, on a busy machine
_CHILD = "course_lib.grading.walls.kernel:start"
_NO_BUBBLEWRAP = "bubblewrap is missing: sudo apt install bubblewrap (Fedora: sudo dnf install bubblewrap)."
_MODULES = (  # what kernels and notebooks import
    *("IPython", "IPython.core.completer", "IPython.core.completerlib", "IPython.core.debugger"),
    *("IPython.core.magics", "IPython.core.oinspect", "IPython.extensions.storemagic", "comm"),
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger"),
    *("tornado.platform.asyncio", "matplotlib.pyplot", "matplotlib_inline.backend_inline"),
    *("numpy", "torch", "torch.fx.experimental.symbolic_shapes", "sklearn.datasets"),
    *("course_lib.checking", "course_lib.data", "course_lib.device", "course_lib.plotting"),
)


class SandboxError(Exception):
    """The walls cannot be built here; the message says what is missing and what to do."""


class WarmParent:
    """A process that forks others, each of which finds everything imported.

    Parameters
    ----------
    child : str
        The function that children run, as ``package.module:name``.
    modules : sequence of str
        To import beforehand.
    wrapper : sequence of str
        A command that starts the parent, such as bubblewrap with its options.
    environment : dict, optional
        Of the parent; by default that of this process.
    """

    def __init__(
        self,
        child: str,
        modules: Sequence[str],
        wrapper: Sequence[str] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self._child, self._modules, self._wrapper = child, tuple(modules), tuple(wrapper)
        self._environment = environment
        self._folder = Path(tempfile.mkdtemp(prefix="course-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._answers = False
        self._lock = threading.Lock()

    @property
    def door(self) -> str:
        """The path of the socket on which :func:`fork` asks for a child."""
        return str(self._folder / "door")

    def room(self) -> str:
        """Make a folder for a child's sockets."""
        return tempfile.mkdtemp(prefix="kernel-", dir=self._folder)

    def start(self) -> None:
        """Start the parent if it does not run; :func:`ready` waits for it.

        Raises
        ------
        SandboxError
            When it cannot be started.
        """
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()

    def ready(self) -> None:
        """Wait until the parent answers.

        Raises
        ------
        SandboxError
            With what it said, when it has ended.
        """
        with self._lock:
            tries = 0
            while not self._answers:
                assert self._process is not None
                try:
                    self._await_answer()
                except SandboxError:
                    tries += 1
                    killed = self._process.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
                    if not killed or tries == _TRIES:
                        raise
                    self._start()

    def _start(self) -> None:
        self._stop()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.door)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.door)
        listener.listen(16)
        end, self._lifeline = os.pipe()
        numbers = str(listener.fileno()), str(end)
        python = (sys.executable, "-P", "-m", "course_lib.grading.walls.warm")
        self._answers = False
        try:
            with (self._folder / "log").open("wb") as errors:
                self._process = subprocess.Popen(
                    (*self._wrapper, *python, *numbers, self._child, *self._modules),
                    env=self._environment,
                    pass_fds=(listener.fileno(), end),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                )
        except FileNotFoundError as error:
            os.close(self._lifeline)
            raise SandboxError(_NO_BUBBLEWRAP) from error
        finally:
            listener.close()
            os.close(end)

    def _await_answer(self) -> None:
        assert self._process is not None
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(_START_SECONDS)
                probe.connect(self.door)
                probe.shutdown(socket.SHUT_WR)
                if probe.recv(1):
                    self._answers = True
                    return
        except OSError:
            pass
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)
        self._process.kill()
        self._process.wait()
        log = self._folder / "log"
        raise SandboxError(log.read_text(errors="replace").strip()[-2000:] or "It did not start in time.")

    def _stop(self) -> None:
        if self._process is not None:
            os.close(self._lifeline)
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def close(self) -> None:
        """End the parent and all its children."""
        with self._lock:
            self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)


class Forked:
    """A child of a warm parent."""

    def __init__(self, door: str, request: dict[str, Any], files: Sequence[int]) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(door)
        socket.send_fds(self._connection, [json.dumps({"start": request}).encode()], list(files))
        self.code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self.wait(0)

    def wait(self, seconds: float | None) -> int | None:
        """Wait for the end, and return the exit code; None when the time is up."""
        if self.code is None:
            self._connection.settimeout(seconds)
            try:
                answer = self._connection.recv(1000)
                self.code = json.loads(answer)["exit"] if answer else -9  # the parent itself has ended
            except (TimeoutError, BlockingIOError):
                return None
            except OSError:
                self.code = -9
            self._connection.close()
        return self.code

    def kill(self) -> None:
        """End it, and everything that it has started."""
        if self.code is None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_WR)


def kernels(isolation: Isolation, device: str) -> WarmParent:
    """Return a parent of kernels, not yet started."""
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or the debugger that ipykernel imports complains
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        **({} if device == "cuda" else {"CUDA_VISIBLE_DEVICES": ""}),
    }
    if isolation == "none":
        return WarmParent(_CHILD, _MODULES, environment={**os.environ, **environment})
    environment |= {"COURSE_WALLS": "1", "HOME": "/tmp", "MPLCONFIGDIR": "/tmp", "IPYTHONDIR": "/tmp"}
    return WarmParent(_CHILD, _MODULES, tuple(_bubblewrap(environment, device)))


def _bubblewrap(environment: dict[str, str], device: str) -> Iterator[str]:
    """Yield the command that builds the walls."""
    yield shutil.which("bwrap") or "bwrap"
    yield from ("--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
    yield from ("--die-with-parent", "--new-session", "--clearenv")
    for name, value in environment.items():
        yield from ("--setenv", name, value)
    if os.getuid() == 0:  # each child takes a user id of its own
        yield from ("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
        yield from ("--cap-add", "CAP_KILL", "--cap-add", "CAP_SYS_ADMIN")  # the last is soon given up
    else:
        yield "--unshare-user"
    for name in ("/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(name):
            yield from ("--symlink", os.readlink(name), name)
        elif os.path.isdir(name):
            yield from ("--ro-bind", name, name)
    yield from ("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/dev/shm")
    seen = _visible()
    folders = {str(folder) for path in (*seen, Path("/home/student/notebook")) for folder in path.parents}
    for folder in sorted(folders - {"/", "/tmp", "/dev", "/proc"}):
        yield from ("--perms", "0755", "--dir", folder)  # else bubblewrap makes them for its user alone
    for path in seen:
        yield from ("--ro-bind", str(path), str(path))
    for name in ("ld.so.cache", "ld.so.conf", "localtime", "fonts", "alternatives"):
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    if device == "cuda":
        for card in sorted(Path("/dev").glob("nvidia*")):
            yield from ("--dev-bind", str(card), str(card))
        yield from ("--ro-bind-try", "/sys", "/sys")
    grading = Path(__file__).parent
    yield from ("--tmpfs", str(grading), "--ro-bind", str(grading / "walls"), str(grading / "walls"))
    yield from (
        "--remount-ro",
        str(grading),
        "--remount-ro",
        "/dev",
        "--remount-ro",
        "/",
        "--chdir",
        "/",
        "--",
    )


def _visible() -> list[Path]:
    """Return what can be seen inside: the system, Python, its packages, the students' half of the course."""
    checkout = _files.checkout()
    package = Path(_files.__file__).parent
    paths = [Path("/usr"), Path(sys.prefix), Path(sys.base_prefix)]
    for entry in map(Path, sys.path):
        inside = any(entry.is_relative_to(path) for path in paths)
        if (
            entry.is_dir()
            and entry.is_absolute()
            and not inside
            and entry != checkout
            and entry != Path.cwd()
        ):
            paths.append(entry)
    paths.append(package)
    if checkout:
        paths += [checkout / "data", checkout / "pyproject.toml"]
    found = dict.fromkeys(path for path in paths for path in (path, path.resolve()) if path.exists())
    return sorted(found)


class WalledProvisioner(KernelProvisionerBase):
    """Starts kernels as forks of a warm parent; nbclient and jupyter_client need not know.

    Its settings come from a kernel specification, see :func:`specification`.
    """

    door = Unicode(config=True)  # of the warm parent
    limits = Dict(config=True)  # empty: no walls
    folder = Unicode(config=True)  # an empty one, for sockets
    channel: socket.socket  # to the agent in the kernel

    _child: Forked | None = None

    @property
    def has_process(self) -> bool:
        """Whether a kernel was started."""
        return self._child is not None

    async def poll(self) -> int | None:
        """Return None while the kernel runs, else its exit code."""
        return self._child.poll() if self._child else 0

    async def wait(self) -> int | None:
        """Wait for the kernel's end."""
        while self._child and self._child.poll() is None:
            await asyncio.sleep(0.005)
        return self._child.code if self._child else 0

    async def send_signal(self, signum: int) -> None:
        """Only a request to end reaches a kernel behind walls."""
        if signum != 0 and self._child:
            self._child.kill()

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and everything that it has started."""
        if self._child:
            self._child.kill()

    async def terminate(self, restart: bool = False) -> None:
        """End the kernel and everything that it has started."""
        await self.kill(restart)

    def exit_code(self, seconds: float) -> int | None:
        """Return the exit code of a kernel that seems to be ending; None if it goes on."""
        return self._child.wait(seconds) if self._child else 0

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Return the arguments for the launch; there is no command to run."""
        kwargs = await super().pre_launch(**kwargs)
        kwargs["cmd"] = []
        return kwargs

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Open the kernel's sockets, and hand them to a fork of the warm parent."""
        manager: Any = self.parent
        manager.connection_file = os.path.join(self.folder, "connection.json")
        names = ("shell", "iopub", "stdin", "control", "hb")
        ports = {f"{name}_port": number for number, name in enumerate(names, 1)}
        prefix, key = os.path.join(self.folder, "s"), secrets.token_hex(32)
        self.channel, theirs = socket.socketpair()
        with contextlib.ExitStack() as stack:
            stack.enter_context(theirs)
            files = []
            for name in ("shell", "stdin", "control", "iopub"):
                listener = stack.enter_context(socket.socket(socket.AF_UNIX))
                listener.bind(f"{prefix}-{ports[f'{name}_port']}")
                listener.listen(16)
                files.append(listener.fileno())
            files.append(theirs.fileno())
            self._child = Forked(self.door, self._request(key, kwargs["env"]), files)
        info: dict[str, Any] = {
            **ports,
            "transport": "ipc",
            "ip": prefix,
            "key": key.encode(),
            "signature_scheme": "hmac-sha256",
        }
        self.connection_info = cast(KernelConnectionInfo, info)
        return self.connection_info

    def _request(self, key: str, environment: dict[str, str]) -> dict[str, Any]:
        if not self.limits:
            work = os.path.join(self.folder, "work")
            os.mkdir(work)
            own = {"HOME": work, "TMPDIR": work, "IPYTHONDIR": work}
            return {"key": key, "folder": work, "environment": {**environment, **own}}
        kept = ("PATH", "LANG", "OMP_NUM_THREADS", "MPLBACKEND", "CUDA_VISIBLE_DEVICES")
        home = "/home/student"
        own = {
            "HOME": home,
            "TMPDIR": "/dev/shm",
            "IPYTHONDIR": f"{home}/.ipython",
            "MPLCONFIGDIR": "/dev/shm",
        }
        user = 1_000_000_000 + secrets.randbelow(1_000_000_000) if os.getuid() == 0 else None
        return {
            "key": key,
            "folder": home,
            "environment": {name: environment[name] for name in kept if name in environment} | own,
            "limits": dict(self.limits),
            "user": user,
        }

    def end(self) -> None:
        """End the kernel now, wait until nothing of it is left."""
        if self._child:
            self._child.kill()
            self._child.wait(10)
        self.channel.close()

    async def cleanup(self, restart: bool = False) -> None:
        """Close what belongs to the kernel; the folder is its owner's."""
        self.channel.close()


def specification(door: str, isolation: Isolation, folder: str) -> Any:
    """Return the specification of a kernel that is a fork of the parent behind this door."""
    from jupyter_client.kernelspec import KernelSpec

    limits = {} if isolation == "none" else dict(LIMITS)
    settings = {
        "provisioner_name": "course-walls",
        "config": {"door": door, "limits": limits, "folder": folder},
    }
    return KernelSpec(
        argv=[], display_name="Python 3", language="python", metadata={"kernel_provisioner": settings}
    )


def missing() -> list[str]:
    """Return what keeps the walls from being built here, one sentence each; nothing when they stand."""
    if sys.platform != "linux":
        return ["Walls need Linux: use a Linux machine, or WSL 2 on Windows."]
    if shutil.which("bwrap") is None:
        return [_NO_BUBBLEWRAP]
    parent = kernels("bwrap", "cpu")
    try:
        parent.start()
        parent.ready()
        first, unused = socket.socketpair()
        with first, unused:
            child = Forked(
                parent.door, {"limits": dict(LIMITS), "probe": True, "user": _someone()}, [unused.fileno()]
            )
            code = child.wait(30)
        if code != 0:
            return [f"A process cannot shut itself in (exit code {code}). {_settings()}"]
    except SandboxError as error:
        return [f"bubblewrap cannot build the walls: {error} {_settings()}"]
    finally:
        parent.close()
    return []


def _someone() -> int | None:
    return 1_999_999_999 if os.getuid() == 0 else None


def _settings() -> str:
    """Say which settings of the kernel stand in the way."""
    for name, wanted, remedy in (
        ("kernel/unprivileged_userns_clone", "1", "sudo sysctl kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "0",
            "AppArmor forbids namespaces: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ):
        path = Path("/proc/sys") / name
        with contextlib.suppress(OSError):
            if path.read_text().strip() != wanted:
                return f"{remedy} (in /etc/sysctl.d to keep it)."
    with contextlib.suppress(OSError):
        if int(Path("/proc/sys/user/max_user_namespaces").read_text()) < 10:
            return "sudo sysctl user.max_user_namespaces=10000."
    return (
        "Does a container or a security module forbid user namespaces? See docs/grading.md, "
        '"Where the walls do not stand".'
    )

"""How a process shuts itself in, with all that it will start: namespaces, an empty folder, limits.

Linux only, and for any user: what needs rights is done in a user namespace, which grants them over
itself alone. The walls around the warm parent (a read-only system, no network) stand already.
"""

import contextlib
import ctypes
import os
import resource
import select
import signal
import struct
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypedDict

MEMORY_EXIT, BUSY_EXIT = 251, 252  # exit codes: all processes together took too much memory, or time
_BUSY, _BUSY_LOOKS = 8, 12  # so many threads may be busy for longer than so many looks

# Of <sched.h>, <sys/mount.h>, <sys/prctl.h>, <linux/capability.h>
_NEW_MOUNTS, _NEW_HOST_NAME, _NEW_IPC = 0x00020000, 0x04000000, 0x08000000
_NEW_USERS, _NEW_PROCESSES = 0x10000000, 0x20000000
_NO_SETUID, _NO_DEVICES, _NO_EXECUTION, _RECURSIVE, _PRIVATE = 0x2, 0x4, 0x8, 0x4000, 0x40000
_SEALED = 0x20 | 0x1000 | 0x1  # MS_REMOUNT | MS_BIND | MS_RDONLY
_SIGNAL_WHEN_PARENT_DIES, _DUMPABLE, _SECCOMP, _NO_NEW_RIGHTS = 1, 4, 22, 38
_CAPABILITY_VERSION = 0x20080522
_KILL, _SETGID, _SETUID = 5, 6, 7

_libc = ctypes.CDLL(None, use_errno=True)


class Limits(TypedDict):
    """What a submission may use. Bytes, seconds, counts."""

    memory: int  # of all its processes together
    process_memory: int  # of each; NumPy and Python then raise MemoryError
    seconds: int  # of processor time, of each process
    processes: int  # threads count
    open_files: int
    file_size: int
    disk: int  # its folder lies in memory


def guard() -> None:
    """Make this process, the warm parent, safe from its children; as root, keep three rights only."""
    _check(_libc.prctl(_DUMPABLE, 0, 0, 0, 0), "prctl")
    if os.getuid() == 0:
        # Bubblewrap covers parts of /proc for root; with covers on, no child could mount its own.
        for name in ("sys", "sysrq-trigger", "irq", "bus"):
            _libc.umount2(f"/proc/{name}".encode(), 2)
        _set_capabilities(1 << _KILL | 1 << _SETGID | 1 << _SETUID)


def confined(work: Callable[[], None], user: int | None, limits: Limits) -> int:
    """Do some work behind walls of its own, and return its exit code when all its processes are gone.

    Parameters
    ----------
    work : callable
        Runs in a process with its own numbering of processes, in an empty folder.
    user : int, optional
        The user id to take first, when started by root.
    """
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    outer_user, outer_group = os.getuid(), os.getgid()
    _check(_libc.prctl(_DUMPABLE, 1, 0, 0, 0), "prctl")  # or its own /proc files would be root's
    _check(_libc.unshare(_NEW_USERS | _NEW_PROCESSES), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"1000 {outer_user} 1")
    Path("/proc/self/gid_map").write_text(f"1000 {outer_group} 1")
    go, start = os.pipe()
    first = os.fork()
    if first == 0:
        _first_process(work, go, start, limits)
    os.close(go)
    os.write(start, b"!")
    os.close(start)
    return _watch(first, limits["memory"])


def _first_process(work: Callable[[], None], go: int, start: int, limits: Limits) -> NoReturn:
    """Be the first process of the namespace: when it ends, the kernel kills all others in it."""
    code = 71
    try:
        _check(_libc.prctl(_SIGNAL_WHEN_PARENT_DIES, int(signal.SIGKILL), 0, 0, 0), "prctl")
        os.close(start)
        if not os.read(go, 1):  # the parent was gone before it could be asked for a signal
            os._exit(1)
        os.close(go)
        _furnish(limits["disk"])
        _check(_libc.prctl(_NO_NEW_RIGHTS, 1, 0, 0, 0), "prctl")
        _set_capabilities(0)
        _limit(limits)
        _leave_keyring()
        _forbid_calls()
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):  # the warm parent's log is not for students
            os.dup2(nothing, number)
        _check(_libc.prctl(_DUMPABLE, 0, 0, 0, 0), "prctl")
        second = os.fork()
        if second == 0:
            _check(_libc.prctl(_DUMPABLE, 1, 0, 0, 0), "prctl")
            os.setsid()
            os.nice(5)  # the grader goes first
            work()
            os._exit(0)
        while True:
            ended, status = os.wait()
            if ended == second:
                code = os.waitstatus_to_exitcode(status)
                break
    except BaseException:
        traceback.print_exc()  # into the warm parent's log
    finally:
        os._exit(code if code >= 0 else 128 - code)


def _furnish(disk: int) -> None:
    """Put up an own view of the processes, and empty folders in memory; they vanish with the namespace."""
    _check(_libc.unshare(_NEW_MOUNTS | _NEW_IPC | _NEW_HOST_NAME), "unshare")
    _check(_libc.mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None), "mount /")
    plain = _NO_SETUID | _NO_DEVICES
    _check(_libc.mount(b"proc", b"/proc", b"proc", plain | _NO_EXECUTION, None), "mount /proc")
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in ("/home/student", "/tmp", "/dev/shm"):
        options = f"size={disk},nr_inodes=20000,mode=700".encode()
        if any(other.startswith(f"{place}/") for other in mounts):  # the course or Python lies there
            _check(_libc.mount(None, place.encode(), None, _SEALED | plain, None), f"seal {place}")
            continue
        _check(_libc.mount(b"tmpfs", place.encode(), b"tmpfs", plain, options), f"mount {place}")
    # A new user namespace would come with the right to mount more folders, without these limits.
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def _limit(limits: Limits) -> None:
    for kind, most in (
        (resource.RLIMIT_DATA, limits["process_memory"]),
        (resource.RLIMIT_CPU, limits["seconds"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_FSIZE, limits["file_size"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def _watch(first: int, memory: int) -> int:
    """Wait for the end of a namespace, and end it when its processes together take too much."""
    handle = os.pidfd_open(first)
    pause, busy_looks, ended = 0.25, 0, 0
    while not select.select([handle], [], [], pause)[0]:
        start = time.monotonic()
        taken, busy = _taken()
        busy_looks = busy_looks + 1 if busy > _BUSY else 0
        ended = MEMORY_EXIT if taken > memory else BUSY_EXIT if busy_looks > _BUSY_LOOKS else 0
        if ended:
            os.kill(first, signal.SIGKILL)
        pause = max(0.25, 4 * (time.monotonic() - start))  # looking at many processes takes its time
    code = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
    return ended or code


def _taken() -> tuple[int, int]:
    """Return the bytes that the processes inside take, shared ones counted once, and their busy threads."""
    total = busy = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, StopIteration):
            numbers = _field(f"/proc/{name}/status", "NSpid:")
            if len(numbers) < 2:  # it has no number of its own inside: it is not there
                continue
            threads = [f"/proc/{name}/task/{thread}" for thread in os.listdir(f"/proc/{name}/task")]
            states = [_state(thread) for thread in threads]
            busy += states.count("R")
            # The first thread may have ended, and then tells nothing of the others.
            living = next(thread for thread, state in zip(threads, states, strict=True) if state not in "ZX")
            total += _memory(living)
    return total, busy


def _memory(thread: str) -> int:
    """Return the bytes of a process, as one of its threads tells it."""
    tables = int(_field(f"{thread}/status", "VmPTE:")[0])
    try:
        own = int(_field(f"{thread}/smaps_rollup", "Pss:")[0])
    except PermissionError:  # it hides its memory: then all of it counts
        own = int(_field(f"{thread}/status", "VmRSS:")[0])
    return (own + tables) * 1024


def _field(path: str, name: str) -> list[str]:
    lines = Path(path).read_text().splitlines()
    return next(line for line in lines if line.startswith(name)).split()[1:]


def _state(thread: str) -> str:
    try:
        return Path(f"{thread}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # it has just ended
        return "X"


# Memory of no process would count for nobody; keys outlive a submission; the others watch what files
# somebody else reads.
_FORBIDDEN = {
    "x86_64": (0xC000003E, (319, 447, 29, 64, 68, 323, 425, 327, 27, 253, 294, 248, 249, 250)),
    "aarch64": (0xC00000B7, (279, 447, 194, 190, 186, 282, 425, 286, 232, 26, 26, 217, 218, 219)),
}  # memfd_create, memfd_secret, shmget, semget, msgget, userfaultfd, io_uring_setup, preadv2, mincore,
# inotify_init, inotify_init1, add_key, request_key, keyctl


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _leave_keyring() -> None:
    """Take a session keyring of one's own: that of whoever started the grading is not for students."""
    _, calls = _FORBIDDEN[os.uname().machine]
    _libc.syscall(calls[-1], 1, None)


def _forbid_calls() -> None:
    """Let some system calls fail with EPERM, in this process and all it starts (seccomp)."""
    machine, calls = _FORBIDDEN[os.uname().machine]
    load, equal, least, back = 0x20, 0x15, 0x35, 0x06  # of classic BPF
    refuse, allow = 0x00050001, 0x7FFF0000
    last = len(calls) + 1
    program = [
        (load, 0, 0, 4),  # the architecture
        (equal, 0, last + 2, machine),
        (load, 0, 0, 0),  # the call's number
        (least, last, 0, 0x40000000),  # of x32, which numbers calls otherwise
        *((equal, last - 1 - place, 0, number) for place, number in enumerate(calls)),
        (back, 0, 0, allow),
        (back, 0, 0, refuse),
    ]
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    wanted = _Filter(len(program), ctypes.cast(buffer, ctypes.c_void_p))
    _check(_libc.prctl(_SECCOMP, 2, ctypes.byref(wanted), 0, 0), "seccomp")


def _set_capabilities(bits: int) -> None:
    """Give up all rights but these, in the namespace this process is in."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    low, high = bits & 0xFFFFFFFF, bits >> 32
    data = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    _check(_libc.capset(header, data), "capset")


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")

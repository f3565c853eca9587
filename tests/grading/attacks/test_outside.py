"""No network, no way to write outside, no way to leave something for the next student."""

import sys
from pathlib import Path

import nbformat
import pytest

WAYS_OUT = {
    "TCP": "import socket\nsocket.create_connection(('1.1.1.1', 80), 1)",
    "TCP to this machine": "import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)",
    "UDP": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('1.1.1.1', 53))",
    "UDP over IPv6": "import socket\nsocket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('2606:4700::1111', 53))",
    "broadcast": "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\ns.sendto(b'x', ('255.255.255.255', 9))",
    "names": "import socket\nsocket.getaddrinfo('pytorch.org', 80)",
    "raw": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)",
    "packets": "import socket\nsocket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "HTTP": "import urllib.request\nurllib.request.urlopen('http://example.com', timeout=1)",
    "abstract socket": "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0{abstract}')",
    "path socket": "import socket\nsocket.socket(socket.AF_UNIX).connect({path!r})",
    "the warm parent's door": "import socket, glob\nfor path in {doors}:\n    socket.socket(socket.AF_UNIX).connect(path)",
    "pip": "import subprocess\nsubprocess.run(['pip', 'download', 'x', '--timeout', '1', '--retries', '0'], check=True)",
    "canary file": "open({canary!r}, 'w')",
    "answers": "import os\nos.remove({canary!r})",
    "folder": "import os\nos.makedirs({world!r} + '/new')\nopen({world!r} + '/new/x')\nraise OSError if not os.path.exists('/proc/1/root/etc/passwd') else 0",
    "Python's packages": "open({packages!r} + '/attack.pth', 'w')",
    "sitecustomize": "open({packages!r} + '/sitecustomize.py', 'w')",
    "Python's library": "import os\nopen(os.__file__, 'a')",
    "the interpreter": "import sys, os\nopen(os.path.realpath(sys.executable), 'r+b')",
    "course_lib": "import course_lib.checking\nopen(course_lib.checking.__file__, 'a')",
    "the walls": "import course_lib.grading.walls as w\nopen(w.__path__[0] + '/agent.py', 'a')",
    "beside the walls": "import course_lib.grading as g\nopen(list(g.__path__)[0] + '/examiner.py', 'w')",
    "the system": "open('/usr/bin/attack', 'w')",
    "the root": "open('/attack', 'w')",
    "devices": "open('/dev/attack', 'w')",
    "settings of the kernel": "open('/proc/sys/kernel/core_pattern', 'w').write('|/bin/sh')",
    "settings of namespaces": "open('/proc/sys/user/max_user_namespaces', 'w').write('100')",
    "sysrq": "open('/proc/sysrq-trigger', 'w').write('b')",
    "mounts": "import ctypes, os\nif ctypes.CDLL(None).mount(b'none', b'/usr', b'tmpfs', 0, None):\n    raise OSError",
    "remounts": "import ctypes\nif ctypes.CDLL(None).mount(b'none', b'/usr', None, 32 | 4096, None):\n    raise OSError",
    "chroot": "import os\nos.chroot('/tmp')",
    "device nodes": "import os\nos.mknod('/tmp/disk', 0o60666, os.makedev(8, 0))",
    "setuid": "import os, subprocess\nsubprocess.run(['su', '-c', 'id'], check=True, timeout=2, stdin=subprocess.DEVNULL)\n",
    "the clock": "import time\ntime.clock_settime(time.CLOCK_REALTIME, 0)",
    "priority": "import os\nos.nice(-5)",
    "the host's name": "import socket\nsocket.sethostname('attack')",
    "modules of the kernel": "import ctypes\nif ctypes.CDLL(None).syscall(175, 0, 0, b''):\n    raise OSError",
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS_OUT)
def test_there_is_no_way_out(arena, name):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0attack-{arena.world.name}")
        abstract.listen()
        path = str(arena.world / "socket")
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path)
            bound.listen()
            values = {
                "port": server.getsockname()[1], "abstract": f"attack-{arena.world.name}", "path": path,
                "doors": [arena.examiner._kernels.door, arena.examiner._examinations.door],
                "canary": str(arena.world / "gradebook.db"), "world": str(arena.world),
                "packages": str(Path(nbformat.__file__).parents[1]), "prefix": sys.prefix,
            }  # fmt: skip
            source = WAYS_OUT[name].format(**values)
            Path(path).unlink()
            outcome = arena.attack(source, checks=["q1-values"])
    errors = [
        o for cell in outcome.notebook.cells for o in cell.get("outputs", []) if o.output_type == "error"
    ]
    assert errors, "that should not have been possible"


# Left by one student, looked for by the next: (leave, look, which fails if it is there).
LEFT = {
    "files": (
        "for place in ('/tmp', '/home/student', '/dev/shm', '/var/tmp', '/dev/mqueue'):\n    try:\n"
        "        open(place + '/note', 'w').write('ada')\n    except OSError:\n        pass",
        "import os\nassert not any(os.path.exists(p + '/note') for p in ('/tmp', '/home/student', '/dev/shm', '/var/tmp', '/dev/mqueue'))",
    ),
    "modules": (
        "for name in ('numpy', 'torch', 'sitecustomize', 'usercustomize', 'course_lib', 'json'):\n    open(name + '.py', 'w').write('1/0')",
        "import os\nassert set(os.listdir('.')) <= {'.ipython', '.cache'}, os.listdir('.')",
    ),
    "start-up files": (
        "import os\nos.makedirs(os.path.expanduser('~/.ipython/profile_default/startup'), exist_ok=True)\n"
        "open(os.path.expanduser('~/.ipython/profile_default/startup/00.py'), 'w').write('left = 1')\n"
        "os.environ['PYTHONSTARTUP'] = '/tmp/x.py'\nos.environ['PYTHONPATH'] = '/tmp'",
        "import os\nassert 'left' not in globals() and 'PYTHONSTARTUP' not in os.environ and 'PYTHONPATH' not in os.environ",
    ),
    "memory of the parent": (
        "np.left = torch.left = 1\nimport sys\nsys.left = 1",
        "import sys\nassert not hasattr(np, 'left') and not hasattr(sys, 'left')",
    ),
    "System V": (
        "import ctypes\nctypes.CDLL(None).shmget(77, 4096, 0o1666)",
        "import ctypes\nassert ctypes.CDLL(None).shmget(77, 4096, 0) == -1",
    ),
    "abstract socket": (
        "import socket, os, time\nif os.fork() == 0:\n    os.setsid()\n    s = socket.socket(socket.AF_UNIX)\n    s.bind('\\0note')\n    s.listen()\n    time.sleep(1000)",
        "import socket\ntry:\n    socket.socket(socket.AF_UNIX).connect('\\0note')\nexcept OSError:\n    pass\nelse:\n    raise AssertionError",
    ),
    "the warm parent's log": (
        "import os\nfor name in os.listdir('/proc/self/fd'):\n    try:\n        if os.readlink(f'/proc/self/fd/{name}').endswith('/log'):\n"
        "            os.write(int(name), b'left by ada')\n    except OSError:\n        pass",
        "import os\nfor name in os.listdir('/proc/self/fd'):\n    try:\n        text = open(f'/proc/self/fd/{name}').read(1000) if os.readlink(f'/proc/self/fd/{name}').endswith('/log') else ''\n"
        "    except OSError:\n        continue\n    assert 'left by ' + 'ada' not in text",
    ),
    "random numbers": ("left = torch.initial_seed(), np.random.random()\nprint(left)", "pass"),
}


@pytest.mark.parametrize("name", LEFT)
def test_nothing_is_left_for_the_next_student(arena, name):
    leave, look = LEFT[name]
    arena.examine(arena.notebook(leave, checks=["q1-values"]))
    outcome = arena.attack(look, checks=["q1-values"])
    assert "AssertionError" not in outcome.outputs


KEYS = "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.syscall.restype = ctypes.c_long\n"


def test_no_key_is_left_for_the_next_student(walls):
    """The kernel's keyring of a session outlives processes; a login hands one to everything it starts."""
    import ctypes
    import platform
    import shutil
    import tempfile

    from tests.grading.attacks.arena import Arena

    if platform.machine() != "x86_64":
        pytest.skip("numbers of system calls are those of x86-64")
    ctypes.CDLL(None).syscall(250, 1, None)  # as a login does: a session keyring of our own
    world = Path(tempfile.mkdtemp(prefix="arena-", dir="/tmp"))
    arena = Arena(world)
    try:
        arena.attack(
            KEYS + "libc.syscall(248, b'user', b'note', b'left by ada', 11, -3)", checks=["q1-values"]
        )
        look = "text = ctypes.create_string_buffer(99)\nlibc.syscall(250, 11, libc.syscall(250, 10, -3, b'user', b'note', 0), text, 99)\nprint(text.value)"
        assert "left by ada" not in arena.attack(KEYS + look, checks=["q1-values"]).outputs
    finally:
        arena.close()
        shutil.rmtree(world)

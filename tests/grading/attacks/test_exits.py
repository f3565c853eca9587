"""Ending Python, signals and debuggers: the student's own cell is lost, and nothing else."""

import pytest

EXITS = {
    "sys.exit": "import sys\nsys.exit()",
    "os._exit": "import os\nos._exit(0)",
    "os.abort": "import os\nos.abort()",
    "a wrong pointer": "import ctypes\nctypes.string_at(0)",
    "exec of another program": "import os\nos.execv('/bin/sleep', ['sleep', '1000'])",
    "kill oneself": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "stop oneself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "kill the parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
    "kill the first process": "import os, signal\nfor s in (9, 15, 2, 1, 6, 11, 19):\n    try:\n        os.kill(1, s)\n    except OSError:\n        pass",
    "kill all": "import os, signal\nos.kill(-1, signal.SIGKILL)",
    "kill the group": "import os, signal\nos.killpg(0, signal.SIGKILL)",
    "kill every number": "import os\nfor pid in range(2, 33_000):\n    if pid != os.getpid():\n        try:\n            os.kill(pid, 9)\n        except OSError:\n            pass",
    "ptrace": """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in (1, os.getppid()):
    libc.ptrace(16, pid, 0, 0)   # attach
    libc.ptrace(0x4206, pid, 0, 0)  # seize
""",
    "a limit of zero": "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (0, 0))\nwhile True:\n    pass",
    "no files": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))",
    "closed files": "import os\nos.closerange(0, 1000)",
    "atexit": "import atexit, os\natexit.register(lambda: [print('still'), os.system('sleep 1000 &')])\nexit()",
    "kernel shutdown": "get_ipython().kernel.do_shutdown(False)\nget_ipython().kernel.io_loop.stop()",
    "the loop closed": "import asyncio\nasyncio.get_event_loop().stop()",
    "a new namespace": "import ctypes\nlibc = ctypes.CDLL(None)\nfor flag in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x08000000):\n    assert libc.unshare(flag) != 0, flag",
    "root": "import os\nfor call in (os.setuid, os.setgid):\n    try:\n        call(0)\n    except OSError:\n        continue\n    raise AssertionError",
}


@pytest.mark.parametrize("name", EXITS)
def test_an_end_gains_nothing(hurried, name):
    outcome = hurried.attack(EXITS[name], checks=["q1-values", "q2-errors"])
    assert "assert" not in outcome.outputs.lower()


@pytest.mark.parametrize(
    "name",
    ["sys.exit", "os._exit", "a wrong pointer", "kill all", "kill the parent", "exec of another program"],
)
def test_an_end_in_an_answer_costs_that_question_only(hurried, name):
    body = EXITS[name].replace("\n", "\n    ")
    answers = {"q1": f"def average(numbers):\n    {body}", "q2": "\n".join(_right("q2"))}
    hurried.attack(
        "", answers, checks=["q1-values", "q2-random", "q2-errors"], gains={"q2-random", "q2-errors"}
    )


def _right(question):
    from tests.grading.attacks.target import REFERENCE

    return REFERENCE[question]


@pytest.mark.parametrize("name", ["exit()", "quit()", "exit", "get_ipython().ask_exit()", "raise SystemExit"])
def test_a_cell_that_quits_costs_a_right_answer_nothing(arena, name):
    arena.noise(name)


def test_an_examination_that_is_cut_short_leaves_no_folder(arena):
    before = arena.left()
    arena.attack("import os\nos._exit(1)", checks=["q1-values"])
    assert arena.left() == before

"""Grade a class while processes of the grader are killed at random moments; ``make verify`` uses it, too."""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import psutil

from course_lib.grading import release
from tests.grading import classroom, toy

STUDENTS = 10
_PROGRAM = """\
import sys
from pathlib import Path
from course_lib.grading import assignment, farm

if __name__ == "__main__":
    root, out = Path(sys.argv[1]), Path(sys.argv[2])
    source = assignment.read(root / "solutions" / "99_toy")
    report = farm.grade(farm.Run(source, root / "submitted", out, 1, "cpu", "bwrap"), progress=False)
    sys.exit(len(report.problems))
"""


def survived(kills, seed):
    """Grade the toy's class, killing so many processes; return what happened, or raise.

    Half of the kills hit the main process, which is then started again, the others any process below
    it: a worker, a warm parent, an examination, a kernel.
    """
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        source = toy.write(root)
        made = release.convert(source, root / "assignments")
        blank = nbformat.read(made / "toy.ipynb", as_version=4)
        students = [classroom.student(f"s{i}", source, blank, rng) for i in range(STUDENTS)]
        classroom.hand_in(students, source, root / "submitted")
        script = root / "script.py"
        script.write_text(_PROGRAM, encoding="utf-8")

        def start(out):
            return subprocess.Popen([sys.executable, script, root, root / out], start_new_session=True)

        began = time.monotonic()
        assert start("undisturbed").wait() == 0
        usual = time.monotonic() - began
        hit, process = [], start("disturbed")
        while len(hit) < kills:
            time.sleep(rng.uniform(0, usual / 2))
            below = _below(process)
            if process.poll() is not None:  # it was done before it could be disturbed: once more
                shutil.rmtree(root / "disturbed", ignore_errors=True)
                process = start("disturbed")
            elif len(hit) % 2 == 0:
                process.kill()
                process.wait()
                _, alive = psutil.wait_procs(below, timeout=20)
                assert not alive, f"left behind: {alive}"
                hit.append("main")
                process = start("disturbed")
            elif below:
                victim = rng.choice(below)
                hit.append(_name(victim))
                victim.send_signal(signal.SIGKILL)
        code = process.wait(timeout=600)
        if code:  # what three workers in a row were killed on is left for another run
            assert start("disturbed").wait() == 0
        for table in ("grades.csv", "summary.csv"):
            assert (root / "disturbed" / table).read_bytes() == (root / "undisturbed" / table).read_bytes()
    return hit


def _below(process):
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _name(process):
    try:
        line = " ".join(process.cmdline())
    except psutil.Error:
        return "gone"
    kinds = {"kernel:start": "kernel or its parent", "examiner:attend": "examination or its parent"}
    return next((kind for word, kind in kinds.items() if word in line), "worker")

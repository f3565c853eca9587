"""The walls stand for root and for an ordinary user, and what breaks them is noticed or mended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from course_lib.grading import sandbox
from course_lib.grading.examiner import Examiner

from . import toy

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls need Linux")


@pytest.fixture
def examiner(tmp_path):
    with Examiner(toy.write(tmp_path), "bwrap", "cpu") as one:
        yield one


def passed(examiner):
    examined, _ = examiner.examine_reference(seed=1)
    return [verdict.status for verdict in examined.verdicts] == ["passed"] * 3


def test_the_walls_stand_here():
    assert sandbox.missing() == []


def test_the_walls_stand_for_an_ordinary_user(tmp_path):
    """As root, become another user, for whom Python can be read wherever it is installed."""
    if os.getuid() != 0:
        pytest.skip("this is an ordinary user: the other tests say so")
    program = (
        "from course_lib.grading import sandbox; import os\n"
        "assert os.getuid() == 12345; print(sandbox.missing())"
    )
    home = Path(sys.base_prefix)
    hidden = next((p for p in reversed(home.parents) if not p.stat().st_mode & 0o001), None)
    opened = ["--tmpfs", str(hidden)] if hidden else []
    for folder in (p for p in reversed(home.parents) if hidden and p.is_relative_to(hidden) and p != hidden):
        opened += ["--perms", "0755", "--dir", str(folder)]
    opened += ["--ro-bind", str(home), str(home)] if hidden else []
    become = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    done = subprocess.run(
        [
            *("bwrap", "--dev-bind", "/", "/", *opened, "--chmod", "0755", str(hidden or "/")),
            *(*become, sys.executable, "-c", program),
        ],
        env={**os.environ, "HOME": str(tmp_path), "TMPDIR": "/tmp"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_what_stands_in_the_way_is_named_with_a_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sandbox.missing() == [
        "bubblewrap is missing: sudo apt install bubblewrap (Fedora: sudo dnf install bubblewrap)."
    ]
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    broken.chmod(0o755)
    (problem,) = sandbox.missing()
    assert "setting up uid map: Permission denied" in problem


def test_a_parent_that_was_killed_is_replaced(examiner):
    assert passed(examiner)
    for parent in (examiner._kernels, examiner._examinations):
        parent._process.send_signal(signal.SIGKILL)
        assert passed(examiner)


def test_a_parent_that_finds_something_left_over_ends_and_is_replaced(examiner):
    """Nothing outlives a submission's namespace; a stray process stands for what nobody has thought of."""
    assert passed(examiner)
    walls = psutil.Process(examiner._kernels._process.pid)
    parent = walls.children(recursive=True)[-1]
    stray = ["nsenter", f"--target={parent.pid}", "--pid", "--", "sleep", "60"]
    if os.getuid() != 0:
        pytest.skip("only root can put a process there")
    with subprocess.Popen(stray) as process:
        assert passed(examiner), "the child at hand is finished"
        parent.wait(timeout=10)
        assert passed(examiner)
        process.kill()


def test_nothing_is_left_when_an_examiner_is_closed(tmp_path):
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    with Examiner(toy.write(tmp_path), "bwrap", "cpu") as one:
        assert passed(one)
        folders = [one._kernels._folder, one._examinations._folder]
    assert {p.pid for p in psutil.Process().children(recursive=True)} <= before
    assert not any(folder.exists() for folder in folders)

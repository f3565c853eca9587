"""Code and notebooks are clean for ruff and mypy (`make format` mends most of it)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Students have no solutions.
NOTEBOOKS = [f"nbqa mypy {folder}" for folder in ("notebooks", "solutions") if (ROOT / folder).is_dir()]


@pytest.mark.parametrize(
    "command",
    ["ruff check .", "ruff format --check .", "mypy", *NOTEBOOKS],
)
def test_clean(command):
    program, *arguments = command.split()
    path = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]  # nbqa calls mypy by name
    done = subprocess.run(
        [sys.executable, "-m", program, *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

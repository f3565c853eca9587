"""Make the course's environment in ``.venv`` and start what was asked for.

``make lab`` and ``make test`` call this; without make, run it yourself::

    python3 bootstrap.py lab      (Windows: py bootstrap.py lab)

It needs Python 3.11 or newer and nothing else, and is written so that older ones can read it and say so.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.txt"  # written last: an interrupted installation has none
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OLDEST = (3, 11)
GIGABYTES = 3  # what the environment takes with a CPU build of torch, and some air
START = "notebooks/00_start_here.ipynb"
UNPINNED = bool(os.environ.get("COURSE_UNPINNED"))  # newest releases instead of constraints.txt


class SetupError(Exception):
    """Something the user can put right; the message says what and how."""


def main(arguments):
    """Install the extras that a command needs, then run it."""
    commands = {
        "lab": ("lab", start_lab, "open the course in JupyterLab"),
        "test": ("dev", run_tests, "run all tests; what follows goes to pytest"),
        "install": ("dev", None, "make the environment that the tests need, and do nothing else"),
        "repair": ("lab", None, "make the environment anew, whatever state it is in"),
    }
    if len(arguments) < 1 or arguments[0] not in commands:
        print("usage: python bootstrap.py COMMAND [OPTION …]\n")
        print("\n".join(f"  {name:8} {what}" for name, (_, _, what) in commands.items()))
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    extra, run, _ = commands[arguments[0]]
    try:
        check_machine()
        if arguments[0] == "repair" and VENV.exists():
            shutil.rmtree(str(VENV))
        install(extra)
    except SetupError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to go on.", file=sys.stderr)
        return 130
    return run(arguments[1:]) if run else 0


def check_machine():
    """Refuse a Python that is too old and a disk that is too full, before anything is written."""
    if sys.version_info < OLDEST:
        raise SetupError(
            f"This is Python {sys.version_info[0]}.{sys.version_info[1]} ({sys.executable}); the course "
            f"needs {OLDEST[0]}.{OLDEST[1]} or newer. Install one from https://www.python.org/downloads/ and "
            "name it: make PYTHON=python3.12 lab"
        )
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if free < GIGABYTES and not STAMP.exists():
        raise SetupError(
            f"Only {free:.1f} GB are free on the disk that holds {ROOT}; the environment needs about "
            f"{GIGABYTES} GB. Free some space, then run the same command again."
        )


def install(extra):
    """Bring ``.venv`` up to date with pyproject.toml, constraints.txt and the given extra."""
    wanted = fingerprint()
    have = STAMP.read_text(encoding="utf-8").split() if STAMP.exists() else []
    damaged = STAMP.exists() and not complete(PYTHON)
    # dev includes lab, so whoever has dev needs nothing more
    if have[:1] == [wanted] and (extra in have[1:] or "dev" in have[1:]) and not damaged:
        return
    if damaged or not works(PYTHON):
        if VENV.exists():
            print("The folder .venv is incomplete (was an installation interrupted?); making it anew.")
            shutil.rmtree(str(VENV))
        try:
            venv.create(str(VENV), with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SetupError(
                f"Could not make the virtual environment .venv ({error}). On Debian and Ubuntu: "
                "sudo apt install python3-venv"
            ) from error
    if STAMP.exists():
        STAMP.unlink()
    print("Installing the course into .venv; the first time takes a few minutes.", flush=True)
    pip_install(torch_arguments(), "PyTorch")
    pip_install(["--editable", f".[{extra}]"], "the course and what it needs")
    STAMP.write_text(" ".join([wanted, *({extra, *have[1:]})]), encoding="utf-8")


def fingerprint():
    """Identify what would be installed, so that a second call can skip it."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    digest.update(sys.version.encode())
    return digest.hexdigest()[:16]


def works(python):
    """Say whether a Python of a virtual environment starts, has pip and is the version that asks."""
    script = "import pip, sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([str(python), "-c", script], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.split() == [str(n) for n in sys.version_info[:2]]


def complete(python):
    """Say whether the environment still has what JupyterLab and the lectures start with."""
    names = ("IPython", "anywidget", "click", "course_lib", "ipywidgets", "jupyterlab", "matplotlib", "torch")
    script = f"from importlib.util import find_spec; print(all(map(find_spec, {names})))"
    try:
        done = subprocess.run([str(python), "-c", script], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.strip() == "True"


def torch_arguments():
    """Choose the torch to install: the constrained version, CPU-only where there is no NVIDIA card."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    torch = next(line for line in lines if line.startswith("torch=="))
    if UNPINNED:
        torch = "torch"
    if os.environ.get("TORCH"):  # an instructor with a special card names the build: TORCH="torch==2.9.1"
        torch = os.environ["TORCH"]
    configured = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    local_wheels = "find-links" in configured or "PIP_FIND_LINKS" in os.environ
    linux_without_card = sys.platform.startswith("linux") and shutil.which("nvidia-smi") is None
    if linux_without_card and not local_wheels:
        return [torch, "--index-url", "https://download.pytorch.org/whl/cpu"]
    return [torch]


def pip_install(arguments, what):
    """Run pip; turn its failure into one sentence, with pip's own last words above it."""
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if "--index-url" not in arguments and not UNPINNED:
        command += ["--constraint", "constraints.txt"]
    done = subprocess.run(command + arguments, cwd=str(ROOT), stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode == 0:
        return
    errors = done.stderr.strip()
    print("\n".join(errors.splitlines()[-12:]), file=sys.stderr)
    if "No space left" in errors:
        raise SetupError(f"The disk is full. Free about {GIGABYTES} GB, then run the same command again.")
    unreachable = (
        "(from versions: none)",
        "NewConnectionError",
        "Temporary failure in name",
        "getaddrinfo",
        "ProxyError",
        "timed out",
    )
    if any(word in errors for word in unreachable):
        raise SetupError(
            f"Could not reach the package index to install {what}. Check the network (or the proxy), then "
            "run the same command again: it goes on where it stopped."
        )
    raise SetupError(
        f"Could not install {what}; pip's last lines above say why. Then run the same command again."
    )


def start_lab(arguments):
    """Open JupyterLab on the first lecture; without a desktop, print the address and stay up."""
    desktop = (
        sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    command = [str(PYTHON), "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={ROOT}"]
    command += [f"--LabApp.default_url=/lab/tree/{START}", "--LabApp.news_url=None"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    if not desktop:
        print(
            "No desktop found: open the http://127.0.0.1:… address below in a browser. Ctrl-C ends.",
            flush=True,
        )
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container
    return run([*command, *arguments])


def run_tests(arguments):
    """Run the complete test suite."""
    return run([str(PYTHON), "-m", "pytest", *arguments])


def run(command):
    """Run a command to its end in the course's folder, with the environment's programs on the path."""
    environment = dict(os.environ, PATH=str(PYTHON.parent) + os.pathsep + os.environ.get("PATH", ""))
    os.chdir(str(ROOT))
    if os.name == "posix":
        sys.stdout.flush()
        os.execve(command[0], command, environment)  # becomes the command: signals reach it
    process = subprocess.Popen(command, env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the child got it too, and decides
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

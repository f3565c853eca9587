"""`make lab` and `make test` on a fresh machine: what can be missing, and what is said then."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from tests.notebooks import ROOT


@pytest.fixture
def checkout(tmp_path):
    """A copy of what the bootstrap reads, without an environment."""
    for name in ("bootstrap.py", "pyproject.toml", "constraints.txt", "Makefile"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def load(path):
    specification = importlib.util.spec_from_file_location("bootstrap_copy", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def bootstrap(checkout, monkeypatch):
    """The copy as a module, with a pip that only notes what it was asked for."""
    module = load(checkout / "bootstrap.py")
    module.asked = []
    monkeypatch.setattr(module, "pip_install", lambda arguments, what: module.asked.append(what))
    monkeypatch.setattr(module, "run", lambda command: 0)
    monkeypatch.setattr(module, "complete", lambda python: True)
    return module


def test_too_old_a_python_is_named_with_a_way_on(bootstrap, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 2))
    assert bootstrap.main(["lab"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: This is Python 3.9")
    assert "make PYTHON=" in line
    assert not (bootstrap.ROOT / ".venv").exists()


def test_an_old_python_can_read_the_bootstrap():
    old = [p for p in map(shutil.which, ("python3.8", "python3.9", "python3.10")) if p and starts(p)]
    if not old:
        pytest.skip("no Python older than 3.11 on this machine")
    done = subprocess.run([old[0], ROOT / "bootstrap.py", "lab"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs 3.11 or newer" in done.stderr
    assert "Traceback" not in done.stderr


def starts(python):
    return subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0


def test_a_full_disk_is_noticed_before_anything_is_written(bootstrap, monkeypatch, capsys):
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda path: usage._replace(free=10**8))
    assert bootstrap.main(["lab"]) == 1
    assert "Only 0.1 GB are free" in capsys.readouterr().err
    assert not (bootstrap.ROOT / ".venv").exists()


def test_a_disk_that_fills_up_while_installing_is_one_sentence(checkout):
    done = failing_pip(checkout, "ERROR: [Errno 28] No space left on device")
    assert done.returncode == 1
    assert "error: The disk is full." in done.stderr
    assert "Traceback" not in done.stderr


def failing_pip(checkout, message):
    """Run the real bootstrap with an environment whose pip fails with a message."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    (site,) = (checkout / ".venv").glob("[Ll]ib/**/site-packages")
    (site / "pip").mkdir()
    (site / "pip/__init__.py").touch()
    (site / "pip/__main__.py").write_text(
        f"import sys\nif 'install' in sys.argv:\n    print({message!r}, file=sys.stderr)\n    sys.exit(1)\n"
    )
    command = [sys.executable, checkout / "bootstrap.py", "lab"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_without_network_it_says_so_and_the_next_call_goes_on(checkout):
    nowhere = "http://127.0.0.1:9"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": nowhere, "PIP_RETRIES": "0"}
    environment |= {"HTTPS_PROXY": nowhere, "https_proxy": nowhere, "no_proxy": "", "NO_PROXY": ""}
    command = [sys.executable, checkout / "bootstrap.py", "lab"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error: Could not reach the package index to install PyTorch." in done.stderr
    assert "Traceback" not in done.stderr
    assert not (checkout / ".venv/installed.txt").exists()


def test_a_half_made_environment_is_made_anew(bootstrap, capsys):
    (bootstrap.ROOT / ".venv/bin").mkdir(parents=True)
    (bootstrap.ROOT / ".venv/bin/python").write_text("interrupted")
    assert bootstrap.main(["lab"]) == 0
    assert "incomplete" in capsys.readouterr().out
    assert bootstrap.works(bootstrap.PYTHON)
    assert bootstrap.asked[0] == "PyTorch"


def test_an_interrupted_installation_is_gone_on_with(bootstrap, monkeypatch, capsys):
    def interrupted(arguments, what):
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "pip_install", interrupted)
    assert bootstrap.main(["lab"]) == 130
    assert "same command again" in capsys.readouterr().err
    monkeypatch.setattr(bootstrap, "pip_install", lambda arguments, what: bootstrap.asked.append(what))
    assert bootstrap.main(["lab"]) == 0
    assert len(bootstrap.asked) == 2


def test_a_second_call_installs_nothing_until_the_requirements_change(bootstrap):
    assert bootstrap.main(["lab"]) == 0
    assert len(bootstrap.asked) == 2
    assert bootstrap.main(["lab"]) == 0
    assert len(bootstrap.asked) == 2
    assert bootstrap.main(["test"]) == 0  # needs more than lab
    assert len(bootstrap.asked) == 4
    assert bootstrap.main(["lab"]) == 0  # has it all
    assert len(bootstrap.asked) == 4
    with (bootstrap.ROOT / "constraints.txt").open("a") as file:
        file.write("six==1.17.0\n")
    assert bootstrap.main(["lab"]) == 0
    assert len(bootstrap.asked) == 6


def test_a_damaged_environment_is_made_anew(bootstrap, monkeypatch, capsys):
    assert bootstrap.main(["lab"]) == 0
    monkeypatch.setattr(bootstrap, "complete", lambda python: False)
    assert bootstrap.main(["lab"]) == 0
    assert "making it anew" in capsys.readouterr().out
    assert len(bootstrap.asked) == 4


def test_an_environment_without_a_package_is_not_complete(tmp_path):
    bootstrap = load(ROOT / "bootstrap.py")
    assert bootstrap.complete(sys.executable)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    assert not bootstrap.complete(next(tmp_path.glob("[Ssb][ci][rn]*/python*")))
    assert not bootstrap.complete(tmp_path / "nothing")


def test_the_commands_explain_themselves(bootstrap, capsys):
    assert bootstrap.main(["--help"]) == 0
    assert "open the course in JupyterLab" in capsys.readouterr().out
    assert bootstrap.main(["labb"]) == 2


def test_torch_is_the_cpu_build_on_linux_without_a_card(bootstrap, monkeypatch):
    assert bootstrap.main(["lab"]) == 0
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setattr(bootstrap.sys, "platform", "linux")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    torch, *index = bootstrap.torch_arguments()
    assert re.fullmatch(r"torch==\d+\.\d+\.\d+", torch)
    assert index == ["--index-url", "https://download.pytorch.org/whl/cpu"]
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    assert bootstrap.torch_arguments() == [torch]
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels")
    assert bootstrap.torch_arguments() == [torch]
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setattr(bootstrap.sys, "platform", "darwin")
    assert bootstrap.torch_arguments() == [torch]


def fetch(url):
    """Return the status of a page; the server prints its address a moment before it answers."""
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=60) as page:
                return page.status
        except urllib.error.URLError:
            time.sleep(0.3)
    return None


def test_lab_prints_its_address_without_a_desktop_and_stays_up():
    if not (ROOT / ".venv/installed.txt").exists():
        pytest.skip("run through `make test`, which makes .venv")
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, ROOT / "bootstrap.py", "lab"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watchdog = threading.Timer(120, process.kill)  # ends the loop over its output, should it hang
    watchdog.start()
    try:
        found = (
            re.search(r"http://127\.0\.0\.1:\d+/lab/tree/\S*00_start_here.ipynb\?token=\w+", line)
            for line in process.stdout
        )
        url = next(filter(None, found), None)
        assert url, "JupyterLab ended or hung without printing its address"
        url = url.group()
        assert fetch(url) == 200
        assert process.poll() is None
        assert time.monotonic() - start < 60  # a second call; "seconds" on an idle machine
    finally:
        watchdog.cancel()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)

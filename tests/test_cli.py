import importlib.metadata

import pytest
import torch
from click.testing import CliRunner

from course_lib import cli


@pytest.fixture
def course():
    return lambda *arguments: CliRunner().invoke(cli.main, arguments)


def test_doctor_reports_a_machine_that_can_work(course):
    result = course("doctor")
    assert result.exit_code == 0, result.output
    for subject in ("Python", "torch", "device", "threads", "disk", "data", "downloads", "widgets"):
        assert f"\nok      {subject}" in f"\n{result.output}" or f"\nnote    {subject}" in result.output
    assert importlib.metadata.version("numpy") in result.output
    assert "You can start" in result.output


def broken(monkeypatch, name):
    """Break one thing, as it might be broken on a student's machine."""
    version, load = importlib.metadata.version, importlib.import_module
    if name == "old package":
        monkeypatch.setattr(importlib.metadata, "version", lambda p: "1.21" if p == "numpy" else version(p))
    elif name == "missing package":

        def missing(package):
            if package == "anywidget":
                raise importlib.metadata.PackageNotFoundError(package)
            return version(package)

        monkeypatch.setattr(importlib.metadata, "version", missing)
    elif name in ("num2words", "jupyterlab_widgets"):  # half deleted: the metadata is still there

        def without(module, *arguments):
            if module == name:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            return load(module, *arguments)

        monkeypatch.setattr(importlib, "import_module", without)
    elif name == "torch that does not compute":
        monkeypatch.setattr(torch, "ones", lambda *a, **k: 1 / 0)
    elif name == "full disk":
        usage = cli.shutil.disk_usage(".")
        monkeypatch.setattr(cli.shutil, "disk_usage", lambda folder: usage._replace(free=10**6))
    elif name == "folder that cannot be written":

        def refuse(dir):
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(cli.tempfile, "TemporaryFile", refuse)
    elif name == "data that is gone":
        monkeypatch.setattr("course_lib._files.path", lambda relative: cli.Path("nowhere") / relative)


@pytest.mark.parametrize(
    ("name", "subject", "remedy"),
    [
        ("old package", "numpy", 'pip install --force-reinstall "numpy>=2.0"'),
        ("missing package", "anywidget", 'pip install --force-reinstall "anywidget>='),
        ("num2words", "num2words", 'pip install --force-reinstall "num2words>='),
        ("jupyterlab_widgets", "widgets", 'pip install --force-reinstall "jupyterlab"'),
        ("torch that does not compute", "torch", "https://download.pytorch.org/whl/cpu"),
        ("full disk", "disk", "free at least"),
        ("folder that cannot be written", "folder", "copy the course"),
        ("data that is gone", "data", "fetch the course anew"),
    ],
)
def test_doctor_names_each_problem_with_a_remedy_and_exits_with_1(course, monkeypatch, name, subject, remedy):
    broken(monkeypatch, name)
    monkeypatch.setattr(cli, "_CHECKOUT", None)
    result = course("doctor")
    assert result.exit_code == 1, result.output
    lines = result.output.splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("PROBLEM")]
    assert lines[at].split()[1].startswith(subject)
    assert "→" in lines[at + 1]
    assert remedy in lines[at + 1]


def test_data_lists_every_set_and_says_which_need_the_network(course):
    result = course("data")
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.output.splitlines()}
    assert "included" in lines["digits"]
    assert "needs the network" in lines["mnist"] or "downloaded" in lines["mnist"]


def test_data_refuses_an_unknown_name_with_one_sentence(course):
    result = course("data", "minst")
    assert result.exit_code == 1
    assert "minst" in result.output
    assert "mnist" in result.output
    assert "Traceback" not in result.output


def test_doctor_in_the_courses_own_environment_names_the_command_that_mends_it(course, monkeypatch):
    monkeypatch.setattr(cli, "_CHECKOUT", cli.Path("course"))
    monkeypatch.setattr(cli.sys, "prefix", str(cli.Path("course/.venv")))
    broken(monkeypatch, "num2words")
    result = course("doctor")
    assert result.exit_code == 1
    assert "make repair" in result.output

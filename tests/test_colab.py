"""On Colab the set-up cell works, and replaces none of the packages that Colab ships."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests import notebooks

SHIPPED = ["ipywidgets==7.7.1", "ipython==7.34.0", "numpy==2.1.3", "matplotlib==3.10.0", "anywidget==0.9.21"]
# Colab has these two as well; they are here so that the test need not fetch what it does not test.
SHIPPED += ["ipykernel==6.17.1", "scikit-learn"]


def pip(python, *arguments):
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """An environment with Colab's packages, the course installed into it from a git address."""
    folder = tmp_path_factory.mktemp("colab")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    torch = next(
        r for r in (notebooks.ROOT / "constraints.txt").read_text().split() if r.startswith("torch==")
    )
    index = [] if _finds_torch_without_an_index() else ["--index-url", "https://download.pytorch.org/whl/cpu"]
    pip(python, "install", "--quiet", torch, *index)
    pip(python, "install", "--quiet", *SHIPPED)
    before = versions(python)
    pip(python, "install", "--quiet", _address())
    return python, before


def _address():
    """Return where the course is: a git address, or the folder of a copy that nobody has committed yet."""
    ask = ["git", "-C", notebooks.ROOT, "rev-parse", "HEAD"]
    committed = subprocess.run(ask, capture_output=True, check=False).returncode == 0
    return f"git+{notebooks.ROOT.as_uri()}" if committed else str(notebooks.ROOT)


def _finds_torch_without_an_index():
    configured = pip(sys.executable, "config", "list")
    return "find-links" in configured or not sys.platform.startswith("linux")


def versions(python):
    return {p["name"]: p["version"] for p in json.loads(pip(python, "list", "--format=json"))}


def test_no_preinstalled_version_moves(colab):
    python, before = colab
    after = versions(python)
    assert "course-lib" in after
    assert {name: after.get(name) for name in before} == before
    assert not {"nbgrader", "dask", "playwright", "pytest"} & (after.keys() - before.keys())


@pytest.mark.parametrize("lecture", ["01_perceptron", "02_mlp_backprop"])
def test_a_lecture_runs_there_without_a_checkout(colab, lecture, tmp_path, monkeypatch):
    python, _ = colab
    kernel = tmp_path / "kernels/colab"
    kernel.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Colab", "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    alone = tmp_path / f"{lecture}.ipynb"
    alone.write_bytes((notebooks.ROOT / f"notebooks/{lecture}.ipynb").read_bytes())
    run = notebooks.execute(alone, kernel="colab")
    bundles = [o.data for c in run.notebook.cells for o in c.get("outputs", []) if "data" in o]
    assert any("application/vnd.jupyter.widget-view+json" in bundle for bundle in bundles)
    assert Path(python).exists()

"""The lists of dependencies agree, and the package is light to import."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
CONSTRAINTS = {
    re.sub(r"[-_.]+", "-", line.split("==")[0]).lower(): line.split("==")[1]
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
}


def requirements():
    texts = PROJECT["dependencies"] + [
        t for extra in PROJECT["optional-dependencies"].values() for t in extra
    ]
    return [Requirement(text) for text in texts if not text.startswith("course-lib")]


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_constraints_pin_a_version_that_the_project_admits(requirement):
    pinned = CONSTRAINTS[re.sub(r"[-_.]+", "-", requirement.name).lower()]
    assert requirement.specifier.contains(pinned)


# What Colab shipped in August 2026; a bound above it would replace a preinstalled package there.
COLAB = {
    "torch": "2.11.0",
    "numpy": "2.1.3",
    "matplotlib": "3.10.0",
    "ipython": "7.34.0",
    "ipywidgets": "7.7.1",
    "anywidget": "0.9.21",
}


@pytest.mark.parametrize("name", COLAB)
def test_the_core_admits_what_colab_ships(name):
    (requirement,) = (r for r in map(Requirement, PROJECT["dependencies"]) if r.name == name)
    assert requirement.specifier.contains(COLAB[name])


def test_environment_yml_agrees_with_the_project():
    conda = [item for item in ENVIRONMENT["dependencies"] if isinstance(item, str)]
    (pip,) = (item["pip"] for item in ENVIRONMENT["dependencies"] if isinstance(item, dict))
    (python,) = (item.split("=")[1] for item in conda if item.startswith("python="))
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python)
    assert "--editable .[lab]" in pip
    assert "--constraint constraints.txt" in pip
    assert f"torch=={CONSTRAINTS['torch']}" in pip
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in pip  # 2.13.0+cpu comes before 2.13.0
    assert any(item.startswith("nbgrader") for item in pip)
    assert not [item for item in pip if "nvidia" in item or "cuda" in item]


def test_importing_the_package_loads_neither_torch_nor_matplotlib():
    script = "import sys, course_lib; print(sorted({'torch', 'matplotlib', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_students_half_imports_nothing_of_the_instructors():
    script = (
        "import sys\n"
        "from course_lib import checking, cli, data, device, plotting, quiz, training\n"
        "from course_lib.demos import backprop, mlp, perceptron\n"
        "print(sorted({'nbgrader', 'dask', 'playwright', 'course_lib.grading'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_wheel_holds_the_data_and_the_tables_the_lectures_read(tmp_path):
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    import zipfile

    names = zipfile.ZipFile(wheel).namelist()
    for name in ("data/README.md", "data/glyphs.npz", "notebooks/claims.csv", "notebooks/syllabus.csv"):
        assert f"course_lib/_shipped/{name}" in names
    assert [name for name in names if name.endswith(".js")]
    assert not [name for name in names if name.startswith(("tests", "solutions"))]

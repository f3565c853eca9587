"""Every lecture: runs within its budget, teaches what the syllabus says, is clean and well linked."""

import csv
import re
import tomllib

import pytest

from tests import notebooks
from tests.notebooks import LECTURES, ROOT

each_lecture = pytest.mark.parametrize("path", LECTURES, ids=[path.stem for path in LECTURES])

# Rows of these kinds are demonstrated by a cell that asserts something about a value it computed.
ASSERTED_KINDS = {"formula", "algorithm", "claim", "worked example"}
ASSERTIONS = re.compile(r"\bassert\b|\bchecking\.(close|check_gradient|claim)\(")
SETUP = """\
# Makes course_lib importable: nothing to do on your own machine, installed on Colab.
try:
    import course_lib
except ModuleNotFoundError:
    %pip install -q "course-lib @ git+{address}"
    import course_lib
course_lib.__version__"""


def address():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["urls"]["Repository"]


def code_cells(path):
    return [cell for cell in notebooks.read(path).cells if cell.cell_type == "code"]


def prose(path):
    return [cell.source for cell in notebooks.read(path).cells if cell.cell_type == "markdown"]


@each_lecture
def test_runs_within_its_budget(path, measured):
    run = notebooks.execute(path)
    measured(
        f"{path.stem:24}{run.seconds:6.1f} s   slowest cell {run.slowest_cell:5.1f} s   "
        f"peak {run.peak_megabytes:5.0f} MB   {len(run.notebook.cells)} cells"
    )
    assert run.seconds <= 120
    assert run.slowest_cell <= 45
    assert run.peak_megabytes < 1500
    pictures = [
        (index, output)
        for index, cell in enumerate(run.notebook.cells)
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    without_alt = [index for index, output in pictures if not output.metadata.get("image/png", {}).get("alt")]
    assert not without_alt, f"cells {without_alt} show a figure without alternative text"
    errors = [o for c in run.notebook.cells for o in c.get("outputs", []) if o.get("name") == "stderr"]
    assert not errors, f"something was written to stderr: {errors[0].text[:500]}"


@each_lecture
def test_outputs_are_stripped(path):
    for cell in code_cells(path):
        assert not cell.outputs, "run: make strip"
        assert cell.execution_count is None, "run: make strip"


@each_lecture
def test_teaches_exactly_its_rows_of_the_syllabus(path):
    tagged = {concept for cell in notebooks.read(path).cells for concept in notebooks.concepts(cell)}
    lecture = path.stem[:2]
    rows = {concept for concept, row in notebooks.syllabus().items() if row["lecture"] == lecture}
    assert rows, f"the syllabus has no lecture {lecture}"
    assert tagged == rows


@each_lecture
def test_tagged_cells_assert_what_their_concept_says(path):
    rows = notebooks.syllabus()
    for cell in notebooks.read(path).cells:
        tags = notebooks.concepts(cell)
        assert len(tags) <= 3, f"a cell teaches {tags}: at most three concepts a cell"
        kinds = {rows[tag]["kind"] for tag in tags}
        if cell.cell_type == "markdown":
            assert kinds <= {"history", "tool", "application", "admin"}, f"only history can be prose: {tags}"
        elif kinds & ASSERTED_KINDS:
            assert ASSERTIONS.search(cell.source), f"the cell that teaches {tags} asserts nothing"


@each_lecture
def test_opens_anywhere(path):
    first = next(cell for cell in notebooks.read(path).cells if cell.cell_type == "code")
    assert first.source == SETUP.format(address=address())
    repository = address().removeprefix("https://github.com/")
    for host in (
        f"https://colab.research.google.com/github/{repository}/blob/main/notebooks/{path.name}",
        f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/notebooks/{path.name}",
    ):
        assert f"({host})" in prose(path)[0]


@each_lecture
def test_internal_links_lead_somewhere(path):
    text = "\n".join(prose(path))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.is_file(), f"{target}: no such file"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", "\n".join(prose(linked)), flags=re.MULTILINE)
            assert anchor in {heading.replace(" ", "-") for heading in headings}, f"{target}: no such heading"


@each_lecture
def test_has_the_parts_of_a_lecture(path):
    text = "\n".join(prose(path))
    for part in (
        "**You will be able to**",
        "**You need**",
        "**Time:**",
        "## What we learned",
        "## Check yourself",
        "## Exercises",
        "<summary>Solutions</summary>",
        "## Where this came from",
        "**Graded work:**",
    ):
        assert part in text, f"the lecture has no {part!r}"
    assert any("quiz." in cell.source for cell in code_cells(path))


def test_the_syllabus_has_every_concept_once():
    rows = notebooks.syllabus()
    assert len(rows) == 304
    assert {row["lecture"] for row in rows.values()} == {f"{n:02d}" for n in range(13)}


def table(name):
    with open(ROOT / "data" / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def lecture_text(number):
    """The text of a lecture, or None while it is not written."""
    paths = [path for path in LECTURES if path.stem.startswith(number)]
    return "\n".join(cell.source for cell in notebooks.read(paths[0]).cells).lower() if paths else None


def test_every_word_of_the_glossary_is_used_in_the_lecture_that_it_names():
    for row in table("glossary.csv"):
        text = lecture_text(row["lecture"])
        assert row["lecture"] in {f"{n:02d}" for n in range(13)}
        if text is not None:
            assert row["term"].lower() in text, f"{row['term']} does not occur in lecture {row['lecture']}"


def test_every_event_of_the_timeline_has_a_source_and_every_early_method_a_lecture():
    for row in table("timeline.csv"):
        assert row["source"]
        if row["kind"] == "method" and int(row["year"]) <= 2014:
            assert row["lecture"] in {f"{n:02d}" for n in range(1, 13)}


@each_lecture
def test_the_answers_of_a_quiz_are_not_in_sight(path):
    for cell in code_cells(path):
        if cell.source.startswith("quiz."):
            assert cell.metadata.get("jupyter", {}).get("source_hidden"), "hide the cell's input"


def test_the_readme_lists_every_lecture_with_its_badges():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    repository = address().removeprefix("https://github.com/")
    for path in LECTURES:
        assert f"(notebooks/{path.name})" in readme
        for host in ("colab.research.google.com/github", "mybinder.org/v2/gh"):
            assert re.search(rf"{host}/{repository}/\S*{path.name}\)", readme)


def test_claims_are_recorded_with_ten_seeds_each():
    with open(ROOT / "notebooks/claims.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["n"] for row in rows} == {"10"}
    code = "\n".join(cell.source for path in LECTURES for cell in code_cells(path))
    named = re.findall(r'checking\.claim\(\s*"([A-Z]+-\d+)"', code)
    assert set(named) == {row["claim"] for row in rows}, "run: make claims"

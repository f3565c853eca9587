"""Nothing active of a student's reaches feedback pages, tables, or the notebook that formgrader shows."""

import re

import pytest

from course_lib.grading import feedback, records
from course_lib.grading.records import Entries, Result

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)><svg onload=alert(1)>"
DISPLAYS = {
    "HTML": "from IPython.display import HTML, display\ndisplay(HTML(SCRIPT))",
    "JavaScript": "from IPython.display import Javascript, display\ndisplay(Javascript('alert(1)'))",
    "Markdown": "from IPython.display import Markdown, display\ndisplay(Markdown(SCRIPT + '[x](javascript:alert(1))'))",
    "LaTeX": "from IPython.display import Latex, display\ndisplay(Latex('$$\\\\href{javascript:alert(1)}{x}$$' + SCRIPT))",
    "SVG": 'from IPython.display import SVG, display\ndisplay(SVG(\'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>\'))',
    "a frame": "from IPython.display import IFrame, display\ndisplay(IFrame('javascript:alert(1)', 1, 1))",
    "text": "print(SCRIPT)",
    "a result": "SCRIPT",
    "an error": "raise ValueError(SCRIPT)",
    "an error's class": "raise type(SCRIPT, (Exception,), {})",
    "a picture that is none": "from IPython.display import display\ndisplay({'image/png': SCRIPT, 'image/jpeg': '\"><script>alert(1)</script>'}, raw=True)",
    "a picture of another kind": "from IPython.display import display\ndisplay({'image/svg+xml': SCRIPT, 'application/vnd.jupyter.widget-view+json': {'model_id': 'x'}, 'text/vnd.mermaid': SCRIPT}, raw=True)",
    "an output of a forged kind": "k = get_ipython().kernel\nk.send_response(k.iopub_socket, 'display_data', {'data': {'text/html': [SCRIPT], 'text/plain': {'x': SCRIPT}}, 'metadata': {'text/html': {'isolated': True}}, 'transient': {}})",
    "colors": "print('\\x1b]8;;javascript:alert(1)\\x07link\\x1b]8;;\\x07' + SCRIPT)",
    "source": "# <script>alert(1)</script>",
    "half a character": "print('\\ud800' + SCRIPT)",
}


def published(arena, outcome, folder):
    """Return the feedback page, the table of grades and the notebook for formgrader."""
    from course_lib.grading.examiner import Verdict

    verdicts = tuple(
        Verdict(c.name, outcome.statuses[c.name], outcome.messages[c.name]) for c in arena.assignment.checks
    )
    result = Result("ada", arena.assignment.name, "intact", (), verdicts, "key", 0.0, None)
    records.save(folder, arena.assignment, result, outcome.notebook)
    page = feedback.write(folder, arena.assignment, result, Entries(), isolation="bwrap").read_text()
    records.write_tables(folder, arena.assignment, [result], Entries())
    return page, (folder / "grades.csv").read_text(), records.notebook(folder, arena.assignment, "ada")


def assert_inert(page, notebook):
    own = re.sub(r"<(!doctype|html|head|meta|title|style)[^>]*>", "", page)
    assert not re.search(
        r"<script|<svg|<iframe|<img(?! [^>]*src=\"data:image/png)|<object|<embed", own, re.IGNORECASE
    )
    assert not re.search(r"<[^>]*(\son\w+=|javascript:)", own, re.IGNORECASE)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            kinds = set(output.get("data", {}))
            assert kinds <= {"text/plain", "image/png"}, kinds
            assert output.output_type in ("stream", "display_data", "execute_result", "error")


@pytest.mark.parametrize("name", DISPLAYS)
def test_nothing_shown_is_active(arena, tmp_path, name):
    source = DISPLAYS[name].replace("SCRIPT", repr(SCRIPT))
    outcome = arena.attack(source)
    page, _, notebook = published(arena, outcome, tmp_path)
    assert_inert(page, notebook)
    assert arena.canary not in page


@pytest.mark.parametrize(
    "error",
    [f"ValueError({SCRIPT!r})", f"type({SCRIPT!r}, (Exception,), {{}})()", "ValueError('=cmd|\\' /C calc\\'!A0')", "ValueError('\\ud800\\x00\\x1b[31m')", "KeyError('a\\r\\n=1+1,2')"],
)  # fmt: skip
def test_no_message_is_active(arena, tmp_path, error):
    answers = {q: f"def {n}(*args):\n    raise {error}" for q, n in (("q1", "average"), ("q11", "shout"))}
    outcome = arena.attack("", answers)
    page, table, notebook = published(arena, outcome, tmp_path)
    assert_inert(page, notebook)
    for row in table.splitlines():
        assert not row.startswith(("=", "+", "@"))
        assert not re.search(r',"?[=+@]', row), row


def test_the_name_of_a_class_is_no_script(arena, tmp_path):
    answers = {
        "q11": f"def shout(word):\n    return type({SCRIPT!r}, (), {{}})()",
        "q1": f"def average(n):\n    return {SCRIPT!r}",
    }
    page, _, notebook = published(arena, arena.attack("", answers), tmp_path)
    assert_inert(page, notebook)

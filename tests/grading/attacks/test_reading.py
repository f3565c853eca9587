"""Students' code sees nothing of solutions, grades, others' work or the grader."""

import pytest

# Each must find nothing: what it finds is printed, and the canary in it would be seen.
LOOKS = {
    "files of the course": "import os\nfor place in {paths}:\n    assert not os.path.exists(place), place",
    "every file there is": """
import os, re
for folder, folders, files in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(folder, f) not in ("/proc", "/dev", "/usr", {prefix!r}, {base!r})]
    for name in files:
        try:
            text = open(os.path.join(folder, name), errors="replace").read(1 << 20)
        except OSError:
            continue
        assert not re.search("canary[0-9a-f]{24}", text), (folder, name)
""",
    "environment": "import os, subprocess\nassert 'anary' not in str(dict(os.environ)) + subprocess.getoutput('env').replace('anary not', '')",
    "others' environments": """
import glob
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    try:
        assert b"anary" not in open(path, "rb").read(), path
    except PermissionError:
        pass
""",
    "other processes": "import os\npids = [p for p in os.listdir('/proc') if p.isdigit()]\nassert len(pids) <= 3, pids",
    "hidden checks by gc": "import gc\nassert not [x for x in gc.get_objects() if type(x) in (str, bytes, dict, list) and 'BEGIN ' + 'HIDDEN' in str(x)[:100_000]]",
    "hidden checks by frames": """
import sys, inspect
texts = []
frame = sys._getframe()
while frame:
    texts.append(str(frame.f_locals)[:100_000])
    frame = frame.f_back
assert "BEGIN " + "HIDDEN" not in "".join(texts)
""",
    "hidden checks by linecache": "import linecache\nassert 'BEGIN ' + 'HIDDEN' not in str(linecache.cache)",
    "the grader's modules": "import importlib\nfor name in ('examiner', 'border', 'sandbox', 'records', 'farm'):\n"
    "    try:\n        importlib.import_module('course_lib.grading.' + name)\n"
    "    except ModuleNotFoundError:\n        continue\n    raise AssertionError(name)",
    "open files": """
import os, stat
for number in os.listdir("/proc/self/fd"):
    try:
        mode = os.fstat(int(number)).st_mode
        where = os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        continue
    assert not stat.S_ISDIR(mode), where
    inside = where.startswith(("/dev/", "/proc/", "/home/student", "/usr/", {prefix!r}))
    assert not stat.S_ISREG(mode) or inside, where
""",
    "open files of the first process": """
import os, stat
try:
    numbers = os.listdir("/proc/1/fd")
except PermissionError:
    numbers = []
for number in numbers:
    assert not stat.S_ISREG(os.stat(f"/proc/1/fd/{number}").st_mode), os.readlink(f"/proc/1/fd/{number}")
""",
    "the first process's root": "import os\nfor place in {paths}:\n    for root in ('/proc/1/root', '/proc/1/cwd', '/proc/self/root/..'):\n        assert not os.path.exists(root + place), place",
    "memory of the first process": """
try:
    maps = open("/proc/1/maps").read().splitlines()
    memory = open("/proc/1/mem", "rb")
except PermissionError:
    maps = []
for line in maps:
    start, end = (int(x, 16) for x in line.split()[0].split("-"))
    if "rw" in line and end - start < 1 << 26:
        try:
            memory.seek(start)
            content = memory.read(end - start)
        except (OSError, ValueError, OverflowError):
            continue
        assert b"canary" + b"0" not in content and b"COURSE_" + b"CANARY" not in content
""",
    "messages of the system": "import os\nassert os.system('dmesg >/dev/null 2>&1') != 0",
    "devices": "import os\nassert set(os.listdir('/dev')) <= {{'null', 'zero', 'full', 'random', 'urandom', 'tty', 'shm', 'pts', 'ptmx',"
    " 'stdin', 'stdout', 'stderr', 'fd', 'core', 'console'}}, os.listdir('/dev')",
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_around_finds_nothing(arena, name):
    import sys

    import course_lib

    root = course_lib.__file__.rsplit("/", 2)[0]
    paths = [
        str(arena.world),
        *(f"{root}/{n}" for n in ("solutions", "tests", ".git", "course_lib/grading/examiner.py")),
    ]
    paths += ["/etc/passwd", "/etc/shadow", "/run", "/var", "/sys/class"]
    source = (
        LOOKS[name]
        .replace("{paths}", repr(paths))
        .replace("{prefix!r}", repr(sys.prefix))
        .replace("{base!r}", repr(sys.base_prefix))
        .replace("{{", "{")
        .replace("}}", "}")
    )
    outcome = arena.attack(before=[source], checks=["q1-values"])
    errors = [
        o for cell in outcome.notebook.cells for o in cell.get("outputs", []) if o.output_type == "error"
    ]
    assert [f"{e.ename}: {e.evalue}" for e in errors] == []


# What a student's function is given in a hidden check must not come back to the student.
STASH = "kept = []\ndef shout(word):\n    kept.append(word)\n    "
RETURNS = {
    "printed": "print(word)",
    "written to file 1": "import os\n    os.write(1, word.encode())\n    os.system('echo ' + word)",
    "printed by another thread": "import threading\n    threading.Thread(target=lambda: [__import__('time').sleep(0.3), print(word)]).start()",
    "displayed": "from IPython.display import display\n    display(word)",
    "sent by the kernel": "k = get_ipython().kernel\n    k.send_response(k.iopub_socket, 'stream', {'name': 'stdout', 'text': word})",
    "sent in an earlier cell's name": "k = get_ipython().kernel\n    k.session.send(k.iopub_socket, 'stream', {'name': 'stdout', 'text': word}, parent=PARENT)",
    "logged": "get_ipython().log.critical(word)",
    "a later cell prints": "",
}


@pytest.mark.parametrize("name", RETURNS)
def test_inputs_of_hidden_checks_do_not_come_back_as_outputs(arena, name):
    before = "PARENT = get_ipython().kernel.get_parent()"
    after = (
        "import time; time.sleep(0.5)\nprint(kept)"
        if name == "a later cell prints"
        else "import time; time.sleep(0.5)"
    )
    outcome = arena.attack(before, {"q11": STASH + RETURNS[name]}, after, checks=["q11-words"])
    assert arena.word not in outcome.outputs


@pytest.mark.parametrize("how", ["raise ValueError(word)", "return type(word, (), {})()"])
def test_inputs_of_hidden_checks_do_not_come_back_in_feedback(arena, how):
    from course_lib.grading import feedback
    from course_lib.grading.examiner import Verdict

    outcome = arena.attack(answers={"q11": f"def shout(word):\n    {how}"}, checks=["q11-words"])
    check = next(check for check in arena.assignment.checks if check.name == "q11-words")
    verdict = Verdict(check.name, outcome.statuses[check.name], outcome.messages[check.name])
    assert arena.word not in feedback.hint(verdict, check)


def test_inputs_of_hidden_checks_do_not_come_back_in_a_later_visible_check(arena):
    """The name of a class, or the text of an error, that a visible check shows."""
    from course_lib.grading import feedback
    from course_lib.grading.examiner import Verdict

    answers = {
        "q2": "kept = []\ndef center(x):\n    kept.append(float(x.sum()))\n    raise KeyError(str(kept))"
    }
    notebook = arena.notebook(answers=answers, checks=["q2-random", "q2-values"])
    places = [
        i
        for i, cell in enumerate(notebook.cells)
        if cell.metadata.get("nbgrader", {}).get("grade_id", "").startswith("q2-")
    ]
    notebook.cells[places[0]], notebook.cells[places[1]] = (
        notebook.cells[places[1]],
        notebook.cells[places[0]],
    )
    outcome = arena.examine(notebook)
    check = next(check for check in arena.assignment.checks if check.name == "q2-values")
    verdict = Verdict(check.name, outcome.statuses[check.name], outcome.messages[check.name])
    assert feedback.hint(verdict, check).count(",") == 0, "the sum of hidden numbers is among these"

"""Memory, processes, disk and output have limits, and nothing of them is left."""

import pytest

MEMORY = {
    "lists": "x = []\nwhile True:\n    x.append([0] * 10**6)",
    "NumPy": "x = []\nwhile True:\n    x.append(np.ones(10**7))",
    "torch": "x = []\nwhile True:\n    x.append(torch.ones(10**7))",
    "mmap": "import mmap\nx = []\nwhile True:\n    x.append(mmap.mmap(-1, 1 << 27))\n    x[-1].write(bytes(1 << 27))",
    "many processes": """
import os, time
for i in range(12):
    if os.fork() == 0:
        x = np.ones(2 * 10**7)
        time.sleep(100)
time.sleep(5)""",
    "mapped /dev/shm": "import mmap\nf = open('/dev/shm/x', 'wb+')\nf.truncate(120 << 20)\nm = [mmap.mmap(f.fileno(), 120 << 20) for i in range(50)]\nfor x in m:\n    x.write(bytes(120 << 20))",
}
# Memory that belongs to no process' own, so that neither its limit nor a sum over processes sees it.
HIDDEN_MEMORY = {
    "memfd": """
import os, time
files = [os.memfd_create("x") for i in range(20)]
for file in files:
    for i in range(12):
        os.write(file, bytes(8 << 20))
time.sleep(1)""",
    "System V": """
import ctypes, time
libc = ctypes.CDLL(None)
libc.shmat.restype, libc.shmat.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
libc.shmdt.argtypes = [ctypes.c_void_p]
for i in range(20):
    number = libc.shmget(0, ctypes.c_size_t(96 << 20), 0o1600)
    place = libc.shmat(number, None, 0)
    assert number >= 0
    ctypes.memset(place, 1, 96 << 20)
    libc.shmdt(place)
time.sleep(1)""",
}


@pytest.mark.parametrize("name", MEMORY)
def test_memory_has_a_limit(hurried, name):
    hurried.attack(MEMORY[name], checks=["q1-values"])


@pytest.mark.parametrize(("name", "error"), [("memfd", "PermissionError"), ("System V", "AssertionError")])
def test_memory_outside_of_processes_cannot_be_had(hurried, name, error):
    outcome = hurried.attack(HIDDEN_MEMORY[name], checks=["q1-values"])
    assert f'"ename": "{error}"' in outcome.outputs


def test_too_much_memory_in_an_answer_is_said_so(hurried):
    answers = {
        "q1": "def average(numbers):\n    return [0] * 10**12",
        "q3": "def softmax(x):\n    return torch.ones(10**12)",
    }
    outcome = hurried.attack("", answers, checks=["q1-values", "q3-random"])
    assert set(outcome.statuses.values()) == {"memory"}, outcome.messages


PROCESSES = {
    "fork bomb": "import os\nwhile True:\n    os.fork()",
    "fork bomb that catches": "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
    "shell bomb": "import subprocess\nsubprocess.Popen(['bash', '-c', ':(){ :|:& };:'])",
    "daemon": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork():\n        os._exit(0)\n    os.closerange(0, 100)\n    time.sleep(1000)",
    "nohup": "import subprocess\nfor i in range(50):\n    subprocess.Popen(['setsid', 'nohup', 'sleep', '1000'])",
    "threads": "import threading, time\nfor i in range(10_000):\n    threading.Thread(target=time.sleep, args=(1000,)).start()",
    "zombies": "import os\nfor i in range(100):\n    if os.fork() == 0:\n        os._exit(0)",
    "vfork by posix_spawn": "import os\nfor i in range(200):\n    os.posix_spawn('/bin/sleep', ['sleep', '1000'], {})",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROCESSES)
def test_no_process_is_left(hurried, name):
    hurried.attack(PROCESSES[name], checks=["q1-values"])


DISK = {
    "home": "with open('/home/student/x', 'wb') as f:\n    while True:\n        f.write(bytes(1 << 20))",
    "many files": "for i in range(10):\n    with open(f'/tmp/x{i}', 'wb') as f:\n        f.write(bytes(100 << 20))",
    "shared memory": "for i in range(10):\n    with open(f'/dev/shm/x{i}', 'wb') as f:\n        f.write(bytes(100 << 20))",
    "inodes": "for i in range(100_000):\n    open(f'/tmp/{i}', 'w').close()",
    "folders": "import os\nfor i in range(100_000):\n    os.mkdir('d')\n    os.chdir('d')",
    "sparse": "f = open('x', 'wb')\nf.truncate(1 << 50)",
    "a log": "import os\nfor name in os.listdir('/proc/self/fd'):\n    try:\n        if os.readlink(f'/proc/self/fd/{name}').endswith('/log'):\n            print('wrote', os.write(int(name), b'x' * 5_000_000), 'outside')\n    except OSError:\n        pass",
}


@pytest.mark.parametrize("name", DISK)
def test_the_disk_does_not_fill(hurried, name):
    def used():
        return sum(path.stat().st_size for path in hurried.scratch.rglob("*") if path.is_file())

    before = used()
    hurried.attack(DISK[name], checks=["q1-values"])
    assert used() < before + (1 << 20)


OUTPUT = {
    "lines": "while True:\n    print('x' * 1000)",
    "one message": "print('x' * 200_000_000)",
    "file 1": "import os\nwhile True:\n    os.write(1, b'x' * 60_000)",
    "a shell": "!yes",
    "display": "from IPython.display import display\nwhile True:\n    display('x' * 10_000)",
    "clear_output": "from IPython.display import clear_output\nwhile True:\n    clear_output()\n    print('x' * 10_000)",
    "updates": "from IPython.display import display\nd = display('', display_id=True)\nwhile True:\n    d.update('x' * 10_000)",
    "a picture of 30 MB": "from IPython.display import display\ndisplay({'image/png': 'A' * 30_000_000}, raw=True)",
    "errors": "raise ValueError('x' * 50_000_000)",
    "small messages": "k = get_ipython().kernel\nwhile True:\n    k.send_response(k.iopub_socket, 'stream', {'name': 'stdout', 'text': ''})",
    "by a thread": "import threading\ndef flood():\n    while True:\n        print('x' * 1000)\nthreading.Thread(target=flood).start()",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTPUT)
def test_output_has_a_limit(hurried, name):
    outcome = hurried.attack(OUTPUT[name], checks=["q1-values"])
    assert len(outcome.outputs) < 50_000_000


def test_all_outputs_together_have_a_limit(arena):
    """Two thousand cells may be handed in; at four megabytes each the grader itself would need eight gigabytes."""
    outcome = arena.attack(["print('x' * 3_900_000)"] * 20, checks=["q1-values"])
    assert len(outcome.outputs) < 50_000_000

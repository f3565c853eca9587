"""Whatever a right answer does beside being right, it has full marks."""

import pytest

NOISE = {
    "warnings": "import warnings\nwarnings.warn('careful')\nwarnings.simplefilter('error')",
    "prints": "print('a line\\n' * 1000)",
    "prints to stderr": "import sys\nfor i in range(100):\n    print('x' * 100, file=sys.stderr)",
    "writes to file 1 and 2": "import os\nos.write(1, b'out')\nos.write(2, b'err')\nos.system('echo from a shell; echo to stderr >&2')",
    "no newline, no text": "print('\\x00\\x1b[31mred\\u202e\\ud800', end='')",
    "tqdm": "import time\nfrom tqdm import tqdm\nfor i in tqdm(range(50)):\n    pass",
    "tqdm for notebooks": "from tqdm.auto import trange\nfor i in trange(50):\n    pass",
    "a plot": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    "HTML": "from IPython.display import HTML, display\ndisplay(HTML('<b>bold</b>'), HTML('<script>alert(1)</script>'))",
    "a widget": "import ipywidgets\nipywidgets.IntSlider()",
    "logging": "import logging\nlogging.basicConfig(level=0)\nlogging.error('loud')\nlogging.getLogger().setLevel(0)",
    "timeit": "%timeit -n 2 -r 2 sum(range(10))",
    "time": "%%time\nsum(range(10))",
    "a shell": "!echo hello\n%ls\n%cd /tmp",
    "bash": "%%bash\necho hello",
    "help": "sum?\nhelp(sum)",
    "history": "%history\n%who",
    "a thread that ends": "import threading\nt = threading.Thread(target=print, args=('hi',))\nt.start()\nt.join()",
    "a thread that goes on": "import threading, time\nthreading.Thread(target=lambda: [time.sleep(0.05) or print('still here') for _ in range(200)]).start()",
    "own seeds": "np.random.seed(0)\ntorch.manual_seed(0)\nimport random\nrandom.seed(0)",
    "another generator": "torch.use_deterministic_algorithms(True)\ntorch.set_num_threads(2)",
    "printing": "np.set_printoptions(precision=1)\ntorch.set_printoptions(precision=1)\n%precision 2",
    "strict NumPy": "np.seterr(all='raise')",
    "no gradients": "torch.set_grad_enabled(False)",
    "a failing cell": "1 / 0",
    "no Python": "this is no Python",
    "an endless indentation": "if True:\n"
    + "\n".join(" " * (i + 1) + "if True:" for i in range(98))
    + "\n"
    + " " * 99
    + "pass",
    "input": "name = input('Your name? ')",
    "a debugger": "import pdb\npdb.set_trace()",
    "exit": "exit()",
    "quit": "quit()",
    "sys.exit": "import sys\nsys.exit(3)",
    "the end of Python": "import os\nos._exit(3)",
    "async": "import asyncio\nawait asyncio.sleep(0.01)",
    "asyncio.run": "import asyncio\ntry:\n    asyncio.run(asyncio.sleep(0))\nexcept RuntimeError as error:\n    print(error)",
    "clear_output": "from IPython.display import clear_output\nfor i in range(20):\n    clear_output(wait=True)\n    print(i)",
    "update_display": "from IPython.display import display\nd = display('a', display_id=True)\nd.update('b')",
    "files": "open('notes.txt', 'w').write('mine')\nimport tempfile\ntempfile.mkdtemp()",
    "a module of their own": "%%writefile helper.py\nx = 1",
    "a subprocess": "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(1)'], check=True)",
    "multiprocessing": "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(2) as pool:\n    pool.map(abs, [1, 2])",
    "a data loader": "from torch.utils.data import DataLoader\nlist(DataLoader(torch.arange(8), batch_size=2, num_workers=2))",
    "a large print": "print('x' * 8_000_000)",
    "a message of 40 MB": "print('x' * 40_000_000)",
    "autoreload": "%load_ext autoreload\n%autoreload 2",
    "closed stdout": "import sys\nsys.stdout.close()",
    "names of the course's": "close = inout = raises = np.allclose = torch.equal = None",
    "memory": "x = [0] * 10**12",
    "gc": "import gc\ngc.disable()\ngc.collect()\ngc.freeze()",
    "atexit": "import atexit\natexit.register(print, 'bye')",
    "dataclasses": "from dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int = 0\nPoint()",
    "signal handlers": "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
}


def test_the_reference_passes(arena):
    assert [(v.check, v.message) for v in arena.verdicts if v.status != "passed"] == []


@pytest.mark.parametrize("name", NOISE)
def test_a_right_answer_with_noise_has_full_marks(arena, name):
    arena.noise(NOISE[name])


def test_an_empty_answer_has_no_marks(arena):
    outcome = arena.attack()
    assert set(outcome.statuses.values()) == {"failed"}, outcome.messages

"""Patching what checks use, and taking over the kernel, changes no verdict."""

import pytest

PATCHES = {
    "comparisons of NumPy and torch": """
for module in (np, np.testing, torch, torch.testing):
    for name in dir(module):
        if any(word in name for word in ("close", "equal", "all", "any", "isfinite")):
            try:
                setattr(module, name, lambda *args, **kwargs: True)
            except (AttributeError, TypeError):
                pass
torch.Tensor.__eq__ = torch.Tensor.equal = torch.Tensor.allclose = lambda *args, **kwargs: True""",
    "builtins": """
import builtins
builtins.abs = lambda x: 0
builtins.sum = builtins.max = lambda *args: 0
builtins.all = builtins.isinstance = builtins.hasattr = lambda *args: True
builtins.AssertionError = builtins.NotImplementedError = type('Fine', (Warning,), {})""",
    "course_lib.checking": """
import sys, types
import course_lib.checking
for name in ("close", "_compare", "raises", "_fail", "check_gradient"):
    setattr(course_lib.checking, name, lambda *args, **kwargs: True)
sys.modules["course_lib.checking"] = types.ModuleType("course_lib.checking")
close = lambda *args, **kwargs: True""",
    "close and raises": "import contextlib\nclose = lambda *args, **kwargs: True\nraises = lambda *args, **kwargs: contextlib.suppress(BaseException)",
    "sources": """
import inspect, linecache
inspect.getsource = inspect.getsourcelines = lambda *args: 'pass'
linecache.getlines = linecache.getline = lambda *args: []
linecache.cache.clear()""",
    "json and struct": """
import json, struct
json.dumps = lambda *args, **kwargs: '{"value": 3.0}'
json.loads = lambda *args, **kwargs: {"do": "leave"}
struct.pack = lambda *args: b'\\0' * 8
struct.unpack = lambda *args: (0, 0)""",
    "compile and exec": "import builtins\nbuiltins.compile = builtins.exec = builtins.eval = lambda *args, **kwargs: None",
    "the agent": """
from course_lib.grading.walls import agent, wire
agent.Agent.serve = agent.serve = lambda *args: None
agent.Agent._report = lambda self, error: self._channel.send({"value": 3.0})
wire.Encoder.__call__ = lambda self, value, depth=0: 3.0""",
    "the agent's errors": """
from course_lib.grading.walls import agent
agent.Agent._report = lambda self, error: self._channel.send({"error": ["StopIteration"], "text": ""})""",
    "the agent's answers": """
from course_lib.grading.walls import agent
agent.Agent._report = lambda self, error: self._channel.send({})""",
    "random numbers": "np.random.normal = lambda *args, **kwargs: np.zeros(7)\nnp.random.uniform = lambda *args: 1.5\ntorch.randn = lambda *args: torch.zeros(args)",
    "sockets": "import socket\nsocket.socket.sendall = socket.socket.recv = lambda *args: b''",
    "time": "import time\ntime.monotonic = time.time = lambda: 0.0",
    "an input transformer": """
ip = get_ipython()
ip.input_transformers_cleanup.append(lambda lines: ['pass\\n'])
ip.input_transformers_post.append(lambda lines: ['pass\\n'])""",
    "a transformer of syntax trees": """
import ast
class Nothing(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
    def visit_Raise(self, node):
        return ast.Pass()
get_ipython().ast_transformers.append(Nothing())""",
    "run_cell": """
ip = get_ipython()
from IPython.core.interactiveshell import ExecutionResult
ip.run_cell = lambda *args, **kwargs: ExecutionResult(None)
type(ip).run_cell = type(ip).run_cell_async = ip.run_cell""",
    "do_execute": """
kernel = get_ipython().kernel
async def do_execute(*args, **kwargs):
    return {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
kernel.do_execute = do_execute
type(kernel).do_execute = do_execute""",
    "events": """
ip = get_ipython()
def stop(*args):
    raise KeyboardInterrupt
for event in ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell"):
    ip.events.register(event, stop)""",
    "displayhook": "import sys\nsys.displayhook = lambda value: 1 / 0\nget_ipython().displayhook = sys.displayhook",
    "excepthook": "import sys\nsys.excepthook = lambda *args: None\nget_ipython().set_custom_exc((Exception,), lambda *args, **kwargs: None)",
    "trace": "import sys\nsys.settrace(lambda *args: None)\nsys.setprofile(lambda *args: None)",
    "imports": "import sys\nsys.meta_path.insert(0, type('F', (), {'find_spec': lambda *args, **kwargs: 1 / 0})())",
    "no modules": "import sys\nfor name in list(sys.modules):\n    if 'course_lib' in name or name in ('numpy', 'torch', 'json'):\n        del sys.modules[name]",
    "magics": "from IPython.core.magic import register_cell_magic\nget_ipython().user_ns_hidden.clear()\nget_ipython().history_manager = None",
    "no names": "get_ipython().user_ns.clear()",
    "names of another kind": """
class Names(dict):
    __missing__ = lambda self, name: lambda *args: True
    __contains__ = lambda *args: True
get_ipython().user_ns = Names(get_ipython().user_ns)""",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PATCHES)
def test_patching_gains_nothing(hurried, name):
    hurried.attack(PATCHES[name], checks=["q1-values", "q3-random"])


# Frames on the agent's channel: sent ahead, or instead of what the agent would say.
CHANNEL = """
import gc, json, socket, struct
from course_lib.grading.walls import agent
channel = agent._agent._channel
raw = channel._stream
def frame(message, blob=b''):
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    raw.sendall(struct.pack('<II', len(text), len(blob)) + text + blob)
def instead(function):
    agent.Agent.serve = lambda self, names: function()
"""
FRAMES = {
    "values ahead": "for i in range(50):\n    frame({'value': True})",
    "found through /proc": "import os\nfor name in os.listdir('/proc/self/fd'):\n    try:\n        os.write(int(name), struct.pack('<II', 14, 0) + b'{\"value\": 3.0}')\n    except OSError:\n        pass",
    "through gc": "for x in gc.get_objects():\n    if isinstance(x, socket.socket):\n        try:\n            x.sendall(struct.pack('<II', 2, 0) + b'{}')\n        except OSError:\n            pass",
    "nothing": "frame(b'')",
    "no JSON": "frame(b'{')",
    "a list": "frame([])",
    "a number": "frame(b'3')",
    "deep": "frame(b'[' * 100_000)",
    "deep and closed": "frame(b'{\"value\": ' + b'[\"l\", ' * 900 + b'1' + b']' * 900 + b'}')",
    "NaN": "frame(b'NaN')",
    "long digits": "frame(b'{\"value\": ' + b'9' * 5000 + b'}')",
    "half a frame": "raw.sendall(struct.pack('<II', 1000, 0) + b'{')",
    "a promise of gigabytes": "raw.sendall(struct.pack('<II', 2**32 - 1, 2**32 - 1))",
    "bytes that do not come": "raw.sendall(struct.pack('<II', 2, 200 << 20) + b'{}')",
    "unknown callback": "frame({'callback': 1, 'args': ['l'], 'kwargs': ['d']})",
    "callback without arguments": "frame({'callback': 1})",
    "an error of a check": "frame({'error': ['X'], 'callback': 1, 'text': ''})",
    "error that is none": "frame({'error': {'a': [1]}, 'text': {'b': 1}, 'callback': True})",
    "many errors": "frame({'error': ['StopIteration', 'AssertionError'] * 1000, 'text': 'x' * 10**6})",
    "networks": "frame({'value': 3.0, 'networks': ['d', [1, ['d']]], 'inouts': ['l', 1]})",
    "no UTF-8": "frame(b'\\xff\\xfe{')",
    "closed": "raw.close()",
    "shut": "raw.shutdown(socket.SHUT_WR)",
    "silence": "instead(lambda: __import__('time').sleep(1000))",
    "drops": """
def drip():
    import time
    raw.sendall(struct.pack('<II', 1000, 0))
    while True:
        raw.sendall(b' ')
        time.sleep(0.1)
instead(drip)""",
    "callbacks without end": "def loop():\n    while True:\n        frame({'callback': 1, 'args': ['l'], 'kwargs': ['d']})\ninstead(loop)",
    "values without end": "def loop():\n    while True:\n        frame({'value': ['l'] + [0] * 100_000})\ninstead(loop)",
    "open files": "socket.send_fds(raw, [b'x' * 8], [0] * 200)",
    "an object that is a number": "instead(lambda: [frame({'value': ['object', 1, 'x' * 10**6]}) for i in range(9)])",
    "leaves": "instead(lambda: [frame({'value': ['leaf', 1, ['T', 'float32', [], [], 0], None]}, bytes(4)) for i in range(9)])",
    "a network with what can be called": "instead(lambda: [frame({'value': ['network', ['l', 'TransformerEncoderLayer', ['d', ['d_model', 4], ['nhead', 1], ['activation', ['object', 1, 'f']]], ['l']], ['d']]}) for i in range(9)])",
    "a network without end": "instead(lambda: [frame({'value': ['network', ['l', 'LSTM', ['d', ['input_size', 1], ['hidden_size', 1], ['num_layers', 10**12]], ['l']], ['d']]}) for i in range(9)])",
    "a network of terabytes": "instead(lambda: [frame({'value': ['network', ['l', 'Linear', ['d', ['in_features', 2**30], ['out_features', 2**20]], ['l']], ['d', ['state', ['d']]]]}) for i in range(9)])",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FRAMES)
def test_forged_frames_gain_nothing(hurried, name):
    outcome = hurried.attack(CHANNEL + FRAMES[name], checks=["q1-random"])
    assert outcome.seconds < 30


# Messages on the kernel's own channels.
FORGED = {
    "a reply for each cell": """
import threading, time
kernel = get_ipython().kernel
def flood():
    for i in range(20):
        kernel.session.send(kernel.iopub_socket, 'status', {'execution_state': 'idle'}, parent=kernel.get_parent())
        time.sleep(0.02)
threading.Thread(target=flood).start()""",
    "a reply to this one": """
kernel = get_ipython().kernel
ident = kernel._parent_ident['shell'] if isinstance(kernel._parent_ident, dict) else b''
for i in range(5):
    kernel.session.send(kernel.shell_stream, 'execute_reply', {'status': 'ok', 'execution_count': 1, 'user_expressions': {}, 'payload': []}, kernel.get_parent(), ident=ident)""",
    "no signature": "kernel = get_ipython().kernel\nkernel.session.key = b'another'",
    "bytes": "get_ipython().kernel.iopub_socket.send(b'x')",
    "empty parts": "get_ipython().kernel.iopub_socket.send_multipart([b''] * 100)",
    "no content": "k = get_ipython().kernel\nfor kind in ('stream', 'display_data', 'error', 'execute_result', 'update_display_data', 'clear_output', 'status'):\n    k.send_response(k.iopub_socket, kind, {})",
    "content of another kind": "k = get_ipython().kernel\nfor data in (None, 3, [], 'x', {'text/plain': {'a': 1}}, {'image/png': [1]}):\n    k.send_response(k.iopub_socket, 'display_data', {'data': data, 'metadata': 3, 'transient': {'display_id': []}})",
    "a stream of another kind": "k = get_ipython().kernel\nk.send_response(k.iopub_socket, 'stream', {'name': ['stdout'], 'text': {'a': 1}})",
    "an error of another kind": "k = get_ipython().kernel\nk.send_response(k.iopub_socket, 'error', {'ename': 1, 'evalue': None, 'traceback': 7})",
    "deep JSON": "k = get_ipython().kernel\nx = 1\nfor i in range(900):\n    x = [x]\nk.send_response(k.iopub_socket, 'display_data', {'data': {'application/json': x}, 'metadata': {}})",
    "deep dictionaries": "k = get_ipython().kernel\nx = 1\nfor i in range(450):\n    x = {'a': x}\nk.send_response(k.iopub_socket, 'display_data', {'data': {'application/json': x}, 'metadata': {}})",
    "input requests": "k = get_ipython().kernel\nk.session.send(k.stdin_socket, 'input_request', {'prompt': '', 'password': False})",
    "comms": "k = get_ipython().kernel\nfor i in range(100):\n    k.send_response(k.iopub_socket, 'comm_open', {'comm_id': str(i), 'target_name': 'jupyter.widget', 'data': {}})",
    "a shutdown": "k = get_ipython().kernel\nk.send_response(k.iopub_socket, 'shutdown_reply', {'restart': False, 'status': 'ok'})",
    "strange times": "k = get_ipython().kernel\nmsg = k.session.msg('stream', {'name': 'stdout', 'text': 'x'}, parent=k.get_parent())\nmsg['header']['date'] = 'never'\nk.session.send(k.iopub_socket, msg)",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_messages_gain_nothing(hurried, name):
    hurried.attack(FORGED[name], checks=["q1-values"])

"""How long a demo takes from a key press to the new picture, in headless Chromium.

Run it with ``python benchmarks/demo_latency.py``; it prints a table. A time runs from the moment the
browser notes the key (``event.timeStamp``) until the canvas has been drawn anew in the next animation
frame, so at 60 frames a second some 8 ms of it are waiting for that frame.
"""

import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.browser import jupyter

PRESSES = 60
PERCEPTRON = "from course_lib.demos.perceptron import PerceptronDemo\nPerceptronDemo()"
MLP = "from course_lib.demos.mlp import MLPPlayground\nMLPPlayground(hidden={hidden})"
BACKPROP = "from course_lib.demos.backprop import BackpropStepper\nBackpropStepper()"
# what is measured, the cell, what takes the focus, keys pressed once before, keys pressed in turn
CASES = [
    ("perceptron: move a point", PERCEPTRON, "canvas", ["4"], ["ArrowLeft", "ArrowRight"]),
    ("perceptron: one update", PERCEPTRON, "button >> nth=0", [], ["Enter"]),
    ("MLP 4: noise slider", MLP.format(hidden=[4]), "[type=range] >> nth=1", [], ["ArrowRight", "ArrowLeft"]),
    ("MLP 4: enlarge a unit", MLP.format(hidden=[4]), "canvas", [], ["ArrowDown"]),
    ("MLP 8,8: training step", MLP.format(hidden=[8, 8]), "button >> nth=1", [], ["Enter"]),
    ("MLP 32,32: training step", MLP.format(hidden=[32, 32]), "button >> nth=1", [], ["Enter"]),
    ("backprop: change an input", BACKPROP, "input >> nth=1", [], ["ArrowUp", "ArrowDown"]),
]  # fmt: skip

WATCH = """(canvas) => {
    window.latencies = [];
    let pressed = null;
    document.addEventListener("keydown", (event) => (pressed ??= event.timeStamp), true);
    new MutationObserver(() => {
        if (pressed === null) return;
        window.latencies.push(performance.now() - pressed);
        pressed = null;
    }).observe(canvas, { attributeFilter: ["data-frames"] });
}"""


def measure(page: Any, focus: str, before: list[str], keys: list[str]) -> list[float]:
    """Press keys in a demo and return the times until each new picture, in milliseconds."""
    demo = page.locator(".dl-demo")
    demo.locator(focus).focus()
    for key in before:
        page.keyboard.press(key)
    demo.locator("canvas").evaluate(WATCH)
    for press in range(PRESSES):
        page.keyboard.press(keys[press % len(keys)])
        page.wait_for_function("count => window.latencies.length >= count", arg=press + 1)
    return page.evaluate("() => window.latencies")


def main() -> None:
    """Print the table."""
    print(f"| demo | front end | median ms | 90 % below ms | n |\n|{'---|' * 5}")
    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as home,
        jupyter.serve(Path(home) / "jupyter", OMP_NUM_THREADS="1") as server,
    ):
        browser = jupyter.launch(playwright)
        for front_end in jupyter.FRONT_ENDS:
            for name, cell, focus, before, keys in CASES:
                context = browser.new_context(viewport={"width": 1200, "height": 1000})
                page = jupyter.open_notebook(context, server, front_end, [cell])
                times = measure(page, focus, before, keys)
                median, high = statistics.median(times), statistics.quantiles(times, n=10)[-1]
                print(f"| {name} | {front_end} | {median:.0f} | {high:.0f} | {len(times)} |", flush=True)
                context.close()
                server.shut_kernels()
        browser.close()


if __name__ == "__main__":
    main()

"""Call a function of an ES module in headless Chromium: JSON in at stdin, JSON out at stdout.

A process of its own, because Playwright's synchronous interface allows one instance a process.
"""

import json
import sys

from playwright.sync_api import sync_playwright

from tests.browser import jupyter

with sync_playwright() as playwright:
    browser = jupyter.launch(playwright)
    task = json.load(sys.stdin)
    result = browser.new_page().evaluate(
        """async ({ source, call, argument }) => {
            const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
            const module = await import(url);
            return JSON.stringify((0, eval)(call)(module, argument));
        }""",
        task,
    )
    browser.close()
print(result)

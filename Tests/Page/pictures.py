"""Writes pictures of the page in use: `pictures.py FOLDER`, with the environment of serving.py.

What is asked: PROMPT, with switch points POINTS.
"""

import os
import pathlib
import sys
import time

from playwright.sync_api import sync_playwright

from serving import BUNDLE, CHROMIUM, Server

IS_SAMPLE = os.path.getsize(BUNDLE) < 8_000_000
PROMPT = os.environ.get(
    "PROMPT", "Who was Noah?" if IS_SAMPLE else "Why is regular exercise good for you? Answer in one paragraph.")
POINTS = os.environ.get("POINTS", "6@0,5@8,4@16,3@32")
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 360, "height": 720}


def ready(page, address):
    page.goto(address)
    page.locator("#suggestions button, .column").first.wait_for(state="attached")


def ask(page):
    page.select_option("#schedule", "switch")
    page.fill("#switch-points", POINTS)
    page.fill("#prompt", PROMPT)
    page.press("#prompt", "Enter")
    page.locator(".turn-figures").wait_for()
    # Nothing has the focus: its ring is not what the picture shows.
    page.evaluate("document.activeElement.blur()")


def compare(page):
    page.select_option("#schedule", "switch")
    page.fill("#switch-points", POINTS)
    # The lowest: that it goes astray is what is to be seen.
    page.select_option("#compare-low", index=page.locator("#compare-low option").count() - 1)
    page.fill("#compare-prompt", PROMPT)
    page.press("#compare-prompt", "Enter")
    page.locator("#compare-run:not([hidden])").wait_for()
    page.evaluate("document.activeElement.blur()")


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    server = Server()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for name, view, colours, size, use in [
                    ("page-chat", "", "light", WIDE, ask), ("page-chat-dark", "", "dark", WIDE, ask),
                    ("page-compare", "#compare", "light", WIDE, compare), ("page-bundle", "#bundle", "light", WIDE, None),
                    ("page-narrow", "", "dark", NARROW, ask)]:
                context = browser.new_context(viewport=size, color_scheme=colours)
                page = context.new_page()
                ready(page, server.address + "/" + view)
                if size is NARROW:
                    page.click("#settings summary")
                if use:
                    use(page)
                if size is NARROW:
                    page.click("#settings summary")
                time.sleep(0.3)
                page.screenshot(path=folder / (name + ".png"))
                context.close()
            browser.close()
    finally:
        server.close()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))

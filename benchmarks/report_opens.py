"""How large a report's page is, and how long a browser takes until everything is drawn, beside an empty page.

Needs Debian's chromium. Prints megabytes, seconds, and the ratio to an empty page:
medians of some openings of each, in turn.

    python benchmarks/report_opens.py results/mini/report.html
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright


def opened(browser: Browser, path: Path) -> float:
    """Seconds from asking for the page until its scripts say that it is ready."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    start = time.perf_counter()
    page.goto(path.resolve().as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    took = time.perf_counter() - start
    page.close()
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="report.html")
    parser.add_argument("--times", type=int, default=5, help="openings of each page (default 5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        empty = Path(folder, "empty.html")
        empty.write_text("<!doctype html><html data-ready><title>empty</title>", encoding="utf-8")
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        opened(browser, options.page)  # warm
        pairs = [(opened(browser, empty), opened(browser, options.page)) for _ in range(options.times)]
        browser.close()
    bare, whole = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{options.page}: {options.page.stat().st_size / 1e6:.1f} MB, ready in {whole:.2f} s")
    print(f"empty page: {bare:.2f} s; ratio {whole / bare:.1f}")


if __name__ == "__main__":
    main()

"""How large a report's page is, and how long a browser takes to open it, beside an empty page.

Needs Debian's chromium. Prints megabytes, seconds until the page is loaded, until its matrix, tables and controls
answer and until every chart is drawn, and the first's ratio to an empty page: medians of some openings of each.

    python benchmarks/report_opens.py results/mini/report.html
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

#: Milliseconds from asking for the page until it is loaded, by the browser's clock, and until its own scripts' marks.
CLOCK = """() => [performance.getEntriesByType("navigation")[0].loadEventEnd,
    ...["ready", "drawn"].map((name) => performance.getEntriesByName(name)[0]?.startTime ?? 0)]"""


def opened(browser: Browser, path: Path) -> list[float]:
    """Seconds from asking for a page until it is loaded, until its controls answer, and until all is drawn."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(path.resolve().as_uri())
    page.wait_for_selector("html[data-drawn]", state="attached")
    took = [milliseconds / 1000 for milliseconds in page.evaluate(CLOCK)]
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
        empty.write_text("<!doctype html><html data-drawn><title>empty</title>", encoding="utf-8")
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        opened(browser, options.page)  # warm
        pairs = [(opened(browser, empty), opened(browser, options.page)) for _ in range(options.times)]
        browser.close()
    bare = statistics.median(loaded for (loaded, *_), _ in pairs)
    loaded, ready, drawn = (statistics.median(marks) for marks in zip(*(told for _, told in pairs), strict=True))
    size = options.page.stat().st_size / 1e6
    print(f"{options.page}: {size:.1f} MB, loaded in {loaded:.2f} s, ready in {ready:.2f} s, drawn in {drawn:.2f} s")
    print(f"an empty page is loaded in {bare:.3f} s; ratio {loaded / bare:.0f}")


if __name__ == "__main__":
    main()

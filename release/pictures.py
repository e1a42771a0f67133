"""The guide's pictures of the local console, taken on the embedded AWS after `workshop up`.

Run: python -m release.pictures FOLDER
"""

import base64
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Error, Page, sync_playwright

WIDTH, HEIGHT, QUALITY = 1200, 760, 80
PORT = "4589"
# Each picture: the step, its parameters, and what is there once it is complete.
PICTURES = {
    "console-queries": ("40-explore-with-athena?query=02", ".chart svg"),
    "console-job": ("60-run-the-job", ".counts dd"),
    "console-bucket": ("70-check-the-csv?tool=Bucket&key=transformed/", ".entries a"),
    "console-csv": ("70-check-the-csv", ".checks li"),
}


def main(folder: Path) -> None:
    """Take every picture."""
    words = [sys.executable, "-m", "workshop", "console", "--listen", PORT]
    with (
        subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as console,
        sync_playwright() as playwright,
    ):
        url = console.stdout.readline().strip() if console.stdout else ""
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        _open(page, url)
        for name, (address, complete) in PICTURES.items():
            page.goto(f"{url.partition('?')[0]}{address}")
            if "query" in address:
                page.get_by_role("button", name="Run", exact=True).click()
            page.locator(complete).first.wait_for()
            file = folder / f"{name}.webp"
            file.write_bytes(_picture(page))
            print(file)  # noqa: T201 - its output
        browser.close()
        console.terminate()


def _picture(page: Page) -> bytes:
    """Take a picture as WebP, a third of a PNG, which Playwright itself does not offer."""
    page.mouse.move(0, 0)
    options = {"format": "webp", "quality": QUALITY}
    taken = page.context.new_cdp_session(page).send("Page.captureScreenshot", options)
    return base64.b64decode(taken["data"])


def _open(page: Page, url: str) -> None:
    """Open the console, which takes some seconds to start."""
    for _ in range(100):
        try:
            page.goto(url)
        except Error:
            page.wait_for_timeout(200)
        else:
            return
    raise TimeoutError(url)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""The README's picture: a document of the report on the quickstart's tagger, gold above and predictions below.

    python docs/images/tagged.py

trains the quickstart in a temporary folder, writes its report, and takes the picture with Chromium (extra `test`).
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent
REPOSITORY = IMAGES.parents[1]
SAMPLE = REPOSITORY / "ner" / "corpora" / "sample_data" / "dev.json"
CHROMIUM = "/usr/bin/chromium"
DOCUMENT = "article.document"
HEIGHT = 358  # the title and some lines of the abstract


def run(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, str(REPOSITORY / "main.py"), *arguments], cwd=folder, check=True)


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ner").symlink_to(REPOSITORY / "ner")  # the quickstart's encoder is relative to the repository
        run(folder, "fit", "--config", "quickstart", "--report", "false")
        run(folder, "predict", "--data.predict_path", str(SAMPLE), "--predictions.path", "tagged.json")
        run(folder, "report", "--gold", str(SAMPLE), "--predictions", "tagged.json", "--output", "report.html")
        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 900, "height": 1200})
            page.goto((folder / "report.html").as_uri())
            page.locator("#filters, nav").evaluate_all("found => found.forEach(one => one.remove())")
            document = page.locator(DOCUMENT).first
            document.evaluate("one => one.scrollIntoView()")
            document.locator(".part").first.wait_for()  # it is drawn once it is in view
            box = document.bounding_box() or {}
            clip = {"x": box["x"] - 15, "y": max(box["y"] - 5, 0), "width": box["width"] + 30, "height": HEIGHT}
            page.screenshot(path=IMAGES / "tagged.png", clip=clip)


if __name__ == "__main__":
    main()

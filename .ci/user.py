"""What a user does with the wheel alone, in an empty folder: train, tag, score, report, complete, serve."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import ner

SECONDS = 300


def run(*arguments: str) -> str:
    """Run the console script, and return what it prints."""
    finished = subprocess.run(["ner", *arguments], check=True, stdout=subprocess.PIPE, text=True, timeout=SECONDS)
    return finished.stdout


def main() -> None:
    package = Path(ner.__file__).parent
    assert "site-packages" in package.parts, f"{package} is not the installed wheel"
    assert run("--version") == f"ner {ner.__version__}\n"
    sample = package / "corpora" / "sample_data" / "dev.json"
    run("fit", "--config", "quickstart", "--trainer.enable_progress_bar", "false")
    run("predict", "--data.predict_path", str(sample), "--predictions.path", "tagged.json")
    scores = json.loads(
        run("score", "--gold", str(sample), "--predictions", "tagged.json", "--format", "GutBrainIE", "--json")
    )
    assert scores["micro"]["f1"] > 0.5, scores["micro"]
    run("report", "--gold", str(sample), "--predictions", "tagged.json", "--output", "report.html")
    assert Path("report.html").read_text(encoding="utf-8").startswith("<!")
    assert "fit-seeds" in run("completion", "bash")
    serve()
    sys.stdout.write(f"wheel: trained, tagged, scored {scores['micro']['f1']:.4f}, reported, completed and served\n")


def serve() -> None:
    """Start the service, ask for its health, and end it."""
    command = ["ner", "serve", "--checkpoints", "checkpoints/quickstart", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        address = next(word for line in process.stderr for word in line.split() if word.startswith("http://"))
        assert is_healthy(f"{address.rstrip('/')}/health")
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()


def is_healthy(address: str) -> bool:
    """Ask until somebody listens: the address is printed a moment before."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=SECONDS) as answer:
                return answer.status == 200
        except urllib.error.URLError:
            time.sleep(0.2)
    return False


if __name__ == "__main__":
    main()

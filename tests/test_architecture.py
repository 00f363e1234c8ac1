import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def test_imports_only_go_down() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    outcome = subprocess.run(
        [linter, "--no-cache"], cwd=REPOSITORY, env={"PYTHONPATH": "."}, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_importing_the_package_costs_nothing() -> None:
    heavy = "{'torch', 'transformers', 'lightning'} & set(sys.modules)"
    code = f"import sys, ner, ner.documents, ner.labels, ner.corpora; sys.exit(bool({heavy}))"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)

"""Fuzz a reader, led by its own branches, with the check of ``test_readers.py``; needs the extra ``fuzz``.

    python -m tests.hostile.fuzz_readers PubTator -max_total_time=300

Options of libFuzzer follow the format. It begins with a real file, and keeps what breaks the check as ``crash-*``.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["ner.formats"]):
    from tests.hostile.test_readers import FORMATS, check_content, real_files


def main(name: str, options: list[str]) -> None:
    """Fuzz the reader of a format until libFuzzer ends the process."""
    kind = next(each for each in FORMATS if each.__name__ == name)
    with TemporaryDirectory() as folder:
        place, seeds = Path(folder), Path(folder, "seeds")
        real = real_files(place)
        seeds.mkdir()
        (seeds / name).write_bytes(real[name])

        def check(content: bytes) -> None:
            for skip in ("error", "skip"):
                check_content(kind(on_bad_span=skip, on_duplicate=skip), place, content, real["text"])

        atheris.Setup([sys.argv[0], *options, str(seeds)], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

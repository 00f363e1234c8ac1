"""Small files with entities, as the organisers score them."""

import json
from pathlib import Path

from ner.metrics.official import Mention
from ner.metrics.submissions import mentions_in, read_content


def entity(start: int, end: int, label: str) -> dict[str, object]:
    return {"start_idx": start, "end_idx": end, "location": "title", "text_span": "…", "label": label}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def read_mentions(path: Path) -> dict[str, list[Mention]]:
    return mentions_in(read_content(path), path)

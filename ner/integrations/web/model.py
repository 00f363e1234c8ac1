"""The tagger that is served, and what is said of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ner import __version__
from ner.checkpoints import ensemble, hub, runs
from ner.checkpoints.manifest import is_exported
from ner.inference.min_scores import MinScore
from ner.inference.tagger import Tagger
from ner.inference.torch_backend import backend_of
from ner.reports.model_card import model_digest, training_facts

LICENSE = re.compile(r"^license: ([\w.-]{1,60})$", re.M)
# The front matter of a model card is shorter.
CARD_CHARACTERS = 10_000


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A tagger and its origin.

    Args:
        tagger: The tagger.
        name: What its users call it.
        digest: Tells its weights from others.
        facts: What is known of its training, by name.
        version: The version of this package.
    """

    tagger: Tagger
    name: str
    digest: str
    facts: dict[str, str]
    version: str = __version__

    @property
    def labels(self) -> list[str]:
        """The entity types."""
        return self.tagger.labels


def load_model(patterns: Sequence[str], min_score: MinScore = "auto") -> ServedModel:
    """Load checkpoints, runs or exported folders as one tagger.

    Args:
        patterns: Paths and patterns; several models are one ensemble.
        min_score: The least score of an entity; by default what the checkpoints say.

    Raises:
        InputError: if there is none, one cannot be used, or they do not fit together.
    """
    found = runs.find(patterns)
    members = ensemble.read([path for place in found for path in runs.trained(place)])
    backend = backend_of(members, precision="auto", min_score=min_score)
    digest = model_digest(backend.model.fingerprint())
    name, facts = training_facts(members)
    facts |= {"license": license_id} if (license_id := _license(found[0])) else {}
    return ServedModel(Tagger(backend), name or hub.repo_of(found[0]) or found[0].absolute().name, digest, facts)


def _license(path: Path) -> str:
    """Return the licence in the model card of an exported folder."""
    card = path / "README.md"
    if not is_exported(path) or not card.is_file():
        return ""
    with card.open(encoding="utf-8", errors="replace") as file:
        front = file.read(CARD_CHARACTERS).split("\n---")[0]
    found = LICENSE.search(front)
    return found[1] if found else ""

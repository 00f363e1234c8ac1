"""GutBrainIE: PubMed titles and abstracts on the gut-brain interplay, annotated with 13 entity types."""

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Literal

from ner.corpora.base import Corpus, Split
from ner.documents import Document, Passage
from ner.errors import InputError
from ner.formats._quoting import shown_name
from ner.formats.gutbrainie import GutBrainIE as GutBrainIEFormat
from ner.formats.gutbrainie import GutBrainIESubmission, more_problems
from ner.io.download import fetch
from ner.io.paths import expanded

COMMIT = "61b284b8c7444e26a4f65a2716cc7d69945e04c2"
ROOT_VARIABLE = "GUTBRAINIE_ROOT"
DEV_FILE = "Annotations/Dev/json_format/dev.json"
TEST_FILE = "TestData/articles_test.json"
# silver_2025 is the silver tier of 2025 in the 2026 edition; it lies in the folder of silver.
TIER_FILES = {
    "platinum": "Annotations/Train/platinum_quality/json_format/train_platinum.json",
    "gold": "Annotations/Train/gold_quality/json_format/train_gold.json",
    "silver": "Annotations/Train/silver_quality/json_format/train_silver.json",
    "silver_2025": "Annotations/Train/silver_quality/json_format/train_silver_2025.json",
    "bronze": "Annotations/Train/bronze_quality/json_format/train_bronze.json",
}
# The tiers that people annotated with most care; cross-validation scores on them.
FOLDED = ("platinum", "gold")
# Documents from elsewhere that a tagger annotated; their file is an argument.
AUGMENTED = "augmented"
# Git's own checksums of the files at COMMIT, which has no silver_2025.
BLOB_IDS = {
    DEV_FILE: "5c28a9943da420d97e385c43ae0d6ea53756c7e9",
    TIER_FILES["bronze"]: "1826ef0123b15f26be2b78ed7d54edaf3737c149",
    TIER_FILES["gold"]: "63fb2ba88d4b843351f6d4d04b1a9f65e6a3c0bf",
    TIER_FILES["platinum"]: "dcd69dd34b70211ada191b80ea5fc971c2e0c99c",
    TIER_FILES["silver"]: "e90592944c1056c06e6db780ed0a9a6ce3dae565",
    TEST_FILE: "7c76c8690572adadb4142acdd015f45eb0647435",
}

# GLiNER's words. The bronze tier was annotated by a GLiNER model, which cuts its input after 384 of them: in 67
# abstracts the rest is unknown, not free of entities.
GLINER_WORD = re.compile(r"\w+(?:[-_]\w+)*|\S")
BRONZE_WORDS = 384
# The longest silver abstract, whose human annotation breaks off after 490 of its 2480 words.
ABANDONED_WORDS = {"39299582": 490}


class GutBrainIE(Corpus):
    """The corpus of CLEF 2025 BioASQ task 6 (GutBrainIE), and of its 2026 edition.

    The folder of the corpus is ``root``, else the environment variable ``GUTBRAINIE_ROOT``, else, with ``download``,
    the cache. Training documents come tier by tier, in the order of ``tiers``; the test split has no annotation.

    Args:
        root: Folder of the release, with ``Annotations`` and ``TestData`` in it or in its only such subfolder.
        tiers: Quality levels of the training split: platinum, gold, silver, silver_2025 (2026 edition), bronze, and
            augmented, whose file is ``augmented``.
        tier_weights: Weight of a tier's documents in the training loss, 1 for tiers not named.
        augmented: Annotated file in the collection's layout, as ``pseudo-label`` writes it, for the tier of that name.
        annotator_weights: Weight of an annotator's training documents, 1 for those not named; times the tier's.
        on_bad_span: Refuse an annotation that does not fit its text, or leave it out with a warning.
        mask_unannotated: Read texts that are known to be annotated only up to some word as unknown after it.
        fold: Cross-validation: score on this fold of the platinum and gold documents, from 0 on, and train on the
            others and all other tiers; by default the dev split is that of the release.
        folds: Number of folds, of about the same size.
        fold_seed: Decides which documents a fold has.
        download: Let ``prepare`` fetch the 2025 release, if neither ``root`` nor the variable is set.
        cache: Folder for that, by default ``gutbrainie/<commit>`` in ``$XDG_CACHE_HOME`` or ``~/.cache``.
        base_url: Address below which the release's files lie.

    Raises:
        InputError: if a tier is unknown or named twice, or a weight is negative; on reading the training split, if a
            weight is for a tier that is not in ``tiers`` or for an annotator who annotated nothing in it, only one of
            the tier augmented and its file is named, or an augmented document has no annotation or stands in another
            split.
    """

    labels = (
        "DDF",
        "anatomical location",
        "animal",
        "bacteria",
        "biomedical technique",
        "chemical",
        "dietary supplement",
        "drug",
        "food",
        "gene",
        "human",
        "microbiome",
        "statistical technique",
    )
    score_name = "official GutBrainIE score (character spans of whole documents)"
    format = GutBrainIEFormat(labels=labels)
    prediction_format = GutBrainIESubmission()

    def __init__(
        self,
        root: str | None = None,
        tiers: Sequence[str] = ("platinum", "gold", "silver", "bronze"),
        tier_weights: Mapping[str, float] | None = None,
        on_bad_span: Literal["error", "skip"] = "error",
        mask_unannotated: bool = True,
        annotator_weights: Mapping[str, float] | None = None,
        augmented: str | None = None,
        *,
        fold: int | None = None,
        folds: int = 5,
        fold_seed: int = 42,
        download: bool = False,
        cache: str | None = None,
        base_url: str = f"https://raw.githubusercontent.com/MMartinelli-hub/GutBrainIE/{COMMIT}",
    ) -> None:
        self.root = root
        self.tiers = tuple(tiers)
        self.tier_weights = dict(tier_weights or {})
        self.annotator_weights = dict(annotator_weights or {})
        self.augmented = augmented
        self.format = replace(self.format, on_bad_span=on_bad_span)
        self.mask_unannotated = mask_unannotated
        self.fold = fold
        self.folds = folds
        self.fold_seed = fold_seed
        self.download = download
        self.cache = cache
        self.base_url = base_url
        if folds < 2 or (fold is not None and not 0 <= fold < folds):
            raise InputError(f"data.corpus.fold is {fold} of {folds}; name one of at least 2 folds, from 0 on")
        if "@" in base_url.partition("://")[2].partition("/")[0]:
            raise InputError("data.corpus.base_url: holds a name or password, which models would too; leave it out")
        for tier in self.tiers:
            if tier not in (*TIER_FILES, AUGMENTED):
                listed = ", ".join((*TIER_FILES, AUGMENTED))
                raise InputError(f"data.corpus.tiers: unknown tier {tier!r}; the tiers are: {listed}")
            if self.tiers.count(tier) > 1:
                raise InputError(f"data.corpus.tiers: {tier!r} is named twice; name it once")
        for key, weights in (("tier_weights", self.tier_weights), ("annotator_weights", self.annotator_weights)):
            for name, weight in weights.items():
                if not 0 <= weight < math.inf:
                    raise InputError(f"data.corpus.{key}: {name!r} has {weight}; a weight is finite, 0 or more")

    def prepare(self) -> None:
        """Download the tiers asked for and those of folds, dev and test into the cache, if they will be read there."""
        if not self.download or self.root or os.environ.get(ROOT_VARIABLE):
            return
        # A fold is of all that it is drawn from, whatever is trained on.
        drawn = FOLDED if self.fold is not None else ()
        tiers = [tier for tier in dict.fromkeys((*self.tiers, *drawn)) if tier != AUGMENTED]
        if missing := [tier for tier in tiers if TIER_FILES[tier] not in BLOB_IDS]:
            fix = "remove it from data.corpus.tiers, or set data.corpus.root to a folder that has it"
            raise InputError(f"data.corpus.download: the release of 2025 has no tier {missing[0]!r}; {fix}")
        files = [*(TIER_FILES[tier] for tier in tiers), DEV_FILE, TEST_FILE]
        fetch(self.base_url, {file: BLOB_IDS[file] for file in files}, self._cache_folder())

    def read(self, split: Split) -> Iterator[Document]:
        """Yield the documents of a split, in the order of its files."""
        root = self._resolve_root()
        if split == "train":
            yield from self._read_train(root)
            return
        if split == "dev" and self.fold is not None:
            # The edition of 2026 has no platinum.
            tiers = [tier for tier in FOLDED if (root / TIER_FILES[tier]).is_file()]
            documents = self._read_files({root / TIER_FILES[tier]: tier for tier in tiers or FOLDED})
            yield from (document for document in documents if self._is_held_out(document))
            return
        name = {"dev": DEV_FILE, "test": TEST_FILE}[split]
        if not (root / name).is_file():
            raise InputError(self._missing_message(root, name))
        yield from self._read_files({root / name: ""})

    def read_share(self, split: Split, first: int, step: int) -> Iterator[tuple[int, Document]]:
        texts = copy(self)
        texts.format = self.format.without_annotation()
        return super(GutBrainIE, texts).read_share(split, first, step)

    def files(self) -> list[Path]:
        """Return those files of the release that exist, of every tier, dev and test; none if no folder is known.

        Raises:
            InputError: if a folder is named that does not exist or has none of the files.
        """
        is_named = self.root or os.environ.get(ROOT_VARIABLE)
        if not is_named and not (self.download and self._cache_folder().is_dir()):
            return []
        root = self._resolve_root()
        files = [root / name for name in (*TIER_FILES.values(), DEV_FILE, TEST_FILE) if (root / name).is_file()]
        if is_named and not files:
            raise InputError(
                f"{root}: no file of a GutBrainIE release in it; correct data.corpus.root or {ROOT_VARIABLE}"
            )
        return files

    def _read_train(self, root: Path) -> Iterator[Document]:
        self._check_tiers()
        files: dict[Path, str] = {}
        for tier in self.tiers:
            file = expanded(str(self.augmented)) if tier == AUGMENTED else root / TIER_FILES[tier]
            if tier != AUGMENTED and not file.is_file():
                raise InputError(self._missing_message(root, TIER_FILES[tier]))
            files[file] = tier
        if AUGMENTED in self.tiers:
            self._check_augmented(root)
        annotators = set()
        for document in self._read_files(files):
            annotators.add(document.annotator)
            if not self._is_held_out(document):
                yield document
        if unknown := sorted(self.annotator_weights.keys() - annotators):
            listed = ", ".join(sorted(filter(None, annotators))) or "unnamed"
            raise InputError(f"data.corpus.annotator_weights: nobody is called {unknown[0]!r}; there are: {listed}")

    def _is_held_out(self, document: Document) -> bool:
        """Return if a document belongs to the fold that is scored, whatever other documents there are."""
        if self.fold is None or document.tier not in FOLDED:
            return False
        digest = blake2b(f"{self.fold_seed} {document.id}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.folds == self.fold

    def _check_tiers(self) -> None:
        """Refuse settings that do not belong together.

        Not before training, because a tagger is also loaded with the settings of its training under a configuration
        with other tiers.
        """
        if (AUGMENTED in self.tiers) != (self.augmented is not None):
            named, other = ("tiers", "augmented") if self.augmented is None else ("augmented", "tiers")
            raise InputError(f"data.corpus.{named} names augmented documents, data.corpus.{other} does not; name both")
        for tier in self.tier_weights:
            if tier not in self.tiers:
                listed = ", ".join(self.tiers)
                raise InputError(f"data.corpus.tier_weights: {tier!r} is not in data.corpus.tiers; these are: {listed}")

    def _check_augmented(self, root: Path) -> None:
        """Refuse augmented documents that nobody annotated, or that belong to the release."""
        file = expanded(str(self.augmented))
        for name in (*TIER_FILES.values(), DEV_FILE, TEST_FILE):
            if (root / name).exists() and file.exists() and file.samefile(root / name):
                raise InputError(f"data.corpus.augmented: {file} is {name} of the release; name another file")
        documents = list(self.format.read(file))
        bare = sum(not document.is_annotated for document in documents)
        if bare or not documents:
            what = f"{bare} of {len(documents)} documents have no annotation" if bare else "holds no documents"
            raise InputError(f"{file}: {what}; let `pseudo-label` write it")
        for where, held_out in self._held_out(root):
            if shared := [document.id for document in documents if document.id in held_out]:
                what = f"PMID {shown_name(shared[0])} {where}"
                raise InputError(f"{file}: {what}; a model must not learn its own test data, remove it")

    def _held_out(self, root: Path) -> Iterator[tuple[str, set[str]]]:
        """Yield where documents stand that are scored, and their identifiers."""
        lenient = replace(self.format, on_bad_span="skip")
        for name in (DEV_FILE, TEST_FILE):
            if (root / name).is_file():
                yield f"stands in {name} too", {document.id for document in lenient.read(root / name)}
        for tier in FOLDED if self.fold is not None else ():
            if (file := root / TIER_FILES[tier]).is_file():
                tiered = (replace(document, tier=tier) for document in lenient.read(file))
                names = {document.id for document in tiered if self._is_held_out(document)}
                yield f"is in fold {self.fold} of {self.folds}", names

    def _read_files(self, files: Mapping[Path, str]) -> Iterator[Document]:
        """Yield the documents of files with tiers; each file is checked before its first document."""
        seen: dict[str, Path] = {}
        for file, tier in files.items():
            documents = list(self.format.read(file))
            repeated = [document.id for document in documents if document.id in seen]
            if repeated:
                more = more_problems(len(repeated) - 1)
                what = f"PMID {shown_name(repeated[0])} stands in {shown_name(seen[repeated[0]].name)} already"
                raise InputError(f"{file}: {what}{more}; keep it in one of them")
            seen |= {document.id: file for document in documents}
            yield from (self._with_tier(document, tier) for document in documents)

    def _with_tier(self, document: Document, tier: str) -> Document:
        """Return the document with its tier, its weight, and the point where its annotation is known to stop."""
        passages = document.passages
        if self.mask_unannotated and document.is_annotated:
            passages = tuple(_with_end_of_annotation(passage, document.id, tier) for passage in passages)
        weight = self.tier_weights.get(tier, 1.0) * self.annotator_weights.get(document.annotator, 1.0)
        return replace(document, passages=passages, tier=tier, weight=weight)

    def _cache_folder(self) -> Path:
        if self.cache:
            return expanded(self.cache)
        caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return expanded(caches) / "gutbrainie" / COMMIT

    def _resolve_root(self) -> Path:
        """Return the folder to read from.

        Raises:
            InputError: if none is set, or it does not exist.
        """
        variable = os.environ.get(ROOT_VARIABLE)
        if self.root or variable:
            source = "data.corpus.root" if self.root else ROOT_VARIABLE
            root = expanded(self.root or variable or "")
        elif self.download:
            source, root = "data.corpus.download", self._cache_folder()
        else:
            ways = f"set data.corpus.root or {ROOT_VARIABLE} to its folder, or data.corpus.download: true to fetch it"
            raise InputError(f"GutBrainIE: no folder to read from; {ways}")
        if not root.is_dir():
            fix = "call prepare() to fetch it" if source == "data.corpus.download" else "correct the path"
            raise InputError(f"{source}: no folder {root}; {fix}")
        # Editions are also handed out inside one folder named after them.
        inner = [] if (root / "Annotations").is_dir() else sorted(root.glob("*/Annotations"))
        return inner[0].parent if len(inner) == 1 else root

    def _missing_message(self, root: Path, name: str) -> str:
        tier = next((tier for tier, file in TIER_FILES.items() if file == name), "")
        if not tier:
            return f"{root / name}: no such file; check that data.corpus.root is the folder of a GutBrainIE release"
        present = ", ".join(tier for tier, file in TIER_FILES.items() if (root / file).is_file()) or "none"
        return f"{root / name}: no file of tier {tier!r}; the tiers there are: {present}; set data.corpus.tiers"


def _with_end_of_annotation(passage: Passage, pmid: str, tier: str) -> Passage:
    """Return the passage with ``annotated_until`` after the last word, or entity, that was still annotated."""
    words = 0
    if passage.section == "abstract" and tier == "bronze":
        words = BRONZE_WORDS
    elif passage.section == "abstract" and tier in ("silver", "silver_2025"):
        words = ABANDONED_WORDS.get(pmid, 0)
    ends = [word.end() for word in islice(GLINER_WORD.finditer(passage.text), words + 1)]
    if not words or len(ends) <= words:
        return passage
    return replace(passage, annotated_until=max([ends[words - 1], *(span.end for span in passage.spans)]))

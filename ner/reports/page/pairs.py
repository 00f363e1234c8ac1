"""The entities of documents as a page shows them: gold and predictions in pairs, each of a kind."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ner.metrics.annotation import Annotation
from ner.metrics.error_analysis import Pair, match
from ner.metrics.official import Mention
from ner.metrics.semeval import outcome

Kind = Literal["correct", "type", "boundary", "both", "missing", "spurious"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Json = list[object]


@dataclass(frozen=True, slots=True)
class PagePair:
    """A pair of gold and prediction.

    Args:
        pair: The gold entity, the prediction, or both.
        kind: Its kind.
        is_against: It comes from the predictions B, not from A.
        is_alone: Only these predictions make the error; never so where there is no B.
    """

    pair: Pair
    kind: Kind
    is_against: bool = False
    is_alone: bool = False


@dataclass(frozen=True, slots=True)
class PageDocument:
    """A document of the page.

    Args:
        name: Its identifier.
        texts: Its texts by location; none where no file has them.
        gold: Its gold entities.
        predicted: The predictions A, all that the file lists.
        against: The predictions B.
        scores: The confidence of each prediction of A, or nothing.
        pairs: The pairs of A, then the errors of B.
    """

    name: str
    texts: Mapping[str, str]
    gold: Sequence[Mention]
    predicted: Sequence[Mention]
    against: Sequence[Mention]
    scores: Sequence[float | None]
    pairs: Sequence[PagePair]

    @property
    def differs(self) -> bool:
        """A or B makes an error in it that the other does not."""
        return any(each.is_alone for each in self.pairs)


def page_documents(gold: Annotation, predictions: Annotation, against: Annotation | None) -> list[PageDocument]:
    """Return the documents of the gold with the predictions for its texts, in its order."""
    documents = []
    for name, listed in gold.mentions.items():
        predicted, other = (side.mentions.get(name, ()) if side else () for side in (predictions, against))
        texts = gold.texts(name) or predictions.texts(name)
        scores = predictions.scores.get(name, ())
        pairs = _pairs(listed, predicted, other if against else None)
        documents.append(PageDocument(name, texts, listed, predicted, other, scores, pairs))
    return documents


def kind_of(pair: Pair) -> Kind:
    """Return the kind of a pair: correct or, in SemEval's words, its outcome with what is incorrect."""
    if pair.gold is None:
        return "spurious"
    if pair.predicted is None:
        return "missing"
    has_span = outcome(pair, "exact") == "correct"
    if outcome(pair, "type") == "correct":
        return "correct" if has_span else "boundary"
    return "type" if has_span else "both"


def as_json(document: PageDocument, labels: Mapping[str, int]) -> Json:
    """Return a document as the page's script reads it: identifier, texts, gold, A, B, pairs.

    An entity is its text's place (-1 where there is none), start, end, label, score and, where it is not that of these
    characters, its mention; a pair 1 for B, the places of gold and prediction or -1, its kind, and 1 if it is alone.
    """
    places = {location: place for place, location in enumerate(document.texts)}

    def entity(mention: Mention, score: float | None = None) -> Json:
        text = document.texts.get(mention.location, "")
        fits = 0 <= mention.start < mention.end <= len(text)
        place = places[mention.location] if fits else -1
        rounded = None if score is None else round(score, 4)
        quoted = [] if fits and text[mention.start : mention.end] == mention.text else [mention.text]
        return [place, mention.start, mention.end, labels[mention.label], rounded, *quoted]

    sides = (document.gold, document.predicted, document.against)
    # A pair holds the very mentions of the lists, in which equal ones may be repeated.
    known = [{id(mention): place for place, mention in enumerate(side)} for side in sides]
    pairs = [
        [
            int(each.is_against),
            known[0].get(id(each.pair.gold), -1),
            known[1 + each.is_against].get(id(each.pair.predicted), -1),
            KINDS.index(each.kind),
            int(each.is_alone),
        ]
        for each in document.pairs
    ]
    scores = document.scores or [None] * len(document.predicted)
    return [
        document.name,
        [[location, text] for location, text in document.texts.items()],
        [entity(mention) for mention in document.gold],
        [entity(mention, score) for mention, score in zip(document.predicted, scores, strict=True)],
        [entity(mention) for mention in document.against],
        pairs,
    ]


def index_row(document: PageDocument) -> Json:
    """Return what the page's script knows of a document before it reads it.

    These are its identifier, the lengths of its texts, errors of A, what A has right, entities of gold and A together,
    and errors that A or B makes alone.
    """
    kinds = [each.kind for each in document.pairs if not each.is_against]
    right = kinds.count("correct")
    return [
        document.name,
        [len(text) for text in document.texts.values()],
        len(kinds) - right,
        right,
        len(document.gold) + len(document.predicted),
        sum(each.is_alone for each in document.pairs),
    ]


def _pairs(gold: Sequence[Mention], a: Sequence[Mention], b: Sequence[Mention] | None) -> list[PagePair]:
    of_a = match(gold, a, any_label=True)
    if b is None:
        return [PagePair(pair, kind_of(pair)) for pair in of_a]
    of_b = match(gold, b, any_label=True)
    pairs = [PagePair(pair, kind_of(pair), False, is_alone) for pair, is_alone in _with_alone(of_a, of_b)]
    errors = [PagePair(pair, kind_of(pair), True, is_alone) for pair, is_alone in _with_alone(of_b, of_a)]
    return [*pairs, *(pair for pair in errors if pair.kind != "correct")]


def _with_alone(pairs: Iterable[Pair], others: Sequence[Pair]) -> Iterable[tuple[Pair, bool]]:
    """Return each pair, and whether it is an error that the others do not make.

    They do not if they have its gold entity right or, where it has none, do not predict the same without gold.
    """
    right = {id(pair.gold) for pair in others if kind_of(pair) == "correct"}
    spurious = {pair.predicted for pair in others if pair.gold is None}
    for pair in pairs:
        alone = pair.predicted not in spurious if pair.gold is None else id(pair.gold) in right
        yield pair, alone and kind_of(pair) != "correct"

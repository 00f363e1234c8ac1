"""Runs in the environment of a peer: tags texts for each line on stdin, and prints the seconds that it took as JSON.

Each peer has the same encoder, weights of no training above it, the same types, and its own defaults.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

Tag = Callable[[Sequence[str]], object]


def flair(encoder: str, labels: Sequence[str]) -> Tag:
    """A linear layer and a CRF on subwords, as its guide has it for fine-tuned encoders."""
    from flair.data import Dictionary, Sentence
    from flair.embeddings import TransformerWordEmbeddings
    from flair.models import SequenceTagger

    types = Dictionary(add_unk=False)
    types.span_labels = True
    for label in labels:
        types.add_item(label)
    tagger = SequenceTagger(
        TransformerWordEmbeddings(encoder),
        types,
        "ner",
        tag_format="BIO",
        use_rnn=False,
        use_crf=True,
        reproject_embeddings=False,
    ).eval()

    def tag(texts: Sequence[str]) -> object:
        sentences = [Sentence(text) for text in texts]
        tagger.predict(sentences)
        return sentences

    return tag


def spacy(encoder: str, labels: Sequence[str]) -> Tag:
    """A transformer with a transition-based `ner` that listens to it."""
    import spacy as library

    nlp = library.blank("en")
    nlp.add_pipe(
        "transformer", config={"model": {"@architectures": "spacy-transformers.TransformerModel.v3", "name": encoder}}
    )
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
        "upstream": "*",
    }
    parser = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 64,
        "maxout_pieces": 2,
        "use_upper": False,
        "tok2vec": listener,
    }
    finder = nlp.add_pipe("ner", config={"model": parser})
    for label in labels:
        finder.add_label(label)
    nlp.initialize()
    return lambda texts: list(nlp.pipe(texts))


def gliner(encoder: str, labels: Sequence[str]) -> Tag:
    """A model of spans with the encoder under it, that reads the types with each text."""
    from gliner import GLiNER
    from gliner.config import GLiNERConfig

    model = GLiNER.from_config(GLiNERConfig(model_name=encoder, hidden_size=384, max_len=512)).eval()
    return lambda texts: model.inference(list(texts), list(labels))


def main() -> None:
    """Load a peer, tag once, and then as often as lines come."""
    peer, encoder, file = sys.argv[1:]
    # What a peer prints for itself stays off the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    given = json.loads(Path(file).read_text(encoding="utf-8"))
    texts = given["texts"]
    tag = {"flair": flair, "spacy": spacy, "gliner": gliner}[peer](encoder, given["labels"])
    tag(texts)
    print("ready", file=answers, flush=True)
    for _ in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        tag(texts)
        seconds = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        print(json.dumps(seconds), file=answers, flush=True)


if __name__ == "__main__":
    main()

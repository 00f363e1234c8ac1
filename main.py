"""The command line: a light dispatcher, so that each verb imports only what it needs."""

import sys
from collections.abc import Sequence
from importlib import import_module

VERBS = {
    "fit": ("ner.cli.lightning", "train a tagger, or resume with --ckpt_path last"),
    "validate": ("ner.cli.lightning", "score a checkpoint on the dev split"),
    "test": ("ner.cli.lightning", "score a checkpoint on an annotated test split"),
    "predict": ("ner.cli.lightning", "tag the test split, or the files of --data.predict_path"),
    "fit-seeds": ("ner.cli.verbs.fit_seeds", "train several seeds, and score them and their ensemble"),
    "export": ("ner.cli.verbs.export", "write checkpoints as a folder that other programs read"),
    "score": ("ner.cli.verbs.score", "score predictions against gold annotation, file against file"),
    "fetch-pubmed": ("ner.cli.verbs.fetch_pubmed", "write titles and abstracts from PubMed for a query"),
    "pseudo-label": ("ner.cli.verbs.pseudo_label", "tag articles to train on, with trained checkpoints"),
    "convert": ("ner.cli.verbs.convert", "write documents in another format, and say what it does not hold"),
    "submission": ("ner.cli.verbs.submission", "check predictions, and pack them for GutBrainIE's subtask 6.1"),
    "check": ("ner.cli.verbs.check", "report on a corpus before training on it"),
}
LIGHTNING_MODULE = "ner.cli.lightning"
RESUME = {
    "fit": "; once an epoch is finished, the same command with --ckpt_path last goes on behind it",
    "fit-seeds": "; the same command goes on behind the last finished epoch",
    "predict": "; the same command goes on behind what was tagged",
    "pseudo-label": "; the same command goes on behind what was tagged",
    "fetch-pubmed": "; the same command goes on behind what was fetched",
}
MISTAKE, INTERRUPTED = 2, 130


def main(arguments: Sequence[str]) -> int:
    """Run a verb and turn a user's mistake into one line and exit code 2."""
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0 if arguments else MISTAKE
    verb, *rest = arguments
    if verb not in VERBS:
        return _fail(f"unknown verb {verb!r}; one of: {', '.join(VERBS)}")
    module = VERBS[verb][0]
    from ner.errors import InputError

    try:
        return int(import_module(module).main(arguments if module == LIGHTNING_MODULE else rest))
    except InputError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        sys.stderr.write(f"interrupted{RESUME.get(verb, '')}\n")
        return INTERRUPTED


def _help() -> str:
    lines = [f"  {verb:<14}{what}" for verb, (_, what) in VERBS.items()]
    return "\n".join(["usage: python main.py VERB [arguments], VERB --help for its arguments", "", *lines, ""])


def _fail(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return MISTAKE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

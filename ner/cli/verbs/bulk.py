"""Tag any number of files on all cores or GPUs of a machine or a Ray cluster."""

from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec

from jsonargparse import Namespace
from jsonargparse.typing import PositiveInt
from rich.console import Console

from ner.cli.messages import PlainParser
from ner.cli.parser import program
from ner.errors import InputError
from ner.formats import FORMATS, Format
from ner.formats.base import format_options
from ner.inference.backends import Precision
from ner.inference.min_scores import MinScore, check_min_score
from ner.io.extras import command
from ner.io.files import COMPRESSED

RESUME = "the same command resumes after what was tagged"
PACKAGES = ("ray", "pyarrow")
# Where an ending stands for more than one format.
USUAL = {
    ".json": "GutBrainIE",
    ".jsonl": "JsonLines",
    ".parquet": "Parquet",
    ".txt": "PubTator",
    ".xml": "PubMedXML",
}
DESCRIPTION = """Tag files of any number and size into a folder of Parquet files, one row a document. The same command
resumes a run that ended early, however it ended, and adds new input files. Inputs and output are paths or addresses,
such as s3://bucket/folder. It needs the extra `bulk`."""


def main(arguments: Sequence[str]) -> int:
    """Tag them, and print what was done.

    Returns:
        The exit code: 1 if documents are missing in the output.

    Raises:
        InputError: if an argument, the model, an input or the output cannot be used.
    """
    parser = _parser()
    chosen = parser.instantiate_classes(parser.parse_args(list(arguments)))
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise InputError(f"bulk needs {' and '.join(missing)}, the extra `bulk`: {command('bulk')}")
    return _run(chosen)


def _parser() -> PlainParser:
    parser = PlainParser(prog=f"{program()} bulk", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument(
        "--checkpoints", type=str, nargs="+", required=True, help="model: a run's folder, an export, or checkpoints"
    )
    parser.add_argument("--input", type=str, nargs="+", required=True, help="files, folders, or patterns with *")
    parser.add_argument("--format", type=Format | None, default=None, help="of the input (default: by its ending)")
    parser.add_argument(
        "--output", type=str, required=True, metavar="FOLDER", help="a new folder, or one to go on with"
    )
    parser.add_argument(
        "--address", type=str | None, default=None, help="of a Ray cluster, or auto (default: this machine alone)"
    )
    parser.add_argument(
        "--actors", type=PositiveInt | None, default=None, help="most taggers (default: a GPU or core each)"
    )
    parser.add_argument("--precision", type=Precision, default="auto", help="of the encoder")
    parser.add_argument("--batch_tokens", type=PositiveInt | None, default=None, help="most tokens in a batch")
    parser.add_argument("--min_score", type=MinScore, default="auto", help="least score of an entity")
    parser.add_argument("--dry_run", action="store_true", help="say what would be done, and do nothing")
    return parser


def _run(chosen: Namespace) -> int:
    from ner.integrations.ray.cluster import cluster  # noqa: PLC0415 - an extra, as the next ones
    from ner.integrations.ray.model import checkpoints  # noqa: PLC0415
    from ner.integrations.ray.run import Wanted, describe, run  # noqa: PLC0415
    from ner.integrations.ray.storage import absolute, find_inputs  # noqa: PLC0415

    check_min_score(chosen.min_score)
    source: Format = chosen.format or _usual_format(chosen.input)
    inputs = find_inputs(chosen.input, source.suffixes, is_deep=source.reads_subfolders)
    wanted = Wanted(
        checkpoints=checkpoints(chosen.checkpoints),
        inputs=inputs,
        source=source,
        output=absolute(chosen.output),
        address=chosen.address,
        actors=chosen.actors,
        precision=chosen.precision,
        batch_tokens=chosen.batch_tokens,
        min_score=chosen.min_score,
    )
    console, log = Console(soft_wrap=True, highlight=False, markup=False), Console(stderr=True)
    with format_options("format.{}".format), cluster(wanted.address):
        if chosen.dry_run:
            console.print("\n".join(describe(wanted)))
            return 0
        summary = run(wanted, log)
    console.print(
        f"{summary.documents:,} documents, {summary.errors:,} of them with an error, in {summary.files} files: "
        f"{chosen.output}"
    )
    if summary.documents_now:
        rate = f"{summary.documents_per_second:,.1f} documents/s, actors busy {summary.busy_share:.0%}"
        console.print(f"now {summary.documents_now:,} documents in {summary.seconds:,.0f} s, {rate}")
    for location, reason in summary.missing.items():
        console.print(f"missing: {location}: {reason}")
    return 1 if summary.missing else 0


def _usual_format(inputs: Sequence[str]) -> Format:
    """Return the format that the endings of files stand for.

    Raises:
        InputError: if they stand for none.
    """
    readable = [(suffix, name) for name, kind in FORMATS.items() if kind.can_read for suffix in kind.suffixes]
    shared = Counter(suffix for suffix, _ in readable)
    known = {suffix: name for suffix, name in readable if shared[suffix] == 1} | USUAL
    names = {
        name for text in inputs for suffix, name in known.items() if text.removesuffix(COMPRESSED).endswith(suffix)
    }
    if len(names) != 1:
        raise InputError(f"--input {inputs[0]}: its ending does not tell the format; name it with --format")
    return FORMATS[names.pop()]()

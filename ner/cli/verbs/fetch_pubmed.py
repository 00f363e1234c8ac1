"""Write titles and abstracts from PubMed for a query, in the layout of GutBrainIE's articles."""

import json
import os
import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ner.cli.parser import LightParser
from ner.corpora.gutbrainie.corpus import GutBrainIE
from ner.corpora.pubmed.client import BASE_URL, MOST_ARTICLES, EUtilities, Harvest, harvest
from ner.corpora.pubmed.resume import Partial
from ner.corpora.pubmed.xml import InlineTags, Sections, Style
from ner.errors import InputError
from ner.io.files import STANDARD, check_writable, write_text
from ner.metrics.submissions import read_content

DEFAULT_MAX = 500
RESUME = "the same command resumes after what was fetched"
KEY_VARIABLE = "NCBI_API_KEY"
DESCRIPTION = """\
Titles and abstracts from PubMed for a query, to be tagged or learned from.

The output has the layout of GutBrainIE's articles: PMID to title, author, journal, year and abstract. Articles
without an abstract and those of --exclude are left out. What is fetched is kept beside the output, in a file whose
name ends in .partial, until the output is written: after a crash, the same command goes on where it was. Large jobs
belong outside the working hours of the US East Coast.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the verb with the arguments that follow it, and return the exit code.

    Raises:
        InputError: if the arguments or files are not what they should be, nothing is found, or PubMed does not answer.
    """
    chosen = _parser().parse_args(list(arguments))
    query: str = chosen.query.strip()
    if not query:
        raise InputError("--query: is empty; give it words, as in --query 'gut-brain axis'")
    output: Path = chosen.output
    if output == STANDARD:
        raise InputError("--output -: what is fetched is kept beside the output; name a file")
    check_writable(output)
    style = Style(chosen.sections, chosen.inline_tags)
    files = _excluded_files(chosen.exclude)
    # The PMIDs are the keys of annotated documents, of articles and of submissions alike.
    excluded = {pmid.strip() for file in files for pmid in read_content(file)}
    partial = Partial(output.with_name(f"{output.name}.partial"), query, style)
    most: int = getattr(chosen, "max", DEFAULT_MAX)
    found = _fetch(chosen, partial, most, excluded)
    _write(found, output)
    partial.remove()
    sys.stdout.write("".join(f"{line}\n" for line in _summary(found, most, excluded, files, output)))
    return 0


def _fetch(chosen: Namespace, partial: Partial, most: int, excluded: Collection[str]) -> Harvest:
    """What PubMed has, with a progress bar that also says why it stands still."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("articles", total=most)

        def on_wait(reason: str) -> None:
            progress.update(task, description=reason)

        def on_progress(count: int) -> None:
            progress.update(task, description="articles", completed=count)

        api_key = chosen.api_key or os.environ.get(KEY_VARIABLE)
        server = EUtilities(chosen.email, api_key, chosen.base_url, on_wait)
        try:
            return harvest(server, partial, most, excluded, on_progress)
        except InputError as error:
            if not partial.articles:
                raise
            kept = f"what was fetched is kept in {partial.path}, and the same command goes on behind it"
            raise InputError(f"{error}; {kept}") from None


def _parser() -> LightParser:
    parser = LightParser(
        prog="fetch-pubmed",
        description=DESCRIPTION,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--query", required=True, help="in PubMed's syntax, as in '\"gut-brain axis\" AND 2020:2024[dp]'"
    )
    parser.add_argument("--email", required=True, help="yours, for the people of PubMed, should there be trouble")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="JSON file to write, whole or not")
    parser.add_number(
        "--max",
        "articles to write: fetching goes on past those that are left out, through the first "
        f"{MOST_ARTICLES} of a query, which is all that PubMed hands out",
        DEFAULT_MAX,
        1,
        MOST_ARTICLES,
    )
    parser.add_argument(
        "--exclude",
        type=Path,
        nargs="+",
        metavar="FILE_OR_FOLDER",
        help="JSON files, or folders of them at any depth, whose PMIDs are left out (default: train, dev and test of "
        "GutBrainIE, in $GUTBRAINIE_ROOT or else where it was downloaded to)",
    )
    parser.add_argument(
        "--sections",
        choices=get_args(Sections),
        default=Style().sections,
        help="joined (default): sections of an abstract behind each other without their labels, as in GutBrainIE; "
        "labelled: 'LABEL: text', each in a line of its own",
    )
    parser.add_argument(
        "--inline_tags",
        choices=get_args(InlineTags),
        default=Style().inline_tags,
        help="drop (default): the text in <i>, <sub> and the like without them; keep: with them, as in GutBrainIE",
    )
    parser.add_argument("--api_key", metavar="KEY", help=f"for 10 requests a second, not 3 (default: ${KEY_VARIABLE})")
    parser.add_argument("--base_url", default=BASE_URL, metavar="URL", help="address of the E-utilities")
    return parser


def _excluded_files(paths: Sequence[Path] | None) -> list[Path]:
    """The files whose PMIDs are left out: those named, else the known files of GutBrainIE.

    Raises:
        InputError: if a path is missing, or a folder has no JSON file.
    """
    if paths is None:
        return GutBrainIE(download=True).files()
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*.json") if file.is_file() and not file.name.startswith("."))
            if not inside:
                raise InputError(f"--exclude: no *.json file in {path}; name a file or a folder that has some")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"--exclude: no file or folder {path}; check the path")
    return files


def _write(found: Harvest, output: Path) -> None:
    fields = ("title", "author", "journal", "year", "abstract")
    records = {}
    for article in found.articles:
        record = asdict(article)
        records[article.pmid] = {field: record[field] for field in fields}
    write_text(json.dumps(records, ensure_ascii=False, indent=2) + "\n", output)


def _summary(found: Harvest, most: int, excluded: Collection[str], files: Sequence[Path], output: Path) -> list[str]:
    """What to tell at the end: what was searched, left out and written, and why it is less than wanted."""
    lines = [f"searched: {found.search.translation}"] if found.search.translation else []
    lines += [f"PubMed remarks: {'; '.join(found.search.remarks)}"] if found.search.remarks else []
    names = ", ".join(file.name for file in files[:8]) + (f" and {len(files) - 8} more" if len(files) > 8 else "")
    lines.append(
        f"to exclude: {len(excluded)} PMIDs of {names}"
        if files
        else "to exclude: nothing, not even GutBrainIE; name collections with --exclude, or set GUTBRAINIE_ROOT"
    )
    absent = f", not handed out {found.absent}" if found.absent else ""
    written = len(found.articles)
    lines.append(
        f"found {found.search.count}, fetched {found.fetched}, excluded {found.excluded}, "
        f"without abstract {found.without_abstract}{absent}, written {written} to {output}"
    )
    if written < most:
        why = (
            f"PubMed hands out the first {len(found.search.pmids)} only; split the query, say by year"
            if found.is_cut
            else "there are no more for this query"
        )
        lines.append(f"these are fewer than --max {most}: {why}")
    return lines

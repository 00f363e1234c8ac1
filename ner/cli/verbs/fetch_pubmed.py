"""Write titles and abstracts from PubMed for a query, in the layout of GutBrainIE's articles."""

import json
import os
import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ner.cli.parser import LightParser
from ner.corpora.gutbrainie.corpus import GutBrainIE
from ner.corpora.pubmed.client import BASE_URL, MOST_ARTICLES, EUtilities
from ner.corpora.pubmed.fetch import Harvest, harvest
from ner.corpora.pubmed.resume import FetchJournal
from ner.errors import InputError
from ner.formats._pubmed import InlineTags, Sections, Style
from ner.formats.base import is_there
from ner.io.files import STANDARD, check_writable, write_text
from ner.metrics.submissions import read_content

DEFAULT_MAX = 500
RESUME = "the same command resumes after what was fetched"
KEY_VARIABLE = "NCBI_API_KEY"
DESCRIPTION = """\
Fetch titles and abstracts from PubMed for a query, to tag them or to train on them.

The output has the layout of GutBrainIE's articles: PMID to title, author, journal, year and abstract. Articles
without an abstract and those of --exclude are left out. Until the output is written, articles are kept beside it in a
file that ends in .partial; after an interruption, run the same command again to resume. Run large jobs outside the
working hours of the US East Coast.
"""


def main(arguments: Sequence[str]) -> int:
    """Fetch the articles, write them, and return the exit code.

    Raises:
        InputError: if an argument or a file is wrong, nothing is found, or PubMed does not answer.
    """
    chosen = _parser().parse_args(list(arguments))
    query: str = chosen.query.strip()
    try:
        query.encode()
    except UnicodeEncodeError:
        raise InputError("--query: is not UTF-8; write it anew") from None
    if not query:
        raise InputError("--query: is empty; give it words, as in --query 'gut-brain axis'")
    output: Path = chosen.output
    if output == STANDARD:
        raise InputError("--output -: articles are kept beside the output while they are fetched; name a file")
    check_writable(output)
    style = Style(chosen.sections, chosen.inline_tags)
    files = _excluded_files(chosen.exclude)
    # The PMIDs are the keys of annotated documents, of articles and of submissions alike.
    excluded = {pmid for file in files for pmid in _pmids(file)}
    most: int = getattr(chosen, "max", DEFAULT_MAX)
    with FetchJournal(output.with_name(f"{output.name}.partial"), query, style) as journal:
        found = _fetch(chosen, journal, most, excluded)
        _write(found, output)
        journal.remove()
    sys.stdout.write("".join(f"{line}\n" for line in _summary(found, most, excluded, files, output)))
    return 0


def _fetch(chosen: Namespace, journal: FetchJournal, most: int, excluded: Collection[str]) -> Harvest:
    """Fetch with a progress bar on a terminal, and with the reason of each wait there or as a line."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("articles", total=most)

        def on_wait(reason: str) -> None:
            progress.update(task, description=reason)
            if not console.is_terminal:
                console.print(reason, markup=False, highlight=False, soft_wrap=True)

        def on_progress(count: int) -> None:
            progress.update(task, description="articles", completed=count)

        api_key = chosen.api_key or os.environ.get(KEY_VARIABLE)
        server = EUtilities(chosen.email, api_key, chosen.base_url, on_wait)
        try:
            return harvest(server, journal, most, excluded, on_progress)
        except InputError as error:
            if not journal.articles:
                raise
            kept = f"the articles so far are kept in {journal.path}; run the same command again to resume"
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
    parser.add_argument("--email", required=True, help="your address; PubMed writes to it before it blocks a user")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="JSON file to write")
    parser.add_number(
        "--max",
        "articles to write; fetching goes on past those that are left out, through the first "
        f"{MOST_ARTICLES} of a query, as PubMed returns no more",
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
        "GutBrainIE, in $GUTBRAINIE_ROOT or else in the download cache)",
    )
    parser.add_argument(
        "--sections",
        choices=get_args(Sections),
        default=Style().sections,
        help="joined (default): sections of an abstract in one line without their labels, as in GutBrainIE; "
        "labelled: 'LABEL: text', each on a line of its own",
    )
    parser.add_argument(
        "--inline_tags",
        choices=get_args(InlineTags),
        default=Style().inline_tags,
        help="drop (default): remove <i>, <sub> and the like around their text; keep: leave them in, as in GutBrainIE",
    )
    parser.add_argument("--api_key", metavar="KEY", help=f"for 10 requests a second, not 3 (default: ${KEY_VARIABLE})")
    parser.add_argument("--base_url", default=BASE_URL, metavar="URL", help="address of the E-utilities")
    return parser


def _excluded_files(paths: Sequence[Path] | None) -> list[Path]:
    """Return the files whose PMIDs are left out: the named ones, else those of GutBrainIE.

    Raises:
        InputError: if a path is missing, or a folder has no JSON file.
    """
    if paths is None:
        return GutBrainIE(download=True).files()
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(
                file
                for file in path.rglob("*.json*")
                if file.name.endswith((".json", ".json.gz")) and not file.name.startswith(".") and is_there(file)
            )
            if not inside:
                raise InputError(f"--exclude: no *.json file in {path}; name a file or a folder that has some")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"--exclude: no file or folder {path}; check the path")
    return files


def _pmids(file: Path) -> Iterator[str]:
    for key in read_content(file):
        if not key.strip().isdecimal():
            fix = "name files in GutBrainIE's layout, whose keys are PMIDs"
            raise InputError(f"--exclude: {file}: {key!r:.60} is no PMID; {fix}")
        yield key.strip()


def _write(found: Harvest, output: Path) -> None:
    fields = ("title", "author", "journal", "year", "abstract")
    records = {}
    for article in found.articles:
        record = asdict(article)
        records[article.pmid] = {field: record[field] for field in fields}
    write_text(json.dumps(records, ensure_ascii=False, indent=2) + "\n", output)


def _summary(found: Harvest, most: int, excluded: Collection[str], files: Sequence[Path], output: Path) -> list[str]:
    """Report the query, what was left out and written, and the reason if it is less than wanted."""
    lines = [f"searched: {found.search.translation}"] if found.search.translation else []
    lines += [f"PubMed remarks: {'; '.join(found.search.remarks)}"] if found.search.remarks else []
    names = ", ".join(file.name for file in files[:8]) + (f" and {len(files) - 8} more" if len(files) > 8 else "")
    lines.append(
        f"to exclude: {len(excluded)} PMIDs of {names}"
        if files
        else "to exclude: nothing, not even GutBrainIE; name collections with --exclude, or set GUTBRAINIE_ROOT"
    )
    absent = f", not returned {found.absent}" if found.absent else ""
    written = len(found.articles)
    lines.append(
        f"found {found.search.count}, fetched {found.fetched}, excluded {found.excluded}, "
        f"without abstract {found.without_abstract}{absent}, written {written} to {output}"
    )
    if written < most:
        why = (
            f"PubMed returns the first {len(found.search.pmids)} only; split the query, say by year"
            if found.is_cut
            else "there are no more for this query"
        )
        lines.append(f"these are fewer than --max {most}: {why}")
    return lines

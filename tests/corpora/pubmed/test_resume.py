"""The journal of a fetch: what it takes over, and what it refuses."""

from pathlib import Path

import pytest

from ner.corpora.pubmed.resume import FetchJournal
from ner.errors import InputError
from ner.formats._pubmed import Style
from tests.corpora.pubmed.eutilities import QUERY, EUtilitiesServer, article_xml, pmids, run


def test_a_line_cut_off_by_a_crash_is_fetched_again(server: EUtilitiesServer, tmp_path: Path) -> None:
    run(server, tmp_path, 30)
    path = tmp_path / "out.partial"
    path.write_bytes(path.read_bytes()[:-5])
    server.served.clear()
    assert pmids(run(server, tmp_path, 30)) == list(range(1000, 1030))
    assert server.served[0] == "1029"
    assert len(path.read_text(encoding="utf-8").splitlines()) == 1 + 29 + len(server.served)


@pytest.mark.parametrize("length", [0, 5])
def test_a_partial_file_cut_off_in_its_first_line_is_started_over(
    server: EUtilitiesServer, tmp_path: Path, length: int
) -> None:
    run(server, tmp_path)
    path = tmp_path / "out.partial"
    path.write_bytes(path.read_bytes()[:length])
    assert pmids(run(server, tmp_path)) == list(range(1000, 1005))


@pytest.mark.parametrize(
    ("query", "style"), [("another", Style()), (QUERY, Style(sections="labelled")), (QUERY, Style(inline_tags="keep"))]
)
def test_what_was_fetched_for_another_query_or_style_is_refused(
    server: EUtilitiesServer, tmp_path: Path, query: str, style: Style
) -> None:
    run(server, tmp_path)
    with pytest.raises(InputError, match=r"out\.partial: holds what was fetched for the query 'gut-brain axis' \(sec"):
        run(server, tmp_path, query=query, style=style)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a file\nof somebody\n", "not the journal of an interrupted run; delete it to start over"),
        ("no line", "not the journal of an interrupted run"),
        ("HEADER{]\n", "line 2 is damaged"),
        ('HEADER{"pmid": "1"}\n', "line 2 is damaged"),
        ('HEADER{"absent": 1}\n', "line 2 is damaged"),
    ],
)
def test_a_damaged_or_foreign_partial_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "out.partial"
    with FetchJournal(path, QUERY, Style()) as journal:
        journal.add([], ["1"])
    header = path.read_text(encoding="utf-8").splitlines(keepends=True)[0]
    path.write_text(content.replace("HEADER", header), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        FetchJournal(path, QUERY, Style())


def test_a_text_with_line_separators_survives_the_partial_file(tmp_path: Path, server: EUtilitiesServer) -> None:
    server.articles["1000"] = article_xml("1000", abstract="<AbstractText>a\u2028b\u0085c</AbstractText>")
    run(server, tmp_path, 1)
    assert run(server, tmp_path, 1).articles[0].abstract == "a\u2028b\u0085c"

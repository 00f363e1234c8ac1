"""The page in a browser: what a click, a key, a filter and a link do, and what a hostile text cannot do."""

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from ner.cli.verbs.report import main
from ner.documents import Document, Passage, Span
from ner.formats import JsonLines
from tests.browser import Watched, serious_violations

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra `test`)")
expect, Page = sync_api.expect, sync_api.Page

HOSTILE = (
    "<script>alert(1)</script></script><!--<script>",
    "\"'`><img src=http://localhost/x onerror=alert(1)>",
    "{{ 7*7 }} {% raw %} \u202egnp.exe\u2066 \x00\x1b[31m\u2028",
    "javascript:alert(1)//&lt;b&gt;&amp; </style><style>*{display:none}",
)


def counted(page: Page) -> str:
    return str(page.locator("#count").inner_text())


def listed(page: Page) -> list[str]:
    """Return the entities that are listed below the documents, in their order."""
    page.locator("#documents").scroll_into_view_if_needed()
    expect(page.locator("article:empty")).to_have_count(0)
    return [" ".join(text.split()) for text in page.locator(".pairs a").all_inner_texts()]


def heading(page: Page) -> list[str]:
    listed(page)
    return page.locator("article h3 bdi").all_inner_texts()


ALL = ["A incorrect type CH → DR Butyrate", "A missing AN mice", "A missing AL gut", "A spurious MI microbiota of"]


def test_the_page_shows_scores_and_the_worst_documents_first(page: Page) -> None:
    assert page.locator(".figure .large").all_inner_texts() == ["0.6667", "0.4000"]
    assert counted(page) == "3 of 3 documents, 4 errors"
    assert heading(page) == ["one", "two", "three"]
    assert listed(page) == ALL


@pytest.mark.parametrize(
    ("button", "expected"),
    [
        ("[data-kind=missing]", [ALL[1], ALL[2]]),
        ("[data-kind=correct]", ["A correct GE TNF", "A correct MI gut microbiota", "A correct GE TNF"]),
        (".matrix button[data-tip='chemical → drug: 1']", [ALL[0]]),
        (".matrix button[data-tip='spurious → microbiome: 1']", [ALL[3]]),
        (".matrix button[data-tip='animal → missing: 1']", [ALL[1]]),
        (".matrix button[data-tip^='gene → gene: 2']", ["A correct GE TNF", "A correct GE TNF"]),
        ("[data-mention]:has(bdi:text-is('gut'))", [ALL[2]]),
        (".plain [data-predicted]", [ALL[0]]),
        ("[data-compare=a-alone]", [ALL[0], ALL[1], ALL[3]]),
        ("[data-compare=b-alone]", ["B partial MI gut microbiota"]),
        ("[data-compare=differ]", [ALL[0], ALL[1], ALL[3], "B partial MI gut microbiota"]),
        (".legend [data-type]:has-text('animal')", [ALL[1]]),
    ],
)
def test_a_click_leaves_the_entities_that_it_names(page: Page, button: str, expected: list[str]) -> None:
    page.locator(button).first.click()
    assert sorted(listed(page)) == sorted(expected)
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#count")).to_have_text("3 of 3 documents, 4 errors")


def test_filters_narrow_what_is_listed(page: Page) -> None:
    page.get_by_label("Text", exact=True).fill("SCRIPT")
    expect(page.locator("#count")).to_have_text("1 of 3 documents, 0 errors")
    page.get_by_label("Text", exact=True).fill("")
    page.get_by_label("lowest score").fill("0.2")
    page.get_by_label("highest score").fill("0.5")
    expect(page.locator("#count")).to_have_text("1 of 3 documents, 1 error")
    assert listed(page) == [ALL[3]]
    page.get_by_role("button", name="Reset").click()
    page.get_by_label("spurious", exact=True).uncheck()
    page.locator("select[name=type]").select_option("microbiome")
    expect(page.locator("#count")).to_have_text("0 of 3 documents, 0 errors")
    page.get_by_label("correct", exact=True).check()
    expect(page.locator("#count")).to_have_text("1 of 3 documents, 1 entity")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("as in the file", ["three", "one", "two"]),
        ("lowest F1 first", ["one", "two", "three"]),
        ("largest difference first", ["one", "two", "three"]),
    ],
)
def test_documents_have_the_order_that_is_chosen(page: Page, order: str, expected: list[str]) -> None:
    page.locator("select[name=order]").select_option(order)
    page.locator("#documents").scroll_into_view_if_needed()
    expect(page.locator("article h3 bdi")).to_have_text(expected)


def test_keys_go_from_error_to_error_and_back(page: Page) -> None:
    for expected in ALL:
        page.keyboard.press("n")
        expect(page.locator(".pairs a.current")).to_have_text(re.compile(re.escape(expected.split()[-1])))
    expect(page.locator("#place")).to_have_text("4 of 4")
    page.keyboard.press("n")
    expect(page.locator("#place")).to_have_text("4 of 4")
    page.keyboard.press("p")
    expect(page.locator("#place")).to_have_text("3 of 4")
    assert page.locator(".part.current").first.is_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#place")).to_have_text("4 of 4")
    page.get_by_label("Text", exact=True).press_sequentially("np")
    expect(page.locator("#count")).to_have_text("0 of 3 documents, 0 errors")


def test_everything_is_reached_and_done_without_a_mouse(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.locator(".skip:focus")).to_be_in_viewport()
    seen = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("Object.keys(document.activeElement.dataset)[0] ?? document.activeElement.localName"))
    assert {"kind", "gold", "mention", "compare", "type", "a", "input", "select"} <= seen
    page.locator(".matrix button[data-tip='chemical → drug: 1']").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("1 of 3 documents, 1 error")
    page.keyboard.press("n")
    expect(page.locator(".pairs a:focus")).to_have_text(re.compile("Butyrate"))
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#tip")).to_contain_text("score 0.900")
    page.keyboard.press("Escape")
    expect(page.locator("#tip")).to_be_hidden()
    chip = page.get_by_role("button", name="chemical → drug")
    chip.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("3 of 3 documents, 4 errors")


def test_a_link_leads_to_its_error_whatever_is_filtered(watched: Watched, report: Path) -> None:
    page = watched.open(report)
    page.keyboard.press("p")
    link = page.evaluate("location.hash")
    assert link.startswith("#document=two&error=")
    other = watched.open(report, link)
    expect(other.locator(".pairs a.current")).to_have_text(re.compile("microbiota of"))
    other.locator("[data-kind=type]").click()
    other.evaluate(f"location.hash = {json.dumps(link)} + '&again'")
    expect(other.locator(".pairs a.current")).to_have_text(re.compile("microbiota of"))
    other.evaluate("location.hash = '#document=three'")
    expect(other.locator("article h3 a:focus")).to_have_text("three")


def test_bands_lie_over_the_characters_of_their_entities(page: Page) -> None:
    listed(page)
    [first, second] = (page.locator("article", has_text=text) for text in ("Butyrate lowers", "gut microbiota"))
    parts = "(each) => [each.firstChild.data, ...[...each.querySelectorAll('.code')].map((code) => code.dataset.code)]"
    assert first.locator(".part").evaluate_all(f"(all) => all.map({parts})") == [
        ["Butyrate", "CH", "DR", "CH"],
        ["TNF", "GE", "GE", "GE"],
        ["mice", "AN", "AN"],
    ]
    assert second.locator(".part").evaluate_all(f"(all) => all.map({parts})") == [
        ["gut", "MI", "AL", "MI"],
        [" "],
        ["microbiota", "MI", "MI"],
        [" of"],
    ]
    tops = second.locator(".part").first.locator(".code").evaluate_all("(all) => all.map((each) => each.style.top)")
    assert len(set(tops)) == 3


def test_pointing_at_an_entity_shows_its_score(page: Page) -> None:
    listed(page)
    page.locator(".part", has_text="Butyrate").first.hover()
    expect(page.locator("#tip")).to_have_text(
        re.compile(r"gold: chemical “Butyrate”\s+predicted: drug “Butyrate”, score 0\.900")
    )
    page.locator("#scores .strip").last.hover()
    expect(page.locator("#tip")).to_contain_text("threshold 0.95: precision 1")
    page.locator("#training .strip").first.hover()
    expect(page.locator("#tip")).to_contain_text("step 9: seed 11 2.5")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: "sync_api.Browser", report: Path, scheme: str) -> None:
    # The page's policy runs no script but its own; the browser has to be told not to keep to it.
    watched = Watched(browser, color_scheme=scheme, bypass_csp=True)
    page = watched.open(report)
    listed(page)
    page.keyboard.press("n")
    assert serious_violations(page) == []
    assert watched.seen == []
    watched.context.close()


def test_nothing_overflows_a_phone_and_paper_has_the_documents(browser: "sync_api.Browser", report: Path) -> None:
    watched = Watched(browser, viewport={"width": 360, "height": 700})
    page = watched.open(report)
    listed(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.evaluate("window.scrollTo(0, 0)")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("article h3").count() == 3
    page.emulate_media(media="print")
    assert not page.locator("#filters").is_visible()
    assert page.locator("article h3").last.is_visible()
    assert watched.seen == []
    watched.context.close()


def test_hostile_texts_run_nothing(watched: Watched, tmp_path: Path) -> None:
    documents = [
        Document(f"{text} {number}", (Passage(text, section=text, spans=(Span(0, 9, text), Span(3, 12, text[::-1]))),))
        for number, text in enumerate(HOSTILE)
    ]
    found = [
        Document(each.id, (Passage(each.passages[0].text, each.passages[0].section, (Span(2, 7, "x", 0.5),)),))
        for each in documents
    ]
    for name, side in (("gold", documents), ("found", found)):
        JsonLines().write(side, tmp_path / f"{name}.jsonl")
    folder = tmp_path / "<img src=x onerror=alert(1)>"
    folder.mkdir()
    (tmp_path / "found.jsonl").rename(folder / "found.jsonl")
    page_path = tmp_path / "report.html"
    files = ["--gold", str(tmp_path / "gold.jsonl"), "--predictions", str(folder / "found.jsonl")]
    assert main([*files, "--format", "JsonLines", "--resamples", "20", "--output", str(page_path)]) == 0
    page = watched.open(page_path)
    assert heading(page)
    for button in page.locator("#errors button").all()[:12]:
        button.click()
    page.get_by_role("button", name="Reset").click()
    page.keyboard.press("n")
    link = page.evaluate("location.hash")
    assert watched.open(page_path, link).locator(".current").count()
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 3
    texts = page.locator("article").all_inner_texts()
    assert not any(control in text for text in texts for control in "\u202e\u2066\x1b")
    assert any("<script>alert(1)</script>" in text for text in texts)
    watched.open(page_path, f"#document={quote('<img src=x onerror=alert(1)>')}&error=__proto__")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on 10,000 documents of 1,650 characters with 8 entities each."""
    folder = tmp_path_factory.mktemp("large")
    words = "Butyrate from the gut microbiota lowers TNF and interleukin six in mice with colitis. " * 19
    starts = [found.start() for found in re.finditer("TNF|Butyrate|mice|gut", words)][:8]
    spans = tuple(Span(start, start + 3, "gene" if start % 2 else "chemical") for start in starts)
    scored = tuple(Span(span.start, span.end, span.label, 0.5) for span in spans[1:])

    def written(name: str, own: tuple[Span, ...]) -> str:
        path = folder / f"{name}.jsonl"
        JsonLines().write((Document(str(number), (Passage(words, "abstract", own),)) for number in range(10_000)), path)
        return str(path)

    arguments = ["--gold", written("gold", spans), "--predictions", written("found", scored)]
    path = folder / "report.html"
    assert main([*arguments, "--format", "JsonLines", "--resamples", "5", "--output", str(path)]) == 0
    return path


def processor_time(session: "sync_api.CDPSession") -> float:
    """The seconds that the process of a page has computed, on all its threads; others on the machine add nothing."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "ProcessTime"))


def test_ten_thousand_documents_open_in_two_seconds_and_scroll(watched: Watched, large: Path) -> None:
    assert large.stat().st_size < 60e6
    page = watched.page
    session = watched.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.goto(large.as_uri())
    expect(page.locator("#count")).to_have_text("10,000 of 10,000 documents, 10,000 errors")
    assert processor_time(session) < 2
    page.evaluate("document.querySelectorAll('article')[7000].scrollIntoView()")
    expect(page.locator("article").nth(7000).locator("h3")).to_be_visible()
    before = processor_time(session)
    blanks = page.evaluate("""async () => {
      let blanks = 0;
      for (let step = 0; step < 60; step++) {
        scrollBy(0, 200);
        await new Promise(requestAnimationFrame);
        const article = document.elementFromPoint(300, innerHeight - 60)?.closest("article");
        blanks += article !== null && article.firstChild === null;
      }
      return blanks;
    }""")
    assert blanks == 0
    assert processor_time(session) - before < 60 * 0.1
    assert page.locator("article h3").count() < 100
    page.get_by_label("Text", exact=True).fill("no such text")
    expect(page.locator("#count")).to_have_text("0 of 10,000 documents, 0 errors")
    page.get_by_label("Text", exact=True).fill("")
    page.get_by_label("lowest score").fill("0.6")
    expect(page.locator("#count")).to_have_text("0 of 10,000 documents, 0 errors")
    page.get_by_label("lowest score").fill("0.5")
    page.get_by_label("correct", exact=True).check()
    expect(page.locator("#count")).to_have_text("10,000 of 10,000 documents, 70,000 entities")


def test_a_link_to_the_last_of_ten_thousand_documents_leads_there(watched: Watched, large: Path) -> None:
    page = watched.open(large, "#document=9999")
    expect(page.locator("h3 a:focus")).to_be_in_viewport()
    page.keyboard.press("p")
    expect(page.locator("#place")).to_have_text("10,000 of 10,000")
    link = page.evaluate("location.hash")
    assert link.startswith("#document=9999&error=")
    page = watched.open(large, link)
    expect(page.locator(".part.current").first).to_be_in_viewport()
    page.keyboard.press("p")
    expect(page.locator("#place")).to_have_text("9,999 of 10,000")
    expect(page.locator(".part.current").first).to_be_in_viewport()

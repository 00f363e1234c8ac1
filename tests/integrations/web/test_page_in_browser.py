"""The page of `serve`, used as people use it: a real service, with the tagger of the quickstart."""

import json
import re
import socket
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from ner.documents import Document
from ner.formats import BioCJSON, BioCXML, JsonLines, PubTator
from ner.formats.base import Format
from ner.inference.tagger import Tagger
from tests.browser import Watched, serious_violations
from tests.serving import Process, in_thread

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra `test`)")
expect, Page = sync_api.expect, sync_api.Page
pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

if TYPE_CHECKING:
    from ner.integrations.web.model import ServedModel

CHECKPOINT = Path("checkpoints/quickstart/seed=42/best.ckpt")
LIMITS = ["--waiting", "1", "--characters", "2000", "--body_bytes", "100000"]
HOSTILE = (
    "<script>alert(1)</script> kimchi \"'`><img src=http://localhost/x onerror=alert(1)> {{ 7*7 }} mice "
    "\u202egnp.exe\u2066 javascript:alert(1) 🐁 </textarea></style><style>*{display:none}</style> Lactobacillus"
)


@pytest.fixture(scope="module")
def address(quickstart: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address that `ner serve` prints, which works on one request at a time, on small ones."""
    options = ["--checkpoints", str(quickstart / CHECKPOINT), *LIMITS]
    with Process(options, tmp_path_factory.mktemp("serve")) as process:
        yield re.findall(r"Open (http://[\d.]+:\d+) in a browser", process.errors)[0]


@pytest.fixture
def watched(browser: "sync_api.Browser", address: str) -> Iterator[Watched]:
    """A page of the service, which asks nobody else for anything."""
    watched = Watched(browser, address, accept_downloads=True, permissions=["clipboard-read", "clipboard-write"])
    yield watched
    # The browser itself notes requests that were refused.
    assert [text for text in watched.seen if "Failed to load resource" not in text] == []
    watched.context.close()


@pytest.fixture
def page(watched: Watched, address: str) -> Page:
    """The page, opened."""
    watched.page.goto(address)
    return watched.page


def shown(page: Page) -> list[tuple[str, str, float]]:
    """Return mention, label and score of the entities that are marked."""
    read = "(all) => all.map((each) => [each.firstChild.data, ...each.title.split(', score ')])"
    return [(text, label, float(score)) for text, label, score in page.locator("mark").evaluate_all(read)]


def tag(page: Page, text: str) -> None:
    page.get_by_label("Text of an article").fill(text)
    page.get_by_role("button", name="Find entities").click()
    expect(page.get_by_role("status")).to_have_text(re.compile("found in 1 document"))


def downloaded(page: Page, name: str) -> bytes:
    page.get_by_label("Save what is shown as").select_option(name)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    expect(page.get_by_role("status")).to_have_text("Downloaded.")
    return Path(waiting.value.path()).read_bytes()


def entities_of(documents: list[Document]) -> list[tuple[str, str]]:
    return [
        (passage.mention(span), span.label)
        for document in documents
        for passage in document.passages
        for span in sorted(passage.spans)
    ]


def read(kind: type[Format], content: bytes, folder: Path) -> list[Document]:
    path = folder / "downloaded"
    path.write_bytes(content)
    return list(kind().read(path))


def test_a_newcomer_gets_to_a_file_with_two_clicks(page: Page, quickstart: Path) -> None:
    page.locator("[data-example]").first.click()
    expect(page.locator("mark").first).to_be_visible()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    assert waiting.value.suggested_filename == "entities.jsonl"
    record = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))
    spans = [
        (passage["text"][span["start"] : span["end"]], span["label"], round(span["score"], 2))
        for passage in record["passages"]
        for span in passage["spans"]
    ]
    assert spans == shown(page)
    [document] = JsonLines().read(Path(waiting.value.path()))
    expected = list(Tagger.load(quickstart / CHECKPOINT).tag(document))
    assert [(each.text, each.label) for each in expected] == [span[:2] for span in spans]
    assert len(spans) > 3


def test_what_is_shown_is_what_is_downloaded_in_every_format(page: Page, tmp_path: Path) -> None:
    page.locator("[data-example]").first.click()
    expect(page.locator("mark").first).to_be_visible()
    everything = shown(page)
    least = sorted(score for _, _, score in everything)[2] + 0.01
    page.get_by_label("Score of at least").fill(f"{least:.2f}")
    above = shown(page)
    assert 0 < len(above) < len(everything)
    page.get_by_role("button", name=above[0][1]).click()
    kept = [each[:2] for each in shown(page)]
    assert 0 < len(kept) < len(above)
    expect(page.locator("#count")).to_have_text(f"{len(kept)} of {len(everything)} entities shown")
    for kind in (JsonLines, PubTator, BioCXML, BioCJSON):
        assert entities_of(read(kind, downloaded(page, kind.__name__), tmp_path)) == kept
    archive = ZipFile(BytesIO(downloaded(page, "Brat")))
    [annotation] = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".ann")]
    assert sorted(line.split("\t")[2] for line in annotation.splitlines()) == sorted(text for text, _ in kept)
    expect(page.get_by_role("button", name="Copy")).to_be_disabled()
    page.get_by_label("Save what is shown as").select_option("PubTator")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()").encode() == downloaded(page, "PubTator")


def test_types_are_switched_off_and_on(page: Page) -> None:
    page.locator("[data-example]").first.click()
    expect(page.locator("mark").first).to_be_visible()
    everything = shown(page)
    button = page.locator("#types button:visible").first
    label, count = button.locator("bdi").inner_text(), int(button.locator("small").inner_text())
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert shown(page) == [each for each in everything if each[1] != label]
    assert len(shown(page)) == len(everything) - count
    page.get_by_role("button", name="None", exact=True).click()
    assert shown(page) == []
    page.get_by_role("button", name="All", exact=True).click()
    assert shown(page) == everything


def test_offsets_are_those_of_code_points(page: Page) -> None:
    tag(page, "🐁𝛼 Kimchi lowers cortisol in mice 🐁")
    assert all(text in "🐁𝛼 Kimchi lowers cortisol in mice 🐁" for text, _, _ in shown(page))
    assert {"cortisol", "mice"} <= {text for text, _, _ in shown(page)}


def test_title_and_abstract_are_read_separately_and_line_breaks_as_spaces(page: Page, tmp_path: Path) -> None:
    tag(page, "Kimchi in\nolder adults\n\nOlder adults ate kimchi.\nCortisol\tfell.\n")
    [document] = read(JsonLines, downloaded(page, "JsonLines"), tmp_path)
    assert [(each.section, each.text) for each in document.passages] == [
        ("title", "Kimchi in older adults"),
        ("abstract", "Older adults ate kimchi. Cortisol fell."),
    ]


def drop(page: Page, **files: str) -> None:
    """Drop files on the page, with two underscores for the point in a name."""
    named = {name.replace("__", "."): text for name, text in files.items()}
    transfer = page.evaluate_handle(
        """(files) => {
          const transfer = new DataTransfer();
          for (const [name, text] of Object.entries(files)) transfer.items.add(new File([text], name));
          return transfer;
        }""",
        named,
    )
    expect(page.locator("body")).not_to_have_attribute("aria-busy", "true")
    page.dispatch_event("body", "dragover", {"dataTransfer": transfer})
    expect(page.locator("#drop")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    expect(page.locator("#drop")).to_be_hidden()


PUBTATOR = "7|t|Kimchi lowers cortisol\n7|a|Older adults ate kimchi.\n\n8|t|Lactobacillus in mice\n8|a|Mice ate oats.\n"


def test_files_that_are_dropped_are_tagged(page: Page, tmp_path: Path) -> None:
    drop(page, two__txt=PUBTATOR, one__jsonl='{"id": "7", "passages": [{"text": "Mice ate kimchi."}]}\n', x__pdf="%PDF")
    expect(page.get_by_role("status")).to_have_text(re.compile("found in 3 documents"))
    expect(page.get_by_role("alert")).to_contain_text("x.pdf: Files of this kind cannot be read. Save it as plain text")
    assert page.locator("article h3").all_inner_texts() == ["7", "8", "7-2"]
    found = read(JsonLines, downloaded(page, "JsonLines"), tmp_path)
    assert [document.id for document in found] == ["7", "8", "7-2"]
    assert entities_of(found) == [each[:2] for each in shown(page)]


def test_what_cannot_be_saved_at_once_is_told_before_it_is_sent(page: Page) -> None:
    text = ("kimchi and " * 150).strip() + "\n"
    drop(page, **{f"file{number}__txt": 50 * text for number in range(5)})
    expect(page.get_by_role("status")).to_have_text(re.compile("found in 250 documents"), timeout=60_000)
    page.get_by_role("button", name="Download").click()
    expect(page.get_by_role("alert")).to_contain_text("These documents are too many to save at once: 250 texts of ")
    expect(page.get_by_role("alert")).to_contain_text(", and 4,000 of 0.4 MB are the most.")
    expect(page.get_by_role("alert")).to_contain_text("Choose fewer files, or use `ner predict`.")


def test_files_are_chosen_by_a_button(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "articles.txt"
    path.write_text(PUBTATOR, encoding="utf-8")
    with page.expect_file_chooser() as waiting:
        page.get_by_role("button", name="Choose files").click()
    waiting.value.set_files(path)
    expect(page.get_by_role("status")).to_have_text(re.compile("found in 2 documents"))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"broken__json": "{"}, "broken.json: Cannot be read as"),
        ({"photo__png": "x"}, "photo.png: Files of this kind cannot be read."),
        ({"large__txt": "a " * 60_000}, "large.txt: It is too large: it has 0.1 MB, and 0.1 MB are the most."),
        ({"long__txt": "kimchi " * 300}, "2,100 characters; split it into parts of 2,000 at most"),
        ({"empty__jsonl": ""}, "no document in it"),
    ],
)
def test_a_file_that_cannot_be_tagged_is_answered_kindly(page: Page, files: dict[str, str], message: str) -> None:
    drop(page, **files)
    expect(page.get_by_role("alert")).to_contain_text(message)
    expect(page.locator("#results")).to_be_hidden()


def test_texts_that_are_empty_or_too_long_are_answered_kindly(page: Page) -> None:
    page.get_by_role("button", name="Find entities").click()
    expect(page.get_by_role("alert")).to_have_text("There is no text yet: paste one, or choose an example.")
    page.get_by_label("Text of an article").fill("kimchi " * 300)
    expect(page.locator("#length")).to_have_text("2,100 of 2,000 characters")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("The text is too long: it has 2,099 characters, and 2,000")
    page.get_by_label("Text of an article").fill("kimchi")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status")).to_have_text(re.compile("found in 1 document"))
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_busy_service_is_asked_again(page: Page, address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as other:
        # A request whose body does not come takes the only place.
        head = (
            f"POST /tag HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        )
        other.sendall(head.encode())
        page.locator("[data-example]").first.click()
        expect(page.get_by_role("status")).to_have_text(re.compile("busy; trying again in "))
        other.sendall(b'{"a": 12}')
    expect(page.get_by_role("status")).to_have_text(re.compile("found in 1 document"))


def test_a_token_is_asked_for_and_a_service_that_is_gone_is_told(
    browser: "sync_api.Browser", served: "ServedModel"
) -> None:
    token = "a token of the tests"
    with in_thread(served, token=token) as port:
        page = Watched(browser).page
        page.goto(f"http://127.0.0.1:{port}")
        page.locator("[data-example]").first.click()
        expect(page.get_by_role("alert")).to_contain_text("needs an access token")
        page.get_by_label("Access token").fill("a tok\u00e9n\u2019s")
        page.locator("[data-example]").first.click()
        expect(page.get_by_role("alert")).to_contain_text("The access token has a character that no token has")
        page.get_by_label("Access token").fill(token)
        page.locator("[data-example]").first.click()
        expect(page.get_by_role("status")).to_have_text(re.compile("found in 1 document"))
        marked = shown(page)
    page.get_by_role("button", name="Find entities").click()
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer.")
    page.get_by_role("button", name="Download").click()
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer.")
    assert shown(page) == marked
    page.context.close()


def test_hostile_texts_run_nothing(page: Page) -> None:
    tag(page, HOSTILE)
    page.get_by_role("button", name="None", exact=True).click()
    page.locator("article").scroll_into_view_if_needed()
    text = page.locator("article").inner_text()
    assert "<script>alert(1)</script>" in text
    assert not set("\u202e\u2066") & set(text)
    drop(page, **{"<img src=x onerror=alert(1)>__pdf": "x", "<b>__txt": f"{HOSTILE}\n"})
    expect(page.get_by_role("status")).to_have_text(re.compile("found in 1 document"))
    expect(page.get_by_role("alert")).to_contain_text("<img src=x onerror=alert(1)>.pdf: ")
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2


def test_all_of_it_is_done_by_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Text of an article")).to_be_focused()
    page.keyboard.type("Kimchi lowers cortisol in mice")
    page.keyboard.press("Control+Enter")
    expect(page.locator("mark").first).to_be_visible()
    before = len(shown(page))
    reached: list[str] = []
    while "copy" not in reached:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || Object.keys(document.activeElement.dataset)[0]"))
        assert len(reached) < 60
        if reached[-1] == "threshold":
            page.keyboard.press("End")
            expect(page.locator("#least")).to_have_text("1.00")
            page.keyboard.press("Home")
    expected = {"example", "tag", "choose", "threshold", "label", "all", "none", "format", "download", "copy"}
    assert expected <= set(reached)
    assert len(shown(page)) == before
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Copied.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_nothing_overflows_a_phone(
    browser: "sync_api.Browser", address: str, scheme: str
) -> None:
    # The page's policy runs no script but its own; the browser has to be told not to keep to it.
    watched = Watched(browser, address, color_scheme=scheme, bypass_csp=True, viewport={"width": 360, "height": 700})
    page = watched.page
    page.goto(address)
    page.locator("[data-example]").first.click()
    expect(page.locator("mark").first).to_be_visible()
    page.locator("#types button:visible").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert serious_violations(page) == []
    assert watched.seen == []
    watched.context.close()

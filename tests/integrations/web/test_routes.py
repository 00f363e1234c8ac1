"""The routes of the service, asked over a socket."""

import json
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from main import main
from ner import Tagger
from ner.formats.jsonl import JsonLines
from ner.integrations.web.model import ServedModel, load_model
from ner.integrations.web.page import docs_page
from tests.serving import REPOSITORY, Client

DEV = REPOSITORY / "ner" / "corpora" / "sample_data" / "dev.json"
TEXT = "Lactobacillus rhamnosus reduces anxiety in mice."
BEYOND = {"start": 0, "end": 2, "label": "x"}
PUBTATOR = "7|t|Mice and anxiety\n7|a|Lactobacillus rhamnosus reduces anxiety in mice.\n"


def found(entities: list[dict]) -> list[tuple]:
    return [(entity["start"], entity["end"], entity["label"], entity["passage"]) for entity in entities]


def test_documents_get_the_entities_and_scores_that_predict_gives_them(
    client: Client, quickstart: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    pattern = str(quickstart / "checkpoints" / "quickstart" / "seed=*" / "best.ckpt")
    arguments = ["--ckpt_path", pattern, "--data.predict_path", str(DEV), "--predictions.path", str(output)]
    arguments += ["--predictions.format", "JsonLines", "--predictions.scores", "true", "--trainer.accelerator", "cpu"]
    assert main(["predict", *arguments]) == 0
    expected = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    answer = client.post("/tag", {"documents": expected}).json
    assert len(answer["results"]) == len(expected) > 5
    for result, document in zip(answer["results"], expected, strict=True):
        spans = [(span, place) for place, passage in enumerate(document["passages"]) for span in passage["spans"]]
        assert found(result["entities"]) == [(s["start"], s["end"], s["label"], place) for s, place in spans]
        scores = [entity["score"] for entity in result["entities"]]
        assert scores == pytest.approx([span["score"] for span, _ in spans], abs=1e-5)
    assert sum(len(result["entities"]) for result in answer["results"]) > 20


def test_texts_are_answered_in_their_order_with_the_model_and_its_labels(client: Client, served: ServedModel) -> None:
    texts = ["", TEXT, "No such thing 🦠 in Mäuse, mice.", TEXT * 20]
    answer = client.post("/tag", {"texts": texts}).json
    assert (answer["model"], answer["version"]) == (served.digest, served.version)
    assert answer["labels"] == served.labels
    expected = [[(e.start, e.end, e.label, 0) for e in served.tagger.tag(text)] for text in texts]
    assert [found(result["entities"]) for result in answer["results"]] == expected
    assert all(
        e["text"] == texts[n][e["start"] : e["end"]] for n, r in enumerate(answer["results"]) for e in r["entities"]
    )
    assert client.post("/tag", {"texts": []}).json["results"] == []


def test_the_shape_of_transformers_has_a_list_for_each_text(client: Client, served: ServedModel) -> None:
    [groups] = client.post("/tag?shape=transformers", {"texts": [TEXT]}).json
    assert [list(group) for group in groups] == [["entity_group", "score", "word", "start", "end"]] * len(groups)
    expected = [(e.label, e.text, e.start, e.end) for e in served.tagger.tag(TEXT)]
    assert [(g["entity_group"], g["word"], g["start"], g["end"]) for g in groups] == expected != []
    passages = [{"text": "Mice", "section": "title"}, {"text": TEXT, "section": "abstract"}]
    answer = client.post("/tag?shape=transformers", {"documents": [{"id": "1", "passages": passages}]}).json
    assert answer[1] == [dict(group, score=pytest.approx(group["score"], abs=1e-5)) for group in groups]


def test_health_and_labels_say_which_model_answers(client: Client, served: ServedModel) -> None:
    assert client.get("/health").json == {"status": "ok", "model": served.digest}
    assert client.get("/labels").json == {"model": served.digest, "version": served.version, "labels": served.labels}


@pytest.mark.parametrize(("name", "content", "kind", "number"), [
    ("a.txt", PUBTATOR, "PubTator", 1),
    ("A.TXT", f"{TEXT}\n{TEXT}\n", "PlainText", 2),
    ("a.jsonl", json.dumps({"id": "7", "text": TEXT}), "JsonLines", 1),
    ("dev.json", DEV.read_text(encoding="utf-8"), "GutBrainIE", 12),
    ("a.tsv", "Mice\tO\nate\tO\n", "CoNLL", 1),
])  # fmt: skip
def test_a_file_is_read_by_its_name_and_what_is_in_it(
    client: Client, name: str, content: str, kind: str, number: int
) -> None:
    answer = client.post(f"/files?name={name}", content.encode()).json
    assert answer["format"] == kind
    assert len(answer["documents"]) == number
    assert answer.keys() == {"model", "version", "labels", "format", "documents"}


def test_a_file_is_tagged_as_its_texts_are_and_its_annotation_is_not_kept(client: Client, served: ServedModel) -> None:
    annotated = PUBTATOR + "7\t0\t4\tMice\tbacteria\n"
    [document] = client.post("/files?name=mine&format=PubTator", annotated.encode()).json["documents"]
    assert document["id"] == "7"
    assert document["passages"][1] == {"section": "abstract", "text": TEXT}
    abstract = [entity for entity in document["entities"] if entity["passage"] == 1]
    assert found(abstract) == [(e.start, e.end, e.label, 1) for e in served.tagger.tag(TEXT)]
    assert not [entity for entity in document["entities"] if entity["label"] == "bacteria" and entity["text"] == "Mice"]


@pytest.mark.parametrize("form", ["JsonLines", "PubTator", "BioCXML", "BioCJSON", "GutBrainIE", "CoNLL"])
def test_what_a_file_was_answered_by_can_be_downloaded_in_other_formats(
    client: Client, form: str, tmp_path: Path
) -> None:
    documents = client.post("/files?name=a.txt", PUBTATOR.encode()).json["documents"]
    answer = client.post(f"/export?format={form}", {"documents": documents})
    assert answer.status == 200
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="entities.')
    again = client.post(f"/files?name=again&format={form}", answer.body).json["documents"]
    assert [found(document["entities"]) for document in again] == [found(documents[0]["entities"])]


def test_json_lines_that_are_downloaded_hold_the_scores_that_were_shown(client: Client, tmp_path: Path) -> None:
    [document] = client.post("/files?name=a.txt", PUBTATOR.encode()).json["documents"]
    del document["entities"][0]
    path = tmp_path / "entities.jsonl"
    path.write_bytes(client.post("/export?format=JsonLines", {"documents": [document]}).body)
    [read] = JsonLines().read(path)
    scores = [span.score for passage in read.passages for span in passage.spans]
    assert scores == [entity["score"] for entity in document["entities"]] != []
    path.write_bytes(client.post("/export?format=JsonLines", {"documents": [json.loads(path.read_bytes())]}).body)
    assert list(JsonLines().read(path)) == [read]


def test_brat_is_downloaded_as_an_archive(client: Client) -> None:
    documents = client.post("/files?name=a.txt", PUBTATOR.encode()).json["documents"]
    answer = client.post("/export?format=Brat", {"documents": documents})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="entities.zip"'
    with ZipFile(BytesIO(answer.body)) as archive:
        assert sorted(archive.namelist()) == ["7.ann", "7.txt"]
        assert archive.read("7.txt").decode() == f"Mice and anxiety\n{TEXT}"


@pytest.mark.parametrize(("path", "body", "status", "words"), [
    ("/tag", {"texts": ["a", 3]}, 422, "texts.1: Input should be a valid string"),
    ("/tag", {}, 422, "give either `texts` or `documents`"),
    ("/tag", {"texts": ["a"], "documents": []}, 422, "give either `texts` or `documents`"),
    ("/tag", {"texts": ["a"], "threshold": 1}, 422, "threshold: Extra inputs are not permitted"),
    ("/tag", {"texts": ["\ud800"]}, 422, "text 0: character 0 is half a surrogate pair; correct the escape"),
    ("/tag?shape=x", {"texts": []}, 422, "shape: Input should be 'entities' or 'transformers'"),
    ("/tag", {"documents": [{"id": "1", "text": "a"}, {"text": "a"}]}, 422, "documents[1]: `id` is missing"),
    ("/tag", {"documents": [{"id": "1", "passages": []}]}, 422, "documents[0]: document 1 has no passage"),
    ("/files", b"", 422, "name: Field required"),
    ("/files?name=a.pdf", b"x", 415, "'a.pdf': no format has files with this ending; give its format"),
    ("/files?name=a.txt", b"1|t|A\n\n1|t|B\n", 422,
     "cannot be read as PubTator: a.txt, line 3: '1' has come before"),
    ("/files?name=a.txt", b"\n1|t|A\n2|a|B\n", 422, "cannot be read as PubTator: a.txt, line 3: "),
    ("/files?name=a.txt.gz", b"x", 415, "compressed files are not read"),
    ("/files?name=a.parquet", b"x", 415, "'a.parquet': no format has files with this ending; give its format"),
    ("/files?name=a.jsonl", b"\x1f\x8b", 415, "compressed files are not read"),
    ("/files?name=a.jsonl", b"{", 422, "cannot be read as JsonLines: a.jsonl, line 1: broken JSON"),
    ("/files?name=../a.txt", b"", 422, "cannot be read as PubTator: ../a.txt: no document in it; nor as PlainText"),
    ("/files?name=a&format=Brat", b"x", 422, "format is 'Brat'; use one of BioCJSON"),
    ("/files?name=a&format=SpacyDocBin", b"x", 422, "format is 'SpacyDocBin'; use one of BioCJSON"),
    ("/files?name=a&format=Prodigy", b'{"text": "a"}', 422, "format is 'Prodigy'; use one of BioCJSON"),
    ("/export?format=PlainText", {"documents": []}, 422, "format is 'PlainText'; use one of BioCJSON"),
    ("/export?format=Brat", {"documents": [{"id": "../a", "text": "a"}]}, 422, "document '../a': the id is no"),
    ("/export?format=Brat", {"documents": [{"id": "1", "passages": [{"text": "a"}], "entities": [{"passage": 1}]}]},
     422, "documents[0]: entities[0] is in no passage of its document"),
    ("/export?format=JsonLines", {"documents": [{"id": "1", "text": "a", "spans": [BEYOND]}]},
     422, "documents[0]: span [0, 2) ends beyond a text of 1 characters"),
    ("/nothing", {}, 404, "Not Found"),
])  # fmt: skip
def test_a_wrong_request_is_answered_by_one_line(
    client: Client, path: str, body: object, status: int, words: str
) -> None:
    answer = client.post(path, body)
    assert (answer.status, answer.error[: len(words)]) == (status, words)
    assert "/tmp" not in answer.error


def test_a_body_that_is_no_json_is_answered_by_one_line(client: Client) -> None:
    json_type = {"Content-Type": "application/json"}
    answer = client.send("POST", "/tag", b'{"texts":', json_type)
    assert (answer.status, answer.error) == (422, "the body is no JSON: Expecting value at character 9")
    assert client.send("POST", "/tag", b'{"texts": [' + 5000 * b"9" + b"]}", json_type).status == 400
    assert client.send("POST", "/tag", b"[" * 100_000, json_type).status == 400
    answer = client.send("POST", "/tag", b'{"texts": ["a"]}', {"Content-Type": "text/plain"})
    assert (answer.status, answer.error) == (415, "send the body as Content-Type: application/json")
    answer = client.send("POST", "/files?name=a.txt", b"a", {"Content-Type": "text/plain"})
    assert (answer.status, answer.error) == (415, "send the file as Content-Type: application/octet-stream")


def test_entities_of_an_xml_bomb_are_not_expanded(client: Client) -> None:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE c [<!ENTITY l0 "lol">{levels}]><collection><document><id>&l9;</id></document></collection>'
    answer = client.post("/files?name=a.xml", bomb.encode())
    assert answer.status == 422
    assert len(answer.error) < 500


def test_the_page_names_the_model_and_lets_its_script_talk_to_this_service_alone(
    client: Client, served: ServedModel
) -> None:
    answer = client.get("/")
    page = answer.body.decode()
    assert served.digest in page
    assert "connect-src &#39;self&#39;" in page
    assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert [label[0] for label in data["labels"]] == served.labels
    for name, fact in {"encoder": "ner/corpora/sample_data/encoder", "members": "2", "seeds": "11, 42"}.items():
        assert f"<dt>{name}</dt><dd><bdi>{fact}</bdi></dd>" in page
    assert data["endings"].keys() > {"PubTator", "BioCXML", "Brat", "JsonLines"}
    assert data["limits"]["characters"] == 50_000


def test_the_description_of_the_interface_loads_nothing_from_elsewhere(client: Client) -> None:
    answer = client.get("/docs")
    assert b"//" not in answer.body.replace(b"<!--", b"").replace(b"// ", b"")
    for name in ("static/swagger-ui-bundle.js", "static/swagger-ui.css", "static/favicon.png", "openapi.json"):
        assert name in answer.body.decode()
        assert client.get(f"/{name}").status == 200
    assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"].partition("style-src")[0]
    described = client.get("/openapi.json").json
    assert set(described["paths"]) == {"/tag", "/files", "/export", "/health", "/labels"}


def test_the_name_of_a_strangers_model_is_text() -> None:
    html = docs_page("</title><script>alert(1)</script>")
    assert b"<script>alert" not in bytes(html.body)
    assert html.headers["Content-Security-Policy"] == docs_page("toy").headers["Content-Security-Policy"]


def test_a_licence_is_taken_from_the_card_of_an_exported_folder(quickstart: Path, tmp_path: Path) -> None:
    pattern = str(quickstart / "checkpoints" / "quickstart" / "seed=42" / "best.ckpt")
    assert main(["export", "--checkpoints", pattern, "--output", str(tmp_path / "toy"), "--license", "cc-by-4.0"]) == 0
    model = load_model([str(tmp_path / "toy")])
    assert (model.name, model.facts["license"], model.facts["members"]) == ("toy", "cc-by-4.0", "1")
    assert model.tagger.tag(TEXT) == Tagger.load(tmp_path / "toy").tag(TEXT)
    assert model.digest != load_model([str(quickstart / "checkpoints" / "quickstart")]).digest

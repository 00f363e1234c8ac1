"""An export as transformers alone reads it: encoder and linear layer of the tagger, and no weight twice."""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

from ner import Tagger
from ner.checkpoints import ensemble
from ner.checkpoints.checkpoint import Checkpoint
from ner.checkpoints.export import write_folder
from ner.checkpoints.pretrained import build_encoder
from ner.checkpoints.token_classification import has_token_classifier, write_token_classifier
from ner.corpora import Sample
from ner.corpora.sample import FOLDER
from ner.formats.gutbrainie import GutBrainIE
from ner.labels import LabelSet
from ner.nn.models import EncoderCRF
from ner.preprocessing.preprocessor import Preprocessor
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule

TEXT = "Probiotics reduced anxiety in mice."
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "vocab_size": 99}
SMALL |= {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "embedding_size": 32, "max_position_embeddings": 64}
KINDS = ("bert", "roberta", "xlm-roberta", "electra", "distilbert", "deberta-v2", "mpnet")
FILES = ("config.json", "model.safetensors.index.json", "classifier.safetensors")


def random_model(kind: str) -> EncoderCRF:
    torch.manual_seed(1)
    encoder = build_encoder({"model_type": kind, "pad_token_id": 0, **SMALL})
    return EncoderCRF(encoder, 32, 5, 0.0).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_transformers_computes_the_emissions_of_the_tagger(kind: str, tmp_path: Path) -> None:
    model = random_model(kind)
    assert has_token_classifier([model])
    model.encoder.save_pretrained(tmp_path / "members" / "11")
    write_token_classifier(model, LabelSet(["gene", "drug"]).tags, tmp_path, "11")
    loaded, info = AutoModelForTokenClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    assert loaded.config.id2label == {0: "O", 1: "B-gene", 2: "I-gene", 3: "B-drug", 4: "I-drug"}
    ids, mask = torch.arange(3, 23).reshape(2, 10), torch.ones(2, 10, dtype=torch.long)
    mask[1, 7:] = 0
    with torch.no_grad():
        emissions = model.classifier(model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state)
        assert torch.allclose(
            loaded.eval()(input_ids=ids, attention_mask=mask).logits[mask > 0], emissions[mask > 0], atol=1e-5
        )


def test_an_ensemble_and_an_encoder_with_another_head_are_none() -> None:
    assert not has_token_classifier([random_model("bert"), random_model("bert")])
    assert not has_token_classifier([random_model("modernbert")])


@pytest.fixture(scope="module")
def exported(quickstart: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of one trained seed."""
    [member] = ensemble.read([quickstart / "checkpoints" / "quickstart" / "seed=42" / "best.ckpt"])
    folder = tmp_path_factory.mktemp("export") / "exported"
    write_folder([(member, ensemble.build_model(member))], folder)
    return folder


def test_a_pipeline_runs_on_an_export(exported: Path) -> None:
    find = pipeline("token-classification", model=str(exported), aggregation_strategy="simple", stride=32)
    found = [(each["start"], each["end"], each["entity_group"]) for each in find(TEXT)]
    own = Tagger.load(exported, device="cpu").tag(TEXT)
    assert found == [(entity.start, entity.end, entity.label) for entity in own] != []
    # A text of several windows is read to its end.
    assert max(each["end"] for each in find(f"{TEXT} " * 40)) > 39 * len(TEXT)


def test_the_guide_compares_it_with_the_crf(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = Path(__file__).parents[2]
    [snippet] = re.findall(r"^```python\n(.*?)^```$", (repository / "docs" / "hub.md").read_text("utf-8"), re.M | re.S)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "one").symlink_to(exported)
    (tmp_path / "ner").symlink_to(repository / "ner")
    monkeypatch.chdir(tmp_path)
    exec(snippet, {})
    scores = dict(line.rsplit(" ", 1) for line in capsys.readouterr().out.splitlines())
    assert 0.2 < float(scores["without"]) < float(scores["with the CRF"])


def test_no_weight_of_the_encoder_is_twice_there(exported: Path) -> None:
    places = json.loads((exported / FILES[1]).read_text(encoding="utf-8"))["weight_map"]
    assert set(places.values()) == {"members/42/model.safetensors", "classifier.safetensors"}
    assert load_file(exported / FILES[2]).keys() == {"classifier.weight", "classifier.bias"}
    assert sum((exported / name).stat().st_size for name in FILES) < 30_000


def test_the_tokenizer_gives_transformers_the_same_tokens(exported: Path) -> None:
    tokenizer, preprocessor = AutoTokenizer.from_pretrained(exported), Tagger.load(exported, "cpu").backend.preprocessor
    assert tokenizer.model_max_length == preprocessor.window_tokens == 128
    texts = [passage.text for document in GutBrainIE().read(FOLDER / "test.json") for passage in document.passages]
    texts = [text for text in texts if text]
    assert preprocessor.text_tokenizer.tokens(texts).ids.tolist() == [
        number for text in texts for number in tokenizer(text, add_special_tokens=False)["input_ids"]
    ]


def test_minilm_with_new_layers_is_a_token_classifier(minilm: str, minilm_tokenizer: str, tmp_path: Path) -> None:
    torch.manual_seed(2)
    data = NERDataModule(Sample(), minilm, window_tokens=256, overlap_tokens=64)
    module = NERModule(data.labels, data.vocabulary_size, minilm)
    state = module.state_dict()
    member = Checkpoint(
        "minilm", dict(module.hparams), Preprocessor(minilm_tokenizer, window_tokens=256), lambda: state
    )
    model = ensemble.build_model(member)
    write_folder([(member, model)], tmp_path / "exported")
    find = pipeline("token-classification", model=str(tmp_path / "exported"))
    inputs = find.tokenizer(TEXT, return_tensors="pt")
    with torch.no_grad():
        hidden = model.encoder(input_ids=inputs.input_ids, attention_mask=inputs.attention_mask).last_hidden_state
        assert torch.allclose(find.model(**inputs).logits, model.classifier(hidden), atol=1e-4)
    assert {each["entity"] for each in find(TEXT)} <= set(LabelSet(data.labels).tags)

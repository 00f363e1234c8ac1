"""A model goes to a hub on this machine and comes back, in processes of their own, of which none shows the token."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ner import Tagger
from ner.corpora import sample
from tests.hub import READER, Hub, Repository, run

TEXT = "Probiotics reduced anxiety in mice."
DOCUMENTS = Path(sample.__file__).with_name("sample_data") / "test.json"
# The ways in which a repository is loaded and written, in one process.
PROGRAM = """
import json, os, sys
from main import main
from ner import Tagger
from ner.errors import InputError

def refused(step):
    try:
        step()
    except InputError as error:
        return str(error)

text, commit, documents, reader = sys.argv[1:]
found = {"first": list(map(str, Tagger.from_pretrained("user/toy", revision=commit).tag(text)))}
found["export"] = main(["export", "--checkpoints", f"user/toy@{commit}", "--output", "copy"])
copy = Tagger.from_pretrained("copy")
found["second"] = copy.push_to_hub("user/toy")
found["public"] = copy.push_to_hub("user/public")
found["newest"] = Tagger.from_pretrained("user/toy").source.name
found["predict"] = main(["predict", "--ckpt_path", "user/toy", "--data.predict_path", documents])
found["exposed"] = refused(lambda: copy.push_to_hub("user/public", private=True))
found["again"] = refused(lambda: Tagger.from_pretrained("user/toy").push_to_hub("user/other"))
os.environ["HF_TOKEN"] = reader
found["reader"] = refused(lambda: copy.push_to_hub("user/toy"))
print(json.dumps(found))
"""
LOADED = f"from ner import Tagger; print(list(map(str, Tagger.from_pretrained('user/toy').tag({TEXT!r}))))"
FOUND = "from ner.checkpoints import runs; print(runs.find('user/toy')[0].name)"


@dataclass(frozen=True)
class Trip:
    """A hub with what was pushed, and what the processes around it said."""

    hub: Hub
    home: Path
    folder: Path
    pushed: tuple[int, str, str]
    asked_first: list[str]
    found: dict[str, object]

    @property
    def repository(self) -> Repository:
        return self.hub.repositories["user/toy"]


@pytest.fixture(scope="module")
def trip(quickstart: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trip]:
    folder, home, hub = tmp_path_factory.mktemp("trip"), tmp_path_factory.mktemp("home"), Hub()
    checkpoint = quickstart / "checkpoints" / "quickstart" / "seed=42" / "best.ckpt"
    environment = hub.environment(home, PYTHONPATH=str(Path(__file__).parents[3]))
    arguments = ["push", "--checkpoints", str(checkpoint), "--repo", "user/toy", "--private", "--license", "mit"]
    pushed = run(["-m", "ner", *arguments], environment, folder)
    asked = list(hub.requests)
    commit = pushed[1].strip().rpartition("@")[2]
    other = {"model.safetensors": b"of another model", "notes.txt": b"of its owner"}
    hub.repositories["user/toy"].commit(hub.repositories["user/toy"].commits[commit] | other)
    code, said, error = run(["-c", PROGRAM, TEXT, commit, str(DOCUMENTS), READER], environment, folder)
    assert code == 0, error
    yield Trip(hub, home, folder, pushed, asked, json.loads(said.splitlines()[-1]))
    hub.stop()


def test_a_checkpoint_is_pushed_as_a_folder_with_its_card(trip: Trip) -> None:
    code, said, errors = trip.pushed
    commit = said.strip().rpartition("@")[2]
    assert (code, said, errors) == (0, f"pushed: user/toy@{commit}\n", "")
    files = trip.repository.commits[commit]
    assert trip.repository.is_private
    assert {"settings.json", "members/42/model.safetensors", "config.json", "README.md"} < files.keys()
    assert {name.rpartition(".")[2] for name in files} == {"json", "safetensors", "md"}
    card = yaml.safe_load(files["README.md"].decode().split("---\n")[1])
    assert (card["pipeline_tag"], card["license"]) == ("token-classification", "mit")
    assert trip.asked_first.index("GET /api/whoami-v2") < trip.asked_first.index("POST /api/repos/create")


def test_it_comes_back_and_finds_the_same(trip: Trip, quickstart: Path) -> None:
    own = Tagger.load(quickstart / "checkpoints" / "quickstart" / "seed=42", device="cpu").tag(TEXT)
    assert trip.found["first"] == list(map(str, own)) != []


def test_predictions_do_not_lie_in_the_cache(trip: Trip) -> None:
    assert (trip.found["export"], trip.found["predict"]) == (0, 0)
    [written] = trip.folder.rglob("predictions.json")
    assert written == trip.folder / "checkpoints" / "user" / "toy" / "predictions.json"
    assert json.loads(written.read_text(encoding="utf-8")).keys() == json.loads(DOCUMENTS.read_text("utf-8")).keys()


def test_a_name_is_the_newest_commit_and_a_revision_the_same_for_ever(trip: Trip) -> None:
    commits = list(trip.repository.commits)
    assert [commits[1], commits[-1]] == [trip.pushed[1].strip().rpartition("@")[2], trip.found["second"]]
    assert trip.found["newest"] == commits[-1] == trip.repository.refs["main"]


def test_an_exported_folder_is_pushed_as_it_is(trip: Trip) -> None:
    copy, files = trip.folder / "copy", trip.repository.commits[str(trip.found["second"])]
    own = {str(path.relative_to(copy)): path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert files == own | {"notes.txt": b"of its owner"}, "another model's weights go, the rest stays"
    assert not trip.hub.repositories["user/public"].is_private


def test_what_cannot_be_written_is_one_line(trip: Trip) -> None:
    hub = trip.hub.endpoint
    assert trip.found["exposed"] == (
        f"user/public: exists and is public; make it private on {hub}/user/public/settings"
    )
    assert trip.found["again"] == "user/toy: is on the hub; push a checkpoint, or a folder that was exported"
    assert trip.found["reader"] == f"user/toy: {hub} answers 403; check the name, and that your token may write there"
    assert len(trip.hub.repositories["user/public"].commits) == 2


@pytest.mark.parametrize(
    ("program", "changes", "message"),
    [
        (LOADED, {"HF_HUB_OFFLINE": "1"}, ""),
        (
            FOUND,
            {"HF_ENDPOINT": "http://127.0.0.1:9"},
            "http://127.0.0.1:9 does not answer, so what the cache has is used",
        ),
    ],
)
def test_once_loaded_it_needs_no_hub(trip: Trip, program: str, changes: dict[str, str], message: str) -> None:
    before = len(trip.hub.requests)
    environment = trip.hub.environment(trip.home, None, PYTHONPATH=str(Path(__file__).parents[3]), **changes)
    code, said, errors = run(["-c", program], environment, trip.folder)
    assert (code, said) == (0, f"{trip.found['first' if program == LOADED else 'newest']}\n")
    assert message in errors
    assert len(errors.splitlines()) == bool(message)
    assert len(trip.hub.requests) == before

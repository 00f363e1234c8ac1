import os
from pathlib import Path
from urllib.parse import quote

import pytest

from ner.errors import InputError
from ner.integrations.ray.storage import Folder, InputFile, find_inputs, local_copy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jsonl", "a.jsonl.gz", "c.txt", ".d.jsonl", "inner/e.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def _names(files: list[InputFile], folder: Path) -> list[str]:
    return [file.location.removeprefix("file://").removeprefix(f"{folder}/") for file in files]


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_files_are_found_by_paths_folders_and_patterns(folder: Path, scheme: str) -> None:
    def found(*names: str) -> list[str]:
        return _names(find_inputs([f"{scheme}{folder}/{name}" for name in names], (".jsonl",)), folder)

    assert found("") == ["a.jsonl.gz", "b.jsonl"]
    assert found("c.txt", "b.jsonl", "b.jsonl") == ["b.jsonl", "c.txt"]
    assert found("*.jsonl*") == ["a.jsonl.gz", "b.jsonl"]
    assert found("*/*.jsonl", "c*") == ["c.txt", "inner/e.jsonl"]
    assert found("**/*.jsonl") == ["b.jsonl", "inner/e.jsonl"]
    assert found("inner/**", "**/inner/*") == ["inner/e.jsonl"]
    assert found("**") == ["a.jsonl.gz", "b.jsonl", "c.txt", "inner/e.jsonl"]


def test_two_stars_stand_for_any_number_of_folders(tmp_path: Path) -> None:
    for name in ("a/d.json", "a/x/e.json", "a/x/y/f.json", "a/x/y/g.txt", "b/x/h.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = _names(find_inputs([f"{tmp_path}/a/**/*.json"], ()), tmp_path)
    assert found == ["a/d.json", "a/x/e.json", "a/x/y/f.json"]
    assert _names(find_inputs([f"{tmp_path}/**/x/*.json"], ()), tmp_path) == ["a/x/e.json", "b/x/h.json"]
    assert _names(find_inputs([f"{tmp_path}/a/**/y/*"], ()), tmp_path) == ["a/x/y/f.json", "a/x/y/g.txt"]


def test_what_is_hidden_has_to_be_named(tmp_path: Path) -> None:
    for name in ("a/d.json", "a/.hidden/e.json", ".hidden/f.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert _names(find_inputs([f"{tmp_path}/**/*.json"], ()), tmp_path) == ["a/d.json"]
    assert _names(find_inputs([f"{tmp_path}/*/*.json"], ()), tmp_path) == ["a/d.json"]
    hidden = _names(find_inputs([f"{tmp_path}/**/.hidden/*"], ()), tmp_path)
    assert hidden == [".hidden/f.json", "a/.hidden/e.json"]


@pytest.mark.parametrize("pattern", ["", "*", "b.jsonl*"])
def test_a_compressed_copy_beside_a_file_is_no_input(folder: Path, pattern: str) -> None:
    (folder / "b.jsonl.gz").touch()
    names = _names(find_inputs([f"{folder}/{pattern}"], (".jsonl",)), folder)
    assert "b.jsonl" in names
    assert "b.jsonl.gz" not in names


def test_a_folder_stands_for_its_subfolders_where_the_format_has_them(folder: Path) -> None:
    assert _names(find_inputs([str(folder)], (".jsonl",), is_deep=True), folder) == [
        "a.jsonl.gz",
        "b.jsonl",
        "inner/e.jsonl",
    ]


def test_a_saved_data_set_is_refused(folder: Path) -> None:
    (folder / "dataset_info.json").touch()
    with pytest.raises(InputError, match="a data set that the library datasets has saved; let `convert --from HFData"):
        find_inputs([str(folder)], (".json",))
    assert _names(find_inputs([str(folder)], (".jsonl",)), folder) == ["a.jsonl.gz", "b.jsonl"]


def test_a_name_that_is_not_utf8_is_told_in_a_line(folder: Path) -> None:
    os.close(os.open(os.fsencode(folder) + b"/\xe9.jsonl", os.O_CREAT | os.O_WRONLY))
    with pytest.raises(InputError, match="a name there is not UTF-8; rename the file"):
        find_inputs([str(folder)], (".jsonl",))


def test_whatever_leads_to_a_file_it_is_one(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "inner")
    ways = ["inner/e.jsonl", "inner/../inner/e.jsonl", "link/e.jsonl"]
    files = [find_inputs([f"{scheme}{folder}/{way}"], ())[0] for way in ways for scheme in ("", "file://")]
    assert len({file.key for file in files}) == 1
    assert len(find_inputs([f"{folder}/{way}" for way in ways], ())) == 1
    assert files[4].location == f"{folder}/link/e.jsonl"


def test_a_relative_path_and_an_absolute_one_are_the_same_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert len(find_inputs(["b.jsonl", str(folder / "b.jsonl")], ())) == 1


@pytest.mark.parametrize("name", ["x y#1?.jsonl", "café/a%20b.jsonl", "[1]/year=2024/b.jsonl"])
def test_the_address_of_a_file_leads_to_it_whatever_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(name)
    [file] = find_inputs([f"file://{quote(str((tmp_path / name).parent))}"], ())
    assert file.location.startswith(f"file://{tmp_path}/")
    with local_copy(file) as path:
        assert path.read_text() == name


def test_names_with_brackets_are_names_where_they_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b[1].jsonl", "b1.jsonl", "run[2]/c.jsonl", "run2/c.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert _names(find_inputs([f"{tmp_path}/b[1].jsonl"], ()), tmp_path) == ["b[1].jsonl"]
    assert _names(find_inputs([f"{tmp_path}/[ab][1].jsonl"], ()), tmp_path) == ["b1.jsonl"]
    monkeypatch.chdir(tmp_path / "run[2]")
    assert _names(find_inputs(["*.jsonl"], ()), tmp_path) == ["run[2]/c.jsonl"]


def test_a_password_in_an_address_is_refused_without_repeating_it() -> None:
    message = r"^s3://\.\.\.: holds a password; give it in the environment instead$"
    for secret in ("secret", "se/cr?et"):
        with pytest.raises(InputError, match=message):
            find_inputs([f"s3://key:{secret}@bucket/folder?region=eu-west-1"], ())
        with pytest.raises(InputError, match=message):
            Folder(f"s3://key:{secret}@bucket/folder?unknown=1")


@pytest.mark.parametrize("name", ["nothing.jsonl", "x*.jsonl", "nowhere/*.jsonl"])
def test_a_pattern_that_names_no_file_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match="no such file"):
        find_inputs([str(folder / name)], ())


def test_an_unknown_file_system_is_refused() -> None:
    with pytest.raises(InputError, match="no address that pyarrow reads"):
        find_inputs(["nowhere://bucket/x"], ())


def test_a_file_on_disk_is_not_copied(folder: Path) -> None:
    path = folder / "b.jsonl"
    with local_copy(InputFile(str(path), 7)) as copy:
        assert copy == path


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "new"))
    folder.make()

    def fail() -> None:
        with folder.writing("a") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not list((tmp_path / "new").iterdir())
    folder.write(b"whole", "a")
    assert folder.read("a") == b"whole"
    assert [info.base_name for info in folder.files()] == ["a"]


def test_a_folder_that_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        Folder(str(tmp_path / "file" / "inner")).make()


def test_a_file_in_place_of_a_folder_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = Folder(str(tmp_path / "file"))
    for use in (folder.files, lambda: folder.read("settings.json"), lambda: folder.delete("settings.json")):
        with pytest.raises(InputError, match=r"file: cannot be (read|written) \(.*; choose another folder$"):
            use()

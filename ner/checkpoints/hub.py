"""Exported folders on the Hugging Face hub: asked for, downloaded into its cache, and uploaded; needs no torch."""

import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from huggingface_hub import HfApi, constants, get_hf_file_metadata, get_token, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    RevisionNotFoundError,
)

from ner.errors import InputError, one_line

# All of an exported folder that is ever read or written; anything else in a repository stays there.
FILES = (
    "README.md",
    "settings.json",
    "labels.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "crf.safetensors",
    "members/*/config.json",
    "members/*/model.safetensors",
    "members/*/emissions.safetensors",
    # For transformers alone.
    "config.json",
    "model.safetensors.index.json",
    "classifier.safetensors",
)
# Weights of another model, which transformers would read in place of an export's.
FOREIGN = ("model.safetensors", "pytorch_model*.bin", "pytorch_model.bin.index.json")
GRAPHS = ("members/*/emissions*.onnx", "members/*/emissions*.onnx.data")
# As in Git, no revision has two dots in a row; the library makes a path of it.
NAME = re.compile(
    r"(?P<repo>[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*)(?:@(?P<revision>(?!\S*\.\.)[^@\s]+))?"
)
# The library's own retries take over a minute when nothing answers.
PROBE_SECONDS = 5.0
# The hub is there but busy: the cache may serve.
TOO_MANY_REQUESTS = 429
OFFLINE = "HF_HUB_OFFLINE forbids to ask the hub"

log = logging.getLogger(__name__)


def is_name(text: str) -> bool:
    """Return if a text can be the name of a repository, ``user/name`` or ``user/name@revision``."""
    found = NAME.fullmatch(text)
    return found is not None and len(found["repo"]) <= 96 and not found["repo"].endswith((".ckpt", ".git", ".", "-"))


def repo_of(path: Path) -> str:
    """Return the repository whose download lies at a path, nothing where the path is not in a cache of the hub."""
    place = path.absolute().parent
    is_cached = place.name == "snapshots" and place.parent.name.startswith("models--")
    name = place.parent.name.removeprefix("models--").replace("--", "/") if is_cached else ""
    return name if is_name(name) else ""


def download(name: str, with_onnx: bool = False) -> Path:
    """Return an exported folder in the hub's cache, with what the hub has of it now.

    Where the hub does not answer, or ``HF_HUB_OFFLINE`` forbids to ask it, the cache alone serves.

    Args:
        name: The repository, ``user/name``; a branch, tag or commit may follow, as in ``user/name@v1``.
        with_onnx: Download the members' ONNX graphs too.

    Raises:
        InputError: if there is no such repository or revision, it is no exported folder, or it cannot be downloaded.
    """
    found = NAME.fullmatch(name)
    assert found  # the caller has asked `is_name`
    repo, revision = found["repo"], found["revision"]
    silence = _silence(name, repo, revision)
    patterns = [*FILES, *(GRAPHS if with_onnx else ())]
    try:
        folder = snapshot_download(
            repo, revision=revision, allow_patterns=patterns, local_files_only=bool(silence), etag_timeout=PROBE_SECONDS
        )
    except LocalEntryNotFoundError as error:
        reason = silence or f"{constants.ENDPOINT} does not answer"
        fix = "unset it" if silence == OFFLINE else "connect, and try again"
        raise InputError(f"{name}: no such path, not whole in the hub's cache, and {reason}; {fix}") from error
    except Exception as error:  # the library's HTTP client, and so its errors, differ from version to version
        raise explained(error, name) from error
    if silence and silence != OFFLINE:
        log.warning("%s: %s, so what the cache has is used", name, silence)
    return Path(folder)


def _silence(name: str, repo: str, revision: str | None) -> str:
    """Return why the hub cannot be asked, nothing if it has the exported folder.

    Raises:
        InputError: if it answers that it does not.
    """
    if constants.HF_HUB_OFFLINE:
        return OFFLINE
    error = ask(repo, "settings.json", revision)
    if isinstance(error, EntryNotFoundError):
        raise InputError(
            f"{name}: no exported folder lies there on {constants.ENDPOINT}, as it has no settings.json; "
            "check the name, or write it with `push`"
        )
    if error is not None and 400 <= status_of(error) < 500 and status_of(error) != TOO_MANY_REQUESTS:
        raise explained(error, name)
    if error is None:
        return ""
    return f"{constants.ENDPOINT} {f'answers {status}' if (status := status_of(error)) else 'does not answer'}"


def ask(repo: str, file: str, revision: str | None = None) -> Exception | None:
    """Ask the hub once if it has a file, and return the error with which it answers, if any."""
    url = f"{constants.ENDPOINT}/{repo}/resolve/{quote(revision or constants.DEFAULT_REVISION, safe='')}/{file}"
    return _within_seconds(lambda: get_hf_file_metadata(url, timeout=PROBE_SECONDS))


def _within_seconds(question: Callable[[], object]) -> Exception | None:
    """Put a question to the hub, and return its error; one that has no answer in time is a ``TimeoutError``."""
    outcome: list[Exception | None] = []

    def put() -> None:
        try:
            question()
            outcome.append(None)
        except Exception as error:  # noqa: BLE001 - as in `download`
            outcome.append(error)

    # In a thread, because a name server that never answers is beyond the time-outs of the library.
    thread = threading.Thread(target=put, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS + 1)
    return outcome[0] if outcome else TimeoutError()


def status_of(error: Exception) -> int:
    """Return the HTTP status of an answer of the hub, 0 where there was none."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else 0


def explained(error: Exception, name: str) -> InputError:
    """Return an error of the hub as one line, without the addresses in it, which may be signed."""
    hub, status = constants.ENDPOINT, status_of(error)
    if isinstance(error, RevisionNotFoundError):
        return InputError(f"{name}: {hub} has no such revision of it; name a branch, a tag or a commit")
    if isinstance(error, GatedRepoError):
        return InputError(f"{name}: access has to be granted first; ask for it on {hub}/{name.partition('@')[0]}")
    if status == 401 and get_token() is not None:
        return InputError(f"{name}: {hub} does not accept your token; log in with `hf auth login`, or correct HF_TOKEN")
    if status in (401, 403, 404):
        fix = "correct the name, or log in with `hf auth login` if it is private"
        return InputError(f"{name}: no such path, and {hub} answers {status} for it; {fix}")
    reason = f"answers {status}" if status else f"cannot be used: {type(error).__name__}: {_without_urls(error)}"
    return InputError(f"{name}: {hub} {reason}; try again later")


def _without_urls(error: Exception) -> str:
    return re.sub(r"https?://\S+", "...", one_line(error))[:200]


def check_login(repo: str) -> None:
    """Check before the work that a repository's name is one, and that the hub knows the user.

    The token is that of huggingface_hub: in ``HF_TOKEN``, or stored by `hf auth login`.

    Raises:
        InputError: if that is not so, or the hub does not answer.
    """
    if not is_name(repo) or "@" in repo:
        raise InputError(f"repo is {repo!r}; it should be a user or an organization and a name, as in user/name")
    if constants.HF_HUB_OFFLINE:
        raise InputError(f"{repo}: {OFFLINE}; unset it")
    error = _within_seconds(HfApi().whoami)
    if isinstance(error, LocalTokenNotFoundError):
        raise InputError(f"{repo}: there is no token to write with; log in with `hf auth login`, or set HF_TOKEN")
    if error is not None and status_of(error):
        raise explained(error, repo)
    if error is not None:
        raise InputError(f"{repo}: {constants.ENDPOINT} does not answer; connect, and try again")


def upload(folder: Path, repo: str, is_private: bool, message: str) -> str:
    """Write an exported folder into a repository, which is created if need be, in place of the one that it holds.

    Args:
        folder: The folder.
        repo: The repository.
        is_private: Let only its owners see it; otherwise the hub decides.
        message: That of the commit.

    Returns:
        The commit.

    Raises:
        InputError: if it should be private but is public, or the hub refuses.
    """
    api = HfApi()
    patterns = [*FILES, *GRAPHS]
    try:
        api.create_repo(repo, private=is_private or None, exist_ok=True)
        is_public = is_private and not api.model_info(repo).private
        if not is_public:
            commit = api.upload_folder(
                repo_id=repo,
                folder_path=folder,
                allow_patterns=patterns,
                # A member or a graph that the folder no longer has would lie about it.
                delete_patterns=[*patterns, *FOREIGN],
                commit_message=message,
            )
    except Exception as error:  # as in `download`
        raise _refused(error, repo) from error
    if is_public:
        raise InputError(f"{repo}: exists and is public; make it private on {constants.ENDPOINT}/{repo}/settings")
    return str(commit.oid)


def _refused(error: Exception, repo: str) -> InputError:
    hub, status = constants.ENDPOINT, status_of(error)
    if status in (403, 404):
        return InputError(f"{repo}: {hub} answers {status}; check the name, and that your token may write there")
    return explained(error, repo)

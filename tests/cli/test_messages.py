"""The parser's messages in the words of this project; ``test_mistakes`` tries them as whole command lines."""

import pytest

from ner.cli.messages import rewrite


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "unrecognized arguments: --model.encodr x",
            "there is no --model.encodr; do you mean --model.encoder?",
        ),
        (
            "group 'model' does not accept option 'model.encodr'",
            "there is no key model.encodr; do you mean model.encoder?",
        ),
        ("unrecognized arguments: --zzz 1", "there is no --zzz; fit --help lists what there is"),
        ("unrecognized arguments: zzz", "'zzz' belongs to no option; fit --help lists what there is"),
        ("a message that is\n not known", "a message that is not known; see fit --help"),
    ],
)
def test_a_message_says_what_is_wrong_and_how_to_fix_it(message: str, expected: str) -> None:
    assert rewrite(message, ["model.encoder", "data.seed"], "fit") == expected

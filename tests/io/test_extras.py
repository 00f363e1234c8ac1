"""Packages that only an extra installs."""

import pytest

from ner.errors import InputError
from ner.io.extras import imported


def test_what_is_installed_is_imported() -> None:
    assert imported("json.decoder", "JSON needs json", "json").JSONDecoder


def test_what_is_missing_is_one_line_that_names_the_extra() -> None:
    with pytest.raises(InputError) as error:
        imported("not_there.at_all", "this needs that", "other")
    assert str(error.value) == "this needs that, the extra `other`: pip install -c constraints.txt -e '.[other]'"

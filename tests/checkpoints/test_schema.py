"""The closed schema of what checkpoints say of the model."""

from inspect import signature

from ner.checkpoints.schema import MODEL
from ner.training.module import NERModule


def test_it_has_every_argument_of_the_module_and_no_other() -> None:
    assert MODEL.keys() == signature(NERModule).parameters.keys()


def test_every_default_is_of_a_type_that_it_takes() -> None:
    for name, parameter in signature(NERModule).parameters.items():
        if parameter.default not in (parameter.empty, None):
            assert type(parameter.default) in MODEL[name], name

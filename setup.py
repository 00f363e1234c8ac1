"""The packages: those of ner/, and configs/ as data of them, which pyproject.toml has no words for."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["ner", "ner.*"]), "ner.configs"])

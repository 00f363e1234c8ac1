"""Named entity recognition in biomedical abstracts: encoder, linear emissions and a CRF."""

__version__ = "0.1.0"

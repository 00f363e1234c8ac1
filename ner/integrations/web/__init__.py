"""The service: a page and an HTTP interface to a tagger."""

"""Reports: evaluations, corpora, tables and model cards."""

"""PubMed: a client of the E-utilities, its XML, and fetching with a journal."""

"""PubMed: its XML, and a client of the E-utilities."""

"""Tables, model cards and pages."""

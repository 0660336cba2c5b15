"""Tables with a rule worth learning."""

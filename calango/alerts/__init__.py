"""Tells people when something is wrong: rules, incidents, messages. `rules`, `incidents` and `texts` are pure."""

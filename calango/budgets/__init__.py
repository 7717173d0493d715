"""Budgets: rules as data, what is spent of them, and the guard that an engine asks before a turn."""

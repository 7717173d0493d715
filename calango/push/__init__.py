"""Sends what the local server holds to a real Langfuse: prompts, datasets, traces, runs, scores."""

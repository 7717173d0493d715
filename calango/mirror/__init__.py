"""A copy of a remote Langfuse project in the local store, so that what it costs and how it goes can be asked of it."""

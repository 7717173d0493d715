"""The agent over HTTP: messages as JSON or server-sent events, conversations, votes, metrics. `calango api`."""

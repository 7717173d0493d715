"""The pages beside the chat: costs, quality, errors. One file per page, shared pieces beside them."""

"""Span attributes -> observations. One file per family of attribute names; a later family only fills what is empty."""

from calango.server.mapping.spans import Decoded as Decoded
from calango.server.mapping.spans import observations_of as observations_of

__all__ = ["Decoded", "observations_of"]

"""Everything between a turn and the wire."""

from calango.tracing.attributes import TraceAttributes
from calango.tracing.client import Tracing, close_all, connect, connect_spans
from calango.tracing.feedback import STARS, THUMBS, Receipt
from calango.tracing.handler import CalangoHandler, create_handler
from calango.tracing.outbox import Depth, Vote
from calango.tracing.prompts import trace_with_prompt_template
from calango.tracing.service import Trace, TracingService
from calango.tracing.spans import (
    create_span_link,
    event,
    trace_agent_execution,
    trace_function,
    trace_span,
    trace_with_metadata,
)

__all__ = [
    "STARS",
    "THUMBS",
    "CalangoHandler",
    "Depth",
    "Receipt",
    "Trace",
    "TraceAttributes",
    "Tracing",
    "TracingService",
    "Vote",
    "close_all",
    "connect",
    "connect_spans",
    "create_handler",
    "create_span_link",
    "event",
    "trace_agent_execution",
    "trace_function",
    "trace_span",
    "trace_with_metadata",
    "trace_with_prompt_template",
]

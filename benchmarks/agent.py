"""The same small agent for every tracer: classify -> agent -> tool -> agent -> post, with a model that costs no CPU."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

MESSAGE_BYTES = 500
_TEXT = ("Uma mensagem de tamanho comum, com acentuação e números como 42. " * 9)[:MESSAGE_BYTES]


class State(MessagesState):
    intent: str


class ScriptedModel(BaseChatModel):
    """Asks for the tool once per question, then answers. Usage and model name as a real one reports them."""

    model: str = "scripted-8b"

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}

    def _reply(self, messages: list[BaseMessage]) -> AIMessage:
        usage: Any = {"input_tokens": 42, "output_tokens": 7, "total_tokens": 49}
        about = {"model_name": self.model}
        if messages[-1].type == "tool":
            return AIMessage(_TEXT, usage_metadata=usage, response_metadata=about)
        call = {"name": "add", "args": {"a": 1, "b": 2}, "id": f"call_{uuid4().hex[:8]}"}
        return AIMessage("", tool_calls=[call], usage_metadata=usage, response_metadata=about)

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages))])

    def _stream(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        reply = self._reply(messages)
        if reply.tool_calls:
            calls = [{**call, "args": '{"a": 1, "b": 2}', "index": 0} for call in reply.tool_calls]
            yield ChatGenerationChunk(
                message=AIMessageChunk("", tool_call_chunks=calls, usage_metadata=reply.usage_metadata)
            )
            return
        for word in str(reply.content).split(" ")[:20]:
            chunk = ChatGenerationChunk(message=AIMessageChunk(f"{word} "))
            if run_manager is not None:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def build(model: BaseChatModel | None = None) -> Any:
    """Compiled with an in-memory checkpointer, which serializes: messages are fresh objects in every turn."""
    model = model or ScriptedModel()
    graph = StateGraph(State)
    graph.add_node("classify_intent", lambda state: {"intent": "question"})
    graph.add_node("agent", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode([add]))
    graph.add_node("post_process", lambda state: {})
    graph.add_edge(START, "classify_intent")
    graph.add_edge("classify_intent", "agent")
    graph.add_conditional_edges("agent", lambda s: "tools" if s["messages"][-1].tool_calls else "post_process")
    graph.add_edge("tools", "agent")
    graph.add_edge("post_process", END)
    return graph.compile(checkpointer=InMemorySaver())


def prepared(graph: Any, history: int) -> dict[str, Any]:
    """The `configurable` of a thread that holds `history` messages; every turn that starts from it finds just those."""
    thread: dict[str, Any] = {"configurable": {"thread_id": f"bench-{history}"}}
    messages: list[BaseMessage] = []
    for index in range(history // 2):
        messages += [HumanMessage(f"{index} {_TEXT}"), AIMessage(f"{index} {_TEXT}")]
    return graph.update_state(thread, {"messages": messages, "intent": "question"}, as_node="post_process")[
        "configurable"
    ]


def question() -> dict[str, Any]:
    return {"messages": [HumanMessage("quanto é 1+2?", id=uuid4().hex)]}

"""What the made-up agent is like, as data. Shares are of turns unless said otherwise; times are milliseconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Model:
    """`first_token_ms` and `token_ms` are medians; how much they scatter is common to all."""

    name: str
    provider: str
    share: float
    first_token_ms: float
    token_ms: float
    caches: bool = False


MODELS = (
    Model("gpt-4o-mini", "openai", 0.50, 420, 9, caches=True),
    Model("gpt-4o", "openai", 0.14, 560, 13, caches=True),
    Model("claude-sonnet-4-5", "anthropic", 0.14, 780, 15, caches=True),
    Model("gemini-2.5-flash", "google_genai", 0.12, 380, 6),
    Model("qwen3:8b", "ollama", 0.10, 900, 28),
)


@dataclass(frozen=True, slots=True)
class Intent:
    name: str
    share: float
    questions: tuple[str, ...]
    answers: tuple[str, ...]
    tools: tuple[str, ...] = ()
    followed_by: tuple[str, ...] = ()


INTENTS = (
    Intent("pedido", 0.30,
           ("Onde está o meu pedido {n}?", "Meu pedido {n} ainda não chegou.", "Qual o prazo do pedido {n}?"),
           ("O pedido {n} saiu para entrega e chega em 2 dias.", "O pedido {n} está em separação."),
           ("buscar_pedido",), ("entrega", "reclamação")),
    Intent("fatura", 0.20, ("Quanto deu a minha fatura de {n}?", "Preciso da segunda via do boleto {n}."),
           ("A fatura fechou em R$ {n},90.", "Enviei a segunda via para o seu e-mail."),
           ("consultar_fatura", "calculadora"), ("pagamento",)),
    Intent("conta", 0.18, ("Esqueci a minha senha.", "Como troco o e-mail da conta?", "I can't sign in."),
           ("Mandei um link para criar uma nova senha.", "You can reset it under Settings."), (), ("conta",)),
    Intent("entrega", 0.12, ("Posso mudar o endereço de entrega?", "Entregam aos sábados?"),
           ("O endereço pode mudar até o envio.", "Sim, em capitais entregamos aos sábados."), ("buscar_pedido",), ()),
    Intent("reclamação", 0.10, ("O produto veio quebrado.", "Quero falar com uma pessoa.", "This is the third time."),
           ("Sinto muito. Abri um chamado de troca.", "Vou chamar uma pessoa da equipe."),
           ("abrir_chamado",), ("pedido",)),
    Intent("pagamento", 0.10, ("Aceitam pix?", "O pagamento {n} foi recusado."),
           ("Sim, pix tem 5 % de desconto.", "O banco recusou; tente outro cartão."), ("consultar_fatura",), ()),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """How a turn fails. `where`: the model, or a tool. `{n}` is a number that differs, `{id}` an id."""

    message: str
    weight: float
    where: str = "model"


FAILURES = (
    Failure("RateLimitError: Error code: 429 - Rate limit reached for requests, limit {n}, request req_{id}", 0.34),
    Failure("APITimeoutError: Request timed out after {n}.0 s (request {id})", 0.24),
    Failure("BadRequestError: This model's maximum context length is 128000 tokens, you asked for {n}", 0.12),
    Failure("ConnectError: All connection attempts failed to http://10.0.0.{n}:11434", 0.10),
    Failure("ToolException: pedido '{id}' não encontrado (HTTP 404)", 0.12, "tool"),
    Failure("InternalServerError: Error code: 503 - The engine is currently overloaded", 0.08),
)
COMMENTS_UP = ("Muito bom!", "Resolveu rápido, obrigado.", "Perfeito.", "Great, thanks!")
COMMENTS_DOWN = ("Não respondeu o que perguntei.", "Demorou demais.", "Informação errada.", "Wrong order number.")
CHANNELS = ("web", "whatsapp", "api")
CHANNEL_SHARES = (0.55, 0.35, 0.10)

ERRORS = 0.035
CANCELLED = 0.012
INTERRUPTED = 0.008
TOOL_FAILURES = 0.03  # of tool calls; the agent goes on
RATED = 0.18
STARRED = 0.04
COMMENTED = 0.25  # of votes
STAGING = 0.08
ESCALATED = 0.02  # of conversations
CACHED = 0.35  # of calls of models that cache: share of their input that was read from it is CACHED_INPUT
CACHED_INPUT = 0.6
SLOW_RELEASE = 1.6  # times, the release before the last one
HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 20, 19, 15, 17, 20, 20, 18, 16, 13, 11, 9, 6, 4, 2)  # weights, local time
WEEKDAYS = (1.0, 1.05, 1.0, 1.0, 0.95, 0.5, 0.35)

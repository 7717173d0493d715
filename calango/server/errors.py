"""Refusals, in the shape in which Langfuse words them: `{"message": ..., "error": ...}`."""

from __future__ import annotations

from typing import Any

from calango.errors import CalangoError


class ApiError(Exception):
    """An answer with `status`; `error` is a name such as LangfuseNotFoundError, or a list of problems.

    The code and facts of `cause` travel along: Calango's own routes give them to its pages.
    """

    def __init__(
        self,
        status: int,
        message: str,
        error: str | list[dict[str, Any]] | None = None,
        cause: CalangoError | None = None,
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.status = status
        self.message = message
        self.error = error

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"message": self.message} | ({} if self.error is None else {"error": self.error})
        if self.cause is None or not self.cause.code:
            return body
        return body | {"code": self.cause.code, "facts": dict(self.cause.facts)}


def not_found(message: str, cause: CalangoError | None = None) -> ApiError:
    return ApiError(404, message, "LangfuseNotFoundError", cause)


def refused(message: str, cause: CalangoError | None = None) -> ApiError:
    return ApiError(400, message, "InvalidRequestError", cause)


def invalid(*problems: dict[str, Any]) -> ApiError:
    return ApiError(400, "Invalid request data", list(problems))


def problem(path: list[str | int], message: str, code: str = "custom", **more: Any) -> dict[str, Any]:
    return {"code": code, **more, "path": path, "message": message}

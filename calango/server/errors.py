"""Refusals, in the shape in which Langfuse words them: `{"message": ..., "error": ...}`."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer with `status`; `error` is a name such as LangfuseNotFoundError, or a list of problems."""

    def __init__(self, status: int, message: str, error: str | list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error = error

    def body(self) -> dict[str, Any]:
        return {"message": self.message} | ({} if self.error is None else {"error": self.error})


def not_found(message: str) -> ApiError:
    return ApiError(404, message, "LangfuseNotFoundError")


def refused(message: str) -> ApiError:
    return ApiError(400, message, "InvalidRequestError")


def invalid(*problems: dict[str, Any]) -> ApiError:
    return ApiError(400, "Invalid request data", list(problems))


def problem(path: list[str | int], message: str, code: str = "custom", **more: Any) -> dict[str, Any]:
    return {"code": code, **more, "path": path, "message": message}

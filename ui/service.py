"""What the whole process shares: one ChatService, and one place for questions that take long."""

from __future__ import annotations

import atexit

import streamlit as st

from calango.chat import ChatService

from .lookups import Lookups

MODELS = "models"


@st.cache_resource(show_spinner=False)
def chat() -> ChatService:
    """Raises CalangoError when it can't start; that is not cached, so trying again is worth it."""
    made = ChatService()
    atexit.register(made.close)
    lookups().put(MODELS, made.available_models())
    return made


@st.cache_resource(show_spinner=False)
def lookups() -> Lookups:
    return Lookups()

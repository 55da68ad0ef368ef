"""What people put together in ten lines: Gradio's ChatInterface over LangChain's ChatOpenAI, streaming."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import gradio as gr
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

port, model = sys.argv[1:]
LATEX = [{"left": "$", "right": "$", "display": False}]


async def answer(message: str, _history: list[dict[str, str]]) -> AsyncIterator[str]:
    """The text so far, with every token."""
    llm = ChatOpenAI(model="scripted", base_url=model, api_key=SecretStr("none"))
    text = ""
    async for chunk in llm.astream(message):
        text += str(chunk.content)
        yield text


gr.ChatInterface(answer, chatbot=gr.Chatbot(latex_delimiters=LATEX)).launch(server_port=int(port))

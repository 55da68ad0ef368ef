"""Chat models behind one protocol: an OpenAI-compatible endpoint, whoever serves it.

``ChatModel`` adds to ``ChatOpenAI`` what the agent needs: going on with a half-written assistant message
(prefill) where the server can, JSON schemas, token counts, and errors a user can act on.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from agent.errors import ModelServerError, ServerDownError
from agent.prompts import load
from agent.records import Usage
from agent.wire import spelled_out, whole_characters

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_openai import ChatOpenAI

Message = tuple[Literal["system", "user", "assistant"], str]
# Servers that go on writing when the last message is the assistant's, by ``owned_by`` of /v1/models. They
# also know ``top_k``, which OpenAI's own API refuses.
_PREFILLS: dict[str, dict[str, Any]] = {
    "llamacpp": {},
    "vllm": {"continue_final_message": True, "add_generation_prompt": False},
}
_PASSING = frozenset({408, 429, 500, 502, 503, 504})  # HTTP statuses after which another try may succeed
_LONGEST = 256  # characters of a token: a reply with more for each token asked for has no end
# What parsing an answer that is no chat completion ends in.
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError)


@dataclass(frozen=True)
class Sampling:
    """How one reply is drawn. ``schema`` constrains it to JSON of that schema, ``top_k`` (0: no limit; None:
    the server's default) limits the choice of each token; both where the server can."""

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 0.95
    stop: tuple[str, ...] = ()
    seed: int = 0
    schema: dict[str, Any] | None = None
    top_k: int | None = None


@dataclass
class Reply:
    """A reply as it arrives: ``text`` grows while ``ChatModel.stream`` is read; then ``usage`` is known.

    ``ms`` is what the call took, where calls are recorded (see ``agent.recording``).
    """

    text: str = ""
    usage: Usage = field(default_factory=Usage)
    finish: str = ""
    ms: float = 0.0


class ChatModel:
    """A chat model at ``url`` (the part before ``/chat/completions``).

    Args:
        url: Base URL of an OpenAI-compatible server, for example ``http://127.0.0.1:8000/v1``.
        model: The model's name there.
        api_key: Key, where the server wants one.
        identity: What goes into a trajectory's fingerprint; default the model's name.
        timeout: Seconds without any byte before the server counts as hung.
    """

    def __init__(
        self, url: str, model: str, *, api_key: str = "none", identity: str = "", timeout: float = 120.0
    ) -> None:
        self.url = url.rstrip("/")
        self.model = model
        self.fingerprint = identity or model
        self.recorded = ""  # when, in a recording or its replay: time is then that of its calls
        self._api_key = api_key or "none"
        self._timeout = timeout
        self._owner: str | None = None  # what kind of server it is, once it has said so

    @asynccontextmanager
    async def _client(self) -> AsyncGenerator[ChatOpenAI]:
        """A client for one reply: connections are not shared between event loops."""
        import httpx

        async with httpx.AsyncClient(**self._connection()) as http:
            yield self._chat(http_async_client=http)

    def as_langchain(self) -> ChatOpenAI:
        """This model for LangChain's own blocking calls (``invoke``, ``batch``), from any thread."""
        import httpx

        _check_address(self.url)
        return self._chat(http_client=httpx.Client(**self._connection()))

    def _connection(self) -> dict[str, Any]:
        """Nothing is kept alive: llama.cpp closes idle connections, and a request that meets one fails."""
        import httpx

        limits = httpx.Limits(max_keepalive_connections=0)
        timeout = httpx.Timeout(self._timeout, connect=10.0)
        return {"limits": limits, "timeout": timeout, "verify": _certificates()}

    def _chat(self, **http: Any) -> ChatOpenAI:
        from langchain_openai import ChatOpenAI
        from pydantic import SecretStr

        return ChatOpenAI(
            base_url=self.url,
            model=self.model,
            api_key=SecretStr(self._api_key),
            max_retries=2,  # of connections and 5xx, with backoff, and only before a reply has begun
            stream_usage=True,
            stream_chunk_timeout=None,  # it has the fault that _each_within avoids
            **http,
        )

    async def _prefills(self) -> dict[str, Any] | None:
        """Extra request fields with which this server goes on with an assistant message; None: it cannot, and
        does not know ``top_k`` either."""
        if self._owner is None:
            with contextlib.suppress(ModelServerError):
                listing = await asyncio.to_thread(_listing, self.url, self._api_key)
                self._owner = str(listing[0].get("owned_by", ""))
        return _PREFILLS.get(self._owner or "")

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, reply: Reply
    ) -> AsyncGenerator[str]:
        """Yield the reply piece by piece, filling ``reply``.

        A last message of the assistant is gone on with: by the server, or by asking for it.

        Raises:
            ModelServerError: the server is unreachable, died, hung or refused; ``reply`` holds what came.
        """
        import httpx
        import openai
        from langchain_core.exceptions import LangChainException

        _check_address(self.url)
        sent, extra = await self._prepare(messages, sampling)
        try:
            async with self._client() as client:
                chain = client.bind(**_arguments(sampling), extra_body=extra)
                room = (sampling.max_tokens + 64) * _LONGEST
                async for chunk in _each_within(chain.astream(sent), self._timeout):
                    piece = whole_characters(chunk.text)
                    reply.text += piece
                    if (room := room - 1 - len(piece)) < 0:
                        raise ValueError(f"far more than the {sampling.max_tokens} tokens asked for")
                    reply.finish = str(chunk.response_metadata.get("finish_reason") or reply.finish)
                    if chunk.usage_metadata:
                        reply.usage = _usage(chunk.usage_metadata)
                    if piece:
                        yield piece
            if not reply.finish:
                raise ConnectionError("the reply broke off")
        except (openai.APIError, httpx.HTTPError, LangChainException, OSError, *_UNREADABLE) as error:
            raise self._explain(error) from error

    async def _prepare(
        self, messages: Sequence[Message], sampling: Sampling
    ) -> tuple[list[BaseMessage], dict[str, Any]]:
        from langchain_core.messages import convert_to_messages

        messages = [(role, spelled_out(text)) for role, text in messages]
        extra: dict[str, Any] = {"seed": sampling.seed}
        if sampling.schema is not None:
            extra["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "reply", "strict": True, "schema": sampling.schema},
            }
        sent, goes_on = list(messages), messages[-1][0] == "assistant"
        prefill = await self._prefills() if goes_on or sampling.top_k is not None else None
        if sampling.top_k is not None and prefill is not None:
            extra["top_k"] = sampling.top_k
        if goes_on:
            if prefill is None:
                sent.append(("user", load("continue")))
            extra |= prefill or {}
        return convert_to_messages(sent), extra

    def _explain(self, error: Exception) -> ModelServerError:
        """One line about what happened to the server."""
        import httpx
        import openai

        kind: type[ModelServerError] = ServerDownError
        if isinstance(error, TimeoutError | openai.APITimeoutError | httpx.TimeoutException):
            what = f"the model server at {self.url} has been silent for {self._timeout:.0f} s"
        elif isinstance(error, openai.APIStatusError):
            what = f"the model server at {self.url} refused: {error.status_code} {_first_line(error.message)}"
            kind = ServerDownError if error.status_code in _PASSING else ModelServerError
        elif isinstance(error, openai.APIConnectionError | httpx.HTTPError | OSError):
            what = f"the model server at {self.url} cannot be reached or broke off ({_cause(error)})"
        else:
            what = f"the model server at {self.url} sent something unreadable ({_first_line(str(error))})"
            kind = ModelServerError
        return kind(what, "Check it, or start without --llm-url for the embedded model")


@cache
def _certificates() -> ssl.SSLContext:
    """Trusted certificates; reading them costs more than all the rest of making a client."""
    import httpx

    return httpx.create_ssl_context()


def _check_address(url: str) -> None:
    """Refuse what is no address: HTTP clients raise whatever they like about it."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ModelServerError(
            f"{url} is not the address of a server", "It looks like http://127.0.0.1:8000/v1"
        )


def served_models(url: str, api_key: str = "") -> list[str]:
    """The names of the models that a server lists, one at least.

    Raises:
        ModelServerError: it cannot be reached, or lists none.
    """
    return [str(model["id"]) for model in _listing(url.rstrip("/"), api_key) if "id" in model]


def _listing(url: str, api_key: str) -> list[dict[str, Any]]:
    import httpx

    _check_address(url)
    try:
        headers = {"Authorization": f"Bearer {api_key or 'none'}"}
        reply = httpx.get(f"{url}/models", headers=headers, timeout=10.0, verify=_certificates())
        models: list[dict[str, Any]] = reply.json()["data"]
        if not isinstance(models, list) or not models or "id" not in models[0]:
            raise ValueError("there is no model in its list")
        return models
    except (httpx.HTTPError, httpx.InvalidURL, *_UNREADABLE) as error:
        raise ModelServerError(
            f"the server at {url} does not list its models ({_first_line(str(error))})",
            "Check --llm-url (it usually ends in /v1), or name the model with --llm-model",
        ) from error


async def _each_within(chunks: AsyncIterator[Any], seconds: float) -> AsyncGenerator[Any]:
    """The chunks, each waited for at most ``seconds``: a hung server may still send keep-alive bytes, so the
    HTTP client's own time limit does not notice it.

    Not ``asyncio.wait_for``: in Python 3.11 it loses a cancellation that arrives together with a chunk, and
    the model would talk on after a stop.

    Raises:
        TimeoutError: no chunk came in time.
    """
    while True:
        try:
            async with asyncio.timeout(seconds):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        yield chunk


def _arguments(sampling: Sampling) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    return arguments | ({"stop": list(sampling.stop)} if sampling.stop else {})


def _usage(metadata: Any) -> Usage:
    return Usage(
        prompt_tokens=metadata["input_tokens"],
        cached_tokens=metadata.get("input_token_details", {}).get("cache_read") or 0,
        completion_tokens=metadata["output_tokens"],
        calls=1,
    )


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:200] if text.strip() else "no reason given"


def _cause(error: Exception) -> str:
    """What is at the bottom of an error: the client's own message often says no more than that it failed."""
    bottom: BaseException = error
    while bottom.__cause__ is not None:
        bottom = bottom.__cause__
    return _first_line(str(bottom) or type(bottom).__name__)

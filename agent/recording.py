"""Record every call of the language model, and run again from the recording without a model.

A recording is a folder with ``calls.jsonl``: a first line that says when and of which model, then one line a
call with its key, how often that key was asked before, and the reply. The key is the hash of all that
was sent: messages and sampling, the seed among them. Recorded runs measure a step by the time of its model
calls, so that a replay gives the same trajectory, byte for byte.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from agent.errors import RecordingError
from agent.llm import ChatModel, Message, Reply, Sampling
from agent.records import Usage
from agent.tape import Tape
from retriever.errors import BadInputError

CALLS = "calls.jsonl"


class Head(BaseModel):
    """The first line of a recording."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recording: int = 1
    model: str
    created: str


class Call(BaseModel):
    """One recorded call; ``again`` counts from 0 the calls with the same key, ``ms`` is what it took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    again: int
    text: str
    finish: str
    usage: Usage
    ms: float


def call_key(messages: Sequence[Message], sampling: Sampling) -> str:
    """What was asked, as 64 hex digits."""
    drawn = asdict(sampling)
    if sampling.top_k is None:  # so that recordings from before it was there keep their keys
        del drawn["top_k"]
    asked = {"messages": [list(message) for message in messages], "sampling": drawn}
    return hashlib.sha256(json.dumps(asked, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


class RecordedModel(ChatModel):
    """A chat model whose replies are kept, and that says again what it said before.

    A call that the recording holds is answered from there; another one is asked of ``model`` and kept. So a
    collection that was killed goes on with what was said already, and a replay needs no model.

    Args:
        folder: The recording's folder; made where it is missing.
        model: Who is asked what the recording does not hold; None replays only.

    Raises:
        BadInputError: There is nothing to replay, or the recording is of another model.
        LogError: The recording cannot be read.
        StorageError: The folder cannot be written to.
    """

    def __init__(self, folder: Path, model: ChatModel | None = None) -> None:
        self._model, self._tape = model, Tape(folder / CALLS, Head, Call)
        self._lock = threading.Lock()
        self._asked = Counter[str]()
        if model is not None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self._tape.begin(Head(model=model.fingerprint, created=now))
        head, calls = self._tape.read()
        if model is not None and head.model != model.fingerprint:
            raise BadInputError(
                f"{self._tape.file} is a recording of {head.model}", "Record into another folder"
            )
        self._calls = {(call.key, call.again): call for call in calls}
        self.url, self.model, self.fingerprint = (model.url if model else ""), head.model, head.model
        self.recorded = head.created

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, reply: Reply
    ) -> AsyncGenerator[str]:
        """The reply: piece by piece from the model, in one piece from the recording.

        Raises:
            ModelServerError: The model failed.
            RecordingError: A replay needs what was never asked while recording: prompts, configuration,
                passages or seed differ.
        """
        key = call_key(messages, sampling)
        with self._lock:
            again = self._asked[key]
            self._asked[key] += 1
        call = self._calls.get((key, again))
        if call is not None:
            reply.text, reply.finish, reply.usage, reply.ms = call.text, call.finish, call.usage, call.ms
            yield call.text
            return
        if self._model is None:
            raise RecordingError("call")
        started = time.perf_counter()
        async for piece in self._model.stream(messages, sampling, reply):
            yield piece
        reply.ms = round((time.perf_counter() - started) * 1000, 1)
        said = {"text": reply.text, "finish": reply.finish, "usage": reply.usage, "ms": reply.ms}
        await asyncio.to_thread(self._tape.append, Call(key=key, again=again, **said))

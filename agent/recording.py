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
import os
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.errors import LogError, ModelServerError
from agent.llm import ChatModel, Message, Reply, Sampling
from agent.records import Usage
from retriever.errors import BadInputError, StorageError

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
        self._model, self._file = model, folder / CALLS
        self._lock = threading.Lock()
        self._asked = Counter[str]()
        if model is not None and not self._file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self._append(Head(model=model.fingerprint, created=now))
        head, calls = read_recording(folder)
        if model is not None and head.model != model.fingerprint:
            raise BadInputError(f"{self._file} is a recording of {head.model}", "Record into another folder")
        self._calls = {(call.key, call.again): call for call in calls}
        self.url, self.model, self.fingerprint = (model.url if model else ""), head.model, head.model
        self.recorded = head.created

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, reply: Reply
    ) -> AsyncGenerator[str]:
        """The reply: piece by piece from the model, in one piece from the recording.

        Raises:
            ModelServerError: The model failed, or a replay needs what was never asked while recording:
                prompts, configuration, passages or seed differ.
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
            raise ModelServerError(
                "the recording does not hold this call", "Replay with the settings that it was made with"
            )
        started = time.perf_counter()
        async for piece in self._model.stream(messages, sampling, reply):
            yield piece
        reply.ms = round((time.perf_counter() - started) * 1000, 1)
        said = {"text": reply.text, "finish": reply.finish, "usage": reply.usage, "ms": reply.ms}
        await asyncio.to_thread(self._append, Call(key=key, again=again, **said))

    def _append(self, line: BaseModel) -> None:
        try:
            with self._lock, self._file.open("ab") as file:
                file.write(line.model_dump_json().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(
                f"the recording {self._file} cannot be written ({error.strerror or error})",
                "Free some space, or record into another folder",
            ) from error


def read_recording(folder: Path) -> tuple[Head, list[Call]]:
    """Head and calls of a recording; a last line that a kill cut off is taken off the file.

    Raises:
        BadInputError: There is none.
        LogError: A line is none of a recording.
    """
    file = folder / CALLS
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise BadInputError(
            f"there is no recording in {folder} ({error.strerror or error})", "Make one with --record"
        ) from error
    *whole, torn = lines
    if torn:
        os.truncate(file, file.stat().st_size - len(torn))
    found: list[Any] = [_parsed(file, n, line) for n, line in enumerate(whole, 1)]
    if not found:
        raise LogError(f"{file} is empty")
    return found[0], found[1:]


def _parsed(file: Path, number: int, line: bytes) -> Head | Call:
    try:
        return Head.model_validate_json(line) if number == 1 else Call.model_validate_json(line)
    except ValidationError as error:
        raise LogError(f"{file}, line {number}: {error.errors()[0]['msg']}") from error

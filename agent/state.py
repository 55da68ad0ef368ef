"""Configuration and state of the agent's graphs, and the names of the strategies."""

from __future__ import annotations

import hashlib
import operator
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from agent.records import Problem, Step
from retriever.errors import BadInputError

Strategy = str  # what parse_strategy reads
STRATEGIES = ("cot", "rag", "steps", "mcts")
MOST_SAMPLES = 64
STRATEGY_NAMES = f"{', '.join(STRATEGIES)}, cot@n or rag@n with n from 1 to {MOST_SAMPLES}"
RetrieverName = Literal["bm25", "base", "rader", "hybrid"]


class AgentConfig(BaseModel):
    """How a problem is solved. Lengths are in tokens of the language model unless they say otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth: int = Field(default=6, ge=1, le=32, description="most steps of thought before the answer")
    hits: int = Field(default=3, ge=1, le=20, description="passages retrieved for a query")
    max_retrievals: int = Field(default=2, ge=0, le=16, description="most queries in one solution")
    step_tokens: int = Field(default=320, ge=16, le=8192, description="most tokens in one thought")
    step_chars: int = Field(default=160, ge=1, le=8000, description="characters that make a thought")
    answer_tokens: int = Field(default=1024, ge=16, le=16384, description="most tokens in one answer")
    temperature: float = Field(default=0.0, ge=0.0, le=2.0, description="0 is greedy")
    top_p: float = Field(default=0.95, gt=0.0, le=1.0)
    retriever: RetrieverName = "hybrid"
    without: tuple[str, ...] = Field(default=("code",), description="kinds of passages not to ask for")
    passage_chars: int = Field(
        default=450, ge=100, le=20000, description="characters of a passage shown to the model"
    )
    # Left out of the fingerprint where it is empty: runs from before it was there keep theirs.
    sources: tuple[str, ...] = Field(
        default=(), exclude_if=lambda named: not named, description="search only these sources; empty: all"
    )
    problem_chars: int = Field(default=8000, ge=100, le=100000, description="longest problem accepted")
    history_chars: int = Field(default=3000, ge=0, le=100000, description="earlier conversation kept")

    @property
    def fingerprint(self) -> str:
        """sha256 of the resolved configuration."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Sampled(BaseModel):
    """How one of many attempts at a problem is drawn; the numbers are the paper's (METHOD, Search)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(default=0.8, ge=0.0, le=2.0)
    top_k: int = Field(default=40, ge=0, description="0 is no limit; only where the server knows it")
    top_p: float = Field(default=0.95, gt=0.0, le=1.0)
    parallel: int = Field(default=4, ge=1, le=64, description="most requests at once for one problem")
    early_stop: bool = Field(default=True, description="stop once the vote cannot change")


class SampleConfig(Sampled):
    """``cot@n`` and ``rag@n``: independent solutions, and a majority vote."""

    token_budget: int | None = Field(
        default=None, ge=1, description="generated tokens after which no further solution is begun"
    )


class SearchConfig(Sampled):
    """``mcts``. The defaults are the ``laptop`` preset: a 1.5B model on two cores, minutes a problem."""

    rollouts: int = Field(default=6, ge=1, le=256)
    depth: int = Field(default=4, ge=1, le=32, description="most thoughts and queries on one path")
    thoughts: int = Field(default=2, ge=0, le=16, description="one-step thoughts an expansion (OST)")
    queries: int = Field(default=1, ge=0, le=16, description="queries an expansion (QG)")
    hits: int = Field(default=3, ge=1, le=20, description="passages retrieved for a query (RT)")
    theorems: int = Field(
        default=1, ge=1, le=20, description="most relevant passages of one query that become nodes"
    )
    exploration: float = Field(default=2.0, ge=0.0, description="UCT's weight")
    reward: Literal["gold", "vote"] = Field(
        default="vote",
        description="1 where the answer equals gold, to collect (no gold: vote); or where no other answer "
        "has more votes so far, which never looks at gold, to solve and to evaluate",
    )
    # Left out of the fingerprint where it is off: searches from before it was there keep theirs.
    sound: bool = Field(
        default=False,
        exclude_if=lambda on: not on,
        description="no reward for a path on which a checked claim fails (agent.checks)",
    )

    def collecting(self) -> SearchConfig:
        """The same search for collecting: gold decides the rewards and every rollout is done."""
        return self.model_copy(update={"reward": "gold", "early_stop": False})

    def blind(self) -> SearchConfig:
        """The same search without a look at gold answers: what an evaluation must use."""
        return self.model_copy(update={"reward": "vote"})


# The paper's numbers. Its search collects, so gold decides and no rollout is spared.
PAPER = SearchConfig(rollouts=16, depth=6, hits=5, theorems=5, parallel=16).collecting()
PRESETS: dict[str, SearchConfig] = {"laptop": SearchConfig(), "paper": PAPER}


class Plan(NamedTuple):
    """A strategy's name taken apart: ``samples`` is n of ``cot@n``, None where there is one solution."""

    graph: str
    samples: int | None = None

    @property
    def votes(self) -> bool:
        """Whether many attempts are made, of which the majority answers."""
        return self.samples is not None or self.graph == "mcts"


def parse_strategy(strategy: str) -> Plan:
    """The plan that a strategy's name stands for.

    Raises:
        BadInputError: there is no such strategy.
    """
    sampled = re.fullmatch(r"(cot|rag)@([1-9][0-9]?)", strategy)
    if sampled and int(sampled[2]) <= MOST_SAMPLES:
        return Plan(sampled[1], int(sampled[2]))
    if strategy not in STRATEGIES:
        raise BadInputError(f"unknown strategy '{strategy}'", f"Choose one of: {STRATEGY_NAMES}")
    return Plan(strategy)


def config_fingerprint(strategy: str, agent: AgentConfig, search: SearchConfig, samples: SampleConfig) -> str:
    """sha256 of all configuration that ``strategy`` uses, but how many requests it makes at once."""
    own: Sampled | None = search if strategy == "mcts" else samples if "@" in strategy else None
    if own is None:
        return agent.fingerprint
    resolved = agent.model_dump_json() + own.model_dump_json(exclude={"parallel"})
    return hashlib.sha256(resolved.encode()).hexdigest()


class AgentState(TypedDict):
    """What the checkpointer keeps between nodes: plain JSON data only.

    ``steps`` and ``usage`` grow by reducers, so that a node returns only what it added. ``n`` is the number
    of the step to be made where that is not the next one of a line: in a tree ``steps`` is one path of it.
    """

    problem: dict[str, Any]
    strategy: str
    steps: Annotated[list[dict[str, Any]], operator.add]
    usage: Annotated[list[dict[str, Any]], operator.add]
    seed: int
    done: bool
    n: NotRequired[int]


def begun(problem: Problem, strategy: Strategy, seed: int, given: Sequence[Step] = ()) -> AgentState:
    """The state in which a run begins, after the steps that are ``given``: one path, numbered from 1."""
    # The tree of a search begins with that path, and grows at its end.
    opened: Any = {"expanded": [0, *(step.n for step in given[:-1])]} if given and strategy == "mcts" else {}
    state: AgentState = opened | AgentState(
        problem=problem.model_dump(),
        strategy=strategy,
        steps=[step.model_dump() for step in given],
        usage=[],
        seed=seed,
        done=False,
    )
    return state


class SearchState(AgentState):
    """State of a graph that makes many attempts: ``steps`` are all nodes of its tree, as they came.

    ``expanded`` are the numbers of the nodes whose children are there, ``rollouts`` what each ended in
    (``agent.tree.Rollout``), ``cursor`` the node that the rollout under way has come to, ``result`` what is
    known so far (``agent.tree.Tree.result``).
    """

    expanded: Annotated[list[int], operator.add]
    rollouts: Annotated[list[Any], operator.add]
    cursor: int
    result: dict[str, Any]

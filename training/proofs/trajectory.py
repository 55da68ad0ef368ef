"""The steps of a written proof: thoughts, and a query with its theorems wherever the proof cites some."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from agent.records import Action, Step, StepHit
from retriever.corpus import Corpus
from retriever.passage import Passage
from retriever.proofs import statement_of
from training.proofs.names import (
    MARKS,
    Form,
    Names,
    form_of,
    full_forms,
    is_name,
    short_forms,
    unmark,
    without_citations,
)
from training.proofs.splits import text_key
from training.proofs.steps import STEP_CHARS, TOMBSTONE, continues_calculation, pack, units

# A query shorter than this says too little ("The result follows."): it reaches back over what stands before.
LEAST_QUERY = 100


class Statements:
    """The statements that can be proved and cited, and which short names mean one of them alone."""

    def __init__(self, corpus: Corpus) -> None:
        self._by_id = {passage.id: passage for passage in corpus}
        self._bases: defaultdict[Form, set[Form]] = defaultdict(set)
        for passage in corpus:
            base = passage.title.split("/", maxsplit=1)[0]
            for short in short_forms(base):
                self._bases[short].add(form_of(base))

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, identity: str) -> bool:
        return identity in self._by_id

    def __getitem__(self, identity: str) -> Passage:
        return self._by_id[identity]

    def forms(self, cited: Sequence[Passage]) -> dict[str, set[Form]]:
        """The names by which one page can mean each of the statements that it cites.

        A short name counts only where it can mean no other: "Lagrange's Theorem" is a theorem about groups
        and one about numbers, and a corollary is not meant where its theorem is linked too.
        """
        forms = {one.id: full_forms(one.title, one.aliases) for one in cited}
        taken = Counter(form for one in cited for form in forms[one.id] | short_forms(one.title))
        for one in cited:
            own = short_forms(one.title) - forms[one.id]
            forms[one.id] |= {form for form in own if taken[form] == 1 and len(self._bases[form]) <= 1}
        return forms


class Page:
    """One statement, the statements that its proofs are linked to, and what the proofs come to.

    Args:
        statements: All statements.
        identity: Id of the statement that is proved.
        premises: Ids of the statements that its proofs use, in any of their texts.

    Attributes:
        problem: What is to be proved, without the names of linked statements and without the page's own
            proofs; empty where nothing is left.
        refused: Links that cannot be used whatever the proofs say, by reason.
    """

    def __init__(self, statements: Statements, identity: str, premises: Iterable[str]) -> None:
        statement = statements[identity]
        own = text_key(statement.text)
        self.refused: Counter[str] = Counter()
        self._cited: dict[str, Passage] = {}
        for premise in dict.fromkeys(premises):
            if premise not in statements:
                self.refused["of no such statement"] += 1
            elif premise == identity or text_key(statements[premise].text) == own:
                self.refused["to the statement itself"] += 1
            else:
                self._cited[premise] = statements[premise]
        self._names = Names(statements.forms(list(self._cited.values())))
        self._located: set[str] = set()
        text = statement_of(unmark(statement.text))
        self.problem = "" if TOMBSTONE.search(text) else self._names.remove(text)

    def steps(self, proof: str) -> list[Step]:
        """The steps of one proof; empty where it cites no linked statement by name."""
        text, owners = self._names.mark(unmark(proof))
        if not owners:
            return []
        marked = units(text)
        told = [self._names.remove(without_citations(unit)) for unit in marked]
        draft = _Draft()
        for position, unit in enumerate(marked):
            if cited := [one for mark in re.findall(MARKS, unit) for one in sorted(owners[mark])]:
                draft.cite(self._query(told, position), self._hits(cited))
            draft.thoughts.append(told[position])
        return draft.finish()

    def links(self) -> Counter[str]:
        """What became of each link, once `steps` has seen every proof: located, or why not."""
        return self.refused + Counter(self._fate(one) for one in self._cited.values())

    def _fate(self, cited: Passage) -> str:
        if cited.id in self._located:
            return "located"
        if not cited.title:
            return "without a title"
        return "not in the text by name" if is_name(form_of(cited.title)) else "with a formula for a title"

    def _query(self, told: Sequence[str], position: int) -> str:
        """A unit as a query: with the left side of its calculation, and with what makes it long enough."""
        query, before = told[position], position - 1
        while before >= 0 and (
            len(query) < LEAST_QUERY or (before == position - 1 and continues_calculation(query))
        ):
            query, before = _prepend(told[before], query), before - 1
        if len(query) >= LEAST_QUERY:
            return query
        room = STEP_CHARS - len(query) - 1  # of the problem its beginning: the end may be remarks
        head = self.problem if len(self.problem) <= room else self.problem[:room].rpartition(" ")[0]
        return f"{head}\n{query}".strip()

    def _hits(self, cited: Sequence[str]) -> tuple[StepHit, ...]:
        self._located.update(cited)
        return tuple(
            StepHit(id=one, title=self._cited[one].title, score=1.0, verdict="relevant", reason="cited")
            for one in dict.fromkeys(cited)
        )


class _Draft:
    """Steps as they grow: thoughts are held back until a citation or the end closes them."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.thoughts: list[str] = []

    def cite(self, query: str, hits: tuple[StepHit, ...]) -> None:
        self._close()
        self._add("query", query)
        self._add("retrieve", query, hits)

    def finish(self) -> list[Step]:
        self._close()
        return self.steps

    def _close(self) -> None:
        for thought in pack([thought for thought in self.thoughts if thought]):
            self._add("think", thought)
        self.thoughts = []

    def _add(self, action: Action, text: str, hits: tuple[StepHit, ...] = ()) -> None:
        n = len(self.steps) + 1
        self.steps.append(Step(n=n, action=action, text=text, hits=hits, parent=n - 1 or None))


def _prepend(before: str, text: str) -> str:
    """``before`` in front of ``text``; of what is too long together only the end."""
    room = STEP_CHARS - len(text) - 1
    if len(before) > room:
        before = before[-room:].partition(" ")[2] if room > 0 else ""
    return f"{before}\n{text}".strip()

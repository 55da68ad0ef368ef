"""A trajectory's tree drawn, pure: as text for a terminal, as a Mermaid flowchart for a page.

What a model or a corpus wrote is shown as it is and steers nothing: control and direction characters are left
out, and Mermaid gets every mark of ASCII as a number.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence

from agent.records import Step, Trajectory
from agent.transcript import cut

_SAFE = frozenset(" .,()=+-")  # beside letters and digits
_STYLES = """\
  classDef chosen stroke-width:3px
  classDef pruned stroke-dasharray:4 4,opacity:0.6"""
_VERDICTS = {"relevant": "+", "irrelevant": "−", None: "?"}


def text_tree(trajectory: Trajectory, *, chars: int = 72) -> str:
    """The tree in lines: number, action, value/visits, reward, then the first ``chars`` characters said.

    ``*`` marks the path of the answer given. A step that alone follows another stands right below it.
    """
    below = children(trajectory.steps)
    lines = [_plain(trajectory.problem, chars)]
    waiting = _below(below[0], "")
    while waiting:
        step, lead, hang = waiting.pop()
        mark = "*" if step.chosen else " "
        lines.append(f"{lead}{mark}{_head(step)}  {_plain(_said(step), chars)}".rstrip())
        waiting += _below(below[step.n], hang)
    return "\n".join(lines)


def mermaid(trajectory: Trajectory, *, chars: int = 48) -> str:
    """The tree as a Mermaid flowchart; labels show the first ``chars`` characters said."""
    nodes, edges = [f'  n0["{_quoted(trajectory.problem, chars)}"]'], []
    classes: dict[str, list[str]] = {"chosen": [], "pruned": []}
    for parent, steps in children(trajectory.steps).items():
        for step in steps:
            nodes.append(f'  n{step.n}["{_quoted(_head(step), 80)}<br/>{_quoted(_said(step), chars)}"]')
            edges.append(f"  n{parent} --> n{step.n}")
            if step.chosen or step.pruned:
                classes["chosen" if step.chosen else "pruned"].append(f"n{step.n}")
    styled = [f"  class {','.join(names)} {style}" for style, names in classes.items() if names]
    return "\n".join(["flowchart TD", *nodes, *edges, _STYLES, *styled])


def children(steps: Sequence[Step]) -> dict[int, list[Step]]:
    """Steps by the number of the one they follow, 0 for the problem; of a number given twice the last."""
    known = {step.n: step for step in steps}
    found: dict[int, list[Step]] = defaultdict(list)
    for step in known.values():
        found[step.parent if step.parent in known and step.parent is not None else 0].append(step)
    return found


def path(steps: Mapping[int, Step], n: int) -> list[Step]:
    """The steps from the first to ``n``, by their numbers; empty where there is no such step."""
    found: dict[int, Step] = {}
    place: int | None = n
    while place is not None and place in steps and place not in found:
        found[place] = steps[place]
        place = steps[place].parent
    return list(found.values())[::-1]


def _below(steps: list[Step], hang: str) -> list[tuple[Step, str, str]]:
    """Each step, what stands before it, and what stands before those below it; the last first."""
    if len(steps) == 1:
        return [(steps[0], hang, hang)]
    branches = [(step, f"{hang}├─", f"{hang}│ ") for step in steps[:-1]]
    branches += [(step, f"{hang}└─", f"{hang}  ") for step in steps[-1:]]
    return branches[::-1]


def _head(step: Step) -> str:
    """``4 think 1/2``, and what became of it."""
    counts = "" if step.visits is None else f" {step.value}/{step.visits}"
    reward = "" if step.reward is None else f" reward {step.reward}"
    pruned = f" ({_plain(step.pruned, 100)})" if step.pruned else ""
    return f"{step.n} {step.action}{counts}{reward}{pruned}"


def _said(step: Step) -> str:
    """What the step says; the verdicts where it judged."""
    if step.action == "reflect":
        return ", ".join(f"{_VERDICTS[hit.verdict]}{hit.title or hit.id}" for hit in step.hits)
    return step.text


def _plain(text: str, chars: int) -> str:
    """``text`` on one line, without characters that are not to be seen, cut."""
    line = " ".join(text.split())
    return cut("".join(char for char in line if unicodedata.category(char)[0] != "C"), chars)


def _quoted(text: str, chars: int) -> str:
    """``text`` for a quoted Mermaid label."""
    return "".join(
        char if char.isalnum() or char in _SAFE or not char.isascii() else f"#{ord(char)};"
        for char in _plain(text, chars)
    )

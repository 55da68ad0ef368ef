"""What is held out of proofs when there are several corpora."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from retriever.corpus import Corpus
from training.proofs.splits import SplitPlan, groups_of, plan_split
from training.trajectories.episodes import PROOF
from training.trajectories.files import TrajectoryFiles


def held_out_plan(
    sources: TrajectoryFiles, corpora: Sequence[Corpus], share: float, seed: int = 0
) -> SplitPlan:
    """The plan of `training.proofs.splits`, drawn in each corpus alone and carried over to copies elsewhere.

    So a theorem of ProofWiki is held out by another corpus beside it or without, and so is the same theorem
    there. An evaluation set made of one corpus stays apart from training on several.

    Args:
        sources: Trajectories; those of proofs decide which theorems are used.
        corpora: With ids that are unique over all of them.
        share: Of the groups of theorems, 0 to 1.
        seed: Another seed holds out other groups.
    """
    alone: dict[str, str] = {}
    for corpus in corpora:
        alone |= groups_of(corpus)
    proofs = (one for one in sources.read() if one.strategy == PROOF)
    plan = plan_split(proofs, alone, share, seed)
    together = groups_of(chain.from_iterable(corpora))
    theorems = {together[one] for one, group in alone.items() if group in plan.theorems}
    problems = {together[one] for one, group in alone.items() if group in plan.problems}
    return SplitPlan(
        together, frozenset(theorems), frozenset(problems | (plan.problems - set(alone.values())))
    )

"""What can be claimed of an uncertain difference and a tolerance: the p-value of each claim.

A p-value is that at the truth where the claim is false but hardest to tell from true.
"""

from __future__ import annotations

from superion.verdict.uncertain import Uncertain


def exceeds(difference: Uncertain, tolerance: float) -> float:
    """p-value of the claim that the truth is larger in size than `tolerance`.

    Hodges and Lehmann, J. R. Stat. Soc. B 16, 261, 1954: it is reached from both sides of the tolerance.
    """
    size = Uncertain(abs(difference.value), difference.parts)
    return min(1.0, size.above(tolerance) + size.above(-tolerance))


def within(difference: Uncertain, tolerance: float) -> float:
    """p-value of the claim that the truth is smaller in size than `tolerance`.

    Two one-sided tests, of which the worse counts (Schuirmann, J. Pharmacokinet. Biopharm. 15, 657, 1987).
    """
    return max(difference.below(tolerance), difference.above(-tolerance))


def closer(difference: Uncertain, total: Uncertain) -> float:
    """p-value of the claim that the second of two values is closer to the reference than the first.

    difference: second − first. total: the sum of what both miss the reference by, a and b. With a² − b² =
    −difference · total the claim is that the two have opposite signs; that of the difference is taken from
    the estimate, and has to be shown beside this claim (`exceeds` does).
    """
    return total.above(0.0) if difference.value < 0 else total.below(0.0)


def all_of(*p_values: float) -> float:
    """p-value of the claim that all of several hold: the worst (Berger, Technometrics 24, 295, 1982)."""
    return max(p_values)

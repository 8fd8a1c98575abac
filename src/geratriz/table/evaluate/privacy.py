"""The metrics of privacy: attacks on the rows trained on. The verdict rests on the high ends of their intervals.

One attack, one file: membership.py, attributes.py, singling.py, copies.py, personal.py. They compare training rows with
real rows that were never trained on: what synthetic rows tell of both is knowledge of the population, which they are
made to give; what they tell of training rows alone is a leak.
"""

from geratriz.data.schema import RARE
from geratriz.evaluate import attributes, copies, membership, personal, singling
from geratriz.evaluate.base import Metric

ATTACKS = tuple(
    Metric(name=name, better="lower", title=title, explains=explains, chance=chance, compute=compute)
    for name, title, chance, compute, explains in (
        (
            "mia_auc",
            "Membership, AUC",
            0.5,
            membership.mia_auc,
            "Five attackers guess who was trained on; this is the best of them. 0.5: the guesses are worth nothing.",
        ),
        (
            "mia_tpr_at_1pct",
            "Membership, found at 1 % false alarms",
            membership.ALARMS,
            membership.mia_tpr_at_1pct,
            "The share of training rows the best attacker finds when he accuses one stranger in a hundred. It sees a "
            "few rows that leak where the AUC sees the average.",
        ),
        (
            "mia_auc_outliers",
            "Membership of outliers, AUC",
            0.5,
            membership.mia_auc_outliers,
            "The same over the tenth of the rows that is least like the others: the first to be learnt by heart.",
        ),
        (
            "mia_tpr_at_1pct_outliers",
            "Membership of outliers, found at 1 % false alarms",
            membership.ALARMS,
            membership.mia_tpr_at_1pct_outliers,
            "The same over the tenth of the rows that is least like the others.",
        ),
        (
            "attribute_advantage",
            "Attribute inference, advantage",
            0.0,
            attributes.attribute_advantage,
            "An attacker knows all but one column of a person and guesses that one from the synthetic rows: how many "
            "more guesses hit training rows than strangers, for the secret where it is most.",
        ),
        (
            "singling_out",
            "Singling out, advantage",
            0.0,
            singling.singling_out,
            "Descriptions read off synthetic rows that fit one person exactly: how many more of them do so among "
            "training rows than among strangers.",
        ),
        (
            "copy_excess",
            "Copies beyond chance",
            0.0,
            copies.copy_excess,
            "The share of synthetic rows that copy, exactly or nearly, a training row no other real row is like, less "
            "what chance explains.",
        ),
        (
            "rare_excess",
            "Rare values beyond chance",
            0.0,
            copies.rare_excess,
            f"The share of synthetic rows with a category that fewer than {RARE} training rows have, less that "
            "of fresh real rows.",
        ),
        (
            "extreme_excess",
            "Extremes beyond chance",
            0.0,
            copies.extreme_excess,
            "The share of synthetic rows with one of the smallest or largest numbers of the training rows, less that "
            "of fresh real rows.",
        ),
        (
            "personal_overlap",
            "Personal values of real rows",
            0.0,
            personal.personal_overlap,
            "The share of synthetic rows with a name, an address or another personal value of a real row.",
        ),
    )
)

"""Moved to tests/attack_metrics.py."""

from tests.attack_metrics import ATTACKS as ATTACKS
from tests.attack_metrics import LIMITS as LIMITS
from tests.attack_metrics import attacked as attacked
from tests.attack_metrics import privacy as privacy

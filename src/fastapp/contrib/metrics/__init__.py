"""Prometheus metrics at ``/metrics``: off unless METRICS_ENABLED, and never without a token.

Nothing here imports prometheus-client before metrics are asked for.
"""

from fastapp.contrib.metrics.token import METRICS_PATH, metrics_problem, require_token

__all__ = ["METRICS_PATH", "metrics_problem", "require_token"]

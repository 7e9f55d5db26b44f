"""What a run says at its end: numbers for `metrics.json`, a table for the terminal."""

from tfsparse.report.metrics import evaluate, metrics
from tfsparse.report.summary import summary
from tfsparse.task.accuracy import accuracy

__all__ = ["accuracy", "evaluate", "metrics", "summary"]

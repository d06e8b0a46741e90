"""The report of a training."""

from superion.active_learning.report.html import write_training_report

__all__ = ["write_training_report"]

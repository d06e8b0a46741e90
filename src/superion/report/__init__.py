"""Figures and the self-contained HTML report."""

from superion.report.html import write_report
from superion.report.training_html import write_training_report

__all__ = ["write_report", "write_training_report"]

"""Figures and the self-contained HTML report."""

from superion.report.html import write_report

__all__ = ["write_report"]

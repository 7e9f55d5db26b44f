"""Finished runs put side by side: `write_report(read_runs(["saved_models/sweep"]), "report.html")`."""

from tfsparse.results.comparison import Comparison
from tfsparse.results.kept import load_runs, save_runs
from tfsparse.results.page import write_report
from tfsparse.results.run import Run
from tfsparse.results.runs import read_runs
from tfsparse.results.statistics import comparisons, confirmed, summaries, unlike
from tfsparse.results.tables import csv_text, markdown_text

__all__ = [
    "Comparison",
    "Run",
    "comparisons",
    "confirmed",
    "csv_text",
    "load_runs",
    "markdown_text",
    "read_runs",
    "save_runs",
    "summaries",
    "unlike",
    "write_report",
]

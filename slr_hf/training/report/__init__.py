"""The report of an evaluation: plots, and a page in Markdown that shows them."""

from slr_hf.training.report.curves import LEARNING_CURVES, LearningCurves, read_learning_curves
from slr_hf.training.report.markdown import PEOPLE
from slr_hf.training.report.writing import PLOTS, REPORT, require_matplotlib, write_report

__all__ = [
    "LEARNING_CURVES",
    "PEOPLE",
    "PLOTS",
    "REPORT",
    "LearningCurves",
    "read_learning_curves",
    "require_matplotlib",
    "write_report",
]

"""The table that ends a run."""

from rich.table import Table


def summary(metrics, files):
    """A rich table of a run's numbers and files.

    Args:
        metrics: what `metrics.json` holds.
        files: names of the files in the run folder.
    """
    table = Table(show_header=False)
    for name, key, form in ROWS:
        if key in metrics:
            table.add_row(name, form.format(metrics[key]))
    table.add_row("files", "\n".join(files))
    return table


ROWS = (
    ("dense parameters", "parameters", "{:,}"),
    ("prunable weights", "prunable_weights", "{:,}"),
    ("live weights", "live_weights", "{:,}"),
    ("sparsity", "sparsity", "{:.4f}"),
    ("validation accuracy", "validation_accuracy", "{:.4f}"),
    ("test accuracy", "test_accuracy", "{:.4f}"),
    ("best validation accuracy", "best_validation_accuracy", "{:.4f}"),
    ("test accuracy at that epoch", "test_accuracy_at_best_validation", "{:.4f}"),
    ("epochs", "epochs", "{}"),
    ("seconds of training", "seconds", "{:.1f}"),
)

"""The table that ends a run."""

from rich.table import Table


def summary(metrics, folder):
    """A rich table of a run's numbers and files.

    Args:
        metrics: what `metrics.json` holds.
        folder: the run's folder.
    """
    table = Table(title=f"Run in {folder}", show_header=False)
    for name, key, form in ROWS:
        if key in metrics:
            table.add_row(name, form.format(metrics[key]))
    for kind, file in metrics.get("files", {}).items():
        table.add_row(f"file ({kind})", f"{folder}/{file}")
    return table


ROWS = (
    ("dense parameters", "parameters", "{:,}"),
    ("prunable weights", "prunable_weights", "{:,}"),
    ("live weights", "live_weights", "{:,}"),
    ("sparsity", "sparsity", "{:.4f}"),
    ("validation accuracy", "validation_accuracy", "{:.4f}"),
    ("test accuracy", "test_accuracy", "{:.4f}"),
    ("best validation accuracy without ghosts", "best_validation_accuracy", "{:.4f}"),
    ("epochs", "epochs", "{}"),
    ("seconds of training", "seconds", "{:.1f}"),
)

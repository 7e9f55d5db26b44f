"""What a model card says about how a network was trained."""

import shlex


def facts(experiment, folder, metrics):
    """Facts of a run for the card of its exported files.

    Args:
        experiment: `Experiment`.
        folder: `RunFolder`.
        metrics: what `metrics.json` holds, as far as it is known.
    """
    return {
        "data": experiment.data,
        "mask": experiment.mask,
        "sparsity": metrics.get("sparsity", experiment.sparsity),
        "recipe": experiment.recipe,
        "epochs": experiment.epochs,
        "seed": experiment.seed,
        "metrics": {name: value for name, value in metrics.items() if "accuracy" in name},
        "trained with": shlex.join(["python", "scripts/train.py", f"--flagfile={folder.flags}"]),
        "settings": experiment.deciding(),
    }

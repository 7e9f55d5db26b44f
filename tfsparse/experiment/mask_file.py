"""The mask file of an experiment, and the copy of it that its run folder keeps."""

from tfsparse.frozen import kept_random_state
from tfsparse.mask import Mask, import_mask
from tfsparse.mask.mask_file import check_mask_file
from tfsparse.models import build_model


def check_readable(experiment, folder=None):
    """Raises FileNotFoundError for a mask file that is not there, ValueError for a damaged one.

    Args:
        experiment: `Experiment`.
        folder: `RunFolder`; a run that has its own copy goes on without the file. None: the file is needed.
    """
    file = experiment.mask_file
    if file is None or (has_mask(experiment, folder) and not file.is_file()):
        return
    check_mask_file(file)


def has_mask(experiment, folder):
    """Whether a run goes on with the mask in its folder (a `RunFolder`, or None), and needs no file for it."""
    return folder is not None and folder.mask.is_file() and not experiment.overwrite


def check_unchanged(experiment, folder, make_task):
    """Raises ValueError if the mask file holds another mask than when the run began: the run's files are of the old one.

    Args:
        experiment: `Experiment`.
        folder: `RunFolder`.
        make_task: () -> `Task`, called only if the file has to be converted to the layout of a model.
    """
    file = experiment.mask_file
    if file is None or not file.is_file() or not folder.mask.is_file():
        return
    if file.suffix == ".npz":
        with kept_random_state():
            given = import_mask(file, build_model(experiment.model, make_task().data))
    else:
        given = Mask.load(file)
    if given.digest != Mask.load(folder.mask).digest:
        raise ValueError(
            f"The mask file {experiment.mask} has changed since the run in {folder.path} began. "
            "Give another --run_name, or --overwrite to delete that run."
        )

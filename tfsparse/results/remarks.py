"""What a reader must know about the masks of the runs in a report."""

from tfsparse.mask.mask_file import is_mask_file
from tfsparse.results.statistics import unlike


def remarks(found):
    """Sentences about a list of `Summary`: runs that are not compared, and runs that should not have been averaged."""
    kinds = {
        "Not compared, since their masks differ": unlike(found),
        "Averaged as seeds, though their mask file was not the same": mixed(found),
    }
    return [f"{said}: {'; '.join(' and '.join(names) for names in rows)}." for said, rows in kinds.items() if rows]


def mixed(found):
    """Names of runs that are averaged as seeds although their mask file was not the same: a list of tuples."""
    files = [one.runs for one in found if is_mask_file(one.context["mask"])]
    return [tuple(run.name for run in runs) for runs in files if len({run.mask for run in runs} - {""}) > 1]

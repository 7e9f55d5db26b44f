"""One command that compares a mask with the literature's sanity checks of it."""

import pytest

from tfsparse.experiment import Experiment, sanity_checks, sanity_table

pytestmark = pytest.mark.filterwarnings("ignore:.*without a weight")


def small(folder, **settings):
    settings = {"mask": "snip", "recipe": "none", "epochs": 1, "export": "none", **settings}
    return Experiment(model="resnet8(width=0.25)", batch_size=512, output_dir=str(folder), **settings)


@pytest.mark.slow
def test_runs_all_and_compares(tmp_path):
    rows = sanity_checks(small(tmp_path, seed=3), seeds=1)
    assert [row["sanity"] for row in rows] == [None, "shuffle", "reinitialize", "invert"]
    assert {row["seed"] for row in rows} == {3} and all(0 <= row["test_accuracy"] <= 1 for row in rows)
    assert len({row["folder"] for row in rows}) == 4
    assert all(
        (tmp_path / row["folder"] / name).is_file() for row in rows for name in ("diagnosis.json", "diagnosis.png")
    )
    cells = [list(column.cells) for column in sanity_table(rows).columns]
    assert cells[0] == ["as it is", "shuffle", "reinitialize", "invert"] and cells[3] == ["1"] * 4
    assert sanity_checks(small(tmp_path, seed=3), seeds=1) == rows  # finished runs are only read


def test_refusals_come_before_any_run(tmp_path):
    for settings, message in (
        ({"mask": "none"}, "no mask method"),
        ({"mask": "mask.safetensors"}, "no mask method"),
        ({"mask": "snip(sanity='invert')"}, "names a sanity check itself"),
        ({"run_name": "mine"}, "folder of its own"),
        ({"overwrite": True}, "leave --overwrite out"),
        ({"mixed_precision": "auto"}, "measured anew for each run"),
        ({"strategy": "multi_worker"}, "needs this command on each worker"),
        ({"mask": "snip(batchs=1)"}, "no option 'batchs'"),
    ):
        with pytest.raises(ValueError, match=message):
            sanity_checks(small(tmp_path, **settings), seeds=2)
    assert not list(tmp_path.iterdir())

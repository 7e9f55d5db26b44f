"""Writes docs/results.md, its picture, docs/results_tables.md and docs/recipe.md from what scripts/report.py --json kept.

python benchmarks/results_page.py
"""

import functools
import pathlib
import statistics

import jinja2
from gains_figure import gains_figure
from measured import ROOT
from performance import read

from tfsparse.files import written_aside
from tfsparse.results import Comparison, comparisons, confirmed, load_runs, markdown_text, summaries

EVIDENCE = ROOT / "benchmarks/results/evidence.json"
TEMPLATES = pathlib.Path(__file__).parent
# configs/sweeps/cifar10_rescaled.flags; cifar10_schedules.flags, short; cifar10_part_schedules.flags, long on a part
ERK_98 = {"data": "cifar10", "model": "resnet20", "mask": "erk", "sparsity": 0.98, "epochs": 20}
SHORT = {"data": "cifar10", "model": "resnet8", "mask": "erk", "sparsity": 0.95, "epochs": 10}
LONG = SHORT | {"data": "cifar10(train=5000)", "epochs": 160, "mixed_precision": "bfloat16"}
UNSCALED = "ghost_neurons,ghost_skips,label_smoothing"
FEWER = "ghost_neurons,ghost_skips,rescaled_init(iterations=25),label_smoothing"
HUNDRED = LONG | {"data": "cifar100(train=5000)"}
CONSTANT = "hand_over='constant'"  # the settings of the paper's code, in cifar10_part_schedules.flags
# Found in training: `tost` leaves their start alone. It was run as UNSCALED, which is the same there to the bit.
IMP = "imp(rounds=4, epochs=40)"
TICKETS = LONG | {"mask": IMP}
RESCALED_TICKET = UNSCALED.replace("label", "rescaled_init(tickets=True),label")
MOBILE = LONG | {"model": "mobilenet(width=0.25)", "mixed_precision": "none"}
# Masks of LONG with seed 0 in both precisions; all but ERK's have three seeds in float32 (cifar10_part.flags).
BEFORE_TRAINING = ("erk", "snip", "synflow", "grasp")
SNIP_98 = LONG | {"model": "resnet20", "mask": "snip", "sparsity": 0.98}  # cifar10_part.flags


def step_costs():
    """Of benchmarks/train_step.py: (network, part) -> its step in float32 in multiples of the masked one."""
    costs = {}
    for row in read("train_step")["rows"]:
        for part in row["seconds"][0] if row["precision"] == "none" else ():
            costs[row["model"], part] = statistics.median(turn[part] / turn["masked"] for turn in row["seconds"])
    return costs


def rescaling_costs():
    """Of benchmarks/rescaled_init.py: (network, kind of step) -> seconds of an iteration."""
    rows = read("rescaled_init")["rows"]
    return {(row["model"], row["kind"]): statistics.median(row["seconds"]) for row in rows}


def verdicts(rows):
    """(sparsity, epochs, rows, rows won, all pairs of these rows as one `Comparison`), the longest trainings first."""
    groups = {}
    for one in rows:
        groups.setdefault((one.context["epochs"], one.context["sparsity"]), []).append(one)
    for (epochs, sparsity), found in sorted(groups.items(), reverse=True):
        pairs = {(place, seed): pair for place, one in enumerate(found) for seed, pair in one.pairs.items()}
        won = sum(round(100 * one.mean, 2) > 0 for one in found)  # not what is shown as +0.00
        yield sparsity, epochs, len(found), won, Comparison({}, "tost", pairs)


def full_recipe(found, base):
    """Comparisons of the full recipe with another one, the longest trainings first."""
    return sorted((o for o in comparisons(found, base) if o.recipe == "tost"), key=lambda o: -o.context["epochs"])


def fitted(found, one):
    """Points gained in training accuracy, in the last epoch, by the recipe of a `Comparison`."""
    rows = [row for row in found if row.context == one.context]
    last = {(row.recipe, run.settings["seed"]): run.history["accuracy"][-1] for row in rows for run in row.runs}
    return 100 * statistics.mean(last[one.recipe, seed] - last["none", seed] for seed in one.pairs)


def study(found, place):
    """Of the runs in one place: recipe, accuracies, gain over the default protocol and over the full recipe."""
    found = [one for one in found if all(one.context[name] == value for name, value in place.items())]
    if not found:
        raise SystemExit(f"{EVIDENCE} holds no run of {place}: the pages need them.")
    over = [{one.recipe: one for one in comparisons(found, base)} for base in ("none", "tost")]
    return [(one, *(gains.get(one.recipe) for gains in over)) for one in found]


def first_epochs(runs):
    """Of configs/sweeps/cifar10_first_epochs.flags: recipe -> (training accuracy in the last epoch, test accuracy)."""
    found = [run for run in runs if (run.settings["mask"], run.settings["epochs"]) == ("snip", 3)]
    return {run.settings["recipe"]: (run.history["accuracy"][-1], run.accuracy) for run in found}


def silenced():
    """Of benchmarks/rescaled_scales.py: the rescaling with the paper's bound, the norms that fell to it, kernels at ours."""
    found = {(row["mask"], row["min_scale"]): row for row in read("rescaled_scales")["rows"]}
    halved = {}
    for mask in ("erk", "snip"):
        row = found[mask, 0.5]
        kernels = [scale for path, scale in row["scales"].items() if path.endswith("kernel")]
        halved[mask] = {"norms": row["norms"], "losses": row["losses"]}
        halved[mask] |= {"bound": kernels.count(0.5), "kernels": len(kernels), "norm_steps": row.get("norm_steps")}
    silent = found["erk", 0.01]
    fallen = [path for path, scale in silent["scales"].items() if scale <= 0.01 and path.endswith("gamma")]
    return {"silent": silent, "fallen": fallen, "halved": halved}


def by_recipe(runs, place, seed):
    """Recipe -> accuracy, of the runs in one place with one seed."""
    place = place | {"seed": seed}
    return {r.settings["recipe"]: r.accuracy for r in runs if all(r.settings[name] == place[name] for name in place)}


def gain(one):
    """Points and their interval, or the two pairs where there is none; an empty text where there is nothing to compare."""
    if one is None:
        return ""
    ends = [f"{100 * end:+.2f}" for end in one.interval or one.differences.values()]
    more = f" ({(' to ' if one.interval else ' and ').join(ends)})" if len(ends) > 1 else ""
    return f"{100 * one.mean:+.2f}{more}"


def gained(found, recipe, **place):
    """`Comparison` of a recipe with the default protocol in one place; `place` says what differs from LONG."""
    (over,) = (over for one, over, _ in study(found, LONG | place) if one.recipe == recipe)
    return over


def points(found, recipe, *, optional=False, **place):
    """What a recipe gained over the default protocol in one place, as text; `place` says what differs from LONG.

    With `optional` the text is empty where the recipe has not been run.
    """
    missing = optional and all(one.recipe != recipe for one, *_ in study(found, LONG | place))
    return "" if missing else gain(gained(found, recipe, **place))


def ahead_by_mask(rows):
    """Points of the default protocol with seed 0 under IMP's mask at 95 % above the best under another, of `Comparison`s."""
    plain = {one.context["mask"]: one.pairs[0][1] for one in rows if one.context["sparsity"] == 0.95}
    return 100 * (plain.pop(IMP) - max(plain.values()))


def over_masks(found, masks, **place):
    """`Comparison` of the full recipe in the mean over several masks: rows share their seeds, so a seed counts once."""
    rows = [gained(found, "tost", mask=mask, **place).pairs for mask in masks]
    seeds = sorted(set.intersection(*map(set, rows)))
    means = {s: tuple(map(statistics.mean, zip(*(row[s] for row in rows), strict=True))) for s in seeds}
    return Comparison({}, "tost", means)


def between_precisions(found, seed):
    """What the full recipe gained in bfloat16 against what it gained in float32, as a `Comparison` with masks for seeds.

    Raises:
        SystemExit: the runs of the two precisions have different masks, by the live weights and dead channels of a layer.
    """
    gains = {}
    for mask in BEFORE_TRAINING:
        places = [{"mask": mask, "mixed_precision": precision} for precision in ("bfloat16", "none")]
        full = [one for place in places for one, *_ in study(found, LONG | place) if one.recipe == "tost"]
        first, second = ([(x["live"], x["dead_outputs"]) for x in one.by_seed[seed].layers] for one in full)
        if first != second:
            raise SystemExit(f"{mask}'s masks of seed {seed} differ between precisions: their gains are no pair.")
        gains[mask] = tuple(gained(found, "tost", **place).differences[seed] for place in places)
    return Comparison({}, "tost", gains)


def main():
    runs = load_runs(EVIDENCE)
    found = summaries(runs)
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"gain": gain, "four": "{:.4f}".format}
    facts = {
        "runs": runs,
        "hours": sum(run.metrics.get("seconds", 0) for run in runs) / 3600,
        "tensorflow": read("train_step")["rows"][0]["tensorflow"],
        "first": first_epochs(runs),
        "starts": {row["start"]: row for row in read("ghost_start")["rows"]},
    }
    facts |= {"step": step_costs(), "iteration": rescaling_costs()}
    facts["points"] = functools.partial(points, found)
    full = full_recipe(found, "none")
    facts["confirmed_full"] = confirmed([one for one in found if one.recipe in ("none", "tost")])
    facts |= silenced() | {"full": [(one, fitted(found, one)) for one in full], "verdicts": list(verdicts(full))}
    facts["main_rows"] = [one for one in full if (one.context["model"], one.context["epochs"]) == ("resnet20", 160)]
    facts["few"] = sum(len(one.pairs) < 3 for one in full)
    facts["floats"] = over_masks(found, BEFORE_TRAINING[1:], mixed_precision="none")
    facts["precisions"] = between_precisions(found, 0)
    facts["rescaled"] = full_recipe(found, UNSCALED)
    facts["fewer"] = [one for one in comparisons(found, "tost") if one.recipe == FEWER]
    facts["fewer_lost"] = [d < 0 for one in facts["fewer"] for d in one.differences.values()]
    by_the_start = [
        one
        for one in facts["rescaled"]
        if one.context["model"] == "resnet20"
        and one.context["mask"] in BEFORE_TRAINING[1:]
        and one.context["epochs"] == 160
    ]
    facts["costs"] = [-difference for one in by_the_start for difference in one.differences.values()]
    facts["of_erk"] = [one for one in facts["rescaled"] if one.context["mask"] == "erk"]
    facts["paid"] = [one for one in facts["of_erk"] if one.mean > 0]
    facts |= {"erk": by_recipe(runs, ERK_98, 0), "fresh": by_recipe(runs, ERK_98, 1), "part": by_recipe(runs, LONG, 0)}
    facts["mobile_parts"] = {one.recipe: one.accuracies.values() for one, *_ in study(found, MOBILE)}
    facts |= {"brief": by_recipe(runs, SHORT, 1), "snip": by_recipe(runs, SNIP_98, 0)}
    long_95 = next(pairs for sparsity, epochs, *_, pairs in facts["verdicts"] if (sparsity, epochs) == (0.95, 160))
    facts["long_won"] = [difference > 0 for difference in long_95.differences.values()]
    facts |= {"mobile": study(found, MOBILE), "hundred": study(found, HUNDRED), "snip_parts": study(found, SNIP_98)}
    (stayed,) = (run for run in runs if CONSTANT in run.settings["recipe"] and run.settings["seed"] == 0)
    facts |= {"with_ghosts": stayed.history["val_accuracy"][-1], "stripped": stayed.accuracy}
    facts |= {"imp": IMP, "ahead_by_mask": ahead_by_mask(facts["main_rows"])}
    facts |= {"tickets": study(found, TICKETS), "ticket": by_recipe(runs, TICKETS, 0)}
    facts |= {"rescaled_ticket": RESCALED_TICKET, "unscaled": UNSCALED}
    facts |= {"short": study(found, SHORT), "long": study(found, LONG), "tables": markdown_text(runs)}
    unscaled = [one for one in comparisons(found) if one.recipe == UNSCALED]
    with written_aside(ROOT / "docs/gains.svg") as scratch:
        scratch.write_text(gains_figure(facts["main_rows"], unscaled), encoding="utf-8")
    for page in ("results", "results_tables", "recipe"):
        with written_aside(ROOT / f"docs/{page}.md") as scratch:
            scratch.write_text(templates.get_template(f"{page}.md.j2").render(facts), encoding="utf-8")


if __name__ == "__main__":
    main()

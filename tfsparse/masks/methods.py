"""The table of mask methods, and which of them train by loops of their own."""

from tfsparse.masks.drawn import erk, random
from tfsparse.masks.gem_miner import gem_miner
from tfsparse.masks.gradual import gradual
from tfsparse.masks.grasp import grasp
from tfsparse.masks.imp import imp
from tfsparse.masks.magnitude import magnitude
from tfsparse.masks.snip import snip
from tfsparse.masks.synflow import synflow
from tfsparse.masks.taylor import taylor

METHODS = {
    "random": random,
    "erk": erk,
    "gem_miner": gem_miner,
    "gradual": gradual,
    "grasp": grasp,
    "imp": imp,
    "magnitude": magnitude,
    "snip": snip,
    "synflow": synflow,
    "taylor": taylor,
}

# Methods that prune each layer to its final count while they train, and the one `allocation` that they allow.
WITHIN_LAYERS = {"gradual": "uniform"}
# Methods whose trainings take the settings of a run, including its precision.
TRAINED = ("imp",)
# Methods that train on one device and in the model's own precision. Those in neither tuple do not train.
OWN_TRAINING = ("gem_miner", "gradual")

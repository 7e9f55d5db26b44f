"""The interface that every part of a recipe implements."""


class Ingredient:
    """One part of a training recipe. Subclasses override what they need; a method left alone does nothing.

    The order of a preparation: `before_mask` on the plain model, `initialize` on the plain masked one, `dress` on its graph.
    Before the first two do their work, `dress` is called on a graph that is thrown away, so that it refuses early.
    """

    needs_graph = False  # whether the part changes the graph, which a subclassed model does not show
    starts_anew = False  # whether it is for new networks, and would undo some of what a trained one has learned

    def before_mask(self, model, mask, task):
        """Changes the weights of the plain model, in which `mask` has not been applied yet (`mask` may be None)."""

    def initialize(self, model, mask, task):
        """Changes the weights of the plain model, in which `mask` has been applied once (`mask` may be None)."""

    def dress(self, surgery, mask, task):
        """Adds changes to the graph (`tfsparse.surgery.Surgery`) of the plain model; `mask` may be None."""

    def loss(self, loss):
        """The loss to train with instead of `loss`."""
        return loss

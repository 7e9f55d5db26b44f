"""The seam that every part of a recipe fits into."""


class Ingredient:
    """One part of a training recipe. Subclasses override what they need; a method left alone does nothing.

    The order of a preparation: `initialize` on the plain masked model, `dress` its graph, then the mask goes on.
    """

    needs_graph = False  # whether the part changes the graph, which a subclassed model does not show

    def initialize(self, model, mask, task):
        """Changes the weights of the plain model, in which `mask` has been applied once (`mask` may be None)."""

    def dress(self, surgery, task):
        """Adds changes to the graph (`tfsparse.surgery.Surgery`)."""

    def loss(self, loss):
        """The loss to train with instead of `loss`."""
        return loss

"""What can be wrong with a data set on disk."""


class DatasetNotFoundError(FileNotFoundError):
    """The data set is not on this machine; the message says how to get it."""


class DatasetCorruptedError(ValueError):
    """The data set's files cannot be read; the message names them."""

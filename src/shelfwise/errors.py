"""Every error shelfwise raises on purpose, in one tree.

A message says what went wrong, what was found, what was expected and how to mend it. The command line
prints it as one sentence and leaves with exit code 2.
"""


class ShelfwiseError(Exception):
    """Root of the tree: catch this to catch everything shelfwise raises on purpose."""


class ConfigError(ShelfwiseError):
    """A setting is unknown, out of range, or contradicts another."""


class PluginError(ShelfwiseError):
    """A modality, fusion policy or file format is unknown, or the extra it needs is not installed."""


class CatalogError(ShelfwiseError, ValueError):
    """A catalogue cannot be read at all (single bad records are quarantined instead).

    From Python it is also what scikit-learn expects of a wrong `X`, a ValueError.
    """


class TwoReadingsError(CatalogError):
    """Categories can be read in two ways, and only a person can say which is right.

    Args:
        message: the question, for people.
        column: the column that holds the categories.
        readings: for each way, its `category_separator` and `category_delimiter`; the likelier one first.
    """

    def __init__(self, message: str, column: str, readings: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.column = column
        self.readings = readings


class NothingUsableError(CatalogError):
    """Not one record of a file can be used.

    Args:
        message: the commonest causes, for people.
        names: the columns of the file.
        lacks_id: whether no column was taken for the id.
    """

    def __init__(self, message: str, names: tuple[str, ...], lacks_id: bool) -> None:
        super().__init__(message)
        self.names = names
        self.lacks_id = lacks_id


class ReadingStoppedError(CatalogError):
    """A process that helped with reading was killed; the file is not to blame."""


class LabelError(ShelfwiseError, ValueError):
    """The catalogue's categories leave nothing to learn, or `y` does not say which labels products have."""


class TaxonomyError(ShelfwiseError):
    """A taxonomy or a migration cannot be read, or contradicts itself."""


class WeightsError(ShelfwiseError):
    """Pre-trained weights are missing, unreachable, or not the file they should be."""


class BundleError(ShelfwiseError):
    """A model folder is missing, incomplete, or was changed after it was saved."""


class DeviceError(ShelfwiseError):
    """A device was asked for that is not there."""


class NotFittedError(ShelfwiseError):
    """Something was asked of a model before it was fitted or loaded."""


class StorageError(ShelfwiseError):
    """A place cannot be written: the disk refuses, another run writes there, or something would be lost.

    Also raised for a file that is not whole.
    """

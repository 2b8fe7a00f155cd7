"""How files are called that hold pickles. Apart from `loading_slr`, because this is asked where no model is loaded."""

#: Endings of files that Python may unpickle, which runs code that nobody has read.
PICKLES = frozenset({".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"})

__all__ = ["PICKLES"]

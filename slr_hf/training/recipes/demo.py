"""The demo model: the words of ksl13, asl33 and asl11 together (the vocabulary "demo"), in at most 8 MB."""

from slr_hf.training.recipes import ksl13

# As ksl13, whose clips are of the same kind.
IT = ksl13.IT
FT1 = ksl13.FT1
FT2 = ksl13.FT2

RECIPES = {"it": IT, "ft1": FT1, "ft2": FT2}

__all__ = ["FT1", "FT2", "IT", "RECIPES"]

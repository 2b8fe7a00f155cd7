"""The demo model: the words of ksl13, asl33 and asl11 together (the vocabulary "demo"), in at most 8 MB."""

from dataclasses import replace

from slr_hf.training.recipes import ksl13

# As ksl13, whose clips are of the same kind, but longer: nearly three times the glosses share the model.
IT = replace(ksl13.IT, epochs=8, patience=8)
FT1 = replace(ksl13.FT1, epochs=3)
FT2 = replace(ksl13.FT2, epochs=2)

RECIPES = {"it": IT, "ft1": FT1, "ft2": FT2}

__all__ = ["FT1", "FT2", "IT", "RECIPES"]

"""SLOVO, 500 of its glosses.

Starting values: the landmarks have not been trained on yet.
"""

from dataclasses import replace

from slr_hf.training.recipes import slovo_1000

# Half the clips of slovo_1000, so a smaller model.
IT = replace(slovo_1000.IT, size="small")
FT1 = replace(slovo_1000.FT1, size="small")
FT2 = replace(slovo_1000.FT2, size="small")

RECIPES = {"it": IT, "ft1": FT1, "ft2": FT2}

__all__ = ["FT1", "FT2", "IT", "RECIPES"]

"""A handful of clips a gloss, from one recording: the first session of one's own signs.

Measured on session 1 of ksl13: 13 glosses, 10 clips each, tested on the other four sessions.
"""

from dataclasses import replace

from slr_hf.training.recipes import ksl13

# As ksl13, in smaller batches, and every clip shown ten times an epoch: augmentation makes up for the clips.
IT = replace(ksl13.IT, epochs=8, patience=8, repeats=10, batch_size=32)
FT1 = replace(ksl13.FT1, repeats=10, batch_size=32)
FT2 = replace(ksl13.FT2, repeats=10, batch_size=32)

RECIPES = {"it": IT, "ft1": FT1, "ft2": FT2}

__all__ = ["FT1", "FT2", "IT", "RECIPES"]

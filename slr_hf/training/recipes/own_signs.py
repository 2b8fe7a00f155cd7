"""A handful of clips a gloss, from a model that knows other signs: `scripts/train.py --from-model`.

Measured on asl11 from a model of ksl13 with 5 clips a gloss: docs/own_signs.md.
"""

from dataclasses import replace

from slr_hf.training.recipes import few_clips

# Of the embedding and the backbone; the head's is always 1. Half the rate gave 0.941 and a tenth 0.931 where this gives
# 0.959, so the layers of a small model had better learn too; give a large one less.
_RATES = {"embedding": 1.0, "backbone": 1.0}

# As few_clips, which shows every clip ten times an epoch. The average of the weights evens out what single batches of
# so few clips do; without it, accuracy on new clips goes up and down by two points from epoch to epoch.
IT = replace(few_clips.IT, learning_rate=3e-3, layer_rates=_RATES, average_decay=0.96)
FT1 = replace(few_clips.FT1, layer_rates=_RATES, average_decay=0.96)
FT2 = replace(few_clips.FT2, layer_rates=_RATES, average_decay=0.96)

RECIPES = {"it": IT, "ft1": FT1, "ft2": FT2}

__all__ = ["FT1", "FT2", "IT", "RECIPES"]

"""A handful of clips a gloss, from a model that knows other signs: `scripts/train.py --from-model`.

Measured on asl11 from a model of ksl13 with 5 clips a gloss: docs/own_signs.md.
"""

from dataclasses import replace

from slr_hf.training.recipes import few_clips

#: Factors on the learning rate: the head starts from nothing, the layers below it do not.
RATES = {"embedding": 0.5, "backbone": 0.5}

# As few_clips, which shows every clip ten times an epoch. The average of the weights evens out what single batches of so
# few clips do; without it, accuracy on new clips goes up and down by two points from epoch to epoch.
IT = replace(few_clips.IT, learning_rate=3e-3, layer_rates=RATES, average_decay=0.96)
FT1 = replace(few_clips.FT1, layer_rates=RATES, average_decay=0.96)
FT2 = replace(few_clips.FT2, layer_rates=RATES, average_decay=0.96)

RECIPES = {"it": IT, "ft1": FT1, "ft2": FT2}

__all__ = ["FT1", "FT2", "IT", "RATES", "RECIPES"]

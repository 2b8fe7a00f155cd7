"""A handful of clips a gloss, from a model that knows other signs: `scripts/train.py --from-model`.

The backbone has learned how signs move; its learning rate is a tenth of the new head's. Measured on asl11 from a model
of ksl13 with 5 clips a gloss: docs/own_signs.md.
"""

from dataclasses import replace

from slr_hf.training.recipes import few_clips

_RATES = {"embedding": 0.1, "backbone": 0.1}

# As few_clips, which shows every clip ten times an epoch. The head starts from nothing, the layers below do not.
IT = replace(few_clips.IT, layer_rates=_RATES)
FT1 = replace(few_clips.FT1, layer_rates=_RATES)
FT2 = replace(few_clips.FT2, layer_rates=_RATES)

RECIPES = {"it": IT, "ft1": FT1, "ft2": FT2}

__all__ = ["FT1", "FT2", "IT", "RECIPES"]

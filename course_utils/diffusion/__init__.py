"""The mathematics that more than one notebook needs: schedule, guidance, samplers, flow paths; and pictures of prompts.

No model lives here: `generate.TextToImage` finds its parts on the floor below.
"""

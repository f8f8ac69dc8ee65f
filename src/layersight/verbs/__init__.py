"""The verbs: model first, input second, everything else by keyword; frozen data comes back.

They live in a package of their own so that ``layersight.activations`` is always the function
and never the module of that name.
"""

"""What layersight makes: a folder for each kind of result.

They lie in a package of their own so that ``layersight.activations`` is always the function and
never the package of that name.
"""

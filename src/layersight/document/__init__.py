"""What a result looks like, before any format is chosen.

A noun describes its result once, as a :class:`~layersight.document.blocks.Document`: sections of
few kinds of blocks. Every sentence, number format and order is decided there; writers know blocks
and never nouns.
"""

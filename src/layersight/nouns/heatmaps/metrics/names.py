"""The names of the metrics, which a command line tells without importing any of them.

The rule of this module: it imports nothing.
"""

PLACES = {
    "deletion": "deletion",
    "insertion": "insertion",
    "road": "road",
    "average-drop": "average_drop",
    "increase": "increase",
    "average-gain": "average_gain",
    "sensitivity": "sensitivity",
    "randomisation": "randomisation",
}
"""The file of each metric, in the order in which a table shows them."""

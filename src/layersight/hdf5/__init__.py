"""The process that reads HDF5, and nothing else of layersight does.

A damaged file makes HDF5 crash, or never come to an end. So it is read in a process of its own,
which :mod:`layersight.loading.reader` starts, watches and ends.

The rule of this package: it is a program. Nobody imports it; what it reads leaves it as the
frames of :mod:`layersight.loading.frames`.
"""

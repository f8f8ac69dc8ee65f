"""The process that reads HDF5, which nothing else in layersight does.

A damaged file makes HDF5 crash or loop for ever. So it is read in a separate process, which
:mod:`layersight.loading.reader` starts, watches and ends.

The rule of this package: it is a program that nothing imports; what it reads is sent in the frames
of :mod:`layersight.loading.frames`.
"""

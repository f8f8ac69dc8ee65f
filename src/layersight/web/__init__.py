"""The explorer: a page in which a person walks through a network and an image.

The rule of this package: it only calls the verbs and passes on their results. There is one page for
three hosts:

::

    requests   what a page can ask for, as options of dataclasses
    explorer   a model and its images, with the results in bounded caches
    network    the description of the network for a page
    answers    the answers to all other requests, and jobs: what takes long
    photos     the images, opened and uploaded
    maps       feature maps as bytes with their scale
    work       one thread for a network, a queue, and the end of work without waiters
    cache      values within a number of bytes
    frames     answers as bytes
    snippets   the command and the Python code of a view
    guard      which requests are answered
    server     the page over HTTP
    widget     in a notebook
    exported   in one file without a server
"""

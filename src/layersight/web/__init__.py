"""The explorer: a page in which a person walks through a network and an image.

The rule of this package: it only asks the verbs and hands on what they give. One page, three hosts:

::

    requests   what a page can ask for, as options of dataclasses
    explorer   a model and its images: the answer to each request
    described  what a page is told of the network
    answers    what it is answered otherwise, and jobs: what takes long
    photos     the images, given and uploaded
    maps       feature maps as bytes with their scale
    work       one thread for a network, a queue, and its end when nobody waits any longer
    cache      what is kept, within so many bytes
    frames     answers as bytes
    wording    the command and the Python of a view
    guard      whose requests are answered
    server     the page over HTTP
    widget     in a notebook
    exported   in one file without a server
"""

# %% [markdown]
# # The lesson: what a small network sees in one photograph
#
# Open a saved network, look at its layers, then at what they make of a photograph: one channel,
# all channels of a layer, one channel through all layers, and what a blank map means.
#
# **What the lesson's own code gets wrong, and what layersight does.** It counts channels from 0
# and calls numbers 3 and 30 the third and the 30th; it draws each map without its scale, so
# that a faint channel looks as strong as a bright one; and it takes a blank map for a pattern
# that the photograph lacks, though it may be a channel that answers to nothing at all. Here
# every map has its number and its scale, and a constant map is called *dead for this image*,
# with its value, until more images say more.

# %%
import os
from importlib import resources
from pathlib import Path

import layersight

DEMO = Path(str(resources.files("layersight.assets.demo")))
MODEL = os.environ.get("LAYERSIGHT_MODEL") or DEMO / "cats_dogs.keras"  # your own network here
IMAGE = os.environ.get("LAYERSIGHT_IMAGE") or DEMO / "chelsea.png"  # and your own photograph

# %% [markdown]
# ## The network
#
# Shapes and parameters of every layer, and beside them what no summary of Keras has: how many
# pixels of the input a position of each layer depends on.

# %%
model = layersight.load_model(MODEL)
layersight.summary(model)

# %% [markdown]
# ## The photograph, as the network gets it
#
# Resized as Keras's own loader does it and divided by 255; what was done stands beside it.

# %%
image = layersight.load_image(IMAGE, model)
image

# %% [markdown]
# ## One channel of the first layer
#
# One pass gives the maps of the first eight layers as arrays. A single channel is drawn with
# its values.

# %%
maps = layersight.activations(model, image, layers=":8")
first = maps.layers[0].name
print(maps[first].shape)

# %%
maps.plot(layer=first, channel=3)

# %%
maps.plot(layer=first, channel=30)

# %% [markdown]
# ## All channels of the first layer, eight rows of four
#
# Each from its own least to its own greatest value, as Matplotlib's `matshow` draws it.

# %%
maps.plot(layer=first, columns=4, normalise="minmax")

# %% [markdown]
# ## Channel 29 through all layers

# %%
maps.plot(channel=29, normalise="minmax")

# %% [markdown]
# ## What a blank map means
#
# A blank map says that the channel is constant **for this image**. Whether it answers to
# anything at all, another image can tell: here the same photograph, mirrored and upside down.
# What stays dead for all of them is dead for these images; how many photographs it takes to be
# sure is another question.

# %%
pixels = image.pixels
views = [pixels, pixels[:, ::-1], pixels[::-1], pixels[::-1, ::-1]]
again = layersight.activations(model, views, layers=":8")
print("dead channels: for the photograph, and for all four views of it")
for entry in again.layers:
    dead = entry.statistics.dead
    always = dead.all(axis=0).sum()
    print(f"{entry.name:16} {dead[0].sum():3} {always:4} of {len(entry.channels)}")

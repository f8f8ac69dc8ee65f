# %% [markdown]
# # The long notebook: maps, filters, what decided, and the tiger
#
# All maps of all layers in one picture; the patterns that filters of VGG16 look for; which
# pixels decided; then the assignment, with another image cropped to the network's size.
#
# **What its own code gets wrong, and what layersight does.** It divides each map by its
# deviation, and so by zero where a map is constant (the warning under its pictures); it draws
# `channels // 16` rows and drops the rest; and the assignment lists the *names* of layers 8 to
# 14 beside the *maps* of layers 0 to 5, so that every grid has the name of another layer. Here
# a constant map is marked, no channel is dropped, and a picture takes its name from the layer
# that made it.

# %%
import os
from importlib import resources
from pathlib import Path

import numpy as np

import layersight
import pictures

DEMO = Path(str(resources.files("layersight.assets.demo")))
OUT = Path(os.environ.get("LAYERSIGHT_OUT") or "out")
MODEL = os.environ.get("LAYERSIGHT_MODEL") or DEMO / "cats_dogs.keras"  # your own network here
IMAGE = os.environ.get("LAYERSIGHT_IMAGE") or DEMO / "chelsea.png"  # your own photograph
OTHER = os.environ.get("LAYERSIGHT_OTHER") or pictures.save(pictures.coat(1), OUT / "coat.png")
VGG16 = os.environ.get("LAYERSIGHT_VGG16") or "random"  # a file of weights, or "imagenet"

# %%
model = layersight.load_model(MODEL, labels=("cat", "dog"))
layersight.summary(model)

# %%
image = layersight.load_image(IMAGE, model)
image

# %% [markdown]
# ## Every channel of eight layers

# %%
maps = layersight.activations(model, image, layers=":8")
first = maps.layers[0].name
print(maps[first].shape)
maps

# %% [markdown]
# Two of them, large, with their values:

# %%
maps.plot(layer=first, channel=3)

# %%
maps.plot(layer=first, channel=30)

# %% [markdown]
# ## The filters of VGG16
#
# Without its top, by name. With weights of your own (`LAYERSIGHT_VGG16`) the patterns are
# textures; with random weights, as here unless you name a file, they show what gradient ascent
# finds in a network that has learned nothing, which is what any such picture has to be compared
# with.

# %%
vgg = layersight.load_model("VGG16:notop", weights=VGG16)
layersight.summary(vgg)

# %% [markdown]
# The number that is climbed is the mean of a channel over all positions. A step of the ascent
# goes along its gradient, divided by the square root of the gradient's mean square. Here is one
# step of channel 4 of `block3_conv1`, from grey with a little noise; the book takes 40, and 16
# are enough to see them work.

# %%
noise = np.random.default_rng(0).random((64, 64, 3), "float32") * 20 + 128
one = layersight.patterns(vgg, {"block3_conv1": 4}, method="classic", start=noise, steps=1)
print(f"{one.start_activation[0]:.4g} at the start, {one.activation[0]:.4g} after a step")

# %%
asked = {"block1_conv1": 0, "block3_conv1": [0, 4], "block3_conv2": 0, "block4_conv1": 0}
layersight.patterns(vgg, asked, method="classic", start=noise, steps=16)

# %% [markdown]
# ## Which pixels decided
#
# Promised at the top of the chapter: the heatmap of a class, over the photograph, with the
# score that it explains.

# %%
layersight.heatmap(model, image, target="cat")

# %% [markdown]
# # The assignment
#
# Another image, cropped to the size of the network and not squeezed into it; channels other
# than before; the layers behind the maps; another contrast; patterns of other channels.

# %%
other = layersight.load_image(OTHER, model, fit="crop")
other

# %%
striped = layersight.activations(model, other)
print(striped[first].shape)
striped.plot(layer=first, channel=5)

# %%
striped.plot(layer=first, channel=25)

# %% [markdown]
# Channels 2 and 29 are said to be blank. Whether they are can be counted:

# %%
for channel in (2, 29):
    values = striped[first][0, ..., channel]
    zeros, greatest = (values == 0).mean(), values.max()
    print(f"channel {channel}: {zeros:.0%} zeros, at most {greatest:.3g}")

# %% [markdown]
# Layers 8 to 14, under their own names. They come after the maps and have units in place of
# channels; a contrast of 128 about a centre of 256 is what the assignment sets, and shows only
# what is well above the mean of a map:

# %%
behind = layersight.activations(model, other, layers="8:14")
behind

# %%
striped.plot(layer=maps.layers[2].name, contrast=128, centre=256)

# %% [markdown]
# Patterns of channels that the chapter does not show, in the network of the chapter's first
# half:

# %%
second = [entry for entry in maps.layers if entry.layer.role == "convolution"][1]
layersight.patterns(model, {second.name: [5, 8, 14, 25]}, steps=16, size=64)

# %% [markdown]
# The notebook as a PDF: `jupyter nbconvert --to webpdf`, or print the page of `--to html`.
# Nothing is folded away and nothing has scrollbars.

# %% [markdown]
# # The variant: the same steps with another X-ray
#
# The lesson's steps once more, on a network for chest X-rays and another patient. Each cell is
# one that the lesson has too; what is new is what to read off a blank map.
#
# **What its own code gets wrong, and what layersight does.** From a single X-ray it explains
# blank maps by ribs and lungs that the network did not find in it. A map that is blank for this
# X-ray and for every other is a channel that the training lost, and says nothing of a lung.
# Here that is counted, over X-rays of both kinds.

# %%
import os
from pathlib import Path

import layersight
import pictures

OUT = Path(os.environ.get("LAYERSIGHT_OUT") or "out")
MODEL = os.environ.get("LAYERSIGHT_MODEL") or "xrays.keras"  # your own network here
IMAGE = os.environ.get("LAYERSIGHT_IMAGE") or pictures.save(  # and your own X-ray
    pictures.xray(8, opacity=False), OUT / "person8_clear.png"
)

# %%
model = layersight.load_model(MODEL)
layersight.summary(model)

# %%
image = layersight.load_image(IMAGE, model)
print(image.values[None].shape)
image

# %%
maps = layersight.activations(model, image, layers=":8")
first = maps.layers[0].name
print(maps[first].shape)
maps.plot(layer=first, channel=3)

# %%
maps.plot(layer=first, channel=30)

# %% [markdown]
# All 32 channels of the first layer, eight rows of four:

# %%
maps.plot(layer=first, columns=4, normalise="minmax")

# %% [markdown]
# Channel 29 of every layer, with the names of the layers:

# %%
maps.plot(channel=29, normalise="minmax")

# %% [markdown]
# ## Are blank maps missing ribs?
#
# How many channels are dead for this X-ray alone, and how many for each of twelve, six of them
# with clouds. Only the first number can have to do with this patient.

# %%
if os.environ.get("LAYERSIGHT_IMAGE"):
    several = [image.pixels, image.pixels[:, ::-1], image.pixels[::-1]]
else:
    several = [pictures.xray(number, opacity=number % 2 == 1) for number in range(8, 20)]
seen = layersight.activations(model, several, layers=":8")
print(f"dead channels: for this X-ray, and for all {len(several)} images")
for entry in seen.layers:
    dead = entry.statistics.dead
    always = dead.all(axis=0).sum()
    print(f"{entry.name:16} {dead[0].sum():3} {always:4} of {len(entry.channels)}")

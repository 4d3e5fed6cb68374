#!/usr/bin/env python3
"""Makes atlas.png from the SVGs in this folder: `pip install cairosvg pillow numpy scipy`.

The atlas is a grid of signed distance fields, four to a row, in the order of `NodeKind::ALL`
(collector/src/reduce/node.rs). A texel is 0.5 on an icon's outline, more inside; SPREAD texels
take it from 0 to 1. So icons stay sharp at every zoom.
"""

import io
import pathlib

import cairosvg
import numpy
from PIL import Image
from scipy import ndimage

KINDS = "function service queue topic stream table database bucket api host schedule users".split()
COLUMNS = 4
CELL = 128  # texels
SPREAD = 16  # texels; icons reach no farther than half of it from their cell's edge
FINE = 8  # the distances are measured on a picture this many times as fine

here = pathlib.Path(__file__).parent


def field(kind: str) -> numpy.ndarray:
    size = CELL * FINE
    png = cairosvg.svg2png(url=str(here / f"{kind}.svg"), output_width=size, output_height=size)
    inside = numpy.asarray(Image.open(io.BytesIO(png)).getchannel("A")) > 127
    signed = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    signed = signed.reshape(CELL, FINE, CELL, FINE).mean(axis=(1, 3)) / FINE
    return numpy.clip(signed / SPREAD + 0.5, 0.0, 1.0)


rows = -(-len(KINDS) // COLUMNS)
atlas = numpy.zeros((rows * CELL, COLUMNS * CELL))
for index, kind in enumerate(KINDS):
    y, x = divmod(index, COLUMNS)
    atlas[y * CELL : (y + 1) * CELL, x * CELL : (x + 1) * CELL] = field(kind)
Image.fromarray((atlas * 255 + 0.5).astype(numpy.uint8)).save(here / "atlas.png", optimize=True)

"""Render the master glyphs of the ``glyphs`` data set: ``python data/make_glyphs.py`` writes ``glyphs.npz``.

Each master is a 56x56 grey picture of one character in one of matplotlib's bundled fonts, twice the
resolution of the 28x28 images that ``course_lib.data`` draws from it. All characters of a font share
one scale, so a ``0`` stays narrower than an ``O``.

Left out: the symbol fonts, and ``cmmi10``, whose old-style digits sit on another scale (its ``0``
looks like a small ``o``) and whose letters nearly repeat ``cmti10``.
"""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SIZE, CAPITAL = 56, 32  # pixels: side of a master, and the height of a capital H

# Whole families keep together: the test images are all of DejaVu Serif, which no training image shows.
FAMILIES = {
    "DejaVu Sans": ["DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"],
    "DejaVu Sans Mono": [
        *("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique")
    ],
    "DejaVu Serif": ["DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"],
    "STIX": ["STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"],
    "Computer Modern": ["cmr10", "cmb10", "cmss10", "cmti10", "cmtt10"],
}


def render(font: str, character: str) -> np.ndarray:
    """Return one character, centred on its ink: uint8 array of shape (56, 56), ink 255 on 0."""
    path = str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf")
    _, top, _, bottom = ImageFont.truetype(path, 200).getbbox("H")
    face = ImageFont.truetype(path, round(200 * CAPITAL / (bottom - top)))
    left, top, right, bottom = face.getbbox(character)
    image = Image.new("L", (SIZE, SIZE))
    corner = ((SIZE - right - left) / 2, (SIZE - bottom - top) / 2)
    ImageDraw.Draw(image).text(corner, character, font=face, fill=255)
    return np.asarray(image)


def main() -> None:
    """Write ``glyphs.npz`` beside this script."""
    fonts = [(family, font) for family, members in FAMILIES.items() for font in members]
    masters = np.stack([[render(font, character) for character in CHARACTERS] for _, font in fonts])
    np.savez_compressed(
        Path(__file__).with_name("glyphs.npz"),
        masters=masters,
        families=np.array([family for family, _ in fonts]),
        fonts=np.array([font for _, font in fonts]),
        characters=np.array(list(CHARACTERS)),
    )


if __name__ == "__main__":
    main()

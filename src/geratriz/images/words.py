"""Terms for images in messages and cards."""

UNIT = "images"
SAMPLE = "64 -o grid.png"
HINT = " A Parquet file of images holds them, encoded, in a column 'image'."
CARD = (
    "A generator of images like those of `{data}`, fitted on {number} of them. It draws any number of new images of "
    "the same size. Repetition of training images was measured (below), but there is no formal guarantee: the "
    "generator has no differential privacy.\n"
)
FLOOR = "pixels"
INTERVALS = "Wilson intervals for shares; for distances, from the jackknife standard error"
ANSWER = "Images are returned as PNG in base64. "

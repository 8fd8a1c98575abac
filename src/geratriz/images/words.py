"""What images are called, for messages and cards."""

UNIT = "images"
SAMPLE = "64 -o grid.png"
HINT = " Parquet of images has them, encoded, in a column 'image'."
CARD = (
    "A generator of images like those of `{data}`, fitted on {number} of them. It gives any number of new images of "
    "the same size. Whether they repeat images it was fitted on was measured (below), not proved: it has no "
    "differential privacy.\n"
)
FLOOR = "pixels"
INTERVALS = "Wilson's of shares, of distances from the jackknife's standard error"
ANSWER = "Images come as PNG in base64. "

"""Terms for tables in messages and cards."""

UNIT = "rows"
SAMPLE = "1000 -o sample.parquet"
HINT = ""
CARD = (
    "A generator of rows like those of `{data}`, fitted on {number} of them. It draws any number of new rows with the "
    "same columns and types. Their similarity to the training rows was measured (below), but there is no formal "
    "guarantee: the generator has no differential privacy.\n"
)
FLOOR = "columns"
INTERVALS = "by bootstrap; Wilson intervals for shares"
ANSWER = ""

"""What a table's data are called, for messages and cards."""

UNIT = "rows"
SAMPLE = "1000 -o sample.parquet"
HINT = ""
CARD = (
    "A generator of rows like those of `{data}`, fitted on {number} of them. It gives any number of new rows with the "
    "same columns and types. How close they come to the rows it was fitted on was measured (below), not proved: it has "
    "no differential privacy.\n"
)
FLOOR = "columns"
INTERVALS = "by bootstrap, of shares Wilson's"
ANSWER = ""

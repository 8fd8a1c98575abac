"""The command line: one module per group of commands, each a thin layer; heavy packages are imported when used."""

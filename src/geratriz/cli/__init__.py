"""The command line: commands by whom they serve, each thin; what is heavy is imported when it is used."""

"""Tables: the ports that stages, the registry and the command line ask for, and the rooms behind them."""

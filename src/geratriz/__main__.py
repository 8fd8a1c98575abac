"""``python -m geratriz`` is the command ``geratriz``."""

from geratriz.cli.app import main

if __name__ == "__main__":
    main()

"""``python -m geratriz`` is the command ``geratriz``."""

from geratriz.cli import main

if __name__ == "__main__":
    main()

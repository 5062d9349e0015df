"""``python -m fastapp``: the command line without a project, as for ``startproject``."""

from fastapp.cli import main

if __name__ == "__main__":
    main()

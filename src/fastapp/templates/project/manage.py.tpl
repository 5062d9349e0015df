"""The command line of the project: ``python manage.py COMMAND``."""

from fastapp.cli import main

if __name__ == "__main__":
    main()

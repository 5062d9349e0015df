"""The data layer, on Tortoise ORM: models, connections, transactions, migrations.

The submodules are imported by name (``from fastapp.db import models``), so that what needs no
database imports no ORM.
"""

"""The supervisor behind ``runserver``: one process per app, kept alive, ended in order.

The supervisor holds the listening sockets and hands them to the services. A service that is
started again finds the connections that arrived meanwhile waiting, instead of clients being
refused. It runs no code of the apps beyond their ``apps.py``: what breaks in an app breaks in the
process of that app.
"""

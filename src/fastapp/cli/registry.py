"""The commands of the framework: name, where they are, and one line of help.

The help is repeated here, so that ``--help`` imports none of them (a test compares the two).
"""

from __future__ import annotations

from typing import Final

#: Name of a command: dotted path of its click command, and its short help.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "about": (
        "fastapp.cli.commands.about:about",
        "Show versions, settings, apps and databases.",
    ),
    "check": (
        "fastapp.cli.commands.check:check",
        "Look for mistakes in settings, apps, URLs and databases.",
    ),
    "gateway": (
        "fastapp.cli.commands.gateway:gateway",
        "Serve all apps at one address, each by its service.",
    ),
    "generate-typescript": (
        "fastapp.cli.commands.generate_typescript:generate_typescript",
        "Write TypeScript types, and a client, of the API.",
    ),
    "makemigrations": (
        "fastapp.cli.commands.makemigrations:makemigrations",
        "Write migrations for changes of models.",
    ),
    "migrate": (
        "fastapp.cli.commands.migrate:migrate",
        "Apply migrations to the databases.",
    ),
    "openapi": (
        "fastapp.cli.commands.openapi:openapi",
        "Write the OpenAPI document of all apps, or of some.",
    ),
    "routes": (
        "fastapp.cli.commands.routes:routes",
        "List every route: methods, path, name, view.",
    ),
    "runserver": (
        "fastapp.cli.commands.runserver:runserver",
        "Serve each app in a process of its own, on its own port.",
    ),
    "runserver-aio": (
        "fastapp.cli.commands.runserver_aio:runserver_aio",
        "Serve all apps in one process, each at its prefix.",
    ),
    "serve-static": (
        "fastapp.cli.commands.serve_static:serve_static",
        "Serve a folder of static files, as of a web front end.",
    ),
    "shell": (
        "fastapp.cli.commands.shell:shell",
        "Open Python with 'await' and all models imported.",
    ),
    "showmigrations": (
        "fastapp.cli.commands.showmigrations:showmigrations",
        "List migrations and whether they are applied.",
    ),
    "sqlmigrate": (
        "fastapp.cli.commands.sqlmigrate:sqlmigrate",
        "Print the SQL of a migration.",
    ),
    "startapp": (
        "fastapp.cli.commands.startapp:startapp",
        "Make an app in apps/NAME: a model, views, URLs, a migration, tests.",
    ),
    "startproject": (
        "fastapp.cli.commands.startproject:startproject",
        "Make a project: manage.py, settings, a folder for apps, a test.",
    ),
    "test": (
        "fastapp.cli.commands.test:test",
        "Run pytest with the framework's fixtures.",
    ),
    "upgrade-notes": (
        "fastapp.cli.commands.upgrade_notes:upgrade_notes",
        "List what a project of the earlier framework has to change.",
    ),
}

__pycache__/
*.py[cod]
.venv/
# Local settings and data: never committed
.env
*.sqlite3
*.sqlite3-*

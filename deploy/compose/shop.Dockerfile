# The example app on the framework image, as a team makes its own: docs/your-app.md.
#   docker build --tag shop --file deploy/compose/shop.Dockerfile src
FROM fastapp:latest-py3.12
COPY apps /app/apps

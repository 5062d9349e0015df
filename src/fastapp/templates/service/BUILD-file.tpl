fastapp_service(
    name="$name",
    apps=["src/apps/$name"],
)

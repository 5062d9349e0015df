python_sources(name="manage", sources=["manage.py"])

# $name

```console
$$ python manage.py startapp shop        # an app in apps/shop, with a model, a view and tests
$$ python manage.py migrate              # its tables; SQLite unless QK_DATABASES says otherwise
$$ python manage.py runserver-aio        # all apps in one process, on 127.0.0.1:8000
$$ python manage.py runserver            # or each app in a process of its own
$$ python manage.py test                 # the tests
$$ python manage.py check --deploy       # what production still lacks
```

Settings are in `common/settings.py`; the environment overrides them as `QK_<NAME>`. The file
`.env` holds those of this machine.

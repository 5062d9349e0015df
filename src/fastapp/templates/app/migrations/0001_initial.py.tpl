# Written by makemigrations.
# fmt: off
# ruff: noqa
from tortoise import migrations
from tortoise.migrations import operations as ops
from fastapp.db.fields import DateTimeField
from tortoise import fields

class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name='${class_name}Item',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('name', fields.CharField(max_length=200)),
                ('created_at', DateTimeField(auto_now=False, auto_now_add=True)),
            ],
            options={'table': '${name}_item', 'app': '$name', 'pk_attr': 'id'},
            bases=['Model'],
        ),
    ]

# Written by makemigrations.
# fmt: off
# ruff: noqa
from tortoise import migrations
from tortoise.migrations import operations as ops
from apps.shop.models import OrderStatus
from decimal import Decimal
from fastapp.db.fields import DateTimeField, JSONField
from tortoise.fields.base import OnDelete
from tortoise import fields

class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name='Order',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('customer', fields.CharField(max_length=200)),
                ('note', fields.TextField(null=True, unique=False)),
                ('status', fields.CharEnumField(default=OrderStatus.NEW, description='NEW: new\nPAID: paid\nSHIPPED: shipped\nCANCELLED: cancelled', enum_type=OrderStatus, max_length=16)),
                ('total', fields.DecimalField(default=Decimal('0.00'), max_digits=14, decimal_places=2)),
                ('created_at', DateTimeField(auto_now=False, auto_now_add=True)),
            ],
            options={'table': 'shop_order', 'app': 'shop', 'pk_attr': 'id'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Product',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('sku', fields.CharField(unique=True, max_length=64)),
                ('name', fields.CharField(max_length=200)),
                ('description', fields.TextField(null=True, unique=False)),
                ('price', fields.DecimalField(max_digits=12, decimal_places=2)),
                ('attributes', JSONField(default=dict)),
                ('released_at', DateTimeField(null=True, auto_now=False, auto_now_add=False)),
                ('created_at', DateTimeField(auto_now=False, auto_now_add=True)),
            ],
            options={'table': 'shop_product', 'app': 'shop', 'pk_attr': 'id'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='OrderLine',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('order', fields.ForeignKeyField('shop.Order', source_field='order_id', db_constraint=True, to_field='id', related_name='lines', on_delete=OnDelete.CASCADE)),
                ('product', fields.ForeignKeyField('shop.Product', source_field='product_id', db_constraint=True, to_field='id', related_name='lines', on_delete=OnDelete.RESTRICT)),
                ('quantity', fields.IntField()),
                ('price', fields.DecimalField(max_digits=12, decimal_places=2)),
            ],
            options={'table': 'shop_order_line', 'app': 'shop', 'unique_together': (('order', 'product'),), 'pk_attr': 'id'},
            bases=['Model'],
        ),
    ]

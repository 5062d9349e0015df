"""Migrations, on those of Tortoise ORM: one ``migrations`` package in each app, a history table."""

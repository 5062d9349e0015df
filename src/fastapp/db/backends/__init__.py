"""Database clients: those of Tortoise ORM with as little changed as a service needs."""

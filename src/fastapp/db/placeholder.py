"""A models module without models: Tortoise ORM wants at least one when no app has any."""

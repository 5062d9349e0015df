"""Example app: a small shop with products and orders."""

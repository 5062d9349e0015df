"""URLs of the shop, below ``/shop``."""

from apps.shop import views
from apps.shop.serializers import OrderOut, ProductOut
from fastapp.rest.pagination import Page
from fastapp.urls import include, path

product_patterns = [
    path("", views.list_products, name="product-list", response_model=Page[ProductOut]),
    path(
        "",
        views.create_product,
        name="product-create",
        methods=["POST"],
        status_code=201,
        response_model=ProductOut,
    ),
    path("<int:id>", views.retrieve_product, name="product-detail", response_model=ProductOut),
]

order_patterns = [
    path("", views.list_orders, name="order-list", response_model=Page[OrderOut]),
    path(
        "",
        views.create_order,
        name="order-create",
        methods=["POST"],
        status_code=201,
        response_model=OrderOut,
    ),
    path("<int:id>", views.retrieve_order, name="order-detail", response_model=OrderOut),
]

urlpatterns = [
    path("products", include(product_patterns), tags=["products"]),
    path("orders", include(order_patterns), tags=["orders"]),
]

"""URLs of the app, below ``/$name``."""

from apps.$name import views
from apps.$name.serializers import ItemOut
from fastapp.rest.pagination import Page
from fastapp.urls import include, path

item_patterns = [
    path("", views.list_items, name="item-list", response_model=Page[ItemOut]),
    path(
        "",
        views.create_item,
        name="item-create",
        methods=["POST"],
        status_code=201,
        response_model=ItemOut,
    ),
    path("<int:id>", views.retrieve_item, name="item-detail", response_model=ItemOut),
]

urlpatterns = [
    path("items", include(item_patterns), tags=["$name"]),
]

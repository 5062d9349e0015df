"""The page at ``/docs``: Swagger UI with all of its files served from here.

FastAPI's own page loads them from a public network, which is unreachable from closed ones and a
third party in all others. So does its ReDoc, which is therefore not served.
"""

from fastapp.docs.assets import asset
from fastapp.docs.install import install_docs
from fastapp.docs.page import FOLDER, docs_page, oauth_page

__all__ = ["FOLDER", "asset", "docs_page", "install_docs", "oauth_page"]

"""The endpoints ``/healthz``, ``/healthz/live`` and ``/healthz/ready``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from fastapp.asgi.responses import error_response
from fastapp.contrib.healthz.checks import check_databases

health_router = APIRouter(tags=["health"])

#: Paths that answer for any Host header.
HEALTH_PATHS = ("/healthz", "/healthz/live", "/healthz/ready")


@health_router.get("/healthz", name="healthz", include_in_schema=False)
@health_router.get("/healthz/live", name="healthz:live")
async def live() -> dict[str, str]:
    """The process answers. Restart it when this fails; a database that is down is no reason."""
    return {"status": "ok"}


@health_router.get("/healthz/ready", name="healthz:ready")
async def ready() -> Response:
    """Every database answers. Send no requests here while this fails."""
    results: dict[str, Any] = await check_databases()
    failed = sorted(alias for alias, result in results.items() if result != "ok")
    if failed:
        return error_response(
            503,
            "service_unavailable",
            f"Not ready: {', '.join(failed)}.",
            {"databases": results},
        )
    return JSONResponse({"status": "ok", "databases": results})

"""Field types of the settings that read well from the environment."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_settings import NoDecode


def _decode(value: Any) -> Any:
    """Turn the text of an environment variable into a list: JSON, or separated by commas."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError as exc:
            raise ValueError(
                "expected a JSON list or values separated by commas, got broken JSON"
            ) from exc
    return [part.strip() for part in text.split(",") if part.strip()]


def _decode_mapping_or_url(value: Any) -> Any:
    """Turn the text of an environment variable into a mapping when it is JSON."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except ValueError as exc:
            raise ValueError("expected a JSON object or one URL, got broken JSON") from exc
    return {"default": value} if isinstance(value, str) else value


#: A list of strings; in the environment either JSON or values separated by commas.
StringList = Annotated[list[str], NoDecode, BeforeValidator(_decode)]

#: A mapping of alias to mapping or URL; in the environment JSON, one URL, or nested names.
DatabaseMapping = Annotated[dict[str, Any], NoDecode, BeforeValidator(_decode_mapping_or_url)]

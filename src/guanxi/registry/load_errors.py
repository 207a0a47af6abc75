"""Why a model cannot be loaded, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

from guanxi.data.sources.redaction import redact
from guanxi.data.sources.source_table import first_line
from guanxi.errors import RegistryError

# Addresses that need a store; any other names a folder.
STORE_SCHEMES = ("models:/", "runs:/", "mlflow-artifacts:/")
_CODE = "guanxi_model.py"
# What MLmodel says of each model of ours.
_SIGNS = ("guanxi_version:", "python_function:")
_CODE_ERROR = re.compile(r"Failed to run user code from .+?\. Error: (.*?)(?:\. Review the stack trace.*)?")
_RESTORE = "restore it from a backup, or name another version, as in models:/guanxi/1"
_GONE = ("No such artifact", "No such file", "Failed to download")


def _check_description(uri: str, folder: Path) -> None:
    """Refuse what is no model of guanxi before any of its code runs, and one whose description is damaged.

    Raises
    ------
    RegistryError
    """
    described, has_code = folder / "MLmodel", (folder / _CODE).is_file()
    text = described.read_text("utf-8", errors="replace") if described.is_file() else None
    if text is not None and all(sign in text for sign in _SIGNS):
        return
    if text is not None and not has_code:
        raise RegistryError(f"{redact(uri)} is not a guanxi model: train one with guanxi train")
    if has_code or uri.startswith(STORE_SCHEMES):
        reason = f"MLmodel is {'missing' if text is None else 'damaged'}; {_RESTORE}"
    else:
        reason = (
            "the folder has no MLmodel; name a registered model as in models:/guanxi@champion, "
            "or a model folder"
        )
    raise RegistryError(f"cannot load model {redact(uri)}: {reason}")


def _why_not_loaded(error: Exception) -> str:
    """Say why a model whose files were found does not load."""
    text = redact(first_line(error))[:300].rstrip(".")
    if "is damaged" in text:
        return f"{text}; {_RESTORE}"
    if isinstance(error, ImportError):
        return text
    reason = found[1] if (found := _CODE_ERROR.fullmatch(text)) else text
    return f"MLmodel or {_CODE} is damaged ({type(error).__name__}: {reason}); {_RESTORE}"


def _why_not_found(error: Exception, uri: str) -> str:
    """Say why the files of a model are not found."""
    text = redact(first_line(error))[:300].rstrip(".")
    if "://" not in uri and not uri.startswith(STORE_SCHEMES) and not Path(uri).exists():
        return "there is no such folder; a registered model is written models:/guanxi@champion"
    if uri.startswith(STORE_SCHEMES) and any(sign in text for sign in _GONE):
        return f"its files are gone from the store ({text}): restore them, or use another version"
    if "alias" in text and "not found" in text:
        return (
            f"{text}; guanxi doctor lists the existing aliases: train a model with guanxi run or "
            "guanxi train, or name a version as in models:/guanxi/1"
        )
    if "not found" in text.lower() or "RESOURCE_DOES_NOT_EXIST" in text:
        return f"{text}; check the name with mlflow ui, or train it with guanxi train"
    return f"{text}; name a registered model as in models:/guanxi@champion, or a model folder"

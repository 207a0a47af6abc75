"""No file of the store or of the exported model is a pickle, whatever its name."""

from __future__ import annotations

import io
import lzma
import pickle
import pickletools
import re
import warnings
import zipfile
import zlib

import numpy as np
import pytest

NAMES = re.compile(r"\.(pkl|pickle|joblib|dill|cloudpickle|pt|pth|npy|npz)$")
# As joblib and torch pack pickles: zlib, gzip, bzip2, xz and lzma, zip.
PACKED = (
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"]\0\0",
    b"PK\3\4",
)
PICKLES_IN_TEXT = (b"gASV", b"gAWV", b"gAJ")  # how base64 of protocols 4, 5 and 2 begins


def is_suspicious(content: bytes) -> bool:
    """Whether the bytes are a pickle, begin with one, or are packed so that they may hold one."""
    if content.startswith(PACKED) or re.match(rb"\x80[\x02-\x05]", content):
        return True
    read = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # escapes in what begins like a string
            pickletools.dis(read, out=io.StringIO())  # follows the stack, and ends at the end of a pickle
    except (ValueError, IndexError):
        return False
    return not read.read().strip()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", [{"a": [1.5, np.arange(3.0)]}, print, "word"])
def test_pickles_are_recognised(protocol, value):
    content = pickle.dumps(value, protocol)
    assert is_suspicious(content)
    assert is_suspicious(zlib.compress(content))
    assert is_suspicious(lzma.compress(content))


def test_packed_and_joblib_ones_are_recognised():
    import joblib

    for compress in (0, 3, "gzip", "bz2", "xz", "lzma"):
        packed = io.BytesIO()
        joblib.dump([np.arange(9.0)], packed, compress=compress if compress in (0, 3) else (compress, 3))
        assert is_suspicious(packed.getvalue()), compress
    with zipfile.ZipFile(packed := io.BytesIO(), "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(1))
    assert is_suspicious(packed.getvalue())


def test_text_and_tables_are_not_taken_for_pickles(first_run):
    for text in (b"", b"{}", b"a.", b"model: 1\n", b'{"a": []}', b"import mlflow\n", b"tree\nversion=v4\n"):
        assert not is_suspicious(text), text
    assert not is_suspicious((first_run.output / "predictions.parquet").read_bytes())


def test_nothing_in_store_artifacts_and_exported_model_is_a_pickle(second_run):
    files = [path for path in second_run.folder.rglob("*") if path.is_file()]
    assert {"MLmodel", "mlflow.db", "model.json"} <= {path.name for path in files}
    assert not [path for path in files if NAMES.search(path.name)]
    # The database holds its tables and nothing else, and read here its other users would lose their locks.
    files = [path for path in files if not path.name.startswith("mlflow.db")]
    assert not [path for path in files if is_suspicious(path.read_bytes())]
    texts = [path for path in files if path.suffix in (".json", ".txt", ".py", ".yaml", "")]
    assert not [path for path in texts if any(sign in path.read_bytes() for sign in PICKLES_IN_TEXT)]

"""The notebooks run from top to bottom, and stand in the repository as they ran."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent.parent / "notebooks"
FIRST, TELECOM = FOLDER / "01_first_look.ipynb", FOLDER / "07_contracts.ipynb"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# zmq and jupyter's own event loops are left open by the kernel manager of nbclient.
LEFT_OPEN = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def executed(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.parent)}}
    return NotebookClient(notebook, timeout=900, kernel_name="python3", resources=folder).execute()


@LEFT_OPEN
def test_the_first_look_runs_from_top_to_bottom() -> None:
    executed(FIRST)


# A minute or two each.
@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [each for each in NOTEBOOKS if each not in (FIRST, TELECOM)], ids=lambda path: path.stem
)
@LEFT_OPEN
def test_the_others_run_from_top_to_bottom(path: Path) -> None:
    executed(path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_stored_executed_and_without_error(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [
        output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"
    ]


def figures(notebook: NotebookNode) -> dict[str, str]:
    """The figures of the first page, as the last cell of the telecom case computes them."""
    return ast.literal_eval(notebook.cells[-1].outputs[-1].data["text/plain"])


def number(text: str) -> float:
    return float(text.replace(",", "").rstrip("%"))


def test_the_first_page_of_the_telecom_case_says_what_its_cells_computed() -> None:
    notebook = nbformat.read(TELECOM, as_version=4)
    page = notebook.cells[0].source
    missing = {name: shown for name, shown in figures(notebook).items() if shown not in page}
    assert missing == {}


# 60 s of computing: a training with cross-validation, a second fit, a scorecard, a plan.
@pytest.mark.slow
@LEFT_OPEN
def test_the_telecom_case_still_finds_what_its_first_page_says(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (shared_data / "telco_satisfaction").is_dir():
        pytest.skip(
            f"no telco_satisfaction in {shared_data}: set GUANXI_SHARED_DATA to the folder that holds it"
        )
    monkeypatch.setenv("GUANXI_SHARED_DATA", str(shared_data))
    stored, now = figures(nbformat.read(TELECOM, as_version=4)), figures(executed(TELECOM))
    assert now.keys() == stored.keys()
    for name, shown in now.items():
        near = 2.0 if shown.endswith("%") else 0.05 * number(stored[name])
        assert number(shown) == pytest.approx(number(stored[name]), abs=near), name

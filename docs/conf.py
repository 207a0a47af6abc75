"""Configuration of the documentation site: `make docs` builds it into docs/_build/html."""

from __future__ import annotations

import shutil
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

DOCS = Path(__file__).parent
# Sphinx reads only what lies below docs/, so that the executed notebooks are copied there.
NOTEBOOKS = DOCS / "_notebooks"
shutil.rmtree(NOTEBOOKS, ignore_errors=True)
shutil.copytree(
    DOCS.parent / "notebooks", NOTEBOOKS, ignore=shutil.ignore_patterns("*checkpoints*", "mlruns")
)

project = "guanxi"
author = "the guanxi developers"
copyright = author  # noqa: A001
version = release = installed_version("guanxi")
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "_templates", "_notebooks/.ipynb_checkpoints"]
templates_path = ["_templates"]
nitpicky = False
suppress_warnings = ["myst.xref_missing", "misc.highlighting_failure"]

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True

autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = "guanxi"
html_static_path = ["_static"]
html_css_files = ["guanxi.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "show_nav_level": 1,
    "navigation_depth": 2,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
}


html_math_renderer = "mathml"


def show_formula(translator: Any, node: Any) -> None:
    """Write a formula as MathML, which browsers draw without a script from the network."""
    block = node.tagname == "math_block"
    markup = convert(node.astext(), display="block" if block else "inline")
    translator.body.append(f'<div class="formula">{markup}</div>' if block else markup)
    raise SkipNode


def skip_foreign(_app: Any, _what: str, _name: str, member: Any, skip: bool, _options: Any) -> bool | None:
    """Leave out what a class inherits from other packages: they document it themselves."""
    origin = getattr(member, "__module__", None) or getattr(type(member), "__module__", "")
    return True if origin.startswith(("sklearn.", "pydantic.")) else None


def setup(app: Any) -> None:
    """Let Sphinx draw formulas by ``show_formula``, and show what is guanxi's own."""
    app.connect("autodoc-skip-member", skip_foreign)
    app.add_html_math_renderer("mathml", (show_formula, None), (show_formula, None))

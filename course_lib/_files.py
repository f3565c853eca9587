"""Where the files that travel with the package are: beside it in a checkout, inside it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def checkout() -> Path | None:
    """Return the root of the checkout that the package runs from, or None where it was installed."""
    root = _PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() else None


def path(relative: str) -> Path:
    """Return the path of a file that ships with the course, such as ``"notebooks/claims.csv"``."""
    return (checkout() or _PACKAGE / "_shipped") / relative

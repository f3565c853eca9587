"""Where the files that travel with the package are: beside it in a checkout, inside it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def path(relative: str) -> Path:
    """Return the path of a file that ships with the course, such as ``"notebooks/claims.csv"``."""
    checkout = _PACKAGE.parent
    root = checkout if (checkout / "pyproject.toml").is_file() else _PACKAGE / "_shipped"
    return root / relative

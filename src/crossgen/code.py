"""Which code a result depends on, read from source text: nothing is imported to know it.

Cheap rules at the end of the flow carry `digest` of the modules that their command imports. Dear ones, and all that
stand before them, carry the `VERSION` constant of the module that makes the numbers (`version`), which is raised by
hand when numbers change: a comma in a manifest's code must not train a hundred detectors again.
"""

import ast
import hashlib
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent

#: Parts of the package that a digest leaves out: what was configured reaches a rule through its params.
APART = ("crossgen.config", "crossgen.code")


@cache
def digest(module: str) -> str:
    """Digest of a module, of all crossgen modules that it imports, directly or not, and of their data files.

    Comments, docstrings and formatting of modules do not count; every byte of a data file does. Raises
    FileNotFoundError for a module that is not there.
    """
    parts = [f"{name}={_dumped(name)}" for name in sorted(closure(module))]
    parts += [f"{path.name}={_bytes(path)}" for name in sorted(closure(module)) for path in data_files(name)]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def data_files(module: str) -> list[Path]:
    """Files that bear a module's name and lie beside it: `page.html.j2`, `page.css` of `page.py`."""
    source = _file(module)
    found = source.parent.glob(f"{source.stem}.*")
    return sorted(path for path in found if path.is_file() and path.suffix not in (".py", ".pyc", ".pyi"))


def _bytes(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


@cache
def closure(module: str) -> frozenset[str]:
    """Names of the crossgen modules that `module` needs, itself included."""
    found, waiting = set[str](), [module]
    while waiting:
        name = waiting.pop()
        if name not in found and not name.startswith(APART):
            found.add(name)
            waiting.extend(_imports(name))
    return frozenset(found)


@cache
def version(module: str) -> int:
    """The `VERSION` constant of a module. Raises ValueError where there is none."""
    for node in _tree(module).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["VERSION"]:
            return int(ast.literal_eval(node.value))
    raise ValueError(f"Module {module} has no VERSION constant.")


def _file(module: str) -> Path:
    base = PACKAGE.joinpath(*module.split(".")[1:])
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


@cache
def _tree(module: str) -> ast.Module:
    tree = ast.parse(_file(module).read_text(encoding="utf-8"))
    for node in _statements(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """A module and every statement in it, however deep. Expressions, most of a tree, hold no imports or docstrings."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting += getattr(node, field, ())


@cache
def _dumped(module: str) -> str:
    return ast.dump(_tree(module))


@cache
def _imports(module: str) -> set[str]:
    """Crossgen modules that a module's import statements name, wherever they stand."""
    names = set[str]()
    for node in _statements(_tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.startswith("crossgen.") and _file(name).is_file()}


def commit() -> str | None:
    """The checkout's commit, `+` behind it where files differ from it; None outside a checkout."""
    folder = PACKAGE
    try:
        told = [
            subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True).stdout
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no", "."))
        ]
    except (OSError, subprocess.SubprocessError):
        return None
    return told[0].strip() + ("+" if told[1].strip() else "")

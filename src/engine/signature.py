"""Reads the signature of a class or function from its source, so that a config is checked before torch is imported."""

import ast
import builtins
import importlib
import importlib.machinery
import inspect
import sys
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# Modules whose import costs little and whose names annotations are made of.
_LIGHT = ("typing", "collections", "pathlib", "datetime", "builtins", "os", "pydantic", "typing_extensions", "numbers")
_PLAIN_BASES = {"Enum", "StrEnum", "IntEnum", "TypedDict", "NamedTuple"}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter: its annotation, ``Any`` where there is none, and whether it has no default."""

    annotation: Any
    required: bool


@dataclass(frozen=True, kw_only=True)
class Signature:
    """The named parameters of a target; ``takes_any``: it has ``**kwargs`` too."""

    parameters: Mapping[str, Parameter]
    takes_any: bool = False


@cache
def signature_of(target: str) -> Signature | None:
    """Return the signature of the class or function that ``target`` names; None where only an import can tell."""
    found = _follow(target)
    if found is None:
        return None
    module, node = found
    return _read(module, node, skip=0) if isinstance(node, ast.FunctionDef) else _constructor(module, node)


def parameter_names(target: str) -> Set[str]:
    """Return the names of the parameters of ``target``, which is imported where its source does not tell.

    Raises UserError where ``target`` names nothing.
    """
    signature = signature_of(target)
    if signature is not None:
        return signature.parameters.keys()
    from src.core.torchvision_ops import ensure_torchvision
    from src.engine.targets import resolve_target

    ensure_torchvision()
    return inspect.signature(resolve_target(target)).parameters.keys()


def _read(module: "_Module", function: ast.FunctionDef, *, skip: int) -> Signature:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    first_default = len(positional) - len(arguments.defaults)
    found = {
        one.arg: Parameter(annotation=module.annotation(one.annotation), required=place < first_default)
        for place, one in enumerate(positional)
        if place >= skip
    }
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found[one.arg] = Parameter(annotation=module.annotation(one.annotation), required=default is None)
    return Signature(parameters=found, takes_any=arguments.kwarg is not None)


def _constructor(module: "_Module", node: ast.AST) -> Signature | None:
    """The signature of a dataclass, of ``__init__``, or of the first base's; None where only an import can tell."""
    if not isinstance(node, ast.ClassDef):
        return None
    for child in node.body:
        if isinstance(child, ast.FunctionDef) and child.name == "__init__":
            return _read(module, child, skip=1)
    decorators = [ast.unparse(one).partition("(")[0] for one in node.decorator_list]
    if "dataclass" in decorators:
        return Signature(parameters=_fields(module, node))
    if decorators:
        return None
    if not node.bases:
        return Signature(parameters={})
    for base in node.bases:
        found = module.find(base.id) if isinstance(base, ast.Name) else None
        if found is not None and (inherited := _constructor(*found)) is not None:
            return inherited
    return None


def _fields(module: "_Module", node: ast.ClassDef) -> dict[str, Parameter]:
    """The fields of a dataclass and of its bases."""
    found: dict[str, Parameter] = {}
    for base in node.bases:
        above = module.find(base.id) if isinstance(base, ast.Name) else None
        if above is not None and isinstance(above[1], ast.ClassDef):
            found |= _fields(above[0], above[1])
    for child in node.body:
        if not isinstance(child, ast.AnnAssign) or not isinstance(child.target, ast.Name):
            continue
        kind = ast.unparse(child.annotation)
        if "ClassVar" not in kind:
            found[child.target.id] = Parameter(
                annotation=module.annotation(child.annotation), required=child.value is None
            )
    return found


def _follow(target: str) -> "tuple[_Module, ast.AST] | None":
    module, _, name = target.rpartition(".")
    read = _module(module)
    return None if read is None else read.find(name)


@cache
def _module(name: str) -> "_Module | None":
    path = _file(name)
    try:
        return None if path is None else _Module(name, path, ast.parse(path.read_text(encoding="utf-8")))
    except (OSError, SyntaxError, ValueError):
        return None


def _file(name: str) -> Path | None:
    """The source of a module, found without importing the packages above it."""
    folders = sys.path
    spec = None
    for part in name.split("."):
        if not part:
            return None
        spec = importlib.machinery.PathFinder.find_spec(part, folders)
        if spec is None:
            return None
        folders = list(spec.submodule_search_locations or [])
    origin = None if spec is None else spec.origin
    return Path(origin) if origin is not None and origin.endswith(".py") else None


class _Module:
    """The names that the source of one module defines and imports at its top level."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self.name = name
        self.package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        self.names: dict[str, ast.AST] = {}
        self.imports: dict[str, tuple[str, str]] = {}
        self.known: dict[str, Any] = {}
        for node in _statements(tree.body):
            self._keep(node)

    def _keep(self, node: ast.AST) -> None:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            self.names[node.name] = node
        elif isinstance(node, ast.Assign):
            self.names.update({one.id: node.value for one in node.targets if isinstance(one, ast.Name)})
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            self.names[node.target.id] = node.value
        elif isinstance(node, ast.ImportFrom):
            above = self.package.split(".")[: len(self.package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            self.imports.update({one.asname or one.name: (source, one.name) for one in node.names})
        elif isinstance(node, ast.Import):
            self.imports.update({one.asname or one.name.split(".")[0]: (one.name, "") for one in node.names})

    def find(self, name: str) -> "tuple[_Module, ast.AST] | None":
        """The definition of ``name``, followed through imports, and the module that holds it."""
        if name in self.names:
            return self, self.names[name]
        source, original = self.imports.get(name, ("", ""))
        other = _module(source) if original else None
        return None if other is None or other is self else other.find(original)

    def annotation(self, node: ast.AST | None) -> Any:
        """The type that an annotation says; Any where it is said by what only an import can tell."""
        if node is None:
            return Any
        try:
            return eval(compile(ast.Expression(_unquoted(node)), self.name, "eval"), {"__builtins__": {}}, _Names(self))
        except Exception:
            return Any

    def value(self, name: str) -> Any:
        """What ``name`` stands for in an annotation."""
        if name not in self.known:
            self.known[name] = self._value(name)
        return self.known[name]

    def _value(self, name: str) -> Any:
        source, original = self.imports.get(name, ("", ""))
        if source.split(".")[0] in _LIGHT:
            imported = importlib.import_module(source)
            return getattr(imported, original) if original else imported
        found = self.find(name)
        if found is None:
            # a class of a library that is not read: no value of a yaml is one
            return getattr(builtins, name) if hasattr(builtins, name) and name not in self.imports else _opaque(name)
        holder, node = found
        if isinstance(node, ast.ClassDef):
            bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
            return Any if bases & _PLAIN_BASES else _opaque(name)
        return holder.annotation(node)


class _Names(dict[str, Any]):
    """The names of a module as ``eval`` looks them up."""

    def __init__(self, module: _Module) -> None:
        super().__init__()
        self._module = module

    def __missing__(self, name: str) -> Any:
        return self._module.value(name)


def _statements(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Statements of a module, those below ``if TYPE_CHECKING`` and ``try`` included."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from _statements(node.body)
        elif isinstance(node, ast.Try):
            yield from _statements([*node.body, *(one for handler in node.handlers for one in handler.body)])


def _unquoted(node: ast.AST) -> Any:
    """The annotation with its forward references as names; the words of a Literal stay."""

    class _Unquote(ast.NodeTransformer):
        def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
            literal = isinstance(node.value, ast.Name) and node.value.id == "Literal"
            return node if literal else self.generic_visit(node)

        def visit_Call(self, node: ast.Call) -> ast.AST:
            return node

        def visit_Constant(self, node: ast.Constant) -> ast.AST:
            return ast.parse(node.value, mode="eval").body if isinstance(node.value, str) else node

    return ast.fix_missing_locations(_Unquote().visit(ast.parse(ast.unparse(node), mode="eval").body))


def _opaque(name: str) -> type:
    """A class of which no plain value is an instance."""
    return type(name, (), {})

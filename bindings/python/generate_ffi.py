#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the ctypes tables of the C API: seawall/_ffi.py from capi/seawall_c.h, seawall/_redis_ffi.py from
capi/seawall_redis_c.h.

    generate_ffi.py            rewrite the files
    generate_ffi.py --check    exit 1 when a file is not what its header says

Needs pycparser and a C preprocessor (cc). The header is parsed against stub system headers, so the output is the same
on every machine.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

from pycparser import c_ast, c_parser

HERE = pathlib.Path(__file__).resolve().parent
CAPI = HERE.parent.parent / "capi"
# {table: its header}; those behind the first include it.
TABLES = {"_ffi": CAPI / "seawall_c.h", "_redis_ffi": CAPI / "seawall_redis_c.h"}

STUBS = {
    "stddef.h": "typedef unsigned long size_t;\n",
    "stdint.h": "".join(
        f"typedef {kind} {name};\n"
        for kind, name in [
            ("signed char", "int8_t"), ("unsigned char", "uint8_t"), ("short", "int16_t"),
            ("unsigned short", "uint16_t"), ("int", "int32_t"), ("unsigned int", "uint32_t"),
            ("long", "int64_t"), ("unsigned long", "uint64_t"), ("unsigned long", "uintptr_t"),
        ]
    ),
}

SCALARS = {
    "int8_t": "ctypes.c_int8", "uint8_t": "ctypes.c_uint8", "int16_t": "ctypes.c_int16", "uint16_t": "ctypes.c_uint16",
    "int32_t": "ctypes.c_int32", "uint32_t": "ctypes.c_uint32", "int64_t": "ctypes.c_int64",
    "uint64_t": "ctypes.c_uint64", "size_t": "ctypes.c_size_t", "double": "ctypes.c_double", "char": "ctypes.c_char",
    "int": "ctypes.c_int", "unsigned char": "ctypes.c_uint8",
}

MACRO_VALUES = {"INT64_MIN": -(2**63), "INT64_MAX": 2**63 - 1, "((size_t)-1)": 2**64 - 1}


def preprocess(header: pathlib.Path) -> str:
    with tempfile.TemporaryDirectory() as stubs:
        for name, text in STUBS.items():
            pathlib.Path(stubs, name).write_text(text)
        command = ["cc", "-E", "-P", "-nostdinc", "-U__GNUC__", "-I", stubs, str(header)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def macros(header: pathlib.Path) -> list[tuple[str, str]]:
    """(name, Python literal) of the integer and text macros, in the order of the header."""
    found = []
    for name, text in re.findall(r"^#define (SEAWALL_\w+) (.+?)(?:\s*/\*.*)?$", header.read_text(), re.M):
        text = text.strip()
        if text in MACRO_VALUES:
            found.append((name, repr(MACRO_VALUES[text])))
        elif re.fullmatch(r'-?\d+|"[^"]*"', text):
            found.append((name, text))
        elif match := re.fullmatch(r"\(?(?:\((?:u?int\d+_t|size_t)\))?\s*(0x[0-9a-fA-F]+|\d+)[uUlL]*\)?", text):
            found.append((name, str(int(match[1], 0))))
    return found


class Header:
    def __init__(self, text: str):
        self.constants: list[tuple[str, int]] = []
        self.structs: dict[str, list[tuple[str, str]]] = {}
        self.opaque: list[str] = []
        self.aliases: dict[str, str] = {}
        self.functions: list[tuple[str, str, list[str]]] = []
        for node in c_parser.CParser().parse(text).ext:
            self.visit(node)

    def visit(self, node) -> None:
        if isinstance(node, c_ast.Typedef):
            self.typedef(node)
        elif isinstance(node.type, c_ast.Enum):
            self.enum(node.type)
        elif isinstance(node.type, c_ast.FuncDecl):
            self.function(node)
        elif isinstance(node.type, c_ast.Struct) and node.type.decls:
            self.struct(node.type)

    def typedef(self, node) -> None:
        if node.name in SCALARS or node.name == "uintptr_t":
            return
        inner = node.type.type
        if isinstance(inner, c_ast.Struct):
            if inner.decls:
                self.struct(inner)
            elif inner.name not in self.structs:
                self.opaque.append(inner.name)
        elif isinstance(inner, c_ast.Enum):
            self.enum(inner)
            self.aliases[node.name] = "ctypes.c_int32"
        elif isinstance(node.type, c_ast.PtrDecl) and isinstance(inner, c_ast.FuncDecl):
            self.aliases[node.name] = self.callback(inner)
        else:
            self.aliases[node.name] = self.type(node.type)

    def enum(self, node) -> None:
        value = -1
        for item in node.values.enumerators:
            value = value + 1 if item.value is None else int(eval_constant(item.value))
            self.constants.append((item.name, value))

    def struct(self, node) -> None:
        self.structs[node.name] = [(field.name, self.type(field.type)) for field in node.decls]

    def parameters(self, node) -> list[str]:
        found = [self.type(p.type) for p in (node.args.params if node.args else [])]
        return [] if found == ["None"] else found

    def callback(self, node) -> str:
        # Texts that a callback gets end where their length says: as c_char_p, ctypes would read on to a zero byte.
        given = [kind.replace("ctypes.c_char_p", "ctypes.c_void_p") for kind in self.parameters(node)]
        return f"ctypes.CFUNCTYPE({', '.join([self.type(node.type), *given])})"

    def function(self, node) -> None:
        self.functions.append((node.name, self.type(node.type.type), self.parameters(node.type)))

    def type(self, node) -> str:
        if isinstance(node, c_ast.ArrayDecl):
            return f"{self.type(node.type)} * {eval_constant(node.dim)}"
        if isinstance(node, c_ast.PtrDecl):
            return self.pointer(node.type)
        inner = node.type
        if isinstance(inner, c_ast.Struct):
            return inner.name
        name = " ".join(inner.names)
        if name == "void":
            return "None"
        if name in SCALARS:
            return SCALARS[name]
        return self.aliases[name] if name in self.aliases else name

    def pointer(self, target) -> str:
        if isinstance(target, c_ast.FuncDecl):
            return self.callback(target)
        inner = self.type(target)
        if inner == "None" or inner in self.opaque:
            return "ctypes.c_void_p"
        if inner == "ctypes.c_char":
            return "ctypes.c_char_p" if "const" in target.quals else "ctypes.POINTER(ctypes.c_char)"
        return f"ctypes.POINTER({inner})"


def eval_constant(node) -> int:
    if isinstance(node, c_ast.UnaryOp) and node.op == "-":
        return -eval_constant(node.expr)
    if isinstance(node, c_ast.BinaryOp) and node.op == "<<":
        return eval_constant(node.left) << eval_constant(node.right)
    if isinstance(node, c_ast.Constant):
        return int(node.value.rstrip("uUlL"), 0)
    raise SystemExit(f"constant expression not understood: {node}")


def without(header: Header, base: Header) -> "tuple[Header, list[str]]":
    """What `header` has beside what it includes, and the structs of `base` that it uses."""
    header.constants = [item for item in header.constants if item not in base.constants]
    header.structs = {name: fields for name, fields in header.structs.items() if name not in base.structs}
    header.functions = [item for item in header.functions if item not in base.functions]
    used = str(list(header.structs.values())) + str(header.functions)
    return header, [name for name in base.structs if re.search(rf"\b{name}\b", used)]


def render(path: pathlib.Path, header: Header, imported: "list[str]") -> str:
    lines = [
        "# SPDX-License-Identifier: MIT",
        f'"""The ctypes table of the C API. Generated from capi/{path.name} by generate_ffi.py: do not edit."""',
        "",
        "import ctypes",
        "",
    ]
    if imported:
        lines += [f"from ._ffi import {', '.join(sorted(imported))}", ""]
    lines += [f"{name} = {value}" for name, value in macros(path)]
    lines += [f"{name} = {value}" for name, value in header.constants]
    for name, fields in header.structs.items():
        lines += ["", "", f"class {name}(ctypes.Structure):", "    _fields_ = ["]
        lines += [f'        ("{field}", {kind}),' for field, kind in fields]
        lines += ["    ]"]
    lines += ["", "", "# name: (result, arguments). Opaque handles are c_void_p.", "FUNCTIONS = {"]
    for name, result, arguments in header.functions:
        lines.append(f'    "{name}": ({result}, [{", ".join(arguments)}]),')
    lines += ["}", "", "", "def declare(library):", '    """Gives every function of `library` its argument and result types."""']
    lines += [
        "    for name, (result, arguments) in FUNCTIONS.items():",
        "        function = getattr(library, name)",
        "        function.restype = result",
        "        function.argtypes = arguments",
        "    return library",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    headers = {name: Header(preprocess(path)) for name, path in TABLES.items()}
    code = 0
    for name, path in TABLES.items():
        header, imported = headers[name], []
        if name != "_ffi":
            header, imported = without(header, headers["_ffi"])
        text, output = render(path, header, imported), HERE / "seawall" / f"{name}.py"
        if not options.check:
            output.write_text(text)
        elif not output.exists() or output.read_text() != text:
            print(f"{output} is not what {path.name} says: run bindings/python/generate_ffi.py", file=sys.stderr)
            code = 1
        else:
            print(f"{output.name} is up to date")
    return code


if __name__ == "__main__":
    sys.exit(main())

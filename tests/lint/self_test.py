#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each rule of tests/lint is shown a tree or library that breaks it, and must say so."""

import contextlib
import io
import json
import pathlib
import subprocess
import tempfile
import unittest
from unittest import mock

import check_examples
import check_headers
import check_layers
import check_library
import check_proof
import check_sources
import tidy
import tree

SPDX = "// SPDX-License-Identifier: MIT\n"
HERE = pathlib.Path(__file__).resolve().parent


class Tree(unittest.TestCase):
    """A small source tree that holds every rule; each test breaks one thing in it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("tests/lint/layers.txt", (HERE / "layers.txt").read_text())
        self.write("include/seawall/time.h", SPDX + "#pragma once\n#include <cstdint>\n")
        self.write("include/seawall/algorithm/gcra.h", SPDX + '#pragma once\n#include "seawall/time.h"\n')
        self.write("include/seawall/limiter.h", SPDX + '#pragma once\n#include "seawall/algorithm/gcra.h"\n')
        self.write("include/seawall/core.h", SPDX + '#pragma once\n#include "seawall/limiter.h"\n')
        self.write("include/seawall/runtime/registry.h", SPDX + "#pragma once\n")
        both = '#pragma once\n#include "seawall/core.h"\n#include "seawall/runtime/registry.h"\n'
        self.write("include/seawall/seawall.h", SPDX + both)
        self.write("capi/seawall_c.h", "/* SPDX-License-Identifier: MIT */\nint seawall_one(int);\n")

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def rules(self, check) -> set[str]:
        return {finding.rule for finding in check(self.root)}


class Layers(Tree):
    def test_a_clean_tree_has_no_findings(self):
        self.assertEqual(check_layers.check(self.root), [])

    def test_an_algorithm_that_includes_a_component(self):
        self.write("include/seawall/algorithm/bad.h", SPDX + '#include "seawall/limiter.h"\n')
        self.assertEqual(self.rules(check_layers.check), {"layer"})

    def test_an_example_that_includes_a_private_header(self):
        self.write("include/seawall/detail/update.h", SPDX)
        self.write("examples/gateway/main.cc", SPDX + "#include <seawall/detail/update.h>\n")
        self.assertEqual(self.rules(check_layers.check), {"layer"})

    def test_a_file_in_no_layer(self):
        self.write("include/seawall/deep/folder/x.h", SPDX)
        self.assertEqual(self.rules(check_layers.check), {"layer"})

    def test_an_algorithm_with_an_atomic(self):
        self.write("include/seawall/algorithm/bad.h", SPDX + "#include <atomic>\n")
        self.assertEqual(self.rules(check_layers.check), {"forbidden"})

    def test_a_public_header_with_a_library(self):
        self.write("include/seawall/bad.h", SPDX + '#include <fmt/format.h>\n')
        self.assertEqual(self.rules(check_layers.check), {"std-only"})

    def test_an_include_in_a_block_comment_does_not_count(self):
        self.write("include/seawall/fine.h", SPDX + '/*\n#include <fmt/format.h>\n*/\n')
        self.assertEqual(self.rules(check_layers.check), set())

    def test_a_cycle(self):
        self.write("include/seawall/a.h", SPDX + '#include "seawall/b.h"\n')
        self.write("include/seawall/b.h", SPDX + '#include "seawall/a.h"\n')
        self.assertEqual(self.rules(check_layers.check), {"cycle"})

    def test_a_chain_of_seven(self):
        for i in range(7):
            self.write(f"include/seawall/c{i}.h", SPDX + f'#include "seawall/c{i + 1}.h"\n')
        self.write("include/seawall/c7.h", SPDX)
        self.assertEqual([f.where for f in check_layers.check(self.root)], ["include/seawall/c0.h"])
        self.assertEqual(self.rules(check_layers.check), {"depth"})


class Sources(Tree):
    def test_a_clean_tree_has_no_findings(self):
        self.assertEqual(check_sources.check(self.root), [])

    def test_each_banned_call(self):
        samples = {
            "wall-clock": ["std::chrono::system_clock::now();", "gettimeofday(&t, 0);", "time(NULL);", "std::time(p);"],
            "own-clock": ["std::chrono::steady_clock::now();", "clock_gettime(CLOCK_MONOTONIC, &t);"],
            "sleep": ["std::this_thread::sleep_for(d);", "usleep(1);", "sleep(1);", "nanosleep(&a, &b);"],
            "thread": ["std::thread t(f);", "std::jthread t(f);", "std::async(f);", "pthread_create(&t, 0, f, 0);"],
            "random": ["int x = rand();", "srand(1);"],
            "output": ['printf("x");', 'std::cout << "x";', 'fprintf(stderr, "x");', 'puts("x");'],
            "fence": ["std::atomic_thread_fence(std::memory_order_seq_cst);"],
        }
        self.assertEqual(samples.keys(), check_sources.BANNED.keys())
        for rule, lines in samples.items():
            for line in lines:
                for path in ("src/bad.cc", "include/seawall/bad.h"):
                    self.assertIn(rule, {f.rule for f in check_sources.banned(path, SPDX + line + "\n")}, line)

    def test_words_that_only_contain_a_banned_one(self):
        fine = 'std::thread_id x; retry_time(0); snprintf(b, 1, "rand()"); // system_clock\nint k = 1\'000\'000;\n'
        self.assertEqual(check_sources.banned("src/fine.cc", fine), [])

    def test_time_h_alone_may_read_the_clock(self):
        line = "auto t = std::chrono::steady_clock::now();\n"
        self.assertEqual(check_sources.banned("include/seawall/time.h", line), [])

    def test_no_licence_line(self):
        self.write("src/bad.cc", "int x;\n")
        self.assertEqual(self.rules(check_sources.check), {"spdx"})

    def test_a_letter_that_is_not_ascii(self):
        self.write("src/bad.cc", SPDX + "// \u00b5s\n")
        self.assertEqual(self.rules(check_sources.check), {"ascii"})

    def test_a_long_header_and_a_long_source(self):
        self.write("include/seawall/long.h", SPDX + "\n" * check_sources.MAX_HEADER)
        self.assertEqual(self.rules(check_sources.check), {"size"})
        self.write("include/seawall/long.h", SPDX)
        self.write("src/long.cc", SPDX + "\n" * check_sources.MAX_SOURCE)
        self.assertEqual(self.rules(check_sources.check), {"size"})

    def test_an_unfinished_mark(self):
        self.write("src/bad.cc", SPDX + "// TODO\n")
        self.assertEqual(self.rules(check_sources.check), {"unfinished"})


class Proof(Tree):
    HEADING = "# Page\n\n| claim | test | broken to see it fail |\n| --- | --- | --- |\n"

    def setUp(self):
        super().setUp()
        self.write("tests/x_test.cc", 'TEST_CASE("it holds") {}\nTEMPLATE_TEST_CASE("of both", "", A, B) {}\nauto text = "a text";\nvoid p() { rc::prop("always", f); }\n')
        self.write("tests/x_test.c", "static void it_holds(void) {\n  it_calls();\n}\n")
        self.write("tests/test_x.py", "class X:\n    def test_it(self):\n        pass\n")
        self.write("tests/vectors/x.txt", "case it_holds threshold=1\n")
        self.write("tests/CMakeLists.txt", 'add_test(NAME "lint: x" COMMAND x)\n')

    def page(self, *tests: str) -> set[str]:
        self.write("tests/proof/x.md", self.HEADING + "".join(f"| it holds | {test} | held it wrong |\n" for test in tests))
        return self.rules(check_proof.check)

    def test_tests_that_exist(self):
        names = {"tests/x_test.cc": "it holds", "tests/x_test.c": "it_holds", "tests/test_x.py": "test_it",
                 "tests/vectors/x.txt": "it_holds", "tests/CMakeLists.txt": "lint: x"}
        self.assertEqual(self.page(*(f'`{file}: "{name}"`' for file, name in names.items())), set())
        self.assertEqual(self.page('`tests/x_test.cc: "it holds"`, `tests/x_test.cc: "always"`, `tests/x_test.cc: "of both"`'), set())

    def test_tests_that_do_not(self):
        names = {"tests/x_test.cc": ["it hold", "it holds!", "a text", "it.holds"], "tests/x_test.c": ["it_hold", "it_calls"],
                 "tests/test_x.py": ["test_i", "X"], "tests/vectors/x.txt": ["it_hold", "threshold"],
                 "tests/CMakeLists.txt": ["lint"], "tests/y_test.cc": ["it holds"], "tests": ["it holds"]}
        for file, wrong in names.items():
            for name in wrong:
                self.assertEqual(self.page('`tests/x_test.cc: "it holds"`', f'`{file}: "{name}"`'), {"no-test"}, (file, name))

    def test_a_name_outside_of_the_tables(self):
        self.page('`tests/x_test.cc: "it holds"`')
        self.write("tests/proof/y.md", '# Page\n\nSee `tests/x_test.cc: "gone"`.\n')
        self.assertEqual(self.rules(check_proof.check), {"no-test"})

    def test_a_row_without_a_test(self):
        for cell in ("tested", "`tests/x_test.cc`", 'tests/x_test.cc: "it holds"'):
            self.assertEqual(self.page('`tests/x_test.cc: "it holds"`', cell), {"no-proof"}, cell)

    def test_a_row_of_other_columns(self):
        for cell in ('`tests/x_test.cc: "it holds"` |', '`tests/x_test.cc: "it holds"` | more', " "):
            self.assertIn("row", self.page(cell), cell)

    def test_a_page_without_a_test(self):
        self.write("tests/proof/x.md", "# Page\n")
        self.assertEqual(self.rules(check_proof.check), {"no-proof"})


class Examples(Tree):
    def setUp(self):
        super().setUp()
        self.write("tests/lint/example_context.h", "namespace seawall { enum class Outcome { kSuccess }; }\nbool call();\n")

    def example(self, *lines: str) -> None:
        comment = "".join(f"//   {line}\n" for line in lines)
        self.write("include/seawall/limiter.h", SPDX + f"// What it is.\n//\n{comment}#pragma once\nint limit();\n")

    def test_one_that_compiles(self):
        self.example("if (!call()) return limit();")
        self.assertEqual(check_examples.check(self.root), [])

    def test_one_that_does_not(self):
        self.example("if (!call())", "  return limit(1);")
        self.assertEqual([f.where for f in check_examples.check(self.root)], ["include/seawall/limiter.h:5"])

    def test_a_table_is_none(self):
        self.example("state   what it means", "open    refuses")
        self.assertEqual(check_examples.check(self.root), [])

    def test_a_program_that_cannot_be_compiled_at_all(self):
        self.write("include/seawall/limiter.h", SPDX + '#pragma once\n#include "nowhere.h"\n')
        self.assertEqual(self.rules(check_examples.check), {"example"})


class Headers(Tree):
    def test_a_clean_tree_has_no_findings(self):
        self.assertEqual(check_headers.check(self.root), [])

    def test_a_header_that_forgot_an_include(self):
        self.write("include/seawall/limiter.h", SPDX + "#pragma once\ninline std::string x;\n")
        self.assertIn("include/seawall/limiter.h", {f.where for f in check_headers.alone(self.root)})

    def test_a_header_that_forgot_what_another_one_brings(self):
        self.write("include/seawall/texts.h", SPDX + "#pragma once\n#include <string>\n")
        self.write("include/seawall/limiter.h", SPDX + '#pragma once\n#include "seawall/time.h"\ninline std::string x;\n')
        self.assertEqual([f.where for f in check_headers.alone(self.root) if "limiter" in f.where], ["include/seawall/limiter.h"])

    def test_headers_are_compiled_together_where_each_brings_what_those_before_it_do(self):
        brought = {"a": {"a"}, "ab": {"ab", "a", "b"}, "ac": {"ac", "a", "c"}, "all": {"all", "ab", "ac", "a", "b", "c"}}
        rows = check_headers.chains(brought)
        self.assertEqual(sorted(sum(rows, [])), sorted(brought))
        self.assertEqual(sorted(map(len, rows)), [1, 3])
        for row in rows:
            for before, header in zip(row, row[1:]):
                self.assertLessEqual(brought[before], brought[header])

    def test_a_header_without_a_guard(self):
        self.write("include/seawall/time.h", SPDX + "struct Twice {};\n")
        self.assertIn("include/seawall/time.h", {f.where for f in check_headers.alone(self.root)})

    def test_a_header_that_throws(self):
        self.write("include/seawall/time.h", SPDX + "#pragma once\ninline void f() { throw 1; }\n")
        self.assertEqual(self.rules(check_headers.alone), {"alone"})

    def test_a_header_that_no_umbrella_lists(self):
        self.write("include/seawall/forgotten.h", SPDX)
        found = {f.where for f in check_headers.umbrellas(self.root)}
        self.assertEqual(found, {"include/seawall/core.h", "include/seawall/seawall.h"})

    def test_core_that_reaches_the_runtime(self):
        self.write("include/seawall/limiter.h", SPDX + '#include "seawall/runtime/registry.h"\n')
        self.assertIn("umbrella", self.rules(check_headers.umbrellas))

    def test_a_c_header_that_is_not_c99(self):
        for text in ("typedef enum { A = 1, } e;\nbool f(void);\n", "int f();\n", "// C++ only\nnamespace x {}\n"):
            self.write("capi/seawall_c.h", text)
            self.assertEqual(self.rules(check_headers.c_header), {"c-header"}, text)


class Library(unittest.TestCase):
    HEADER = "/* int seawall_zero(void) */\nSEAWALL_API int32_t seawall_one(void) N;\nSEAWALL_API void seawall_two(int) N;\n"
    GOOD = ["-Wl,-z,nodelete", "-Wl,-soname,libseawall.so.0.1"]

    def rules(self, code: str, *flags: str, compiler: str = "gcc") -> set[str]:
        with tempfile.TemporaryDirectory() as folder:
            library = pathlib.Path(folder, "libseawall.so")
            kind = "c++" if compiler == "g++" else "c"
            command = [compiler, "-x", kind, "-", "-shared", "-fPIC", "-o", str(library), "-Wl,--no-as-needed", *flags]
            subprocess.run(command, input=code, text=True, check=True)
            return {finding.rule for finding in check_library.check(library, self.HEADER)}

    def test_the_header_is_read(self):
        self.assertEqual(check_library.declared(self.HEADER), {"seawall_one", "seawall_two"})

    def test_the_right_symbols(self):
        self.assertEqual(self.rules("int seawall_one; int seawall_two;", *self.GOOD), set())

    def test_a_symbol_too_many(self):
        self.assertEqual(self.rules("int seawall_one; int seawall_two; int leak;", *self.GOOD), {"symbols"})

    def test_a_symbol_too_few(self):
        self.assertEqual(self.rules("int seawall_one;", *self.GOOD), {"symbols"})

    def test_a_library_that_can_be_unloaded(self):
        self.assertEqual(self.rules("int seawall_one, seawall_two;", self.GOOD[1]), {"nodelete"})

    def test_a_library_without_soname(self):
        self.assertEqual(self.rules("int seawall_one, seawall_two;", self.GOOD[0]), {"soname"})

    def test_a_dependency_that_is_not_listed(self):
        self.assertEqual(self.rules("int seawall_one, seawall_two;", *self.GOOD, "-lresolv"), {"needed"})

    def test_initial_exec_thread_locals(self):
        code = 'extern "C" { int seawall_two; thread_local int x; int seawall_one() { return ++x; } }'
        flags = [*self.GOOD, "-ftls-model=initial-exec", "-fvisibility=hidden"]
        shown = code.replace("int seawall", "__attribute__((visibility(\"default\"))) int seawall")
        self.assertEqual(self.rules(shown, *flags, compiler="g++"), {"tls"})

    def test_a_thread_local_with_a_destructor(self):
        code = (
            "struct D { ~D(); int v = 0; }; int gone; D::~D() { gone = 1; } static thread_local D d;"
            'extern "C" { int seawall_two; int seawall_one() { return d.v; } }'
        )
        self.assertIn("tls", self.rules(code, *self.GOOD, compiler="g++"))


class Together(unittest.TestCase):
    """tidy.py reads several files as one text, and finds what it would find in each."""

    def units(self, *texts: str) -> list[tidy.Unit]:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        root = pathlib.Path(folder.name)
        (root / ".clang-tidy").write_text((HERE.parents[1] / ".clang-tidy").read_text())
        made = [tidy.Unit(root / f"{at}.cc", ("-std=c++20",), text) for at, text in enumerate(texts)]
        for unit in made:
            unit.path.write_text(unit.text)
        return made

    @staticmethod
    def private(code: str) -> str:
        return f"#include <cstddef>\nnamespace {{\n\n{code}\n\n}}  // namespace\n"

    def test_files_that_share_a_private_name_are_read_apart(self):
        made = self.units(self.private("int twice(int x) { return 2 * x; }"), self.private("constexpr int twice = 2;"),
                          self.private("struct twice {};"), self.private("int other(int x) { return x; }"))  # fmt: skip
        self.assertEqual([len(batch) for batch in tidy.batches(made)], [2, 1, 1])

    def test_what_is_wrong_in_one_of_several_files_is_found_there(self):
        good, bad = "inline int one() { return 1; }\n", "inline int* none() { return 0; }\n"
        for texts, findings in (((good, good.replace("one", "two")), 0), ((good, bad), 1), ((good, good), 0)):  # the last: no one text
            self.assertEqual(len(tidy.judge((-1, self.units(*texts)))), findings, texts)

    def test_a_source_that_the_build_leaves_out_is_named(self):
        """And one that it knows by a link to the tree is read."""
        with tempfile.TemporaryDirectory() as folder:
            root, link = pathlib.Path(folder).resolve() / "tree", pathlib.Path(folder) / "link"
            (root / "src").mkdir(parents=True)
            link.symlink_to(root)
            for name in ("in.cc", "out.cc"):
                (root / "src" / name).touch()
            for command in (["init", "-q"], ["add", "src"]):
                subprocess.run(["git", *command], cwd=root, check=True)
            entry = {"file": str(link / "src" / "in.cc"), "command": "g++ -O2 -o in.o -c in.cc"}
            (root / "compile_commands.json").write_text(json.dumps([entry]))
            with mock.patch.object(tidy, "ROOT", root):
                read = tidy.units(root)
                self.assertEqual([unit.path.name for unit in read], ["in.cc"])
                self.assertEqual(tidy.unread(read), ["src/out.cc"])


class Output(unittest.TestCase):
    def test_a_finding_makes_the_check_fail(self):
        for findings, code in (([], 0), ([tree.Finding("x.h", "rule", "why")], 1)):
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
                with self.assertRaises(SystemExit) as stopped:
                    tree.report(findings)
            self.assertEqual(stopped.exception.code, code)
            self.assertEqual(bool(said.getvalue()), bool(findings))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: MIT
import ctypes
import unittest

import seawall
from seawall import _ffi, _library


class Library(unittest.TestCase):
    def test_the_library_is_the_one_the_header_describes(self):
        self.assertEqual(seawall.version(), _ffi.SEAWALL_VERSION)

    def test_only_calls_that_may_wait_give_the_gil_away(self):
        self.assertIsInstance(_library.lib, ctypes.PyDLL)
        self.assertNotIsInstance(_library.lib_waiting, ctypes.PyDLL)

    def test_an_error_carries_code_and_text(self):
        error = _library.new_error()
        error.message = b"why"
        with self.assertRaisesRegex(seawall.SeawallError, "why") as caught:
            _library.check(_ffi.SEAWALL_E_FULL, error)
        self.assertEqual(caught.exception.code, _ffi.SEAWALL_E_FULL)

    def test_text_of_any_length_is_read_whole(self):
        whole = b"x" * 1000

        def call(buffer, capacity, needed):
            ctypes.cast(needed, ctypes.POINTER(ctypes.c_size_t))[0] = len(whole)
            if capacity < len(whole):
                return _ffi.SEAWALL_E_BUFFER_TOO_SMALL
            ctypes.memmove(buffer, whole, len(whole))
            return 0

        self.assertEqual(_library.read_text(call), whole.decode())


if __name__ == "__main__":
    unittest.main()

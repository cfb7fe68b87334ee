# SPDX-License-Identifier: MIT
"""The ctypes table of the C API. Generated from capi/seawall_c.h by generate_ffi.py: do not edit."""

import ctypes

SEAWALL_VERSION_MAJOR = 0
SEAWALL_VERSION_MINOR = 1
SEAWALL_VERSION_PATCH = 0
SEAWALL_VERSION = "0.1.0"
SEAWALL_ABI_VERSION = 1
SEAWALL_NOW = -9223372036854775808
SEAWALL_NEVER = 9223372036854775807
SEAWALL_TEXT = 18446744073709551615
SEAWALL_OK = 0
SEAWALL_E_INVALID_ARGUMENT = -1
SEAWALL_E_WRONG_HANDLE = -2
SEAWALL_E_NO_MEMORY = -3
SEAWALL_E_BUFFER_TOO_SMALL = -4
SEAWALL_E_NOT_FOUND = -5
SEAWALL_E_ALREADY_EXISTS = -6
SEAWALL_E_FENCED = -7
SEAWALL_E_FULL = -8
SEAWALL_E_INTERNAL = -9
SEAWALL_OUTCOME_SUCCESS = 0
SEAWALL_OUTCOME_FAILURE = 1
SEAWALL_OUTCOME_IGNORED = 2


class seawall_error(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("code", ctypes.c_int32),
        ("message", ctypes.c_char * 256),
    ]


# name: (result, arguments). Opaque handles are c_void_p.
FUNCTIONS = {
    "seawall_version": (ctypes.c_char_p, []),
    "seawall_abi_version": (ctypes.c_int32, []),
    "seawall_code_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "seawall_now_ns": (ctypes.c_int64, []),
}


def declare(library):
    """Gives every function of `library` its argument and result types."""
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library

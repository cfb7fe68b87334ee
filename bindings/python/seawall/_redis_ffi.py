# SPDX-License-Identifier: MIT
"""The ctypes table of the C API. Generated from capi/seawall_redis_c.h by generate_ffi.py: do not edit."""

import ctypes

from ._ffi import seawall_error, seawall_instance, seawall_source_answer, seawall_text

SEAWALL_REDIS_TOKEN_BUCKET = 0
SEAWALL_REDIS_SLIDING_WINDOW = 1
SEAWALL_REDIS_EXACT = 0
SEAWALL_REDIS_LEASED = 1
SEAWALL_REDIS_AWAY_LOCAL_SHARE = 0
SEAWALL_REDIS_AWAY_ALLOW = 1
SEAWALL_REDIS_AWAY_DENY = 2
SEAWALL_REDIS_OFF = -1
SEAWALL_REDIS_BY_STORE = 0
SEAWALL_REDIS_BY_LEASE = 1
SEAWALL_REDIS_BY_DENIAL_CACHE = 2
SEAWALL_REDIS_BY_POLICY = 3
SEAWALL_REDIS_FAULT_NONE = 0
SEAWALL_REDIS_FAULT_TIMEOUT = 1
SEAWALL_REDIS_FAULT_AWAY = 2
SEAWALL_REDIS_FAULT_FOREIGN = 3
SEAWALL_REDIS_FAULT_REFUSED = 4
SEAWALL_REDIS_FAULT_UNAUTHORIZED = 5
SEAWALL_REDIS_UNDECIDED = 3
SEAWALL_REDIS_SAYS_OK = 0
SEAWALL_REDIS_SAYS_UNKNOWN = 1
SEAWALL_REDIS_SAYS_FENCED = 2
SEAWALL_REDIS_SAYS_NOTHING = 3
SEAWALL_REDIS_JOINING = 0
SEAWALL_REDIS_HELD = 1
SEAWALL_REDIS_WAS_FENCED = 2
SEAWALL_REDIS_LEAVING = 3


class seawall_redis_store_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("cluster", ctypes.c_int32),
        ("endpoints", seawall_text),
        ("user", seawall_text),
        ("password", seawall_text),
        ("database", ctypes.c_int32),
        ("most_pending", ctypes.c_int32),
        ("deadline_ns", ctypes.c_int64),
        ("silence_ns", ctypes.c_int64),
        ("reconnect_min_ns", ctypes.c_int64),
        ("reconnect_max_ns", ctypes.c_int64),
        ("breaker_failure_threshold", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("breaker_open_duration_ns", ctypes.c_int64),
    ]


class seawall_redis_store_stats(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("up", ctypes.c_int32),
        ("unauthorized", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("requests", ctypes.c_uint64),
        ("answered", ctypes.c_uint64),
        ("timeouts", ctypes.c_uint64),
        ("not_sent", ctypes.c_uint64),
        ("connects", ctypes.c_uint64),
        ("disconnects", ctypes.c_uint64),
        ("silences", ctypes.c_uint64),
        ("reloads", ctypes.c_uint64),
        ("moved", ctypes.c_uint64),
        ("asked", ctypes.c_uint64),
        ("batches", ctypes.c_uint64),
        ("messages", ctypes.c_uint64),
        ("channels_denied", ctypes.c_uint64),
    ]


class seawall_redis_limiter_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("algorithm", ctypes.c_int32),
        ("name", seawall_text),
        ("tag", seawall_text),
        ("permits", ctypes.c_int64),
        ("period_ns", ctypes.c_int64),
        ("burst", ctypes.c_int64),
        ("mode", ctypes.c_int32),
        ("when_away", ctypes.c_int32),
        ("gateways", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("batch", ctypes.c_int64),
        ("lease_time_ns", ctypes.c_int64),
        ("denial_cache_ns", ctypes.c_int64),
        ("memory_bytes", ctypes.c_uint64),
    ]


class seawall_redis_decision(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("answer", ctypes.c_int32),
        ("decided_by", ctypes.c_int32),
        ("fault", ctypes.c_int32),
        ("limit", ctypes.c_int64),
        ("remaining", ctypes.c_int64),
        ("retry_after_ns", ctypes.c_int64),
        ("reset_after_ns", ctypes.c_int64),
        ("charge_at", ctypes.c_int64),
        ("charge_rest", ctypes.c_int64),
        ("charge_permits", ctypes.c_int64),
    ]


class seawall_redis_limiter_stats(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("by_store", ctypes.c_uint64),
        ("by_denial_cache", ctypes.c_uint64),
        ("by_policy", ctypes.c_uint64),
        ("foreign", ctypes.c_uint64),
        ("leases", ctypes.c_uint64),
        ("leased_permits", ctypes.c_uint64),
    ]


class seawall_redis_set_decision(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("answer", ctypes.c_int32),
        ("refused_by", ctypes.c_int32),
        ("decision_count", ctypes.c_uint32),
        ("answered", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("decisions", ctypes.POINTER(seawall_redis_decision)),
        ("retry_after_ns", ctypes.c_int64),
    ]


class seawall_redis_registrar_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_int32),
        ("registry", seawall_text),
        ("heartbeat_interval_ns", ctypes.c_int64),
        ("lease_ns", ctypes.c_int64),
    ]


class seawall_redis_word(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("answer", ctypes.c_int32),
        ("fault", ctypes.c_int32),
        ("reserved", ctypes.c_uint32),
        ("generation", ctypes.c_uint64),
        ("reason", ctypes.c_char * 256),
    ]


class seawall_redis_kept(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("state", ctypes.c_int32),
        ("fault", ctypes.c_int32),
        ("reserved", ctypes.c_uint32),
        ("generation", ctypes.c_uint64),
        ("unheard_ns", ctypes.c_int64),
        ("reason", ctypes.c_char * 256),
    ]


class seawall_redis_keeper_stats(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("instances", ctypes.c_int64),
        ("registrations", ctypes.c_int64),
        ("renewals", ctypes.c_int64),
        ("removals", ctypes.c_int64),
        ("reregistrations", ctypes.c_int64),
        ("fenced", ctypes.c_int64),
        ("faults", ctypes.c_int64),
    ]


class seawall_redis_source_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_int32),
        ("registry", seawall_text),
        ("services", seawall_text),
        ("poll_interval_ns", ctypes.c_int64),
        ("expiry_ceiling_ns", ctypes.c_int64),
        ("forget_after_ns", ctypes.c_int64),
    ]


class seawall_redis_source_stats(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("services", ctypes.c_int64),
        ("polls", ctypes.c_int64),
        ("lists", ctypes.c_int64),
        ("faults", ctypes.c_int64),
        ("hints", ctypes.c_int64),
        ("foreign", ctypes.c_int64),
        ("left_out", ctypes.c_int64),
        ("forgotten", ctypes.c_int64),
    ]


class seawall_redis_trip(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("name_size", ctypes.c_uint32),
        ("times", ctypes.c_int64),
        ("name", ctypes.c_char * 256),
    ]


class seawall_redis_trip_board_stats(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("announced", ctypes.c_int64),
        ("faults", ctypes.c_int64),
        ("heard", ctypes.c_int64),
        ("left_out", ctypes.c_int64),
    ]


# name: (result, arguments). Opaque handles are c_void_p.
FUNCTIONS = {
    "seawall_redis_abi_version": (ctypes.c_int32, []),
    "seawall_redis_store_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_redis_store_options)]),
    "seawall_redis_store_new": (ctypes.c_int32, [ctypes.POINTER(seawall_redis_store_options), ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_redis_store_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_redis_store_free": (None, [ctypes.c_void_p]),
    "seawall_redis_store_get_stats": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_redis_store_stats)]),
    "seawall_redis_store_refusal": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_redis_by_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "seawall_redis_fault_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "seawall_redis_limiter_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_redis_limiter_options)]),
    "seawall_redis_store_new_limiter": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_redis_limiter_options), ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_redis_store_new_limiter_from_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_redis_limiter_free": (None, [ctypes.c_void_p]),
    "seawall_redis_limiter_try_acquire": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_redis_decision)]),
    "seawall_redis_limiter_try_acquire_here": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_redis_decision)]),
    "seawall_redis_limiter_peek": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_redis_decision)]),
    "seawall_redis_limiter_refund": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(seawall_redis_decision)]),
    "seawall_redis_limiter_get_stats": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_redis_limiter_stats)]),
    "seawall_redis_limit_set_new": (ctypes.c_int32, [ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_redis_limit_set_free": (None, [ctypes.c_void_p]),
    "seawall_redis_limit_set_try_acquire": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_text), ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_redis_set_decision)]),
    "seawall_redis_limit_set_peek": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_text), ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_redis_set_decision)]),
    "seawall_redis_limit_set_refund": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_text), ctypes.c_size_t, ctypes.POINTER(seawall_redis_set_decision)]),
    "seawall_redis_inbox_new": (ctypes.c_int32, [ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_redis_inbox_free": (None, [ctypes.c_void_p]),
    "seawall_redis_inbox_fd": (ctypes.c_int32, [ctypes.c_void_p]),
    "seawall_redis_inbox_receive": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64), ctypes.POINTER(seawall_redis_set_decision)]),
    "seawall_redis_limiter_try_acquire_async": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_void_p, ctypes.c_uint64]),
    "seawall_redis_limiter_peek_async": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_void_p, ctypes.c_uint64]),
    "seawall_redis_limiter_refund_async": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(seawall_redis_decision), ctypes.c_void_p, ctypes.c_uint64]),
    "seawall_redis_limit_set_try_acquire_async": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_text), ctypes.c_size_t, ctypes.c_int64, ctypes.c_void_p, ctypes.c_uint64]),
    "seawall_redis_limit_set_peek_async": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_text), ctypes.c_size_t, ctypes.c_int64, ctypes.c_void_p, ctypes.c_uint64]),
    "seawall_redis_limit_set_refund_async": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_text), ctypes.c_size_t, ctypes.POINTER(seawall_redis_set_decision), ctypes.c_void_p, ctypes.c_uint64]),
    "seawall_redis_registrar_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_redis_registrar_options)]),
    "seawall_redis_store_new_registrar": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_redis_registrar_options), ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_redis_store_new_registrar_from_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_redis_registrar_free": (None, [ctypes.c_void_p]),
    "seawall_redis_registrar_register": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_instance), ctypes.c_uint64, ctypes.POINTER(seawall_redis_word)]),
    "seawall_redis_registrar_register_async": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_instance), ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64]),
    "seawall_redis_registrar_renew": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_int32, ctypes.POINTER(seawall_redis_word)]),
    "seawall_redis_registrar_renew_async": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_int32, ctypes.c_void_p, ctypes.c_uint64]),
    "seawall_redis_registrar_drain": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.POINTER(seawall_redis_word)]),
    "seawall_redis_registrar_drain_async": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64]),
    "seawall_redis_registrar_deregister": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.POINTER(seawall_redis_word)]),
    "seawall_redis_registrar_deregister_async": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64]),
    "seawall_redis_registrar_enter": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(seawall_redis_word)]),
    "seawall_redis_registrar_enter_async": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_uint64]),
    "seawall_redis_inbox_receive_word": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64), ctypes.POINTER(seawall_redis_word)]),
    "seawall_redis_kept_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "seawall_redis_registrar_new_keeper": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_redis_keeper_free": (None, [ctypes.c_void_p]),
    "seawall_redis_keeper_hold": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_instance), ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_redis_keeper_update": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_instance), ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_redis_keeper_release": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64]),
    "seawall_redis_keeper_tick": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64]),
    "seawall_redis_keeper_find": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_redis_kept)]),
    "seawall_redis_keeper_get_stats": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_redis_keeper_stats)]),
    "seawall_redis_source_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_redis_source_options)]),
    "seawall_redis_store_new_source": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_redis_source_options), ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_redis_store_new_source_from_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_redis_source_free": (None, [ctypes.c_void_p]),
    "seawall_redis_source_poll": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64]),
    "seawall_redis_source_receive": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_source_answer)]),
    "seawall_redis_source_get_stats": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_redis_source_stats)]),
    "seawall_redis_source_last_fault": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_redis_store_new_trip_board": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_redis_trip_board_free": (None, [ctypes.c_void_p]),
    "seawall_redis_trip_board_announce": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
    "seawall_redis_trip_board_receive": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_redis_trip)]),
    "seawall_redis_trip_board_get_stats": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_redis_trip_board_stats)]),
}


def declare(library):
    """Gives every function of `library` its argument and result types."""
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library

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
SEAWALL_PLACE_SIZE = 4096
SEAWALL_BREAKER_UNHEALTHY = 16140901064495858687
SEAWALL_BREAKER_IDENTITY = 18446726481523507200
SEAWALL_BREAKER_TOKEN_MARK = 8796093022208
SEAWALL_LIMIT_SET_MOST = 8
SEAWALL_TRACEPARENT_SIZE = 55
SEAWALL_CORRELATION_ID_MAX_SIZE = 128
SEAWALL_ANY_GENERATION = 0
SEAWALL_PIPELINE_MOST_LIMITS = 4
SEAWALL_PIPELINE_MOST_KEYS = 16
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
SEAWALL_CLOCK_TRUST_KERNEL = 0
SEAWALL_CLOCK_TRUST_NEVER = 1
SEAWALL_CLOCK_TRUST_ALWAYS = 2
SEAWALL_CLOCK_MONOTONIC = 0
SEAWALL_CLOCK_COUNTER = 1
SEAWALL_BREAKER_CLOSED = 0
SEAWALL_BREAKER_OPEN = 1
SEAWALL_BREAKER_HALF_OPEN = 2
SEAWALL_BREAKER_FORCED_OPEN = 3
SEAWALL_BREAKER_DISABLED = 4
SEAWALL_BREAKER_REASON_NONE = 0
SEAWALL_BREAKER_REASON_FAILURE_THRESHOLD = 1
SEAWALL_BREAKER_REASON_OPEN_ELAPSED = 2
SEAWALL_BREAKER_REASON_PROBES_SUCCEEDED = 3
SEAWALL_BREAKER_REASON_PROBE_FAILED = 4
SEAWALL_BREAKER_REASON_PROBES_LOST = 5
SEAWALL_BREAKER_REASON_FORCED_OPEN = 6
SEAWALL_BREAKER_REASON_DISABLED = 7
SEAWALL_BREAKER_REASON_RESET = 8
SEAWALL_BREAKER_REASON_COUNT_FAILURE_RATE = 9
SEAWALL_BREAKER_REASON_TIME_FAILURE_RATE = 10
SEAWALL_BREAKER_REASON_COUNT_SLOW_RATE = 11
SEAWALL_BREAKER_REASON_TIME_SLOW_RATE = 12
SEAWALL_BREAKER_REASON_PROBE_SLOW = 13
SEAWALL_BREAKER_REFUSED = 0
SEAWALL_BREAKER_ADMITTED = 1
SEAWALL_REPORT_RECORDED = 0
SEAWALL_REPORT_LATE = 1
SEAWALL_REPORT_NOT_COUNTED = 2
SEAWALL_REPORT_INVALID_TOKEN = 3
SEAWALL_BREAKER_OFF = -1
SEAWALL_BREAKERS_FULL_ADMIT = 0
SEAWALL_BREAKERS_FULL_SHARE = 1
SEAWALL_BREAKERS_FULL_REFUSE = 2
SEAWALL_ALLOWED = 0
SEAWALL_DENIED = 1
SEAWALL_NEVER_ALLOWED = 2
SEAWALL_CHANGE_KEEP = 0
SEAWALL_CHANGE_PROPORTIONAL = 1
SEAWALL_CHANGE_RESET = 2
SEAWALL_LIMIT_CHANGED = 0
SEAWALL_LIMIT_OVERTAKEN = 1
SEAWALL_WINDOW_STRICT = 0
SEAWALL_WINDOW_ESTIMATE = 1
SEAWALL_KIND_TOKEN_BUCKET = 0
SEAWALL_KIND_SLIDING_WINDOW = 1
SEAWALL_WHEN_FULL_OVERFLOW = 0
SEAWALL_WHEN_FULL_DENY = 1
SEAWALL_WHEN_FULL_ALLOW = 2
SEAWALL_METRIC_COUNTER = 0
SEAWALL_METRIC_GAUGE = 1
SEAWALL_METRIC_HISTOGRAM = 2
SEAWALL_METRIC_STATE_SET = 3
SEAWALL_METRIC_INFO = 4
SEAWALL_FORMAT_PROMETHEUS = 0
SEAWALL_FORMAT_OPENMETRICS = 1
SEAWALL_FORMAT_JSON = 2
SEAWALL_FORMAT_OTLP_JSON = 3
SEAWALL_SERIES_OWN = 0
SEAWALL_SERIES_OVERFLOW = 1
SEAWALL_PAGE_DONE = 0
SEAWALL_PAGE_MORE = 1
SEAWALL_WINDOW_MINUTE = 0
SEAWALL_WINDOW_HOUR = 1
SEAWALL_TRACE_SAMPLED = 1
SEAWALL_TRACE_RANDOM = 2
SEAWALL_TRACE_ROOT_FLAGS = 3
SEAWALL_TRACE_DEFERRED = 1
SEAWALL_TRACE_DEBUG = 2
SEAWALL_TRACE_SHORT_ID = 4
SEAWALL_TRACE_NEW_ROOT = 0
SEAWALL_TRACE_CONTINUED = 1
SEAWALL_CORRELATION_GENERATED = 0
SEAWALL_CORRELATION_ACCEPTED = 1
SEAWALL_FAULT_NONE = 0
SEAWALL_FAULT_PARENT_ABSENT = 1
SEAWALL_FAULT_PARENT_REPEATED = 2
SEAWALL_FAULT_PARENT_LENGTH = 3
SEAWALL_FAULT_PARENT_VERSION = 4
SEAWALL_FAULT_PARENT_SEPARATOR = 5
SEAWALL_FAULT_PARENT_UPPER_CASE = 6
SEAWALL_FAULT_PARENT_HEX = 7
SEAWALL_FAULT_PARENT_ZERO_TRACE_ID = 8
SEAWALL_FAULT_PARENT_ZERO_SPAN_ID = 9
SEAWALL_FAULT_STATE_KEY = 10
SEAWALL_FAULT_STATE_VALUE = 11
SEAWALL_FAULT_STATE_REPEATED_KEY = 12
SEAWALL_FAULT_STATE_TOO_MANY_MEMBERS = 13
SEAWALL_FAULT_STATE_WITHOUT_PARENT = 14
SEAWALL_FAULT_BAGGAGE_KEY = 15
SEAWALL_FAULT_BAGGAGE_VALUE = 16
SEAWALL_FAULT_BAGGAGE_PROPERTY = 17
SEAWALL_FAULT_BAGGAGE_TOO_MANY_MEMBERS = 18
SEAWALL_FAULT_BAGGAGE_TOO_LONG = 19
SEAWALL_FAULT_B3_REPEATED = 20
SEAWALL_FAULT_B3_LENGTH = 21
SEAWALL_FAULT_B3_HEX = 22
SEAWALL_FAULT_B3_ZERO_ID = 23
SEAWALL_FAULT_B3_SAMPLING = 24
SEAWALL_FAULT_B3_INCOMPLETE = 25
SEAWALL_FAULT_CORRELATION_LENGTH = 26
SEAWALL_FAULT_CORRELATION_CHARACTER = 27
SEAWALL_FAULT_COUNT = 28
SEAWALL_STRICTNESS_HARNESS = 0
SEAWALL_STRICTNESS_STRICT = 1
SEAWALL_STRICTNESS_PASS_THROUGH = 2
SEAWALL_TRUST_FULL = 0
SEAWALL_TRUST_IDS = 1
SEAWALL_TRUST_IGNORE = 2
SEAWALL_B3_NONE = 0
SEAWALL_B3_SINGLE = 1
SEAWALL_B3_MULTI = 2
SEAWALL_TRACE_DROP = 0
SEAWALL_TRACE_RECORD = 1
SEAWALL_SELF_STARTING = 0
SEAWALL_SELF_SERVING = 1
SEAWALL_SELF_DRAINING = 2
SEAWALL_SELF_UNCHANGED = -1
SEAWALL_ADMIN_ENABLED = 0
SEAWALL_ADMIN_DRAINING = 1
SEAWALL_ADMIN_DISABLED = 2
SEAWALL_HEALTH_PASSING = 0
SEAWALL_HEALTH_FAILING = 1
SEAWALL_HEALTH_WARNING = 2
SEAWALL_HEALTH_UNKNOWN = 3
SEAWALL_PICK_PANIC = 1
SEAWALL_PICK_PROBE = 2
SEAWALL_PICK_SPILLED = 4
SEAWALL_PICK_UNFILTERED = 8
SEAWALL_VIEW_NOBODY = 0
SEAWALL_VIEW_ALL = 1
SEAWALL_VIEW_STATE_MATCHED = 0
SEAWALL_VIEW_STATE_UNFILTERED = 1
SEAWALL_VIEW_STATE_NOBODY = 2
SEAWALL_UNKNOWN_DURATION = -1
SEAWALL_BALANCER_ROUND_ROBIN = 0
SEAWALL_BALANCER_RANDOM = 1
SEAWALL_BALANCER_LEAST_LOADED = 2
SEAWALL_BALANCER_PEAK_EWMA = 3
SEAWALL_BALANCER_MAGLEV = 4
SEAWALL_BALANCER_RING_HASH = 5
SEAWALL_PANIC_ALL = 0
SEAWALL_PANIC_FAIL = 1
SEAWALL_VERDICT_PICKED = 0
SEAWALL_VERDICT_PROBE = 1
SEAWALL_VERDICT_SPILL_OVER = 2
SEAWALL_VERDICT_PANIC = 3
SEAWALL_VERDICT_NOBODY = 4
SEAWALL_REASON_EXPIRED = 1
SEAWALL_REASON_DISABLED = 2
SEAWALL_REASON_DRAINING = 4
SEAWALL_REASON_SELF_DRAINING = 8
SEAWALL_REASON_FAILING = 16
SEAWALL_REASON_STARTING = 32
SEAWALL_REASON_ZERO_WEIGHT = 64
SEAWALL_REASON_SUSPECT = 128
SEAWALL_REASON_WARNING = 256
SEAWALL_REASON_EJECTED = 512
SEAWALL_REASON_HELD = 1024
SEAWALL_REASON_UNMATCHED = 2048
SEAWALL_REASON_NOT_IN_SUBSET = 4096
SEAWALL_SOURCE_STATIC = 0
SEAWALL_SOURCE_DISK = 1
SEAWALL_SOURCE_DNS = 2
SEAWALL_SOURCE_REGISTRY = 3
SEAWALL_SAYS_LIST = 0
SEAWALL_SAYS_UNCHANGED = 1
SEAWALL_SAYS_EMPTY = 2
SEAWALL_SAYS_FAILED = 3
SEAWALL_SAYS_NOT_FOUND = 4
SEAWALL_SAYS_FORGOTTEN = 5
SEAWALL_PROBE_HTTP = 0
SEAWALL_PROBE_TCP = 1
SEAWALL_PROBE_NOTHING_LEARNT = -1
SEAWALL_SPAN_INTERNAL = 1
SEAWALL_SPAN_SERVER = 2
SEAWALL_SPAN_CLIENT = 3
SEAWALL_SPAN_PRODUCER = 4
SEAWALL_SPAN_CONSUMER = 5
SEAWALL_SPAN_UNSET = 0
SEAWALL_SPAN_OK = 1
SEAWALL_SPAN_ERROR = 2
SEAWALL_ATTRIBUTE_BOOL = 0
SEAWALL_ATTRIBUTE_INT = 1
SEAWALL_ATTRIBUTE_DOUBLE = 2
SEAWALL_ATTRIBUTE_TEXT = 3
SEAWALL_SPANS_OTLP_JSON = 0
SEAWALL_SPANS_JSON_LINES = 1
SEAWALL_TAKE_NOTHING = 0
SEAWALL_TAKE_BODY = 1
SEAWALL_GATE_NONE = 0
SEAWALL_GATE_IN_FLIGHT = 1
SEAWALL_GATE_LIMITS = 2
SEAWALL_GATE_BREAKER = 3
SEAWALL_GATE_INSTANCE = 4
SEAWALL_GATE_REQUEST = 5


class seawall_error(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("code", ctypes.c_int32),
        ("message", ctypes.c_char * 256),
    ]


class seawall_clock_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("trust", ctypes.c_int32),
    ]


class seawall_circuit_breaker_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("failure_threshold", ctypes.c_int32),
        ("open_duration_ns", ctypes.c_int64),
        ("half_open_max_probes", ctypes.c_int32),
        ("success_threshold", ctypes.c_int32),
        ("probe_lease_ns", ctypes.c_int64),
        ("failure_rate_threshold", ctypes.c_int32),
        ("slow_call_rate_threshold", ctypes.c_int32),
        ("slow_call_duration_ns", ctypes.c_int64),
        ("time_window_ns", ctypes.c_int64),
        ("count_window", ctypes.c_int32),
        ("minimum_calls", ctypes.c_int32),
        ("open_growth_percent", ctypes.c_int32),
        ("open_jitter_percent", ctypes.c_int32),
        ("max_open_duration_ns", ctypes.c_int64),
        ("open_decay_ns", ctypes.c_int64),
        ("seed", ctypes.c_uint64),
        ("shadow", ctypes.c_int32),
        ("count_totals", ctypes.c_int32),
    ]


class seawall_circuit_breaker_snapshot(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("state", ctypes.c_int32),
        ("failure_count", ctypes.c_int32),
        ("generation", ctypes.c_uint32),
        ("trips", ctypes.c_int32),
        ("probes_in_flight", ctypes.c_int32),
        ("probe_successes", ctypes.c_int32),
        ("reason", ctypes.c_int32),
        ("retry_after_ns", ctypes.c_int64),
        ("late_results", ctypes.c_uint64),
        ("probes_lost", ctypes.c_uint64),
        ("lost_events", ctypes.c_uint64),
        ("shadow_refusals", ctypes.c_uint64),
        ("successes", ctypes.c_uint64),
        ("failures", ctypes.c_uint64),
        ("ignored", ctypes.c_uint64),
        ("slow_calls", ctypes.c_uint64),
        ("refusals", ctypes.c_uint64),
        ("count_window_calls", ctypes.c_int64),
        ("count_window_failures", ctypes.c_int64),
        ("count_window_slow", ctypes.c_int64),
        ("time_window_calls", ctypes.c_int64),
        ("time_window_failures", ctypes.c_int64),
        ("time_window_slow", ctypes.c_int64),
    ]


class seawall_circuit_breaker_event(ctypes.Structure):
    _fields_ = [
        ("from", ctypes.c_int32),
        ("to", ctypes.c_int32),
        ("reason", ctypes.c_int32),
        ("generation", ctypes.c_uint32),
        ("at_ns", ctypes.c_int64),
    ]


class seawall_keyed_circuit_breaker_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("capacity", ctypes.c_int32),
        ("idle_after_ns", ctypes.c_int64),
        ("when_full", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
    ]


class seawall_keyed_circuit_breaker_stats(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("memory_bytes", ctypes.c_uint64),
        ("capacity", ctypes.c_uint64),
        ("in_use", ctypes.c_uint64),
        ("evictions", ctypes.c_uint64),
        ("full", ctypes.c_uint64),
    ]


class seawall_breaker_ticket(ctypes.Structure):
    _fields_ = [
        ("token", ctypes.c_uint64),
        ("place", ctypes.c_uint64),
    ]


class seawall_decision(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("answer", ctypes.c_int32),
        ("limit", ctypes.c_int64),
        ("remaining", ctypes.c_int64),
        ("retry_after_ns", ctypes.c_int64),
        ("reset_after_ns", ctypes.c_int64),
        ("charge_at", ctypes.c_uint64),
        ("charge_permits", ctypes.c_int64),
    ]


class seawall_reservation(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("answer", ctypes.c_int32),
        ("limit", ctypes.c_int64),
        ("delay_ns", ctypes.c_int64),
        ("charge_at", ctypes.c_uint64),
        ("charge_permits", ctypes.c_int64),
    ]


class seawall_settlement(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_int32),
        ("refunded", ctypes.c_int64),
        ("charged", ctypes.c_int64),
        ("unpaid", ctypes.c_int64),
    ]


class seawall_token_bucket_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_int32),
        ("permits", ctypes.c_int64),
        ("period_ns", ctypes.c_int64),
        ("burst", ctypes.c_int64),
    ]


class seawall_fixed_window_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_int32),
        ("permits", ctypes.c_int64),
        ("period_ns", ctypes.c_int64),
    ]


class seawall_leased_token_bucket_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_int32),
        ("permits", ctypes.c_int64),
        ("period_ns", ctypes.c_int64),
        ("burst", ctypes.c_int64),
        ("batch", ctypes.c_int64),
    ]


class seawall_sliding_window_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("sub_windows", ctypes.c_int32),
        ("permits", ctypes.c_int64),
        ("period_ns", ctypes.c_int64),
        ("mode", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
    ]


class seawall_keyed_limiter_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("kind", ctypes.c_int32),
        ("permits", ctypes.c_int64),
        ("period_ns", ctypes.c_int64),
        ("burst", ctypes.c_int64),
        ("memory_bytes", ctypes.c_uint64),
        ("seed", ctypes.c_uint64),
        ("when_full", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
    ]


class seawall_keyed_stats(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("memory_bytes", ctypes.c_uint64),
        ("capacity", ctypes.c_uint64),
        ("keys_active", ctypes.c_uint64),
        ("evictions", ctypes.c_uint64),
        ("full_refusals", ctypes.c_uint64),
        ("full_admissions", ctypes.c_uint64),
        ("overflow_admissions", ctypes.c_uint64),
    ]


class seawall_limit_key(ctypes.Structure):
    _fields_ = [
        ("text", ctypes.c_char_p),
        ("text_size", ctypes.c_size_t),
        ("id", ctypes.c_uint64),
    ]


class seawall_set_decision(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("answer", ctypes.c_int32),
        ("refused_by", ctypes.c_int32),
        ("decision_count", ctypes.c_uint32),
        ("decisions", ctypes.POINTER(seawall_decision)),
        ("retry_after_ns", ctypes.c_int64),
    ]


class seawall_limit_status(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("name_size", ctypes.c_size_t),
        ("quota", ctypes.c_int64),
        ("window_ns", ctypes.c_int64),
        ("decision", ctypes.POINTER(seawall_decision)),
    ]


class seawall_text(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_char_p),
        ("size", ctypes.c_size_t),
    ]


class seawall_metrics_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("max_families", ctypes.c_int64),
        ("max_series", ctypes.c_int64),
        ("max_series_per_family", ctypes.c_int64),
        ("max_label_value_bytes", ctypes.c_int64),
        ("no_rseq", ctypes.c_int32),
        ("share_with_children", ctypes.c_int32),
    ]


class seawall_family_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("type", ctypes.c_int32),
        ("name", seawall_text),
        ("help", seawall_text),
        ("labels", ctypes.POINTER(seawall_text)),
        ("label_count", ctypes.c_size_t),
        ("bounds", ctypes.POINTER(ctypes.c_double)),
        ("bound_count", ctypes.c_size_t),
        ("units_per_one", ctypes.c_int64),
        ("steps_per_unit", ctypes.c_int64),
        ("states", ctypes.POINTER(seawall_text)),
        ("state_count", ctypes.c_size_t),
        ("exemplars", ctypes.c_int32),
        ("exponential", ctypes.c_int32),
        ("schema", ctypes.c_int32),
        ("min_exponent", ctypes.c_int32),
        ("max_exponent", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
    ]


class seawall_exemplar(ctypes.Structure):
    _fields_ = [
        ("trace_id", ctypes.c_uint8 * 16),
        ("span_id", ctypes.c_uint8 * 8),
        ("unix_ms", ctypes.c_int64),
    ]


class seawall_metrics_page_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("format", ctypes.c_int32),
        ("start_unix_ns", ctypes.c_int64),
        ("now_unix_ns", ctypes.c_int64),
        ("service", seawall_text),
    ]


class seawall_metrics_page(ctypes.Structure):
    _fields_ = [
        ("opaque", ctypes.c_uint64 * 12),
    ]


class seawall_metrics_windows_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("memory_bytes", ctypes.c_int64),
        ("families", ctypes.POINTER(seawall_text)),
        ("family_count", ctypes.c_size_t),
    ]


class seawall_label_match(ctypes.Structure):
    _fields_ = [
        ("name", seawall_text),
        ("value", seawall_text),
    ]


class seawall_series_match(ctypes.Structure):
    _fields_ = [
        ("family", seawall_text),
        ("labels", ctypes.POINTER(seawall_label_match)),
        ("label_count", ctypes.c_size_t),
    ]


class seawall_window_counter(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("covered_ns", ctypes.c_int64),
        ("series", ctypes.c_uint64),
        ("increase", ctypes.c_double),
        ("per_second", ctypes.c_double),
    ]


class seawall_window_share(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("covered_ns", ctypes.c_int64),
        ("part", ctypes.c_double),
        ("whole", ctypes.c_double),
        ("share", ctypes.c_double),
    ]


class seawall_window_histogram(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("covered_ns", ctypes.c_int64),
        ("series", ctypes.c_uint64),
        ("count", ctypes.c_uint64),
        ("sum", ctypes.c_double),
        ("per_second", ctypes.c_double),
        ("mean", ctypes.c_double),
        ("p50", ctypes.c_double),
        ("p90", ctypes.c_double),
        ("p99", ctypes.c_double),
    ]


class seawall_metrics_windows_stats(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("series", ctypes.c_uint64),
        ("skipped_series", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("samples", ctypes.c_uint64),
        ("backward_ticks", ctypes.c_uint64),
    ]


class seawall_trace_context(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("trace_id", ctypes.c_uint8 * 16),
        ("span_id", ctypes.c_uint8 * 8),
        ("flags", ctypes.c_uint8),
        ("hints", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 2),
    ]


class seawall_propagator_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("strictness", ctypes.c_int32),
        ("trust", ctypes.c_int32),
        ("accept_b3", ctypes.c_int32),
        ("inject_b3", ctypes.c_int32),
        ("root_flags", ctypes.c_int32),
        ("max_tracestate_bytes", ctypes.c_int32),
        ("baggage_members", ctypes.c_int32),
        ("baggage_bytes", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
    ]


class seawall_header(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("name_size", ctypes.c_size_t),
        ("value", ctypes.c_char_p),
        ("value_size", ctypes.c_size_t),
    ]


class seawall_carrier(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("headers", ctypes.POINTER(seawall_header)),
        ("header_count", ctypes.c_size_t),
        ("get", ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t))),
        ("user_data", ctypes.c_void_p),
    ]


class seawall_extracted(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("continued", ctypes.c_int32),
        ("decided", ctypes.c_int32),
        ("from_b3", ctypes.c_int32),
        ("fault", ctypes.c_int32),
        ("state_fault", ctypes.c_int32),
        ("context", seawall_trace_context),
    ]


class seawall_baggage_member(ctypes.Structure):
    _fields_ = [
        ("key", ctypes.c_char_p),
        ("key_size", ctypes.c_size_t),
        ("value", ctypes.c_char_p),
        ("value_size", ctypes.c_size_t),
        ("properties", ctypes.c_char_p),
        ("properties_size", ctypes.c_size_t),
    ]


class seawall_sampler_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("ignore_parent", ctypes.c_int32),
        ("ratio", ctypes.c_double),
        ("permits", ctypes.c_int64),
        ("period_ns", ctypes.c_int64),
        ("burst", ctypes.c_int64),
    ]


class seawall_registry_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("max_services", ctypes.c_int32),
        ("max_instances", ctypes.c_int32),
        ("max_instances_per_service", ctypes.c_int32),
        ("max_metadata_bytes", ctypes.c_int32),
        ("max_in_flight", ctypes.c_int32),
        ("heartbeat_interval_ns", ctypes.c_int64),
        ("lease_ns", ctypes.c_int64),
        ("expired_retention_ns", ctypes.c_int64),
        ("tick_tolerance_ns", ctypes.c_int64),
        ("first_generation", ctypes.c_int64),
        ("ticket_deadline_ns", ctypes.c_int64),
        ("suspect_after_ns", ctypes.c_int64),
        ("heartbeat_jitter_percent", ctypes.c_int32),
        ("one_per_endpoint", ctypes.c_int32),
        ("max_expired_percent", ctypes.c_int32),
        ("guard_from", ctypes.c_int32),
        ("expiry_ceiling_ns", ctypes.c_int64),
        ("max_hashed_services", ctypes.c_int32),
        ("hash_table_size", ctypes.c_int32),
    ]


class seawall_metadata(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("name_size", ctypes.c_size_t),
        ("value", ctypes.c_char_p),
        ("value_size", ctypes.c_size_t),
    ]


class seawall_instance(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("port", ctypes.c_int32),
        ("service", ctypes.c_char_p),
        ("service_size", ctypes.c_size_t),
        ("id", ctypes.c_char_p),
        ("id_size", ctypes.c_size_t),
        ("host", ctypes.c_char_p),
        ("host_size", ctypes.c_size_t),
        ("zone", ctypes.c_char_p),
        ("zone_size", ctypes.c_size_t),
        ("metadata", ctypes.POINTER(seawall_metadata)),
        ("metadata_count", ctypes.c_size_t),
        ("weight", ctypes.c_int32),
        ("state", ctypes.c_int32),
    ]


class seawall_registration(ctypes.Structure):
    _fields_ = [
        ("generation", ctypes.c_uint64),
        ("slot", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("heartbeat_interval_ns", ctypes.c_int64),
        ("lease_ns", ctypes.c_int64),
        ("first_heartbeat_ns", ctypes.c_int64),
    ]


class seawall_instance_update(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("weight", ctypes.c_int32),
        ("zone", ctypes.c_char_p),
        ("zone_size", ctypes.c_size_t),
        ("metadata", ctypes.POINTER(seawall_metadata)),
        ("metadata_count", ctypes.c_size_t),
    ]


class seawall_pick(ctypes.Structure):
    _fields_ = [
        ("ticket", ctypes.c_uint64),
        ("generation", ctypes.c_uint64),
        ("slot", ctypes.c_uint32),
        ("port", ctypes.c_uint16),
        ("id_size", ctypes.c_uint8),
        ("host_size", ctypes.c_uint8),
        ("id", ctypes.c_char * 64),
        ("host", ctypes.c_char * 256),
        ("flags", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    ]


class seawall_view_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("subset", ctypes.c_int32),
        ("service", ctypes.c_char_p),
        ("service_size", ctypes.c_size_t),
        ("selector", ctypes.c_char_p),
        ("selector_size", ctypes.c_size_t),
        ("subset_seed", ctypes.c_uint64),
        ("fallback", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
    ]


class seawall_registry_stats(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("services", ctypes.c_int64),
        ("instances", ctypes.c_int64),
        ("suspects", ctypes.c_int64),
        ("held", ctypes.c_int64),
        ("protected_services", ctypes.c_int64),
        ("holds", ctypes.c_int64),
        ("expirations_at_ceiling", ctypes.c_int64),
        ("drains", ctypes.c_int64),
        ("drains_cut", ctypes.c_int64),
        ("registrations", ctypes.c_int64),
        ("heartbeats", ctypes.c_int64),
        ("expirations", ctypes.c_int64),
        ("removals", ctypes.c_int64),
        ("fenced", ctypes.c_int64),
        ("unknown", ctypes.c_int64),
        ("refused_full", ctypes.c_int64),
        ("evicted_expired", ctypes.c_int64),
        ("late_ticks", ctypes.c_int64),
        ("tickets_late", ctypes.c_int64),
        ("tickets_reaped", ctypes.c_int64),
        ("tickets_untracked", ctypes.c_int64),
        ("ejections", ctypes.c_int64),
        ("ejections_refused", ctypes.c_int64),
        ("panic_picks", ctypes.c_int64),
        ("endpoints_taken", ctypes.c_int64),
        ("lists", ctypes.c_int64),
        ("listed", ctypes.c_int64),
    ]


class seawall_service_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("balancer", ctypes.c_int32),
        ("zone", ctypes.c_char_p),
        ("zone_size", ctypes.c_size_t),
        ("over_provisioning_percent", ctypes.c_int32),
        ("panic_mode", ctypes.c_int32),
        ("panic_threshold", ctypes.c_int32),
        ("ejection_failures", ctypes.c_int32),
        ("ejection_growth_percent", ctypes.c_int32),
        ("ejection_jitter_percent", ctypes.c_int32),
        ("max_ejected_percent", ctypes.c_int32),
        ("least_left", ctypes.c_int32),
        ("slow_start_least_percent", ctypes.c_int32),
        ("reserved", ctypes.c_uint32),
        ("ejection_duration_ns", ctypes.c_int64),
        ("max_ejection_duration_ns", ctypes.c_int64),
        ("ejection_decay_ns", ctypes.c_int64),
        ("probe_lease_ns", ctypes.c_int64),
        ("ewma_half_life_ns", ctypes.c_int64),
        ("failure_latency_ns", ctypes.c_int64),
        ("slow_start_ns", ctypes.c_int64),
    ]


class seawall_explained(ctypes.Structure):
    _fields_ = [
        ("generation", ctypes.c_uint64),
        ("in_flight", ctypes.c_int64),
        ("ejected_for_ns", ctypes.c_int64),
        ("latency_ns", ctypes.c_int64),
        ("weight", ctypes.c_double),
        ("slot", ctypes.c_uint32),
        ("verdict", ctypes.c_int32),
        ("reasons", ctypes.c_uint32),
        ("local", ctypes.c_int32),
        ("id", ctypes.c_char * 64),
        ("zone", ctypes.c_char * 64),
    ]


class seawall_follower_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("max_shrink_percent", ctypes.c_int32),
        ("min_protected", ctypes.c_int32),
        ("not_found_repeats", ctypes.c_int32),
        ("max_instances", ctypes.c_int32),
        ("max_services", ctypes.c_int32),
        ("removal_grace_ns", ctypes.c_int64),
        ("removal_ceiling_ns", ctypes.c_int64),
    ]


class seawall_source_answer(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("status", ctypes.c_int32),
        ("service", seawall_text),
        ("instances", ctypes.POINTER(seawall_instance)),
        ("health", ctypes.POINTER(ctypes.c_int32)),
        ("instance_count", ctypes.c_size_t),
        ("ttl_ns", ctypes.c_int64),
        ("age_ns", ctypes.c_int64),
        ("reason", seawall_text),
    ]


class seawall_probe(ctypes.Structure):
    _fields_ = [
        ("id", ctypes.c_uint64),
        ("timeout_ns", ctypes.c_int64),
        ("kind", ctypes.c_int32),
        ("port", ctypes.c_uint16),
        ("service_size", ctypes.c_uint16),
        ("instance_size", ctypes.c_uint16),
        ("host_size", ctypes.c_uint16),
        ("path_size", ctypes.c_uint16),
        ("reserved", ctypes.c_uint16),
        ("service", ctypes.c_char * 64),
        ("instance", ctypes.c_char * 64),
        ("host", ctypes.c_char * 256),
        ("path", ctypes.c_char * 1032),
    ]


class seawall_prober_stats(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("targets", ctypes.c_int64),
        ("in_flight", ctypes.c_int64),
        ("sent", ctypes.c_int64),
        ("passed", ctypes.c_int64),
        ("warned", ctypes.c_int64),
        ("failed", ctypes.c_int64),
        ("learnt_nothing", ctypes.c_int64),
        ("timeouts", ctypes.c_int64),
        ("wrong_identity", ctypes.c_int64),
        ("late", ctypes.c_int64),
        ("falls", ctypes.c_int64),
        ("rises", ctypes.c_int64),
        ("hurried", ctypes.c_int64),
    ]


class seawall_span(ctypes.Structure):
    _fields_ = [
        ("opaque", ctypes.c_uint64 * 160),
    ]


class seawall_tracer_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("recent_spans", ctypes.c_int32),
        ("kept_spans", ctypes.c_int32),
        ("keeps_per_second", ctypes.c_int32),
        ("slow_ns", ctypes.c_int64),
        ("format", ctypes.c_int32),
        ("max_batch", ctypes.c_int32),
        ("service", seawall_text),
    ]


class seawall_attribute(ctypes.Structure):
    _fields_ = [
        ("key", seawall_text),
        ("type", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("number", ctypes.c_int64),
        ("real", ctypes.c_double),
        ("text", seawall_text),
    ]


class seawall_tracer_stats(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("recorded", ctypes.c_uint64),
        ("dropped", ctypes.c_uint64),
        ("kept_traces", ctypes.c_uint64),
        ("keeps_refused", ctypes.c_uint64),
        ("exported", ctypes.c_uint64),
        ("export_dropped", ctypes.c_uint64),
        ("export_lost", ctypes.c_uint64),
        ("export_retries", ctypes.c_uint64),
    ]


class seawall_pipeline_limit(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("name_size", ctypes.c_size_t),
        ("limiter", ctypes.c_void_p),
        ("quota", ctypes.c_int64),
        ("window_ns", ctypes.c_int64),
        ("key", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
    ]


class seawall_pipeline_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("max_in_flight", ctypes.c_int32),
        ("lease_ns", ctypes.c_int64),
        ("limits", ctypes.POINTER(seawall_pipeline_limit)),
        ("limit_count", ctypes.c_size_t),
        ("breaker", ctypes.c_void_p),
        ("service", ctypes.c_void_p),
        ("trace", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("metrics", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("name_size", ctypes.c_size_t),
    ]


class seawall_request(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("key_count", ctypes.c_uint32),
        ("keys", ctypes.POINTER(seawall_limit_key)),
        ("permits", ctypes.c_int64),
        ("exclude", ctypes.POINTER(ctypes.c_uint32)),
        ("exclude_count", ctypes.c_size_t),
        ("traceparent", ctypes.c_char_p),
        ("traceparent_size", ctypes.c_size_t),
    ]


class seawall_ticket(ctypes.Structure):
    _fields_ = [
        ("id", ctypes.c_uint64),
        ("numbers", ctypes.c_uint64 * 15),
    ]


class seawall_admission(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("answer", ctypes.c_int32),
        ("gate", ctypes.c_int32),
        ("nearest", ctypes.c_int32),
        ("retry_after_ns", ctypes.c_int64),
        ("limit", ctypes.c_int64),
        ("remaining", ctypes.c_int64),
        ("reset_after_ns", ctypes.c_int64),
        ("limit_name", ctypes.c_char * 32),
        ("generation", ctypes.c_uint64),
        ("slot", ctypes.c_uint32),
        ("port", ctypes.c_int32),
        ("has_instance", ctypes.c_int32),
        ("trace_continued", ctypes.c_int32),
        ("traceparent", ctypes.c_char * 56),
        ("ticket", seawall_ticket),
    ]


class seawall_pipeline_stats(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("compositions", ctypes.c_uint32),
        ("max_in_flight", ctypes.c_uint64),
        ("in_flight", ctypes.c_uint64),
        ("repeated", ctypes.c_uint64),
        ("turned_away", ctypes.c_uint64),
        ("lost", ctypes.c_uint64),
    ]


# name: (result, arguments). Opaque handles are c_void_p.
FUNCTIONS = {
    "seawall_version": (ctypes.c_char_p, []),
    "seawall_abi_version": (ctypes.c_int32, []),
    "seawall_code_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "seawall_now_ns": (ctypes.c_int64, []),
    "seawall_clock_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_clock_options)]),
    "seawall_clock_new": (ctypes.c_int32, [ctypes.POINTER(seawall_clock_options), ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_clock_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_clock_free": (None, [ctypes.c_void_p]),
    "seawall_clock_now_ns": (ctypes.c_int64, [ctypes.c_void_p]),
    "seawall_clock_source": (ctypes.c_int32, [ctypes.c_void_p]),
    "seawall_circuit_breaker_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_circuit_breaker_options)]),
    "seawall_circuit_breaker_new": (ctypes.c_int32, [ctypes.POINTER(seawall_circuit_breaker_options), ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_circuit_breaker_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_circuit_breaker_new_in": (ctypes.c_int32, [ctypes.POINTER(seawall_circuit_breaker_options), ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_circuit_breaker_attach": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_circuit_breaker_free": (None, [ctypes.c_void_p]),
    "seawall_circuit_breaker_try_acquire": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(ctypes.c_uint64), ctypes.POINTER(ctypes.c_int64)]),
    "seawall_circuit_breaker_report": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int32, ctypes.c_int64]),
    "seawall_circuit_breaker_cancel": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64]),
    "seawall_circuit_breaker_word": (ctypes.POINTER(ctypes.c_uint64), [ctypes.c_void_p]),
    "seawall_circuit_breaker_get_snapshot": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_circuit_breaker_snapshot)]),
    "seawall_circuit_breaker_force_open": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64]),
    "seawall_circuit_breaker_disable": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64]),
    "seawall_circuit_breaker_reset": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64]),
    "seawall_circuit_breaker_set_shadow": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int32]),
    "seawall_circuit_breaker_poll_events": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_circuit_breaker_event), ctypes.c_size_t]),
    "seawall_keyed_circuit_breaker_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_keyed_circuit_breaker_options)]),
    "seawall_keyed_circuit_breaker_new": (ctypes.c_int32, [ctypes.POINTER(seawall_keyed_circuit_breaker_options), ctypes.POINTER(seawall_circuit_breaker_options), ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_keyed_circuit_breaker_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_keyed_circuit_breaker_free": (None, [ctypes.c_void_p]),
    "seawall_keyed_circuit_breaker_try_acquire": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_breaker_ticket), ctypes.POINTER(ctypes.c_int64)]),
    "seawall_keyed_circuit_breaker_report": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_breaker_ticket), ctypes.c_int32, ctypes.c_int64]),
    "seawall_keyed_circuit_breaker_cancel": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_breaker_ticket)]),
    "seawall_keyed_circuit_breaker_get_snapshot": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_circuit_breaker_snapshot)]),
    "seawall_keyed_circuit_breaker_key_at": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_keyed_circuit_breaker_get_stats": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_keyed_circuit_breaker_stats)]),
    "seawall_keyed_circuit_breaker_force_open": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64]),
    "seawall_keyed_circuit_breaker_disable": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64]),
    "seawall_keyed_circuit_breaker_reset": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64]),
    "seawall_keyed_circuit_breaker_forget": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64]),
    "seawall_breaker_state_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "seawall_breaker_reason_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "seawall_token_bucket_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_token_bucket_options)]),
    "seawall_fixed_window_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_fixed_window_options)]),
    "seawall_leased_token_bucket_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_leased_token_bucket_options)]),
    "seawall_sliding_window_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_sliding_window_options)]),
    "seawall_keyed_limiter_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_keyed_limiter_options)]),
    "seawall_token_bucket_options_at_most": (ctypes.c_int32, [ctypes.POINTER(seawall_token_bucket_options), ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_token_bucket_new": (ctypes.c_int32, [ctypes.POINTER(seawall_token_bucket_options), ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_sliding_window_new": (ctypes.c_int32, [ctypes.POINTER(seawall_sliding_window_options), ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_keyed_limiter_new": (ctypes.c_int32, [ctypes.POINTER(seawall_keyed_limiter_options), ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_fixed_window_new": (ctypes.c_int32, [ctypes.POINTER(seawall_fixed_window_options), ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_leased_token_bucket_new": (ctypes.c_int32, [ctypes.POINTER(seawall_leased_token_bucket_options), ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_token_bucket_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_sliding_window_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_keyed_limiter_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_fixed_window_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_leased_token_bucket_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_keyed_limiter_memory_for": (ctypes.c_int32, [ctypes.c_int32, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_keyed_limiter_new_in": (ctypes.c_int32, [ctypes.POINTER(seawall_keyed_limiter_options), ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_keyed_limiter_attach": (ctypes.c_int32, [ctypes.c_int32, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_token_bucket_new_in": (ctypes.c_int32, [ctypes.POINTER(seawall_token_bucket_options), ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_token_bucket_attach": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_fixed_window_new_in": (ctypes.c_int32, [ctypes.POINTER(seawall_fixed_window_options), ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_fixed_window_attach": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_sliding_window_new_in": (ctypes.c_int32, [ctypes.POINTER(seawall_sliding_window_options), ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_sliding_window_attach": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_leased_token_bucket_new_in": (ctypes.c_int32, [ctypes.POINTER(seawall_leased_token_bucket_options), ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_leased_token_bucket_attach": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_fixed_window_free": (None, [ctypes.c_void_p]),
    "seawall_leased_token_bucket_free": (None, [ctypes.c_void_p]),
    "seawall_token_bucket_free": (None, [ctypes.c_void_p]),
    "seawall_sliding_window_free": (None, [ctypes.c_void_p]),
    "seawall_keyed_limiter_free": (None, [ctypes.c_void_p]),
    "seawall_token_bucket_try_acquire": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_token_bucket_peek": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_fixed_window_try_acquire": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_fixed_window_peek": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_leased_token_bucket_try_acquire": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_leased_token_bucket_peek": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_sliding_window_try_acquire": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_sliding_window_peek": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_keyed_limiter_try_acquire": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_keyed_limiter_try_acquire_id": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_keyed_limiter_allow": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
    "seawall_keyed_limiter_peek": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_keyed_limiter_peek_id": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_keyed_limiter_try_acquire_batch": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_limit_key), ctypes.c_size_t, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_keyed_limiter_try_acquire_batch_id": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64), ctypes.c_size_t, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_keyed_limiter_try_acquire_with": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_limit_key), ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_keyed_limiter_place_of": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_limit_key), ctypes.POINTER(ctypes.c_uint64)]),
    "seawall_keyed_limiter_try_acquire_place": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_keyed_limiter_peek_place": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_keyed_limiter_refund_place": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_token_bucket_refund": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_fixed_window_refund": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_leased_token_bucket_refund": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_sliding_window_refund": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_keyed_limiter_refund": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_keyed_limiter_refund_id": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int64, ctypes.POINTER(seawall_decision)]),
    "seawall_token_bucket_reserve": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_reservation)]),
    "seawall_token_bucket_acquire_until": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_reservation)]),
    "seawall_fixed_window_reserve": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_reservation)]),
    "seawall_sliding_window_reserve": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_reservation)]),
    "seawall_fixed_window_acquire_until": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_reservation)]),
    "seawall_sliding_window_acquire_until": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_reservation)]),
    "seawall_leased_token_bucket_reserve": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_reservation)]),
    "seawall_leased_token_bucket_acquire_until": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_reservation)]),
    "seawall_token_bucket_cancel": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_reservation)]),
    "seawall_fixed_window_cancel": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_reservation)]),
    "seawall_sliding_window_cancel": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_reservation)]),
    "seawall_leased_token_bucket_cancel": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_reservation)]),
    "seawall_token_bucket_settle": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_decision), ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_settlement)]),
    "seawall_fixed_window_settle": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_decision), ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_settlement)]),
    "seawall_sliding_window_settle": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_decision), ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_settlement)]),
    "seawall_leased_token_bucket_settle": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_decision), ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_settlement)]),
    "seawall_token_bucket_change_limit": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_token_bucket_options), ctypes.c_int32, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_token_bucket_change_limit_from_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_fixed_window_change_limit": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_fixed_window_options), ctypes.c_int32, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_sliding_window_change_limit": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_sliding_window_options), ctypes.c_int32, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_fixed_window_change_limit_from_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_sliding_window_change_limit_from_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_leased_token_bucket_change_limit": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_leased_token_bucket_options), ctypes.c_int32, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_leased_token_bucket_change_limit_from_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_keyed_limiter_stats": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_keyed_stats)]),
    "seawall_keyed_limiter_save": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_keyed_limiter_restore": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_keyed_limiter_take_over": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_limit_set_new": (ctypes.c_int32, [ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_limit_set_free": (None, [ctypes.c_void_p]),
    "seawall_limit_set_try_acquire": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_limit_key), ctypes.c_size_t, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_set_decision)]),
    "seawall_limit_set_peek": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_limit_key), ctypes.c_size_t, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_set_decision)]),
    "seawall_limit_set_refund": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_limit_key), ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_set_decision)]),
    "seawall_rate_limit_policy_header": (ctypes.c_int32, [ctypes.POINTER(seawall_limit_status), ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_rate_limit_header": (ctypes.c_int32, [ctypes.POINTER(seawall_limit_status), ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_retry_after_header": (ctypes.c_int32, [ctypes.c_int64, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_metrics_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_metrics_options)]),
    "seawall_family_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_family_options)]),
    "seawall_metrics_new": (ctypes.c_int32, [ctypes.POINTER(seawall_metrics_options), ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_metrics_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_metrics_free": (None, [ctypes.c_void_p]),
    "seawall_metrics_family": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_family_options), ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_family_series": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_text), ctypes.c_size_t, ctypes.POINTER(ctypes.c_uint64), ctypes.POINTER(seawall_error)]),
    "seawall_family_remove": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_text), ctypes.c_size_t, ctypes.POINTER(seawall_error)]),
    "seawall_family_removals": (ctypes.POINTER(ctypes.c_uint64), [ctypes.c_void_p]),
    "seawall_family_gauge_callback": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_text), ctypes.c_size_t, ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p), ctypes.c_void_p, ctypes.POINTER(seawall_error)]),
    "seawall_counter_add": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int64]),
    "seawall_counter_value": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_uint64)]),
    "seawall_gauge_set": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_double]),
    "seawall_gauge_add": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_double]),
    "seawall_gauge_max": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_double]),
    "seawall_gauge_value": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_double)]),
    "seawall_histogram_observe": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_double]),
    "seawall_histogram_observe_ns": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int64]),
    "seawall_counter_add_exemplar": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int64, ctypes.POINTER(seawall_exemplar)]),
    "seawall_histogram_observe_exemplar": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_double, ctypes.POINTER(seawall_exemplar)]),
    "seawall_histogram_totals": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_uint64), ctypes.POINTER(ctypes.c_double)]),
    "seawall_histogram_buckets": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_double), ctypes.POINTER(ctypes.c_uint64), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_uint64), ctypes.POINTER(ctypes.c_double)]),
    "seawall_histogram_quantile": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_double, ctypes.POINTER(ctypes.c_double)]),
    "seawall_state_set_set": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int32]),
    "seawall_state_set_value": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_int32)]),
    "seawall_metrics_stale_recordings": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64)]),
    "seawall_metrics_render": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(seawall_error)]),
    "seawall_metrics_content_type": (ctypes.c_char_p, [ctypes.c_int32]),
    "seawall_metrics_negotiate": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t]),
    "seawall_metrics_validate": (ctypes.c_int32, [ctypes.c_int32, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(seawall_error)]),
    "seawall_metrics_series_count": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64)]),
    "seawall_metrics_page_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_metrics_page_options)]),
    "seawall_metrics_page_begin": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_metrics_page_options), ctypes.POINTER(seawall_metrics_page), ctypes.POINTER(seawall_error)]),
    "seawall_metrics_page_next": (ctypes.c_int32, [ctypes.POINTER(seawall_metrics_page), ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_metrics_windows_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_metrics_windows_options)]),
    "seawall_metrics_windows_new": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_metrics_windows_options), ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_metrics_windows_free": (None, [ctypes.c_void_p]),
    "seawall_metrics_windows_tick": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64]),
    "seawall_metrics_windows_counter": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(seawall_series_match), ctypes.c_int64, ctypes.POINTER(seawall_window_counter)]),
    "seawall_metrics_windows_share": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(seawall_series_match), ctypes.POINTER(seawall_series_match), ctypes.c_int64, ctypes.POINTER(seawall_window_share)]),
    "seawall_metrics_windows_histogram": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(seawall_series_match), ctypes.c_int64, ctypes.POINTER(seawall_window_histogram)]),
    "seawall_metrics_windows_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(seawall_error)]),
    "seawall_metrics_windows_get_stats": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_metrics_windows_stats)]),
    "seawall_metrics_publisher_new": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_metrics_publisher_free": (None, [ctypes.c_void_p]),
    "seawall_metrics_publisher_watch": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.POINTER(seawall_error)]),
    "seawall_metrics_publisher_unwatch": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
    "seawall_metrics_publisher_publish": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64]),
    "seawall_trace_context_parse": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(seawall_trace_context), ctypes.POINTER(seawall_error)]),
    "seawall_trace_context_format": (ctypes.c_int32, [ctypes.POINTER(seawall_trace_context), ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_trace_context_new_root": (ctypes.c_int32, [ctypes.c_uint32, ctypes.POINTER(seawall_trace_context)]),
    "seawall_trace_context_child": (ctypes.c_int32, [ctypes.POINTER(seawall_trace_context), ctypes.POINTER(seawall_trace_context)]),
    "seawall_trace_context_extract": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(seawall_trace_context), ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_trace_state_normalize": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(seawall_error)]),
    "seawall_trace_state_set": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(seawall_error)]),
    "seawall_trace_state_remove": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(seawall_error)]),
    "seawall_trace_state_get": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(seawall_error)]),
    "seawall_correlation_id_accept": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_correlation_id_root": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.POINTER(seawall_trace_context)]),
    "seawall_ids_reseed": (None, []),
    "seawall_trace_fault_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "seawall_propagator_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_propagator_options)]),
    "seawall_carrier_init": (ctypes.c_int32, [ctypes.POINTER(seawall_carrier)]),
    "seawall_extracted_init": (ctypes.c_int32, [ctypes.POINTER(seawall_extracted)]),
    "seawall_propagator_new": (ctypes.c_int32, [ctypes.POINTER(seawall_propagator_options), ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_propagator_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_propagator_free": (None, [ctypes.c_void_p]),
    "seawall_propagator_extract": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_carrier), ctypes.POINTER(seawall_extracted), ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_propagator_extract_baggage": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_carrier), ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_propagator_inject": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_trace_context), ctypes.c_char_p, ctypes.c_size_t, ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t), ctypes.c_void_p]),
    "seawall_propagator_fault_count": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_uint64)]),
    "seawall_trace_context_format_b3": (ctypes.c_int32, [ctypes.POINTER(seawall_trace_context), ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_baggage_get": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_baggage_set": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(seawall_error)]),
    "seawall_baggage_remove": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_baggage_at": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.POINTER(seawall_baggage_member)]),
    "seawall_baggage_decode": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_sampler_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_sampler_options)]),
    "seawall_sampler_new": (ctypes.c_int32, [ctypes.POINTER(seawall_sampler_options), ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_sampler_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_sampler_free": (None, [ctypes.c_void_p]),
    "seawall_sampler_sample": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_trace_context), ctypes.c_int32, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_registry_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_registry_options)]),
    "seawall_instance_init": (ctypes.c_int32, [ctypes.POINTER(seawall_instance)]),
    "seawall_instance_update_init": (ctypes.c_int32, [ctypes.POINTER(seawall_instance_update)]),
    "seawall_instance_id": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_registry_new": (ctypes.c_int32, [ctypes.POINTER(seawall_registry_options), ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_registry_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_registry_free": (None, [ctypes.c_void_p]),
    "seawall_registry_register": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_instance), ctypes.c_int64, ctypes.POINTER(seawall_registration), ctypes.POINTER(seawall_error)]),
    "seawall_registry_register_many": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_instance), ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_registration), ctypes.POINTER(ctypes.c_int32), ctypes.POINTER(seawall_error)]),
    "seawall_registry_heartbeat": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_int32, ctypes.c_int64]),
    "seawall_registry_drain": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_int64]),
    "seawall_registry_restore": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_int64]),
    "seawall_registry_drain_until": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_int64, ctypes.c_int64]),
    "seawall_registry_drained": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_int64, ctypes.POINTER(ctypes.c_int64)]),
    "seawall_registry_set_admin": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_int32, ctypes.c_int64]),
    "seawall_registry_set_health": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_int32, ctypes.c_int64]),
    "seawall_registry_update": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.POINTER(seawall_instance_update), ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_registry_deregister": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_int64]),
    "seawall_registry_tick": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64]),
    "seawall_registry_to_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_registry_to_json_selected": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(seawall_error)]),
    "seawall_registry_service": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_service_free": (None, [ctypes.c_void_p]),
    "seawall_view_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_view_options)]),
    "seawall_registry_view": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(seawall_view_options), ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_service_view_state": (ctypes.c_int32, [ctypes.c_void_p]),
    "seawall_view_state_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "seawall_service_size": (ctypes.c_int32, [ctypes.c_void_p]),
    "seawall_registry_memory_for": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(seawall_error)]),
    "seawall_registry_new_in": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_registry_take_over": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_registry_writes": (ctypes.c_int32, [ctypes.c_void_p]),
    "seawall_reader_attach": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_reader_free": (None, [ctypes.c_void_p]),
    "seawall_reader_service": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_reader_watch": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_reader_version": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64)]),
    "seawall_registry_watch": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_watch_free": (None, [ctypes.c_void_p]),
    "seawall_watch_poll": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64]),
    "seawall_watch_to_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_registry_version": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64)]),
    "seawall_registry_get_stats": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_registry_stats)]),
    "seawall_service_pick": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32), ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_pick)]),
    "seawall_service_pick_for": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_uint32), ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_pick)]),
    "seawall_service_done": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int32, ctypes.c_int64, ctypes.c_int64]),
    "seawall_balancer_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "seawall_service_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_service_options)]),
    "seawall_registry_configure": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(seawall_service_options), ctypes.POINTER(seawall_error)]),
    "seawall_registry_configure_from_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(seawall_error)]),
    "seawall_verdict_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "seawall_reason_name": (ctypes.c_char_p, [ctypes.c_uint32]),
    "seawall_registry_explain": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_explained), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_registry_explain_text": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_int64, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_follower_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_follower_options)]),
    "seawall_registry_follower": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_follower_options), ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_follower_free": (None, [ctypes.c_void_p]),
    "seawall_follower_add_source": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_int32, ctypes.POINTER(seawall_error)]),
    "seawall_follower_load": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_follower_fail": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p, ctypes.c_size_t]),
    "seawall_follower_say": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(seawall_source_answer), ctypes.POINTER(seawall_error)]),
    "seawall_follower_tick": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64]),
    "seawall_follower_to_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_registry_to_source": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_registry_prober": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_prober_free": (None, [ctypes.c_void_p]),
    "seawall_prober_next": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_probe)]),
    "seawall_prober_finish": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int32, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64]),
    "seawall_prober_configure": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_prober_hurry": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64]),
    "seawall_prober_get_stats": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_prober_stats)]),
    "seawall_tracer_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_tracer_options)]),
    "seawall_tracer_new": (ctypes.c_int32, [ctypes.POINTER(seawall_tracer_options), ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_tracer_new_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_tracer_free": (None, [ctypes.c_void_p]),
    "seawall_tracer_start": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int32, ctypes.POINTER(seawall_trace_context), ctypes.c_int32, ctypes.c_int64, ctypes.POINTER(seawall_span)]),
    "seawall_span_start_child": (ctypes.c_int32, [ctypes.POINTER(seawall_span), ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_int64, ctypes.POINTER(seawall_span)]),
    "seawall_span_context": (ctypes.c_int32, [ctypes.POINTER(seawall_span), ctypes.POINTER(seawall_trace_context)]),
    "seawall_span_set": (ctypes.c_int32, [ctypes.POINTER(seawall_span), ctypes.POINTER(seawall_attribute)]),
    "seawall_span_set_status": (ctypes.c_int32, [ctypes.POINTER(seawall_span), ctypes.c_int32, ctypes.c_char_p, ctypes.c_size_t]),
    "seawall_span_add_event": (ctypes.c_int32, [ctypes.POINTER(seawall_span), ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_attribute), ctypes.c_size_t]),
    "seawall_span_add_limiter_event": (ctypes.c_int32, [ctypes.POINTER(seawall_span), ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(seawall_decision), ctypes.c_int64]),
    "seawall_span_add_breaker_event": (ctypes.c_int32, [ctypes.POINTER(seawall_span), ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_int32, ctypes.c_int64, ctypes.c_int64]),
    "seawall_span_add_retry_event": (ctypes.c_int32, [ctypes.POINTER(seawall_span), ctypes.c_int64, ctypes.c_int64, ctypes.c_int64]),
    "seawall_span_keep": (ctypes.c_int32, [ctypes.POINTER(seawall_span)]),
    "seawall_span_end": (ctypes.c_int32, [ctypes.POINTER(seawall_span), ctypes.c_int64]),
    "seawall_tracer_trace": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint8), ctypes.c_int64, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(seawall_error)]),
    "seawall_tracer_kept": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(seawall_error)]),
    "seawall_tracer_take": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(seawall_text)]),
    "seawall_tracer_finish": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64, ctypes.c_int64]),
    "seawall_tracer_get_stats": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_tracer_stats)]),
    "seawall_gate_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "seawall_pipeline_options_init": (ctypes.c_int32, [ctypes.POINTER(seawall_pipeline_options)]),
    "seawall_pipeline_new": (ctypes.c_int32, [ctypes.POINTER(seawall_pipeline_options), ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_pipeline_free": (None, [ctypes.c_void_p]),
    "seawall_pipeline_replace": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_pipeline_options), ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_admit": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_request), ctypes.c_int64, ctypes.POINTER(seawall_admission)]),
    "seawall_pipeline_admit_key": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_admission)]),
    "seawall_pipeline_charge": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_request), ctypes.c_int64, ctypes.POINTER(seawall_admission)]),
    "seawall_complete": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_ticket), ctypes.c_int32, ctypes.c_int32, ctypes.c_int64]),
    "seawall_pipeline_cancel": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_ticket), ctypes.POINTER(seawall_request), ctypes.c_int64]),
    "seawall_pipeline_another": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_admission), ctypes.c_int32, ctypes.POINTER(ctypes.c_uint32), ctypes.c_size_t, ctypes.c_int64]),
    "seawall_pipeline_instance": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(seawall_ticket), ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_pipeline_limit_names": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_pipeline_get_stats": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(seawall_pipeline_stats)]),
    "seawall_pipelines_load": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(seawall_error)]),
    "seawall_pipelines_free": (None, [ctypes.c_void_p]),
    "seawall_pipelines_reload": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.POINTER(seawall_error)]),
    "seawall_pipelines_report": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "seawall_pipelines_find": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p)]),
}


def declare(library):
    """Gives every function of `library` its argument and result types."""
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library

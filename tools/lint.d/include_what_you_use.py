"""Finds uses of the standard library and of Abseil whose header is not included.

Usage: include_what_you_use.py [--mend] [FILE...]   (without files: the repository's)

A source includes the header of each name that it uses, or, foo.cc, its foo.h does.
Headers that come along with another header vanish with a new compiler, and a reader
cannot tell what a file stands on. --mend adds what is missing; clang-format puts it
where it belongs.

clang-tidy's misc-include-cleaner does not look into headers, does not count what foo.h
includes, and parses everything for it. This reads names: seconds for the repository.
"""

import pathlib
import re
import sys

import repository

# header: names after "std::". The first header that has a name is the one to be added.
_STD = {
    "algorithm": """all_of any_of clamp copy copy_if copy_n count count_if equal equal_range fill fill_n find
        find_if find_if_not for_each generate is_sorted lower_bound make_heap max max_element merge min
        min_element minmax minmax_element mismatch next_permutation none_of nth_element partial_sort partition
        pop_heap push_heap remove_copy remove_if replace reverse rotate sample search shuffle sort stable_partition
        stable_sort transform unique upper_bound ranges binary_search includes set_difference set_intersection""",
    "any": "any any_cast",
    "array": "array to_array",
    "atomic": """atomic atomic_bool atomic_flag atomic_int atomic_ref atomic_signal_fence atomic_thread_fence
        memory_order memory_order_acq_rel memory_order_acquire memory_order_relaxed memory_order_release
        memory_order_seq_cst""",
    "bit": """bit_cast bit_ceil bit_floor bit_width countl_one countl_zero countr_one countr_zero endian
        has_single_bit popcount rotl rotr""",
    "bitset": "bitset",
    "charconv": "from_chars to_chars chars_format",
    "chrono": "chrono",
    "cmath": """abs ceil exp exp2 floor fmax fmod hypot isfinite isinf isnan ldexp llround log log10 log1p log2 lround
        nextafter pow round sqrt trunc""",
    "compare": "strong_ordering weak_ordering partial_ordering",
    "condition_variable": "condition_variable condition_variable_any cv_status",
    "csignal": "signal raise sig_atomic_t",
    "cstdarg": "va_list",
    "cstddef": "byte max_align_t nullptr_t ptrdiff_t size_t",
    "cstdint": """int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t intptr_t uintptr_t intmax_t
        uintmax_t""",
    "cstdio": """FILE fclose fflush fgets fopen fprintf fputc fputs fread fwrite perror printf putchar puts remove
        rename snprintf vsnprintf sscanf""",
    "cstdlib": """_Exit abort abs aligned_alloc at_quick_exit atexit atoi atof calloc exit free getenv malloc mkstemp
        quick_exit realloc strtod strtol strtoul strtoull system""",
    "cstring": """memchr memcmp memcpy memmove memset strchr strcmp strcpy strerror strlen strncmp strncpy strrchr
        strsignal strstr""",
    "ctime": "gmtime localtime mktime strftime time time_t tm timespec",
    "deque": "deque",
    "exception": "current_exception exception exception_ptr rethrow_exception set_terminate terminate",
    "filesystem": "filesystem",
    "fstream": "fstream ifstream ofstream",
    "functional": """bind equal_to function greater greater_equal hash invoke less less_equal mem_fn minus multiplies
        negate not_fn plus ref cref reference_wrapper""",
    "future": "async future packaged_task promise shared_future",
    "initializer_list": "initializer_list",
    "iomanip": "setfill setprecision setw",
    "ios": "ios ios_base hex dec fixed streamoff streamsize",
    "iostream": "cerr cin cout clog",
    "istream": "istream ws",
    "iterator": """advance back_insert_iterator back_inserter begin data distance empty end forward_iterator_tag
        input_iterator_tag inserter istream_iterator istreambuf_iterator iterator_traits make_move_iterator
        move_iterator next ostream_iterator prev random_access_iterator_tag rbegin rend reverse_iterator size ssize""",
    "latch": "latch",
    "limits": "numeric_limits",
    "list": "list",
    "map": "map multimap",
    "memory": """addressof align allocator allocator_traits const_pointer_cast default_delete destroy_at
        dynamic_pointer_cast enable_shared_from_this make_shared make_unique make_unique_for_overwrite pointer_traits
        reinterpret_pointer_cast shared_ptr static_pointer_cast unique_ptr weak_ptr""",
    "mutex": "adopt_lock call_once defer_lock lock_guard mutex once_flag recursive_mutex scoped_lock timed_mutex "
    "unique_lock",
    "new": "bad_alloc launder nothrow align_val_t",
    "numbers": "numbers",
    "numeric": "accumulate adjacent_difference gcd inner_product iota lcm midpoint partial_sum reduce",
    "optional": "in_place make_optional nullopt nullopt_t optional",
    "ostream": "endl flush ostream",
    "queue": "priority_queue queue",
    "random": """bernoulli_distribution binomial_distribution discrete_distribution exponential_distribution
        geometric_distribution lognormal_distribution minstd_rand mt19937 mt19937_64 normal_distribution
        poisson_distribution random_device seed_seq uniform_int_distribution uniform_real_distribution""",
    "ratio": "ratio milli micro nano",
    "semaphore": "binary_semaphore counting_semaphore",
    "set": "multiset set",
    "shared_mutex": "shared_lock shared_mutex",
    "span": "dynamic_extent span",
    "sstream": "istringstream ostringstream stringstream",
    "stack": "stack",
    "stdexcept": "domain_error invalid_argument length_error logic_error out_of_range overflow_error runtime_error",
    "stop_token": "stop_source stop_token",
    "string": "char_traits getline stod stoi stol stoll stoul stoull string to_string u16string u32string wstring",
    "string_view": "string_view",
    "system_error": """errc error_category error_code error_condition generic_category make_error_code
        system_category system_error""",
    "thread": "jthread this_thread thread",
    "tuple": "apply forward_as_tuple get ignore make_tuple tie tuple tuple_element_t tuple_size_v",
    "type_traits": """add_const_t common_type_t conditional_t decay_t enable_if_t false_type integral_constant
        invoke_result_t is_arithmetic_v is_base_of_v is_const_v is_constructible_v is_convertible_v is_enum_v
        is_floating_point_v is_integral_v is_invocable_r_v is_invocable_v is_null_pointer_v is_pointer_v is_same_v
        is_signed_v is_standard_layout_v is_trivially_copyable_v is_trivially_destructible_v is_unsigned_v is_void_v
        is_copy_constructible_v is_move_constructible_v is_nothrow_move_constructible_v make_signed_t
        make_unsigned_t remove_const_t remove_cv_t remove_cvref_t remove_pointer_t remove_reference_t true_type
        type_identity_t underlying_type_t void_t""",
    "typeindex": "type_index",
    "typeinfo": "type_info",
    "unordered_map": "unordered_map unordered_multimap",
    "unordered_set": "unordered_multiset unordered_set",
    "utility": """as_const cmp_less declval exchange forward in_range index_sequence in_place_t make_index_sequence
        make_pair move move_if_noexcept pair piecewise_construct swap to_underlying""",
    "variant": "get_if holds_alternative monostate variant visit",
    "vector": "vector erase erase_if",
}
# Names that need no "std::" either.
_BARE = {
    "cerrno": "errno",
    "climits": "INT_MAX INT_MIN LONG_MAX UINT_MAX PATH_MAX IOV_MAX",
    "csignal": """SIGABRT SIGALRM SIGBUS SIGCHLD SIGCONT SIGFPE SIGHUP SIGILL SIGINT SIGKILL SIGPIPE SIGSEGV SIGSTOP
        SIGTERM SIGUSR1 SIGUSR2""",
    "cstddef": "ptrdiff_t size_t offsetof",
    "cstdint": _STD["cstdint"] + " INT32_MAX INT64_MAX INT64_MIN UINT16_MAX UINT32_MAX UINT64_MAX UINT8_MAX",
    "cstring": "memcmp memcpy memmove memset strcmp strerror strlen strncmp",
    "cstdio": "fprintf snprintf stderr stdout",
    "cstdlib": "EXIT_FAILURE EXIT_SUCCESS getenv",
}
# Other headers that the standard has give the name as well. (What nearly every header
# gives, as std::size and std::swap, any of these.)
_CONTAINERS = "array deque list map set string string_view unordered_map unordered_set vector span"
_ALSO = {
    "std::abs": "cstdlib",
    "std::begin": _CONTAINERS,
    "std::end": _CONTAINERS,
    "std::rbegin": _CONTAINERS,
    "std::rend": _CONTAINERS,
    "std::size": _CONTAINERS,
    "std::ssize": _CONTAINERS,
    "std::data": _CONTAINERS,
    "std::empty": _CONTAINERS,
    "std::erase": _CONTAINERS,
    "std::erase_if": _CONTAINERS,
    "std::get": "array utility variant",
    "std::hash": "string string_view optional memory thread",
    "std::in_place": "utility variant",
    "std::ios": "fstream sstream iostream istream ostream",
    "std::ios_base": "fstream sstream iostream istream ostream",
    "std::istream": "fstream sstream iostream",
    "std::ostream": "fstream sstream iostream",
    "std::hex": "iomanip iostream sstream",
    "std::remove": "algorithm",
    "std::terminate": "cstdlib",
    "std::visit": "variant",
    "size_t": "stddef.h cstdio cstdlib cstring ctime",
    "std::size_t": "cstdio cstdlib cstring ctime",
    "std::time_t": "chrono",
}
_C_NAMES = ("errno", "limits", "signal", "stdarg", "stddef", "stdint", "stdio", "stdlib", "string", "time", "math")


def _table():
    """{name as it stands in the text: headers that give it, the best one first}."""
    table = {}
    for prefix, headers in (("std::", _STD), ("", _BARE)):
        for header, names in headers.items():
            for name in names.split():
                table.setdefault(prefix + name, []).append(header)
    for name, headers in _ALSO.items():
        table[name] += headers.split()
    for headers in table.values():
        headers += [h[1:] + ".h" for h in headers if h[0] == "c" and h[1:] in _C_NAMES]
    return table


_TABLE = _table()
_INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.MULTILINE)
_NOT_CODE = re.compile(
    r'R"(?P<raw>[^(\s]*)\(.*?\)(?P=raw)"'
    r'|"(?:[^"\\\n]|\\.)*"'
    # Digits have separators that look like the beginning of a character.
    r"|(?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+'"
    r"|//[^\n]*|/\*.*?\*/",
    re.DOTALL,
)
_NAME = re.compile(r"(?<![\w:.])(?:::)?(std::\w+|\w+)(?!\w)")
_BARE_NAMES = {name for names in _BARE.values() for name in names.split()}


def _blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def _code(text):
    """The text without includes, comments and strings, line for line."""
    without = _NOT_CODE.sub(_blank, text)
    return re.sub(r"^\s*#\s*include.*$", "", without, flags=re.MULTILINE)


def missing(text, header_text=""):
    """Yields (line, name, headers that give it) of a source; `header_text` is its own .h."""
    included = set(_INCLUDE.findall(text)) | set(_INCLUDE.findall(header_text))
    seen = set()
    for number, line in enumerate(_code(text).splitlines(), 1):
        for found in _NAME.finditer(line):
            name = found.group(1)
            if name in seen or not (name.startswith("std::") or name in _BARE_NAMES):
                continue
            seen.add(name)
            headers = _TABLE.get(name, [])
            if not included.intersection(headers):
                yield number, name, headers


def mended(text, headers):
    """The text with includes of `headers`, behind those it has or behind its guard."""
    new = "".join(f"#include <{header}>\n" for header in sorted(headers))
    if first := re.search(r"^#include.*\n", text, re.MULTILINE):
        return text[: first.end()] + new + text[first.end() :]
    if guard := re.search(r"^#define \w+_H_\n", text, re.MULTILINE):
        return text[: guard.end()] + "\n" + new + text[guard.end() :]
    return new + "\n" + text


def main(arguments):
    """The exit code."""
    paths = [argument for argument in arguments if argument != "--mend"]
    if not paths:
        paths = repository.files("*.h", "*.cc")
    failed = not paths
    for path in map(pathlib.Path, paths):
        if not path.is_file():
            continue
        own = path.with_suffix(".h")
        text = path.read_text(encoding="utf-8")
        header_text = own.read_text(encoding="utf-8") if path.suffix == ".cc" and own.is_file() else ""
        wanted = set()
        for line, name, headers in missing(text, header_text):
            failed = True
            if headers:
                print(f"{path}:{line}: {name} wants <{headers[0]}>")
                wanted.add(headers[0])
            else:
                print(f"{path}:{line}: {name} stands in no list of tools/lint.d/include_what_you_use.py")
        if wanted and "--mend" in arguments:
            path.write_text(mended(text, wanted), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

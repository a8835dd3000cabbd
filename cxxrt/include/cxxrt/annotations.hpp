// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Lock annotations, checked by clang -Wthread-safety; nothing for other compilers.
/// C side: none.  Spec: clang's Thread Safety Analysis and Consumed Annotation Checking.

#if defined(__clang__)
#define CXXRT_ANNOTATION(x) __attribute__((x))
#else
#define CXXRT_ANNOTATION(x)
#endif

// NOLINTBEGIN(cppcoreguidelines-macro-usage): attributes, which no template can stand for
#define CAPABILITY(name) CXXRT_ANNOTATION(capability(name))
#define SCOPED_CAPABILITY CXXRT_ANNOTATION(scoped_lockable)
#define GUARDED_BY(...) CXXRT_ANNOTATION(guarded_by(__VA_ARGS__))
#define PT_GUARDED_BY(...) CXXRT_ANNOTATION(pt_guarded_by(__VA_ARGS__))
#define ACQUIRED_AFTER(...) CXXRT_ANNOTATION(acquired_after(__VA_ARGS__))
#define REQUIRES(...) CXXRT_ANNOTATION(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) CXXRT_ANNOTATION(requires_shared_capability(__VA_ARGS__))
#define ACQUIRE(...) CXXRT_ANNOTATION(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) CXXRT_ANNOTATION(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...) CXXRT_ANNOTATION(release_capability(__VA_ARGS__))
#define RELEASE_GENERIC(...) CXXRT_ANNOTATION(release_generic_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) CXXRT_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define EXCLUDES(...) CXXRT_ANNOTATION(locks_excluded(__VA_ARGS__))
#define ASSERT_CAPABILITY(...) CXXRT_ANNOTATION(assert_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS CXXRT_ANNOTATION(no_thread_safety_analysis)
// NOLINTEND(cppcoreguidelines-macro-usage)

/// A value with a duty: used up once, and not touched afterwards.
#define CONSUMABLE CXXRT_ANNOTATION(consumable(unconsumed))
#define CONSUMES CXXRT_ANNOTATION(set_typestate(consumed))
#define CALLABLE_UNCONSUMED CXXRT_ANNOTATION(callable_when("unconsumed"))
/// For reading: also through a reference, behind which clang cannot see the state.
#define CALLABLE_UNLESS_CONSUMED CXXRT_ANNOTATION(callable_when("unconsumed", "unknown"))
/// On a parameter that takes such a value over.
#define TAKES_UNCONSUMED CXXRT_ANNOTATION(param_typestate(unconsumed))
#define RETURNS_UNCONSUMED CXXRT_ANNOTATION(return_typestate(unconsumed))

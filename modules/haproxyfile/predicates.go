// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"fmt"
	"strings"
)

// A predicate is a function for conditions.
type predicate struct {
	args  int
	holds func(r *reader, args []string) (bool, error)
}

// tlsLibrary is the TLS library in conditions: a version that satisfies all usual ones. Nothing
// here depends on it, since TLS is passed through.
const tlsLibrary = "OpenSSL 3.0.0"

// predicates holds the predicates of HAProxy 3.5.
var predicates = map[string]predicate{
	"defined":                 {1, isDefined},
	"enabled":                 {1, known(enabledOptions)},
	"feature":                 {1, known(features)},
	"streq":                   {2, func(_ *reader, a []string) (bool, error) { return a[0] == a[1], nil }},
	"strneq":                  {2, func(_ *reader, a []string) (bool, error) { return a[0] != a[1], nil }},
	"strstr":                  {2, func(_ *reader, a []string) (bool, error) { return strings.Contains(a[0], a[1]), nil }},
	"version_atleast":         {1, not(isBefore)},
	"version_before":          {1, isBefore},
	"openssl_version_atleast": {1, not(isLibraryBefore)},
	"openssl_version_before":  {1, isLibraryBefore},
	"ssllib_name_startswith": {1, func(_ *reader, a []string) (bool, error) {
		return strings.HasPrefix(tlsLibrary, a[0]), nil
	}},
	// AWS-LC is another library.
	"awslc_api_atleast": {1, known(nil)},
	"awslc_api_before":  {1, known(nil)},
	// It has no arguments, which is parsed as an empty one.
	"fips_mode": {1, isFIPS},
}

// features holds the names for which "feature()" is true: those of the usual build for Linux.
// Configurations test them to find out whether a keyword exists; the adapter then handles the
// keyword. Features that need a language or a service of HAProxy (LUA, QUIC, PROMEX, OT) are
// omitted, as are those of other systems.
var features = set("ACCEPT4 BACKTRACE CPU_AFFINITY CRYPT_H DL EPOLL GETADDRINFO LIBCRYPT LINUX_CAP LINUX_SPLICE " +
	"LINUX_TPROXY MATH NETFILTER NS OPENSSL PCRE2 PCRE2_JIT POLL PRCTL RT SHM_OPEN SLZ SPLICE SSL SYSTEMD TFO THREAD " +
	"THREAD_DUMP TPROXY")

// enabledOptions holds the names for which "enabled()" is true: those that are on in HAProxy by
// default.
var enabledOptions = set("EPOLL FAST-FORWARD GETADDRINFO POLL REUSEPORT SPLICE")

func set(names string) map[string]bool {
	s := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		s[name] = true
	}
	return s
}

func known(names map[string]bool) func(*reader, []string) (bool, error) {
	return func(_ *reader, args []string) (bool, error) { return names[args[0]], nil }
}

func not(f func(*reader, []string) (bool, error)) func(*reader, []string) (bool, error) {
	return func(r *reader, args []string) (bool, error) {
		holds, err := f(r, args)
		return !holds, err
	}
}

func isDefined(r *reader, args []string) (bool, error) {
	_, ok := r.env.lookup(args[0])
	return ok, nil
}

// isBefore reports whether HAProxy's version is before that of the argument. HAProxy accepts any
// text as a version.
func isBefore(r *reader, args []string) (bool, error) {
	asked, ok := parseVersion(args[0])
	switch {
	case !ok:
		return false, fmt.Errorf("'%s' is not a version: expected one such as 3.2 or 3.2-dev1", args[0])
	case r.release == version{}:
		return false, fmt.Errorf("the version of HAProxy is not known: expected one such as 3.2 in the environment variable %s", branchVariable)
	default:
		return r.release.before(asked), nil
	}
}

// isFIPS returns false: nothing here depends on HAProxy's TLS library.
func isFIPS(_ *reader, args []string) (bool, error) {
	if args[0] != "" {
		return false, fmt.Errorf("unexpected argument '%s': expected none", args[0])
	}
	return false, nil
}

func isLibraryBefore(_ *reader, args []string) (bool, error) {
	asked, ok := parseVersion(args[0])
	if !ok || strings.Count(args[0], ".") < 2 {
		return false, fmt.Errorf("'%s' is not a version of OpenSSL: expected one such as 1.1.1 or 3.0.0", args[0])
	}
	library, _ := parseVersion(strings.TrimPrefix(tlsLibrary, "OpenSSL "))
	return library.before(asked), nil
}

// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"strings"
	"testing"
)

// conditionCases holds conditions with their results: "yes", "no", or the beginning of an error.
// TestHAProxyConditions checks them with HAProxy.
var conditionCases = []struct {
	text, want string
	differs    string // why HAProxy's result differs
}{
	{text: "1", want: "yes"},
	{text: "0", want: "no"},
	{text: "00", want: "no"},
	{text: "-1", want: "yes"},
	{text: "+1", want: "yes"},
	{text: "-0", want: "no"},
	{text: "0x10", want: "yes"},
	{text: "0x0", want: "no"},
	{text: "0XfF", want: "yes"},
	{text: "010", want: "yes"},
	{text: "0007", want: "yes"},
	{text: "99999999999999999999999999", want: "yes"},
	{text: "08", want: "unexpected character '8'"},
	{text: "0x", want: "unexpected character 'x'"},
	{text: "0xg", want: "unexpected character 'x'"},
	{text: "1x", want: "unexpected character 'x'"},
	{text: "-", want: "unparsable conditional expression '-'"},
	{text: "!1", want: "no"},
	{text: "! !1", want: "yes"},
	{text: "!!!0", want: "yes"},
	{text: "!", want: "unparsable conditional expression ''"},
	{text: "1 && 1", want: "yes"},
	{text: "1 && 0", want: "no"},
	{text: "0&&1", want: "no"},
	{text: "1||0", want: "yes"},
	{text: "0 || 0", want: "no"},
	{text: "1 || 0 && 0", want: "yes"},
	{text: "0 && 0 || 1", want: "yes"},
	{text: "0 && 1 || 0", want: "no"},
	{text: "1&&1&&0", want: "no"},
	{text: "0||0||1", want: "yes"},
	{text: "(1 || 0) && 0", want: "no"},
	{text: "( 1 )", want: "yes"},
	{text: "((0))", want: "no"},
	{text: "!(1 && 0)", want: "yes"},
	{text: "(1)&&(1)", want: "yes"},
	{text: strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300), want: "yes"},
	{text: strings.Repeat("(", 2000) + "1" + strings.Repeat(")", 2000), want: "unparsable conditional expression: expected at most 300"},
	{text: strings.Repeat("(1)&&", 301) + "1", want: "yes"},
	{text: strings.Repeat("1&&", 300) + "1", want: "yes"},
	{text: "()", want: "unparsable conditional expression ')'"},
	{text: "(1", want: "expected ')' after conditional expression '(1'"},
	{text: "1)", want: "unexpected character ')'"},
	{text: "1 1", want: "unexpected character '1'"},
	{text: "1|0", want: "unexpected character '|'"},
	{text: "1 & 0", want: "unexpected character '&'"},
	{text: "1 &&", want: "unparsable conditional expression ''"},
	{text: "|| 1", want: "unparsable conditional expression '|| 1'"},
	{text: "1,2", want: "unexpected character ','"},
	{text: `" "`, want: "unparsable conditional expression ''"},
	{text: `"1	&&	1"`, want: "yes"},
	{text: "foo(a)", want: "unparsable conditional expression 'foo(a)'"},
	{text: "streq", want: "predicate 'streq' has 1 arguments: expected 2"},
	{text: "streq(a,a)", want: "yes"},
	{text: "streq(a,b)", want: "no"},
	{text: "streq(a,A)", want: "no"},
	{text: "!streq(a,b)", want: "yes"},
	{text: "streq(a, a)", want: "no"},
	{text: "streq( a, a)", want: "yes"},
	{text: "streq(,)", want: "yes"},
	{text: "streq(a,)", want: "no"},
	{text: "streq()", want: "predicate 'streq' has 1 arguments: expected 2"},
	{text: "streq(a)", want: "predicate 'streq' has 1 arguments: expected 2"},
	{text: "streq(a,a,a)", want: "predicate 'streq' has 3 arguments: expected 2"},
	{text: "streq (a,a)", want: "predicate 'streq' has 1 arguments: expected 2"},
	{text: "streq(a,a", want: "expected ')' after the arguments of predicate 'streq'"},
	{text: "streq(a,a)x", want: "unexpected character 'x'"},
	{text: "streq(a,a)streq(a,a)", want: "unexpected character 's'"},
	{text: `streq("a,b","a,b")`, want: "predicate 'streq' has 4 arguments: expected 2"},
	{text: `streq(\"a,b\",\"a,b\")`, want: "yes"},
	{text: `streq('"a)b"',"'a)b'")`, want: "yes"},
	{text: `streq('"a','a')`, want: "unmatched quote in an argument of predicate 'streq'"},
	{text: `streq('""',)`, want: "yes"},
	{text: `streq('a\\b','"a\\b"')`, want: "yes"},
	{text: `streq('a\ b','"a b"')`, want: "yes"},
	{text: `streq('\t',"\t")`, want: "yes"},
	{text: `streq("'\\t'","'\\\t'")`, want: "no"},
	{text: `streq('"\t"',"\t")`, want: "yes"},
	{text: `streq("'\\t'",'"\\t"')`, want: "yes"},
	{text: `streq('\,a')`, want: "no"},
	{text: `streq('a\')`, want: "predicate 'streq' has 1 arguments: expected 2"},
	{text: `streq('\#','#')`, want: "no"},
	{text: `streq("$ONE",1)`, want: "yes"},
	{text: `streq("$NONE","${NONE-}")`, want: "yes"},
	{text: "strneq(a,b)", want: "yes"},
	{text: "strneq(a,a)", want: "no"},
	{text: "strneq(a)", want: "predicate 'strneq' has 1 arguments: expected 2"},
	{text: "defined(ONE)", want: "yes"},
	{text: "defined(EMPTY)", want: "yes"},
	{text: "defined(NONE)", want: "no"},
	{text: "defined(ONE )", want: "no"},
	{text: "defined()", want: "no"},
	{text: "defined", want: "no"},
	{text: "!defined&&1", want: "unparsable conditional expression 'defined&&1'"},
	{text: "!defined && 1", want: "yes"},
	{text: "defined(ONE,EMPTY)", want: "predicate 'defined' has 2 arguments: expected 1"},
	{text: "feature(OPENSSL)", want: "yes"},
	{text: "feature(THREAD) && feature(EPOLL) && feature(TPROXY) && feature(LINUX_SPLICE)", want: "yes"},
	{text: "feature(openssl)", want: "no"},
	{text: "feature(ENSSL)", want: "no"},
	{text: "feature(OPEN)", want: "no"},
	{text: "feature(QUIC)", want: "no"},
	{text: "feature(LUA)", want: "no", differs: "HAProxy is built with Lua"},
	{text: "feature()", want: "no", differs: "HAProxy finds an empty name in its list"},
	{text: "version_atleast(2.6)", want: "yes"},
	{text: "version_atleast(2.6.1)", want: "yes"},
	{text: "version_atleast(2.6-dev1)", want: "yes"},
	{text: "version_atleast(2.7-dev1)", want: "no"},
	{text: "version_atleast(3)", want: "no"},
	{text: "version_atleast(2)", want: "yes"},
	{text: "version_before(2.6)", want: "no"},
	{text: "version_before(2.7-dev0)", want: "yes"},
	{text: "version_before(10.0)", want: "yes"},
	{text: "version_atleast(foo)", want: "evaluating predicate 'version_atleast': 'foo' is not a version", differs: "HAProxy takes anything"},
	{text: "version_before", want: "evaluating predicate 'version_before': '' is not a version", differs: "HAProxy takes anything"},
	{text: "openssl_version_atleast(1.1.1)", want: "yes"},
	{text: "openssl_version_atleast(1.1.1k)", want: "yes"},
	{text: "openssl_version_before(1.1.1)", want: "no"},
	{text: "openssl_version_before(4.0.0)", want: "yes"},
	{text: "openssl_version_atleast(3.0)", want: "evaluating predicate 'openssl_version_atleast': '3.0' is not a version of OpenSSL", differs: "HAProxy 2.6 dies of it"},
	{text: "openssl_version_before(x.y.z)", want: "evaluating predicate 'openssl_version_before': 'x.y.z' is not a version of OpenSSL", differs: "HAProxy 2.6 dies of it"},
	{text: "ssllib_name_startswith(OpenSSL)", want: "yes"},
	{text: "ssllib_name_startswith(LibreSSL)", want: "no"},

	{text: "strstr(abc,b)", want: "yes", differs: "new"},
	{text: "strstr(b,abc)", want: "no", differs: "new"},
	{text: "enabled(POLL)", want: "yes", differs: "new"},
	{text: "enabled(KQUEUE)", want: "no", differs: "new"},
	{text: "enabled(poll)", want: "no", differs: "new"},
	{text: "awslc_api_atleast(1)", want: "no", differs: "new"},
	{text: "awslc_api_before(1)", want: "no", differs: "new"},
	{text: "fips_mode()", want: "no", differs: "new"},
	{text: "!fips_mode", want: "yes", differs: "new"},
	{text: "fips_mode(1)", want: "evaluating predicate 'fips_mode': unexpected argument '1': expected none", differs: "new"},
}

// decision evaluates a condition, and returns "yes", "no" or the error.
func decision(t *testing.T, condition string, o Options) string {
	t.Helper()
	got := says(t, "global\n.if "+condition+"\n.notice yes\n.else\n.notice no\n.endif\n", o)
	return strings.TrimSuffix(got, " in '.if'")
}

func TestConditions(t *testing.T) {
	o := Options{Getenv: getenv, Branch: "2.6"}
	for _, test := range conditionCases {
		got := decision(t, test.text, o)
		if got != test.want && (len(test.want) <= len("yes") || !strings.HasPrefix(got, test.want)) {
			t.Errorf("%s: %s, expected %s", test.text, got, test.want)
		}
	}
}

func TestVersions(t *testing.T) {
	tests := []struct{ branch, condition, want string }{
		{"3.2", "version_atleast(3.2.99)", "yes"},
		{"3.2", "version_atleast(3.3-dev1)", "no"},
		{"3.2", "version_before(3.3-dev1)", "yes"},
		{"3.2.5", "version_atleast(3.2.5)", "yes"},
		{"3.2.5", "version_atleast(3.2.6)", "no"},
		{"3.2.5-1+deb13u1", "version_atleast(3.2.5)", "yes"},
		{"3.2.5+x", "version_atleast(3.2.6)", "no"},
		{"3.2.10", "version_atleast(3.2.9)", "yes"},
		{"3.5-dev5", "version_atleast(3.5)", "no"},
		{"3.5-dev5", "version_atleast(3.5-dev5)", "yes"},
		{"3.5-dev5", "version_atleast(3.5-dev6)", "no"},
		{"3.5-dev10", "version_atleast(3.5-dev9-7)", "yes"},
		{"3.5-rc1", "version_atleast(3.5-pre9)", "yes"},
		{"3.5-pre1", "version_atleast(3.5-dev9)", "yes"},
		{"3.5-dev1", "version_atleast(3.4.9)", "yes"},
		{"3.5.0", "version_atleast(3.5-rc9)", "yes"},
		{"3.5.0", "version_before(3.5.0-rc1)", "no"},
		{"", "version_atleast(1.0)", "evaluating predicate 'version_atleast': the version of HAProxy is not known: expected one such as 3.2 in the environment variable HAPROXY_BRANCH"},
		{"x", "version_before(1.0)", "evaluating predicate 'version_before': the version of HAProxy is not known: expected one such as 3.2 in the environment variable HAPROXY_BRANCH"},
		{"3.2", "version_before(3.2.1.4)", "evaluating predicate 'version_before': '3.2.1.4' is not a version: expected one such as 3.2 or 3.2-dev1"},
		{"3.2", "version_before(3..1)", "evaluating predicate 'version_before': '3..1' is not a version: expected one such as 3.2 or 3.2-dev1"},
	}
	for _, test := range tests {
		if got := decision(t, test.condition, Options{Branch: test.branch}); got != test.want {
			t.Errorf("%s of %q: %s, expected %s", test.condition, test.branch, got, test.want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"strings"
	"testing"
)

// says returns the messages of a text, one per line.
func says(t *testing.T, text string, o Options) string {
	t.Helper()
	_, problems := Read([]Source{{"f", []byte(text)}}, o)
	var messages []string
	for _, p := range problems {
		messages = append(messages, p.Message)
	}
	return strings.Join(messages, "|")
}

func TestEnvironment(t *testing.T) {
	tests := []struct{ name, lines, want string }{
		{"setenv", `setenv A b` + "\n" + `.notice "$A"`, "b"},
		{"setenv replaces", `setenv ONE 2` + "\n" + `.notice "$ONE"`, "2"},
		{"setenv twice", "setenv A b\nsetenv A c\n" + `.notice "$A"`, "c"},
		{"presetenv", "presetenv A b\npresetenv A c\n" + `.notice "$A"`, "b"},
		{"presetenv keeps", "presetenv ONE 2\n" + `.notice "$ONE"`, "1"},
		{"presetenv keeps what is empty", "presetenv EMPTY 2\n" + `.notice "x$EMPTY"`, "x"},
		{"unsetenv", "setenv A b\nunsetenv A ONE NONE\n" + `.notice "${A-none}${ONE-none}${NONE-none}"`, "nonenonenone"},
		{"set after unset", "unsetenv ONE\nsetenv ONE 2\n" + `.notice "$ONE"`, "2"},
		{"resetenv", "setenv A b\nsetenv B c\nresetenv A SPACED NONE\n" + `.notice "${A-none} ${B-none} ${ONE-1} ${SPACED-none} ${NONE-no} ${HAPROXY_LOCALPEER-none}"`, "b none 1 a b no none"},
		{"resetenv all", "resetenv\n" + `.notice "${ONE-none}"`, "none"},
		{"other sections", "listen x\nsetenv A b\n" + `.notice "${A-none}"`, "none"},
		{"a condition that fails", ".if 0\nsetenv A b\n.endif\n" + `.notice "${A-none}"`, "none"},
		{"local peer", `.notice "$HAPROXY_LOCALPEER"` + "\nlocalpeer other\n" + `.notice "$HAPROXY_LOCALPEER"`, "me|other"},
		{"version", `.notice "$HAPROXY_BRANCH $HAPROXY_STARTUP_VERSION"`, "3.2 3.2"},
		{"formats", `.notice "$HAPROXY_TCP_LOG_FMT"` + "\n.if defined(HAPROXY_HTTP_LOG_FMT) && defined(HAPROXY_HTTPS_LOG_FMT)\n.notice yes\n.endif", tcpLogFormat + "|yes"},

		{"no value", "setenv A", "'setenv' expects a variable's name and its value"},
		{"no name", "presetenv", "'presetenv' expects a variable's name and its value"},
		{"two values", "setenv A b c\n" + `.notice "${A-none}"`, "'setenv' cannot handle unexpected argument 'c': expected a variable's name and its value|none"},
		{"bad name", "presetenv A=b c", "'presetenv' failed on variable 'A=b': expected a name without '='"},
		{"nothing to unset", "unsetenv", "'unsetenv' expects at least one variable name"},
		{"bad name to unset", "unsetenv A=b", "'unsetenv' failed on variable 'A=b': expected a name without '='"},
		{"no peer", "localpeer\n" + `.notice "$HAPROXY_LOCALPEER"`, "me"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := says(t, "global\n"+test.lines+"\n", testOptions); got != test.want {
				t.Errorf("%s\nsays %s, expected %s", test.lines, got, test.want)
			}
		})
	}
}

func TestBranchOfTheEnvironment(t *testing.T) {
	o := Options{Branch: "3.2", Getenv: func(name string) (string, bool) { return "2.8", name == branchVariable }}
	if got := says(t, ".notice \"$HAPROXY_BRANCH $HAPROXY_STARTUP_VERSION\"\n", o); got != "2.8 3.2" {
		t.Error(got)
	}
	if got := says(t, ".notice \"${HAPROXY_BRANCH-none}${HAPROXY_LOCALPEER-none}${PATH-none}\"\n", Options{}); got != "nonenonenone" {
		t.Error(got)
	}
}

func TestEnvironmentAfterwards(t *testing.T) {
	sections, _ := read("global\nsetenv A b\nunsetenv ONE\nsetenv X=\nlisten x\nsetenv B c\nglobal\npresetenv C d\n")
	lookup := Environment(sections, testOptions)
	for name, want := range map[string]string{"A": "b", "ONE": "", "B": "", "C": "d", "SPACED": "a b", "HAPROXY_BRANCH": "3.2"} {
		if got, ok := lookup(name); got != want || ok != (want != "") {
			t.Errorf("%s is %q (%v), expected %q", name, got, ok, want)
		}
	}
}

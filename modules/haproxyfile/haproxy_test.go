// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The tests of this file compare with HAProxy 2.6 or later on the same texts, except where its
// versions disagree.

// checkHAProxy checks a configuration with HAProxy, in the tests' environment. It returns HAProxy's
// output, and whether it rejects the configuration.
func checkHAProxy(t *testing.T, text string) (output string, refused bool) {
	t.Helper()
	program, err := exec.LookPath("haproxy")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("haproxy is missing")
	}
	if err != nil {
		t.Skip("haproxy is missing")
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program, "-c", "-f", file)
	for name, value := range variables {
		command.Env = append(command.Env, name+"="+value)
	}
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	// 2 means a configuration without listeners.
	code := command.ProcessState.ExitCode()
	if code < 0 || code > 2 {
		t.Errorf("HAProxy ends with %d for\n%s\n%s", code, text, out)
	}
	return string(out), code == 1
}

// verdictCases holds texts that HAProxy may accept or reject.
var verdictCases = []struct {
	name, text string
	differs    string // why only one of the two rejects it
}{
	{name: "empty", text: ""},
	{name: "blank", text: "\n \t\n"},
	{name: "a section", text: "global\n"},
	{name: "sections", text: "global\n\ndefaults x\n\ndefaults\nuserlist u\n"},
	{name: "out of section", text: "daemon\nglobal\n"},
	{name: "comment first", text: "# daemon\n  # x\nglobal\n"},
	{name: "byte order mark", text: "\ufeffglobal\n"},
	{name: "no LF", text: "global"},
	{name: "no LF after a blank", text: "global\n "},
	{name: "no LF after a comment", text: "global\n#"},
	{name: "NUL", text: "global\n setenv A \x00b\n description x\n"},
	{name: "NUL in a comment", text: "global\n # \x00\n"},
	{name: "NUL at the end", text: "global\n\x00"},
	{name: "NUL line", text: "global\n\x00\n"},
	{name: "CRLF", text: "global\r\n setenv A b\r\n\r\n"},
	{name: "CR only", text: "global\r setenv A b\r"},
	{name: "CR in a line", text: "global\n setenv A b\r c d e f\n"},
	{name: "CR in quotes", text: "global\n setenv A \"b\rc\"\n"},
	{name: "CR among blanks", text: "global\n setenv A \r b c d e\n"},
	{name: "vertical blanks", text: "\v\fglobal\n\v setenv\fA\vb\n"},
	{name: "non-breaking blank", text: "global\n setenv\u00a0A b\n", differs: "keywords are not known here"},
	{name: "unmatched double quote", text: "global\n setenv A \"b\n"},
	{name: "unmatched single quote", text: "global\n setenv A 'b\n"},
	{name: "quote in a comment", text: "global\n setenv A b # it's\n"},
	{name: "escaped quote", text: "global\n setenv A b\\'c\n"},
	{name: "backslash and quote", text: "global\n setenv A \"b\\\"\n"},
	{name: "backslash in single quotes", text: "global\n setenv A 'b\\'\n"},
	{name: "backslash at the end", text: "global\n setenv A b\\\n"},
	{name: "continued", text: "global\n setenv A \\\n b\n", differs: "keywords are not known here"},
	{name: "hex", text: "global\n setenv A \\x41\n"},
	{name: "hex, one digit", text: "global\n setenv A \\x4\n"},
	{name: "hex, no digit", text: "global\n setenv A \\xg1\n"},
	{name: "hex in single quotes", text: "global\n setenv A '\\xg1'\n"},
	{name: "hex NUL", text: "global\n setenv A b\\x00c\n", differs: "HAProxy cuts the word off"},
	{name: "variable", text: "global\n setenv A \"$ONE\"\n"},
	{name: "variable and number", text: "global\n setenv A \"$1\"\n"},
	{name: "dollar", text: "global\n setenv A \"$\"\n"},
	{name: "dollar in single quotes", text: "global\n setenv A '$'\n"},
	{name: "dollar unquoted", text: "global\n setenv A $\n"},
	{name: "escaped dollar", text: "global\n setenv A \"\\$1\"\n"},
	{name: "open brace", text: "global\n setenv A \"${ONE\"\n"},
	{name: "open default", text: "global\n setenv A \"${ONE-1\"\n"},
	{name: "bad brace", text: "global\n setenv A \"${ONE:-1}\"\n"},
	{name: "no name", text: "global\n setenv A \"${}\"\n"},
	{name: "unknown pseudo-variable", text: "global\n setenv A \"${.NONE}\"\n"},
	{name: "pseudo-variable with a suffix", text: "global\n setenv A \"${.LINES}\"\n"},
	{name: "pseudo-variables", text: "global\n setenv A \"${.FILE}${.LINE-x}$.SECTION\"\n"},
	{name: "list", text: "global\n setenv \"${SPACED[*]}\"\n"},
	{name: "list of another number", text: "global\n setenv A \"${SPACED[1]}\"\n"},
	{name: "list without braces", text: "global\n setenv A \"$SPACED[*]\"\n"},
	{name: "64 words", text: "global\n .if 0\n" + strings.Repeat("a ", 63) + "a\n.endif\n"},
	{name: "65 words", text: "global\n .if 0\n" + strings.Repeat("a ", 64) + "a\n.endif\n"},
	{name: "64 words and a blank", text: "global\n .if 0\n" + strings.Repeat("a ", 64) + "\n.endif\n"},
	{name: "64 words and a comment", text: "global\n .if 0\n" + strings.Repeat("a ", 63) + "a#b\n.endif\n"},
	{name: "a list that is too long", text: "global\n .if 0\n" + strings.Repeat("a ", 63) + "\"${LIST[*]}\"\n.endif\n"},
	{name: "long line", text: "global\n setenv A " + strings.Repeat("b", 100_000) + "\n"},
	{name: "empty first word", text: "global\n \"\" setenv\n"},
	{name: "empty first variable", text: "\"$NONE\" a\nglobal\n"},
	{name: "trailing empty word", text: "global\n description b \"\"\n"},
	{name: "empty word", text: "global\n setenv A \"\" b\n"},
	{name: "scope", text: "[a]\nglobal\n"},
	{name: "scope and comment", text: " [a] # b\nglobal\n"},
	{name: "scope and more", text: "[a] b\nglobal\n"},
	{name: "empty scope", text: "[]\nglobal\n"},
	{name: "open scope", text: "[a\nglobal\n"},
	{name: "scope of two words", text: "[a b]\nglobal\n"},
	{name: "scope with a slash", text: "[a/b]\nglobal\n"},
	{name: "scope with signs", text: "[a-b_c.d:e]\nglobal\n"},

	{name: "setenv without value", text: "global\n setenv A\n"},
	{name: "setenv without name", text: "global\n setenv\n"},
	{name: "setenv bad name", text: "global\n setenv A=b c\n"},
	{name: "setenv many values", text: "global\n setenv A b c d e\n"},
	{name: "unsetenv", text: "global\n unsetenv A B\n"},
	{name: "unsetenv nothing", text: "global\n unsetenv\n"},
	{name: "unsetenv bad name", text: "global\n unsetenv A=\n"},
	{name: "resetenv", text: "global\n resetenv PATH ONE\n resetenv\n"},

	{name: "if", text: "global\n.if 1\n.endif\n"},
	{name: "if, nothing", text: "global\n.if\n.endif\n"},
	{name: "if, open", text: "global\n.if 0\n"},
	{name: "if, open in else", text: "global\n.if 0\n.else\n"},
	{name: "lone endif", text: "global\n.endif\n"},
	{name: "lone else", text: "global\n.else\n"},
	{name: "lone elif", text: "global\n.elif 1\n"},
	{name: "elif after else", text: "global\n.if 0\n.else\n.elif 1\n.endif\n"},
	{name: "else after else", text: "global\n.if 0\n.else\n.else\n.endif\n"},
	{name: "endif with an argument", text: "global\n.if 0\n.endif x\n"},
	{name: "endif with an empty argument", text: "global\n.if 0\n.endif \"\"\n"},
	{name: "else with an argument", text: "global\n.if 0\n.else x\n.endif\n"},
	{name: "else with a comment", text: "global\n.if 0\n.else # x\n.endif\n"},
	{name: "skipped nonsense", text: "global\n.if 0\nfoo bar\n.endif\n"},
	{name: "skipped quote", text: "global\n.if 0\n it's\n.endif\n"},
	{name: "skipped directive", text: "global\n.if 0\n.foo\n.endif\n"},
	{name: "skipped condition", text: "global\n.if 0\n.if foo(\n.endif\n.endif\n"},
	{name: "skipped elif", text: "global\n.if 1\n.elif foo(\n.endif\n"},
	{name: "skipped section", text: ".if 0\nglobal\n.endif\ndaemon\n"},
	{name: "skipped alert", text: "global\n.if 0\n.alert x\n.endif\n"},
	{name: "unknown directive", text: "global\n.foo\n"},
	{name: "alert", text: "global\n.alert x\n"},
	{name: "messages", text: "global\n.notice x\n.warning \"x y\"\n.diag x\n.notice\n"},
	{name: "notice of two words", text: "global\n.notice x y\n"},
	{name: "diag of two words", text: "global\n.diag x y\n"},
	{name: "99 deep", text: strings.Repeat(".if 1\n", 99) + strings.Repeat(".endif\n", 99)},
	{name: "100 deep", text: strings.Repeat(".if 1\n", 100) + strings.Repeat(".endif\n", 100)},
	{name: "100 deep, skipped", text: ".if 0\n" + strings.Repeat(".if 1\n", 99) + strings.Repeat(".endif\n", 100)},
	{name: "environment in a block", text: "global\n.if 0\n setenv A\n.endif\n"},
}

func TestHAProxyVerdicts(t *testing.T) {
	for _, test := range verdictCases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			output, refused := checkHAProxy(t, test.text)
			sections, problems := read(test.text)
			ours := slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
			if same := refused == ours; same != (test.differs == "") {
				t.Errorf("HAProxy refuses: %v, here: %v\n%s\n%s", refused, ours, output, describe(sections, problems))
			}
		})
	}
}

// joined matches the words of a condition that HAProxy cannot parse.
var joined = regexp.MustCompile(`(?s)unparsable conditional expression '(.*)' in '.if' at position 1:`)

// TestHAProxyWords compares the words of lines. HAProxy prints them in the error for a condition
// that it cannot parse.
func TestHAProxyWords(t *testing.T) {
	for _, test := range wordCases {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			line := strings.TrimLeft(test.line, blanks)
			output, _ := checkHAProxy(t, "global\n.if ?"+line+"\n")
			want := "?" + strings.Join(test.words, " ")
			match := joined.FindStringSubmatch(output)
			if match == nil {
				t.Fatalf("%q: HAProxy says %q", test.line, output)
			}
			// There may be blanks at its end, and messages are short.
			got := strings.TrimRight(match[1], " ")
			want = strings.TrimRight(want, " ")
			if n := 1000; len(want) > n {
				got, want = got[:min(n, len(got))], want[:n]
			}
			if (got == want) != (test.differs == "") {
				t.Errorf("%q: HAProxy's words are %q, ours %q", test.line, got, want)
			}
		})
	}
}

func TestHAProxyConditions(t *testing.T) {
	var asked []string
	var want, conditions strings.Builder
	for _, test := range conditionCases {
		switch {
		case test.differs != "" || strings.HasPrefix(test.text, "version_"): // versions may differ
		case len(test.want) > len("yes"):
			asked = append(asked, test.text)
		default:
			fmt.Fprintf(&conditions, ".if %s\n.notice answer:yes\n.else\n.notice answer:no\n.endif\n", test.text)
			fmt.Fprintf(&want, "%s: %s\n", test.text, test.want)
		}
	}
	output, refused := checkHAProxy(t, conditions.String())
	var got strings.Builder
	answers := regexp.MustCompile("answer:(yes|no)").FindAllStringSubmatch(output, -1)
	for i, line := range strings.Split(strings.TrimSuffix(want.String(), "\n"), "\n") {
		condition := line[:strings.LastIndex(line, ":")]
		if i < len(answers) {
			fmt.Fprintf(&got, "%s: %s\n", condition, answers[i][1])
		}
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" || refused {
		t.Errorf("(-here +HAProxy):\n%s\n%s", diff, output)
	}
	for _, condition := range asked {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			if output, refused := checkHAProxy(t, ".if "+condition+"\n.endif\n"); !refused {
				t.Errorf("HAProxy does not refuse %s\n%s", condition, output)
			}
		})
	}
}

// wrongLine matches the number of a line that HAProxy rejects.
var wrongLine = regexp.MustCompile(`(?m)^\[ALERT\].*/f:(\d+)\] : `)

// compareLines checks that HAProxy rejects the same lines. HAProxy may not report all of them at
// once.
func compareLines(t *testing.T, header string, refusals map[string]bool) {
	t.Helper()
	for left := slices.Sorted(maps.Keys(refusals)); len(left) > 0; {
		output, refused := checkHAProxy(t, header+strings.Join(left, "\n")+"\n")
		if !refused {
			for _, line := range left {
				if refusals[line] {
					t.Errorf("HAProxy does not refuse %s", line)
				}
			}
			return
		}
		wrong := wrongLine.FindAllStringSubmatch(output, -1)
		if wrong == nil {
			t.Fatalf("HAProxy says %s", output)
		}
		places := map[int]bool{}
		for _, match := range wrong {
			n, _ := strconv.Atoi(match[1])
			places[n-1-strings.Count(header, "\n")] = true
		}
		for _, i := range slices.Backward(slices.Sorted(maps.Keys(places))) {
			if !refusals[left[i]] {
				t.Errorf("HAProxy refuses %s: %s", left[i], output)
			}
			left = slices.Delete(left, i, i+1)
		}
	}
}

func TestHAProxyTimes(t *testing.T) {
	refusals := map[string]bool{}
	for _, test := range timeCases {
		if test.differs == "" {
			refusals[" timeout client "+test.text] = test.err != ""
		}
	}
	compareLines(t, "defaults\n", refusals)
}

func TestHAProxySizes(t *testing.T) {
	refusals := map[string]bool{}
	for _, test := range sizeCases {
		if test.differs == "" {
			refusals["backend b"+test.text+"\n stick-table type ip size "+test.text] = test.err != ""
		}
	}
	for section, refused := range refusals {
		output, theirs := checkHAProxy(t, section+"\n")
		if theirs != refused {
			t.Errorf("%s: HAProxy refuses: %v, expected %v\n%s", section, theirs, refused, output)
		}
	}
}

func TestHAProxyAddresses(t *testing.T) {
	binds, servers := map[string]bool{}, map[string]bool{}
	for i, test := range addressCases {
		if test.differs != "" || test.newer {
			continue
		}
		_, binds[" bind "+test.text] = test.bind.(string)
		_, servers[fmt.Sprintf(" server s%d %s", i, test.text)] = test.connect.(string)
	}
	const timeouts = "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
	t.Run("bind", func(t *testing.T) { compareLines(t, timeouts+"frontend f\n", binds) })
	t.Run("server", func(t *testing.T) { compareLines(t, timeouts+"backend b\n", servers) })
}

// TestHAProxyEnvironment compares the variables that messages print.
func TestHAProxyEnvironment(t *testing.T) {
	text := "global\n setenv A b\n presetenv A c\n presetenv B \"$A d\"\n unsetenv ONE NONE\n setenv EMPTY 1\n" +
		".notice <\"${A}|${B}|${ONE-none}|${EMPTY}|${NONE-none}\">\n" +
		" resetenv B EMPTY NONE\n.notice <\"${A-none}|${B}|${SPACED-none}|${EMPTY}|${HAPROXY_LOCALPEER-none}|${NONE-none}\">\n" +
		"localpeer x\n.notice <\"$HAPROXY_LOCALPEER|${.LINE}|${.SECTION}\">\n"
	output, _ := checkHAProxy(t, text)
	theirs := regexp.MustCompile(`<.*>`).FindAllString(output, -1)
	ours := strings.Split(strings.ReplaceAll(says(t, text, testOptions), ">|<", ">\n<"), "\n")
	if !slices.Equal(theirs, ours) || len(ours) != 3 {
		t.Errorf("HAProxy prints %q, expected %q", theirs, ours)
	}
}

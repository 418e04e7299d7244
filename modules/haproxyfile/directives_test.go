// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBlocks(t *testing.T) {
	tests := []struct{ name, lines, want string }{
		{"if", ".if 1;a;.endif;b", "a b"},
		{"if not", ".if 0;a;.endif;b", "b"},
		{"empty condition", ".if;a;.endif;.if \"\";b;.endif;.if \"$NONE\";c;.endif", ""},
		{"else", ".if 0;a;.else;b;.endif", "b"},
		{"else not", ".if 1;a;.else;b;.endif", "a"},
		{"elif", ".if 0;a;.elif 1;b;.elif 1;c;.else;d;.endif", "b"},
		{"elif after a taken if", ".if 1;a;.elif 1;b;.else;c;.endif", "a"},
		{"else after elifs", ".if 0;a;.elif 0;b;.elif;c;.else;d;.endif", "d"},
		{"nested", ".if 1;.if 0;a;.else;b;.endif;c;.endif", "b c"},
		{"nested in what does not count", ".if 0;.if 1;a;.elif 1;b;.else;c;.endif;d;.elif 1;e;.endif", "e"},
		{"conditions that do not count", ".if 0;.if foo(;.elif bar;.endif;.endif;.if 1;.elif foo(;.endif;a", "a"},
		{"sections that do not count", ".if 0;listen x;.endif;a", "a"},
		{"sections that count", ".if 1;listen x;.endif;a", "a"},
		{"comments", ".if 1 # why;a;.endif # if", "a"},
		{"trailing empty words", ".if 1 \"\";a;.else \"\";b;.endif \"\";c", "a c"},
		{"pieces of a condition", ".if \"\" 1 '&&' ! 0;a;.endif", "a"},
		{"99 deep", strings.Repeat(".if 1;", 99) + "a" + strings.Repeat(";.endif", 99), "a"},
		{"a scope", ".if 0;[x];.endif;a", "a"},

		{"unknown directive", ".foo;a", "a|unknown directive '.foo': expected .if, .elif, .else, .endif, .notice, .warning, .alert or .diag"},
		{"unknown directive that does not count", ".if 0;.foo;.notice x y;.alert z;.endif;a", "a"},
		{"lone endif", "a;.endif;b", "a|lone '.endif' with no matching '.if'"},
		{"lone else", ".else;a", "|lone '.else' with no matching '.if'"},
		{"lone elif", ".elif 1;a", "|lone '.elif' with no matching '.if'"},
		{"elif after else", ".if 0;.else;.elif 1;a", "|'.elif' after '.else' is not permitted: expected '.endif'"},
		{"elif after else that does not count", ".if 0;.if 0;.else;.elif 1;a", "|'.elif' after '.else' is not permitted: expected '.endif'"},
		{"else after else", ".if 0;.else;a;.else;b", "a|'.else' after '.else' is not permitted: expected '.endif'"},
		{"argument of endif", ".if 1;.endif x;a", "|unexpected argument 'x' for '.endif': expected none"},
		{"argument of else", ".if 1;.else x;a", "|unexpected argument 'x' for '.else': expected none"},
		{"no endif", "x;.if 1;a;.if 0;b", "x a|non-terminated '.if' block: expected '.endif' for the one in line 5"},
		{"100 deep", strings.Repeat(".if 1;", 100) + "a", "|too many nested '.if': expected fewer than 100"},
		{"100 deep, skipped", ".if 0;" + strings.Repeat(".if 1;", 99) + "a", "|too many nested '.if': expected fewer than 100"},
		{"bad condition", "a;.if foo;b", "a|unparsable conditional expression 'foo' at position 1: expected a number, '(' or one of awslc_api_atleast, awslc_api_before, defined, enabled, feature, fips_mode, openssl_version_atleast, openssl_version_before, ssllib_name_startswith, streq, strneq, strstr, version_atleast, version_before in '.if'"},
		{"bad elif", ".if 0;.elif (1;b", "|expected ')' after conditional expression '(1' in '.elif'"},
		{"words are looked at where they do not count", ".if 0;a \"b;c \"$1\";.endif;d", "d|unmatched quote at position 3: expected another \" before the end of the line|forbidden first char in environment variable name at position 5: expected a letter, '_' or '.' after '$', or '\\$'"},
		{"empty words are not", ".if 0;a \"\" b;\"\" x;.endif;d", "d"},

		{"messages", ".notice a;.warning \"b  c\";.diag d;.notice;a", "a|a|b  c|"},
		{"alert", ".alert no;a", "|no"},
		{"too many words", ".notice a b;.warning a b;.diag a b;.alert a b;c", "c" + strings.Repeat("|unexpected argument 'b' for '%': expected one message, in quotes if it contains spaces", 4)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sections, problems := read("global\n"+strings.ReplaceAll(test.lines, ";", "\n")+"\n", "")
			var words []string
			for _, s := range sections {
				for _, l := range s.Lines {
					words = append(words, l.Words...)
				}
			}
			got := strings.Join(words, " ")
			for _, p := range problems {
				got += "|" + p.Message
			}
			for _, directive := range []string{".notice", ".warning", ".diag", ".alert"} {
				test.want = strings.Replace(test.want, "'%'", "'"+directive+"'", 1)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.lines, diff)
			}
		})
	}
}

func TestSeverityOfMessages(t *testing.T) {
	_, problems := read(".notice a\n.warning b\n.alert c\n.notice d\n", "global\n x \"\n")
	want := []Problem{
		{Pos{"f1", 1}, Notice, "a"},
		{Pos{"f1", 2}, Warning, "b"},
		{Pos{"f1", 3}, Error, "c"},
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Blocks must end with their source, as in HAProxy, which does not read the next file otherwise.
func TestBlocksEndWithTheirSource(t *testing.T) {
	sections, problems := read("global\n.if 1\n", ".endif\nlisten x\n")
	if len(sections) != 1 || len(problems) != 1 || problems[0].Line != 2 {
		t.Error(describe(sections, problems))
	}
}

// SPDX-License-Identifier: Apache-2.0

package options

import (
	"testing"

	"pgregory.net/rapid"
)

func TestUnescape(t *testing.T) {
	for text, want := range map[string]string{
		``: "", `abc`: "abc", `\r\n\t\0\\`: "\r\n\t\x00\\", `a\x41\xfFb`: "aA\xffb", `\\n`: `\n`, "é\n": "é\n",
	} {
		if got, err := Unescape(text); got != want || err != nil {
			t.Errorf("%s: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{`\`, `a\`, `\q`, `\x`, `\x4`, `\xg0`, `\x+1`, `\N`, `\"`} {
		if got, err := Unescape(text); err == nil {
			t.Errorf("%s: got %q", text, got)
		}
	}
	escapes := map[byte]string{'\r': `\r`, '\n': `\n`, '\t': `\t`, 0: `\0`, '\\': `\\`}
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		text := ""
		for _, b := range want {
			if e, ok := escapes[b]; ok {
				text += e
			} else {
				text += string([]byte{b})
			}
		}
		if got, err := Unescape(text); got != string(want) || err != nil {
			t.Fatalf("%q: got %q, %v", text, got, err)
		}
	})
}

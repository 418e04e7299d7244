// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"slices"
	"strings"
	"testing"
)

// FuzzParsePairs parses payloads of add map. Written anew, the pairs are parsed as the same ones.
func FuzzParsePairs(f *testing.F) {
	for _, payload := range []string{"", "a b", "a b c ", " a\tb\n\n#\tc\r\nd e", "only", "only ", "\r\n\t"} {
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		pairs, err := parsePairs(payload)
		if err != nil {
			if pairs != nil {
				t.Errorf("%q: pairs in spite of %v", payload, err)
			}
			return
		}
		var again strings.Builder
		for _, p := range pairs {
			if p.Key == "" || p.Value == "" || strings.ContainsAny(p.Key, " \t\n") || strings.Contains(p.Value, "\n") {
				t.Errorf("%q: pair %q %q", payload, p.Key, p.Value)
			}
			again.WriteString(p.Key + " " + p.Value + "\n")
		}
		if second, err := parsePairs(again.String()); err != nil || !slices.Equal(second, pairs) {
			t.Errorf("%q: %+v, and written anew %+v, %v", payload, pairs, second, err)
		}
	})
}

// FuzzMapCommands sends arguments of commands about maps and tables that do not exist. Each is
// answered by one message.
func FuzzMapCommands(f *testing.F) {
	for _, args := range []string{"", "#0", "@1", "@1 #0", "@ x", "f k v", "f #0x1 v", "f #", "t key", "t data.gpc0 gt 1"} {
		f.Add(uint8(0), args)
	}
	all := append(slices.Clone(mapCommands), tableCommands...)
	f.Fuzz(func(t *testing.T, number uint8, args string) {
		if strings.ContainsAny(args, "\n\r;") || strings.Contains(args, payloadMark) || len(args) > maxLine/2 {
			t.Skip()
		}
		c := all[int(number)%len(all)]
		answer := talk(t, testServer(Admin), c.words+" "+args+"\n")
		if !strings.HasSuffix(answer, "\n") || strings.Count(answer, "\n") > 2 && !strings.HasPrefix(answer, "Unknown command") {
			t.Errorf("%s %q: %q", c.words, args, answer)
		}
	})
}

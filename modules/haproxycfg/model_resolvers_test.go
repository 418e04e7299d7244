// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"
	"testing"
)

// Mistakes in a section resolvers are named, and everything else is said by no word.
func TestResolversSection(t *testing.T) {
	for line, want := range map[string]string{
		"nameserver a 192.0.2.53:53\n\tnameserver b tcp@192.0.2.54:53\n\tparse-resolv-conf":   "",
		"nameserver a 192.0.2.53:53\n\thold valid 0\n\thold obsolete 5s\n\ttimeout retry 500": "",
		"nameserver a 192.0.2.53:53\n\tresolve_retries 5\n\taccepted_payload_size 8192":       "",
		"nameserver a":               "E 'nameserver' expects <name> and <addr>[:<port>] as arguments",
		"nameserver a 192.0.2.53":    "E 'nameserver a' : missing port specification",
		"hold never 5s":              "E 'hold' : unknown 'never'",
		"timeout resolve":            "E 'timeout' expects a kind and <time> as arguments",
		"timeout resolve soon":       "E 'timeout resolve' : ",
		"accepted_payload_size 100":  "E 'accepted_payload_size' : ",
		"resolve_retries many":       "E 'resolve_retries' : ",
		"nameservers a 192.0.2.53:1": "E unknown keyword 'nameservers' in 'resolvers' section; did you mean 'nameserver' maybe ?",
		"nameserver a 192.0.2.53:53\n\tnameserver a 192.0.2.53:53": "E another nameserver named 'a' was already defined",
	} {
		said := messages(t, "resolvers dns\n\t"+line+"\ndefaults\n\tmode tcp\n\ttimeout connect 5s\n\ttimeout client 1m\n\ttimeout server 1m\nlisten l\n\tbind :443\n\tserver s1 a.test:443 resolvers dns resolve-net 10.0.0.0/8,192.0.2.1 resolve-opts ignore-weight\n")
		if want == "" && len(said) == 0 || want != "" && slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, want) }) {
			continue
		}
		t.Errorf("%s: %q, want %q", line, said, want)
	}
}
